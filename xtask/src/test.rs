//! `cargo xtask test`: every test, with a count that cannot hide a failure.

use std::{
    env,
    io::{self, Read, Write},
    num::NonZero,
    process::{Command, ExitCode, ExitStatus, Stdio},
    thread,
};

use anyhow::{Context, Result};

use crate::{
    build, programs,
    results::Results,
    run::{cargo, need_root},
    setup,
};

/// Runs all tests, or those that `arguments` select, and ends with `N passed, N failed`.
///
/// The live tests run the program that `CAMFENCE_BIN` names. It is built like the tests, in the dev
/// profile: most of it is compiled already, and its arithmetic is checked for overflow.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    need_root(format!("test {}", arguments.join(" ")).trim_end())?;
    setup::run()?;
    setup::cargo_deb()?;
    let camfence = build::camfence(false)?;
    let programs = programs::obtain();

    let mut tests = cargo();
    tests
        .args(["test", "--color", "never", "--workspace", "--exclude", "camfence-ebpf"])
        .args(["--no-fail-fast", "--"])
        .args(arguments)
        .env("CAMFENCE_BIN", camfence)
        .envs(programs)
        .envs(threads());
    let (results, status) = follow(&mut tests)?;
    print!("{}", results.report(status.success()));
    Ok(if results.passed(status.success()) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// How many tests run at once, unless somebody said it: each waits for frames half of the time.
fn threads() -> Option<(&'static str, String)> {
    const NAME: &str = "RUST_TEST_THREADS";
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    env::var_os(NAME).is_none().then(|| (NAME, (2 * processors).to_string()))
}

/// Shows a command's output as it comes and reads the results in it. Both streams go through one
/// pipe, as cargo names a suite on one and the suite reports on the other.
fn follow(command: &mut Command) -> Result<(Results, ExitStatus)> {
    let (mut output, writer) = io::pipe().context("making a pipe")?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().context("making a pipe")?)
        .stderr(writer)
        .spawn()
        .context("running cargo test")?;
    // The command holds the pipe's other end open as long as it exists.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let mut results = Results::default();
    let mut line = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let length = output.read(&mut buffer).context("reading cargo's output")?;
        if length == 0 {
            break;
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(&buffer[..length]).and_then(|()| stdout.flush()).context("printing")?;
        for &byte in &buffer[..length] {
            if byte == b'\n' {
                results.line(&String::from_utf8_lossy(&line));
                line.clear();
            } else {
                line.push(byte);
            }
        }
    }
    Ok((results, child.wait().context("waiting for cargo test")?))
}
