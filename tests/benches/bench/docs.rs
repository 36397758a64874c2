//! The tables of `docs/performance.md`, written from a run.

use std::fs;

use anyhow::{Context as _, Result};

use crate::report::Report;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");

/// Writes what was measured where the page has a place for it. The targets are written by a run
/// of `all` parts only.
pub(crate) fn write(report: &Report, all: bool) -> Result<()> {
    let mut page = fs::read_to_string(FILE).with_context(|| format!("reading {FILE}"))?;
    page = replaced(&page, "machine", &format!("```text\n{}```\n", report.machine_text()))?;
    for part in report.parts.iter().filter(|part| part.is_complete()) {
        page = replaced(&page, part.name, &part.markdown())?;
    }
    if all {
        page = replaced(&page, "targets", &report.targets_text())?;
    }
    fs::write(FILE, page).with_context(|| format!("writing {FILE}"))
}

/// The page with `text` between two of its comments.
fn replaced(page: &str, name: &str, text: &str) -> Result<String> {
    let [begin, end] = [format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->")];
    let (before, rest) = page.split_once(&begin).with_context(|| format!("no place for {name}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("no end of {name}"))?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}
