//! What is printed: JSON for scripts, tables for people.

use std::{
    fmt,
    io::{self, BufWriter, IsTerminal as _, StdoutLock, Write as _},
};

use anyhow::Context as _;
pub(crate) use camfence::units::{ago, bytes, counted};
use comfy_table::{CellAlignment, Table, presets};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

/// Prints a line to stdout. That nobody reads it (a closed pipe) is not an error.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Many lines to stdout. Unlike those of [`line`], they fail when nobody reads them.
pub(crate) struct Lines(BufWriter<StdoutLock<'static>>);

impl Lines {
    pub(crate) fn new() -> Self {
        Self(BufWriter::new(io::stdout().lock()))
    }

    pub(crate) fn print(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        writeln!(self.0, "{text}")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Whether stdout is a terminal.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

/// Whether somebody can still read stdout: what it is a pipe to may have ended.
pub(crate) fn has_reader() -> bool {
    let stdout = io::stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
    let polled = poll(&mut fds, Some(&Timespec::default()));
    polled.is_err() || !fds[0].revents().contains(PollFlags::ERR)
}

/// Prints a value as JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(&serde_json::to_string_pretty(value).context("writing JSON")?);
    Ok(())
}

/// A table without lines, its columns from `right_from` on aligned to the right.
pub(crate) fn table(header: &[&str], right_from: usize, rows: Vec<Vec<String>>) {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_header(header);
    table.add_rows(rows);
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if index >= right_from {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for text in table.lines() {
        line(text.trim_end());
    }
}

/// Whether what is printed may have colours: on a terminal, and unless somebody minds.
pub(crate) fn is_colored() -> bool {
    io::stdout().is_terminal() && !minds_colors(|name| std::env::var(name).ok())
}

/// Whether the environment says that somebody minds colours (<https://no-color.org>).
pub(crate) fn minds_colors(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable("NO_COLOR").is_some_and(|value| !value.is_empty())
}
