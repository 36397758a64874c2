//! A program at a terminal, and somebody who types.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    mem,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use nix::pty::openpty;

/// Longer than anything takes that is to be shown.
const PATIENCE: Duration = Duration::from_secs(30);

/// A program whose standard streams are a terminal.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    pub(crate) fn start(mut command: Command) -> Result<Self> {
        let pty = openpty(None, None)?;
        let (keyboard, mut output) = (File::from(pty.master.try_clone()?), File::from(pty.master));
        command.stdin(Stdio::from(pty.slave.try_clone()?));
        command.stdout(Stdio::from(pty.slave.try_clone()?)).stderr(Stdio::from(pty.slave));
        let child = command.spawn()?;
        // It holds the other end, too, and the screen would never end.
        drop(command);
        let screen = Arc::new(Mutex::new(String::new()));
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error is how a terminal ends whose programs have.
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                shown.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            }
        });
        Ok(Self { child, keyboard, screen })
    }

    pub(crate) fn screen(&self) -> String {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until it has asked something, and answers; gives what was shown until then.
    pub(crate) fn answer(&mut self, question: &str, answer: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen().contains(question) {
            ensure!(Instant::now() < deadline, "no {question:?} in {}", self.screen());
            thread::sleep(Duration::from_millis(10));
        }
        let shown = mem::take(&mut *self.screen.lock().unwrap_or_else(PoisonError::into_inner));
        writeln!(self.keyboard, "{answer}")?;
        Ok(shown)
    }

    /// Waits until it has ended; gives its exit code, and what it has shown since the last answer.
    pub(crate) fn ended(mut self) -> Result<(Option<i32>, String)> {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < deadline, "still running: {}", self.screen());
            thread::sleep(Duration::from_millis(10));
        };
        // What it said last is on its way.
        thread::sleep(Duration::from_millis(100));
        Ok((status.code(), self.screen()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
