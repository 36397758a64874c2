//! What people and CI run: `cargo xtask COMMAND`.

mod apt;
mod archive;
mod bench;
mod breaking;
mod build;
mod cross;
mod demo;
mod dist;
mod fuzz;
mod lint;
mod programs;
mod results;
mod run;
mod setup;
mod test;
#[path = "../../camfence/build/toolchain.rs"]
mod toolchain;
mod vm;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// camfence's chores: the same commands for people and for CI.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the other commands need
    Setup,
    /// Build the camfence program
    Build {
        /// Build with optimizations
        #[arg(long)]
        release: bool,
        /// Build for 64-bit ARM, as a Raspberry Pi is (Debian's compiler, or rustup's target)
        #[arg(long)]
        arm64: bool,
    },
    /// Make a Debian package
    Dist {
        /// Package this program instead of a release build
        #[arg(long, value_name = "PROGRAM")]
        program: Option<PathBuf>,
        /// Make it for 64-bit ARM
        #[arg(long, conflicts_with = "program")]
        arm64: bool,
    },
    /// Run all tests, those in the kernel too (needs root)
    Test {
        /// Passed on to the test programs: names to filter by, or their options
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Break the fence on purpose while frames flow, over and over (needs root)
    Break {
        /// How long
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// Repeats a run that printed this
        #[arg(long)]
        seed: Option<u64>,
        /// Do not judge times: the machine has other work
        #[arg(long)]
        busy: bool,
    },
    /// Measure camfence beside what people would use instead (needs root)
    ///
    /// Everything is given in ratios, and fails if one of the targets is missed. Peers are Debian's
    /// packages, which are installed; one that is missing is left out.
    Bench(bench::Arguments),
    /// Run the tests on other kernels, under qemu (needs root, and Debian for its kernels)
    ///
    /// Debian's 5.10, 6.1, 6.12 and its newest kernel; if it is named, 6.12 on 64-bit ARM. Without 6.1 or 6.12 the run has failed;
    /// another that cannot be had is skipped.
    Vm(vm::Arguments),
    /// Show camfence at work in network namespaces (needs root)
    Demo {
        /// Instead, leave the lab there, with cameras that go on calling, to look around in
        #[arg(long)]
        stay: bool,
    },
    /// Make up inputs for the verdict, the configuration and the capture reader (needs g++)
    ///
    /// Built with the stable compiler and `RUSTC_BOOTSTRAP=1`: the sanitizers' flags are unstable,
    /// and nothing else here needs a nightly.
    Fuzz {
        /// What to fuzz; everything, one after the other, if not given
        #[arg(value_parser = fuzz::TARGETS)]
        target: Option<String>,
        /// How long, for each
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Check formatting, run clippy on both sides of the kernel boundary, build the documentation
    Lint,
    /// Lint, then test
    Ci,
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Command::Build { release, arm64 } => build::run(release, arm64).map(|()| ExitCode::SUCCESS),
        Command::Dist { arm64: true, .. } => dist::run_arm64().map(|()| ExitCode::SUCCESS),
        Command::Dist { program, .. } => dist::run(program.as_deref()).map(|()| ExitCode::SUCCESS),
        Command::Test { arguments } => test::run(&arguments),
        Command::Break { seconds, seed, busy } => {
            breaking::run(seconds, seed, busy).map(|()| ExitCode::SUCCESS)
        }
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Vm(arguments) => vm::run(&arguments),
        Command::Demo { stay } => demo::run(stay).map(|()| ExitCode::SUCCESS),
        Command::Fuzz { target, seconds } => {
            fuzz::run(target.as_deref(), seconds).map(|()| ExitCode::SUCCESS)
        }
        Command::Lint => lint::run().map(|()| ExitCode::SUCCESS),
        Command::Ci => lint::run().and_then(|()| test::run(&[])),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
