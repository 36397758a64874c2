//! Starting other programs.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

/// The workspace's root.
pub(crate) fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Cargo's target directory: this xtask was built into it.
pub(crate) fn target_directory() -> Result<PathBuf> {
    let own = env::current_exe().context("finding the target directory")?;
    Ok(own.ancestors().nth(2).context("finding the target directory")?.to_owned())
}

/// The cargo that runs this xtask, in the workspace's root.
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    cargo
}

/// Runs a command with its output shown; fails if it does.
pub(crate) fn show(command: &mut Command) -> Result<()> {
    let name = name(command);
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("running {name}"))?;
    ensure!(status.success(), "{name} failed ({status})");
    Ok(())
}

/// Whether a command can be run and succeeds; its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Whether a program is on PATH.
pub(crate) fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

/// Fails unless root runs this; says how to run `cargo xtask COMMAND` as root with this user's
/// cargo, which `sudo` alone would not find.
pub(crate) fn need_root(command: &str) -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "loading programs into the kernel needs root: \
         sudo env \"PATH=$PATH\" \"HOME=$HOME\" cargo xtask {command}"
    );
    Ok(())
}

/// A command as an error names it: its program and the first few arguments.
fn name(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let arguments = command.get_args().take(4).map(|argument| argument.to_string_lossy());
    program
        .file_name()
        .map(|name| name.to_string_lossy())
        .into_iter()
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}
