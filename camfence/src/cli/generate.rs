//! `camfence generate`: man pages and completions, for packages. Hidden: nobody else needs it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Command, CommandFactory as _};
use clap_complete::{Shell, generate_to};
use clap_mangen::Man;

use super::Cli;

/// Section of the manual: commands of administrators.
const SECTION: &str = "8";

const SHELLS: [Shell; 3] = [Shell::Bash, Shell::Fish, Shell::Zsh];

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where to put them
    directory: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let directory = &arguments.directory;
    fs::create_dir_all(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    let mut command = Cli::command();
    for shell in SHELLS {
        generate_to(shell, &mut command, "camfence", directory)
            .with_context(|| format!("cannot write the completions for {shell}"))?;
    }
    command.build();
    man(&command, "camfence", directory)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        man(verb, &format!("camfence-{}", verb.get_name()), directory)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn man(command: &Command, name: &str, directory: &Path) -> anyhow::Result<()> {
    let path = directory.join(format!("{name}.{SECTION}"));
    let failed = || format!("cannot write {}", path.display());
    let page = Man::new(command.clone()).section(SECTION).title(name);
    page.render(&mut File::create(&path).with_context(failed)?).with_context(failed)
}
