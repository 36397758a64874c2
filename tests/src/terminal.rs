//! A program at a terminal, and somebody who types and looks.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use nix::pty::{Winsize, openpty};
use vt100::Parser;

/// Longer than anything takes that is to be shown.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(10);

/// A program whose standard streams are a terminal, which shows what a real one would. Dropping it
/// kills the program.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Shown>>,
    /// How much it had written when it was answered last.
    answered: usize,
}

struct Shown {
    parser: Parser,
    /// All that was written, as it was.
    written: Vec<u8>,
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.parser.screen().contents())
    }
}

impl Terminal {
    /// Starts a program at a terminal of so many columns and rows.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Result<Self> {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(&size, None)?;
        let (keyboard, mut output) = (File::from(pty.master.try_clone()?), File::from(pty.master));
        command.stdin(Stdio::from(pty.slave.try_clone()?));
        command.stdout(Stdio::from(pty.slave.try_clone()?)).stderr(Stdio::from(pty.slave));
        command.env("TERM", "xterm-256color");
        let child = command.spawn()?;
        // It holds the other end, too, and reading would never end.
        drop(command);
        let [rows, columns] =
            [rows, columns].map(|size| NonZero::new(size).unwrap_or(NonZero::<u16>::MIN));
        let shown = Shown { parser: Parser::new(rows, columns, 0), written: Vec::new() };
        let screen = Arc::new(Mutex::new(shown));
        let shown = Arc::clone(&screen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error is how a terminal ends whose programs have.
            while let Ok(length @ 1..) = output.read(&mut buffer) {
                let mut shown = lock(&shown);
                shown.parser.process(&buffer[..length]);
                shown.written.extend_from_slice(&buffer[..length]);
            }
        });
        Ok(Self { child, keyboard, screen, answered: 0 })
    }

    /// What is on the screen, line by line.
    pub fn screen(&self) -> String {
        lock(&self.screen).parser.screen().contents()
    }

    /// All that was written to the terminal, as it was.
    pub fn written(&self) -> Vec<u8> {
        lock(&self.screen).written.clone()
    }

    /// Whether the screen is a program's own, which leaves what was there before.
    pub fn is_alternate(&self) -> bool {
        lock(&self.screen).parser.screen().alternate_screen()
    }

    /// Presses keys: characters, or what a terminal sends for others.
    pub fn press(&mut self, keys: &str) -> Result<()> {
        Ok(self.keyboard.write_all(keys.as_bytes())?)
    }

    /// Waits until the screen is as it should be; gives it.
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return Ok(screen);
            }
            ensure!(Instant::now() < deadline, "no {what} on the screen:\n{screen}");
            thread::sleep(LOOK);
        }
    }

    /// Waits until a text is on the screen; gives the screen.
    pub fn shows(&self, text: &str) -> Result<String> {
        self.wait_for(text, |screen| screen.contains(text))
    }

    /// Waits until it has asked something since the last answer, and answers; gives what it wrote
    /// since then.
    pub fn answer(&mut self, question: &str, answer: &str) -> Result<String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (said, written) = self.said();
            if said.contains(question) {
                self.answered = written;
                self.press(&format!("{answer}\n"))?;
                return Ok(said);
            }
            ensure!(Instant::now() < deadline, "no {question:?} in {said}");
            thread::sleep(LOOK);
        }
    }

    /// What it wrote since the last answer, and how much it wrote in all.
    fn said(&self) -> (String, usize) {
        let shown = lock(&self.screen);
        let said = &shown.written[self.answered..];
        (String::from_utf8_lossy(said).into_owned(), shown.written.len())
    }

    /// Waits until it has ended; gives its exit code, and the screen as it left it.
    pub fn ended(mut self) -> Result<(Option<i32>, String)> {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < deadline, "still running:\n{}", self.screen());
            thread::sleep(LOOK);
        };
        // What it wrote last is on its way.
        thread::sleep(10 * LOOK);
        Ok((status.code(), self.screen()))
    }
}

fn lock(shown: &Mutex<Shown>) -> MutexGuard<'_, Shown> {
    shown.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
