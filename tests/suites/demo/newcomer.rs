//! A demo that stays, and somebody who reads what it prints.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::cmd::binary;
use camfence_tests::home::SOON;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(10);

/// A demo that runs. Dropping it ends it as a signal would.
pub(crate) struct Demo {
    child: Child,
    output: TempDir,
}

impl Demo {
    /// Starts one; its lab is there when this returns.
    pub(crate) fn start() -> Result<Self> {
        let output = tempfile::tempdir()?;
        let file = File::create(output.path().join("said"))?;
        let child = Command::new(env!("CARGO_BIN_EXE_demo"))
            .arg("--stay")
            .env("CAMFENCE_BIN", binary()?)
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()?;
        let mut demo = Self { child, output };
        let deadline = Instant::now() + SOON;
        while !demo.said()?.contains("Enter or Ctrl-C ends it") {
            let runs = demo.child.try_wait()?.is_none();
            ensure!(runs && Instant::now() < deadline, "{}", demo.said()?);
            thread::sleep(LOOK);
        }
        Ok(demo)
    }

    /// All that it has printed.
    pub(crate) fn said(&self) -> Result<String> {
        Ok(fs::read_to_string(self.output.path().join("said"))?)
    }

    /// The one line that it printed with these words in it.
    fn line(&self, words: &str) -> Result<String> {
        let said = self.said()?;
        let is_command = |line: &&str| line.starts_with("    /") || line.starts_with("    cat ");
        let lines: Vec<_> = said.lines().filter(is_command).filter(|l| l.contains(words)).collect();
        ensure!(lines.len() == 1, "{words:?}: {lines:?} of\n{said}");
        Ok(lines[0].to_owned())
    }

    /// The printed command, as a shell reads it, in place of the shell.
    pub(crate) fn command(&self, words: &str) -> Result<Command> {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("exec {}", self.line(words)?));
        Ok(shell)
    }

    /// What the printed command prints.
    pub(crate) fn shell(&self, words: &str) -> Result<String> {
        let output = self.command(words)?.stdin(Stdio::null()).output()?;
        ensure!(output.status.success(), "{words:?}: {output:?}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// The URL behind a label.
    pub(crate) fn url(&self, label: &str) -> Result<String> {
        let said = self.said()?;
        let mut lines = said.lines().filter_map(|line| line.trim().strip_prefix(label));
        Ok(lines.next().with_context(|| format!("no {label} in\n{said}"))?.trim().to_owned())
    }

    /// Kills the lab's `camfence run`.
    pub(crate) fn kill_daemon(&self) -> Result<()> {
        let of_demo = processes(self.child.id())?;
        let runs = |words: &[String]| words.last().is_some_and(|word| word == "run");
        let (daemon, _) = of_demo.iter().find(|(_, words)| runs(words)).context("no daemon")?;
        Ok(kill(Pid::from_raw(*daemon), Signal::SIGKILL)?)
    }

    /// Ends it by a signal; fails unless it ends well and leaves nothing.
    pub(crate) fn end(self, signal: Signal) -> Result<()> {
        self.end_with(|demo| Ok(kill(Pid::from_raw(demo.id().try_into()?), signal)?))
    }

    /// The same in another way.
    pub(crate) fn end_with(mut self, how: impl FnOnce(&mut Child) -> Result<()>) -> Result<()> {
        let id = self.child.id();
        ensure!(!leftovers(id)?.is_empty() && !processes(id)?.is_empty(), "nothing was there");
        how(&mut self.child)?;
        let (code, said, id) = self.ended()?;
        ensure!(code == Some(0), "{code:?}\n{said}");
        let (left, runs) = (leftovers(id)?, processes(id)?);
        ensure!(left.is_empty() && runs.is_empty(), "{left:?} {runs:?}\n{said}");
        Ok(())
    }

    /// Waits until it has ended; gives its exit code, what it printed and its process's id.
    pub(crate) fn ended(mut self) -> Result<(Option<i32>, String, u32)> {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status.code(), self.said()?, self.child.id()));
            }
            ensure!(Instant::now() < deadline, "still there:\n{}", self.said()?);
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None))
            && let Ok(id) = self.child.id().try_into()
        {
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
            let _ = self.child.wait();
        }
    }
}

/// What a demo has in the file system: namespaces, directories and mounts. All have its process's
/// id in their names.
pub(crate) fn leftovers(id: u32) -> Result<Vec<String>> {
    let mark = format!("-{id}-");
    let is_of_demo = |name: &String| name.contains("cf-") && name.contains(&mark);
    let mut found = Vec::new();
    for dir in [Path::new("/run/netns"), &std::env::temp_dir()] {
        let names = fs::read_dir(dir)?.flatten().map(|e| e.path().display().to_string());
        found.extend(names.filter(is_of_demo));
    }
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    found.extend(mounts.lines().map(str::to_owned).filter(is_of_demo));
    Ok(found)
}

/// Processes that were started with anything of a demo's, with their command lines.
fn processes(id: u32) -> Result<Vec<(i32, Vec<String>)>> {
    let mark = format!("-{id}-");
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else { continue };
        // It may have ended meanwhile.
        let Ok(line) = fs::read(entry.path().join("cmdline")) else { continue };
        let words: Vec<_> = line
            .split(|byte| *byte == 0)
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .filter(|word| !word.is_empty())
            .collect();
        if words.iter().any(|word| word.contains("/cf-") && word.contains(&mark)) {
            found.push((pid, words));
        }
    }
    Ok(found)
}

/// What a server answers to a browser of this machine.
pub(crate) fn get(url: &str) -> Result<String> {
    let (host, path) = url
        .strip_prefix("http://")
        .and_then(|rest| rest.split_once('/'))
        .with_context(|| format!("no URL: {url}"))?;
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(SOON))?;
    write!(stream, "GET /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").with_context(|| answer.clone())?;
    ensure!(head.starts_with("HTTP/1.1 200"), "{url}: {answer}");
    Ok(body.to_owned())
}

/// The JSON of an answer.
pub(crate) fn json(body: &str) -> Result<Value> {
    serde_json::from_str(body).with_context(|| body.to_owned())
}
