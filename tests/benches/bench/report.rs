//! What was measured, for people and as JSON.

use anyhow::Result;
use camfence_tests::measure::{Series, Summary};
use comfy_table::{CellAlignment, Table as Text, presets};
use serde_json::{Map, Value, json};

use crate::machine::Machine;
use crate::targets::{Bound, Judged};

/// One run.
#[derive(Debug)]
pub(crate) struct Report {
    machine: Machine,
    rounds: usize,
    pub(crate) parts: Vec<Part>,
    pub(crate) judged: Vec<Judged>,
}

/// One side of it.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) tables: Vec<Table>,
    /// What a reader has to know, such as what was skipped and why.
    pub(crate) notes: Vec<String>,
    /// Why it has not come to its end.
    failure: Option<String>,
}

/// Rows that belong together.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) rows: Vec<Row>,
}

/// A measurement, and how many times as much it is as others of the same rounds.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) series: Series,
    pub(crate) ratios: Vec<(String, Summary)>,
}

impl Table {
    /// Of rows.
    pub(crate) fn new(title: impl Into<String>, rows: Vec<Row>) -> Self {
        Self { title: title.into(), rows }
    }
}

impl Row {
    /// Of a measurement, with its ratio to others of the same rounds, each under a name.
    pub(crate) fn new(series: &Series, bases: &[(&str, &Series)]) -> Self {
        let ratio = |(name, base): &(&str, &Series)| ((*name).to_owned(), series.ratio(base));
        Self { series: series.clone(), ratios: bases.iter().map(ratio).collect() }
    }
}

impl Part {
    /// Without anything in it.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, tables: Vec::new(), notes: Vec::new(), failure: None }
    }

    /// One that could not be measured.
    pub(crate) fn failed(name: &'static str, error: &anyhow::Error) -> Self {
        Self { failure: Some(format!("{error:#}")), ..Self::new(name) }
    }

    /// Whether it has come to its end.
    pub(crate) const fn is_complete(&self) -> bool {
        self.failure.is_none()
    }

    /// Its tables, and what there is to know.
    pub(crate) fn markdown(&self) -> String {
        let tables = self.tables.iter();
        let tables = tables.map(|table| format!("**{}**\n\n{}\n", table.title, rows(table)));
        let notes = self.notes.iter().map(|note| format!("{note}\n"));
        tables.chain(notes).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.tables.iter().flat_map(|table| &table.rows)
    }
}

impl Report {
    /// Of a run that begins.
    pub(crate) fn new(rounds: usize) -> Result<Self> {
        Ok(Self { machine: Machine::look()?, rounds, parts: vec![], judged: vec![] })
    }

    /// Whether every part came to its end.
    pub(crate) fn is_complete(&self) -> bool {
        self.parts.iter().all(Part::is_complete)
    }

    /// Whether every target that was measured is met.
    pub(crate) fn is_met(&self) -> bool {
        self.judged.iter().all(|judged| judged.met() != Some(false))
    }

    /// What it was measured on, and how often.
    pub(crate) fn machine_text(&self) -> String {
        let machine = self.machine.text();
        format!("{machine}medians of {} rounds, and their middle half in brackets\n", self.rounds)
    }

    /// Targets and what became of them.
    pub(crate) fn targets_text(&self) -> String {
        format!("{}\n", targets(&self.judged))
    }

    /// For people.
    pub(crate) fn tables(&self) -> String {
        let mut text = vec![self.machine_text()];
        for part in &self.parts {
            text.push(format!("\n# {}\n\n{}", part.name, part.markdown()));
            let failure = part.failure.iter();
            text.extend(failure.map(|failure| format!("{} FAILED: {failure}\n", part.name)));
        }
        if self.judged.iter().any(|judged| judged.measured.is_some()) {
            text.push(format!("\n# targets\n\n{}", self.targets_text()));
        }
        text.concat()
    }

    /// As JSON, with an end of line. Numbers are exact.
    pub(crate) fn json(&self) -> Result<String> {
        let parts: Map<_, _> =
            self.parts.iter().map(|part| (part.name.to_owned(), part_json(part))).collect();
        let report = json!({
            "machine": self.machine.json(),
            "rounds": self.rounds,
            "parts": parts,
            "targets": self.judged.iter().map(target_json).collect::<Vec<_>>(),
        });
        Ok(serde_json::to_string_pretty(&report)? + "\n")
    }
}

fn rows(table: &Table) -> Text {
    let mut bases: Vec<&str> = Vec::new();
    for (base, _) in table.rows.iter().flat_map(|row| &row.ratios) {
        if !bases.contains(&base.as_str()) {
            bases.push(base);
        }
    }
    let headings = bases.iter().map(|base| format!("× {base}"));
    let mut text = plain([String::new(), String::new()].into_iter().chain(headings));
    for row in &table.rows {
        let unit = row.series.unit;
        let value = spread(row.series.summary(), unit.digits, unit.name);
        let ratios = bases.iter().map(|base| {
            let ratio = row.ratios.iter().find(|(of, _)| of == base);
            ratio.map_or_else(String::new, |(_, summary)| spread(*summary, 2, ""))
        });
        text.add_row([row.series.name.clone(), value].into_iter().chain(ratios));
    }
    align(&mut text);
    text
}

fn targets(judged: &[Judged]) -> Text {
    let mut text = plain(["", "target", "measured", ""].map(String::from));
    for judged in judged {
        let (part, row) = judged.target.of;
        let base = judged.target.base.map_or_else(String::new, |base| format!(" × {base}"));
        let bound = match judged.target.bound {
            Bound::AtMost(bound) => format!("≤ {bound}{base}"),
            Bound::AtLeast(bound) => format!("≥ {bound}{base}"),
        };
        let measured = judged.measured.map_or_else(String::new, |m| spread(m, 2, ""));
        let met = match judged.met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not measured",
        };
        text.add_row([format!("{part}: {row}"), bound, measured, met.to_owned()]);
    }
    text
}

fn plain(header: impl IntoIterator<Item = String>) -> Text {
    let mut text = Text::new();
    text.load_preset(presets::ASCII_MARKDOWN).set_header(header);
    text
}

/// Numbers to the right.
fn align(text: &mut Text) {
    for column in text.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

fn spread(summary: Summary, digits: usize, unit: &str) -> String {
    let Summary { median, low, high, .. } = summary;
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    format!("{median:.digits$}{unit} [{low:.digits$}–{high:.digits$}]")
}

fn part_json(part: &Part) -> Value {
    let tables = part.tables.iter().map(|table| {
        let rows: Vec<_> = table.rows.iter().map(row_json).collect();
        json!({ "title": table.title, "rows": rows })
    });
    let mut json = json!({ "tables": tables.collect::<Vec<_>>(), "notes": part.notes });
    if let Some(failure) = &part.failure {
        json["failure"] = json!(failure);
    }
    json
}

fn row_json(row: &Row) -> Value {
    let ratios: Map<_, _> =
        row.ratios.iter().map(|(base, ratio)| (base.clone(), summary_json(*ratio))).collect();
    let mut figure = summary_json(row.series.summary());
    figure["samples"] = json!(row.series.samples);
    let mut json = json!({ "name": row.series.name, "ratios": ratios });
    json[row.series.unit.key] = figure;
    json
}

fn summary_json(summary: Summary) -> Value {
    let Summary { median, low, high, least } = summary;
    json!({ "median": median, "lower_quartile": low, "upper_quartile": high, "least": least })
}

fn target_json(judged: &Judged) -> Value {
    let (part, row) = judged.target.of;
    let mut json = json!({ "part": part, "row": row, "met": judged.met() });
    if let Some(base) = judged.target.base {
        json["base"] = json!(base);
    }
    match judged.target.bound {
        Bound::AtMost(bound) => json["at_most"] = json!(bound),
        Bound::AtLeast(bound) => json["at_least"] = json!(bound),
    }
    if let Some(measured) = judged.measured {
        json["measured"] = summary_json(measured);
    }
    json
}
