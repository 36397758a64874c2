//! The command line: one file a verb. A verb parses nothing and decides nothing; it calls the
//! library and prints what came of it.

mod add;
mod adding;
mod capture;
mod change;
mod check;
mod close;
mod discover;
mod doctor;
mod down;
mod events;
mod explain;
mod failure;
mod generate;
mod init;
mod ledger;
mod list;
mod open;
mod output;
mod progress;
mod prompt;
mod reload;
mod remove;
mod replay;
mod run;
mod status;
mod top;
mod unknown;
mod up;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use camfence::{
    config::{Config, DEFAULT_PATH},
    fence::Fence,
    kernel::root::{self, Root},
};
use clap::{Args, Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Fences IP cameras in: they work at home and can talk to nobody else.
#[derive(Debug, Parser)]
#[command(name = "camfence", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
struct Options {
    /// The configuration
    #[arg(long, global = true, value_name = "FILE", default_value = DEFAULT_PATH)]
    config: PathBuf,
    /// Where the fence is pinned: a directory on a BPF file system
    #[arg(long, global = true, value_name = "DIR", default_value = root::DEFAULT)]
    bpffs: PathBuf,
    /// Print JSON
    #[arg(long, global = true)]
    json: bool,
    /// Attach TC programs to a clsact qdisc, as on a kernel before 6.6
    #[arg(long, global = true, hide = true)]
    without_tcx: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a first configuration, from what is found
    Init(init::Arguments),
    /// Put the fence up, serve metrics and the other verbs, and stay
    Run,
    /// Put the fence up and exit; it stays
    Up(up::Arguments),
    /// Take the fence down
    Down,
    /// Bring the fence in line with the configuration
    Reload,
    /// Add a camera to the configuration and the fence
    Add(add::Arguments),
    /// Remove a camera from the configuration and the fence
    Remove(remove::Arguments),
    /// Open the fence for a camera for a time; it closes by itself
    Open(open::Arguments),
    /// Close the fence for a camera that it was opened for
    Close(close::Arguments),
    /// List the cameras
    List,
    /// Say what is fenced, and what was passed and dropped
    Status,
    /// Show on a whole screen what goes on, and open, close and add cameras there
    Top,
    /// List the unknown sources that were seen last on ports with a policy for them
    Unknown,
    /// Say what happens: first contacts, drops, unknown sources, openings, ports
    Events(events::Arguments),
    /// Listen who is there, and say who looks like a camera
    Discover(discover::Arguments),
    /// List whom cameras talked to
    Ledger(ledger::Arguments),
    /// Capture frames of cameras, each with what became of it
    Capture(capture::Arguments),
    /// Check the configuration
    Check,
    /// Look at the machine, the configuration and the fence, and say what is wrong and what to do
    Doctor,
    /// Say what happens to a frame, and which line of the configuration decides
    Explain(explain::Arguments),
    /// Run captures through the programs and the policy; no interface is touched
    Replay(replay::Arguments),
    /// Write man pages and completions
    #[command(hide = true)]
    Generate(generate::Arguments),
}

impl Options {
    fn root(&self) -> Root {
        Root::new(&self.bpffs)
    }

    fn fence(&self) -> anyhow::Result<Fence> {
        Ok(Fence::new(self.root(), !self.without_tcx)?)
    }

    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(&self.config)?)
    }
}

/// Parses the command line, carries out the verb and says what went wrong.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| open::explain(error).exit());
    start_logging(&cli.verb);
    match run(&cli) {
        Ok(code) => code,
        Err(error) => {
            failure::print(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("starting the runtime")?;
    runtime.block_on(carry_out(&cli.verb, &cli.options))
}

async fn carry_out(verb: &Verb, options: &Options) -> anyhow::Result<ExitCode> {
    match verb {
        Verb::Init(arguments) => init::run(options, arguments).await,
        Verb::Run => run::run(options).await,
        Verb::Up(arguments) => up::run(options, arguments).await,
        Verb::Down => down::run(options).await,
        Verb::Reload => reload::run(options).await,
        Verb::Add(arguments) => add::run(options, arguments).await,
        Verb::Remove(arguments) => remove::run(options, arguments).await,
        Verb::Open(arguments) => open::run(options, arguments).await,
        Verb::Close(arguments) => close::run(options, arguments).await,
        Verb::List => list::run(options),
        Verb::Status => status::run(options).await,
        Verb::Top => top::run(options).await,
        Verb::Unknown => unknown::run(options).await,
        Verb::Events(arguments) => events::run(options, arguments).await,
        Verb::Ledger(arguments) => ledger::run(options, arguments).await,
        Verb::Discover(arguments) => discover::run(options, arguments).await,
        Verb::Capture(arguments) => capture::run(options, arguments).await,
        Verb::Check => check::run(options),
        Verb::Doctor => doctor::run(options).await,
        Verb::Explain(arguments) => explain::run(options, arguments),
        Verb::Replay(arguments) => replay::run(options, arguments),
        Verb::Generate(arguments) => generate::run(arguments),
    }
}

/// Logs go to stderr: what the daemon does, and warnings. `RUST_LOG` changes what is logged.
fn start_logging(verb: &Verb) {
    let default = match verb {
        Verb::Run => "info",
        Verb::Replay(arguments) if arguments.kernel_log => "warn,camfence=info",
        _ => "warn",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_target(false);
    // Fails only if a logger is set already, and this is the one place that sets one.
    let _ = subscriber.try_init();
}
