//! Tables whose columns are as many as there is room for.

use std::fmt;

use ratatui::{
    Frame,
    layout::{Constraint, Rect},
    widgets::{Cell, Row, Table, TableState},
};

use super::Look;

/// From so many columns of the terminal on there is room for all.
const WIDE: u16 = 72;

/// A column of a table.
pub(super) struct Column {
    title: &'static str,
    width: Constraint,
    /// Whether it is there only where there is room.
    wide: bool,
}

impl Column {
    pub(super) const fn always(title: &'static str, width: Constraint) -> Self {
        Self { title, width, wide: false }
    }

    pub(super) const fn wide(title: &'static str, width: Constraint) -> Self {
        Self { title, width, wide: true }
    }

    fn header<'a>(&self) -> Cell<'a> {
        match self.width {
            Constraint::Length(width) if self.is_number() => right(self.title, width),
            _ => Cell::new(self.title),
        }
    }

    /// Whether it has numbers, which are aligned to the right.
    fn is_number(&self) -> bool {
        let Self { title, .. } = self;
        title.ends_with("/s")
            || title.starts_with("LAST SEEN")
            || ["PACKETS", "BYTES"].contains(title)
    }
}

/// Draws a table, as much of it as there is room for.
pub(super) fn draw_table(
    frame: &mut Frame<'_>,
    area: Rect,
    (columns, rows): (&[Column], Vec<Vec<Cell<'_>>>),
    selected: Option<usize>,
    look: Look,
) {
    let is_shown = |column: &Column| area.width >= WIDE || !column.wide;
    let shown = || columns.iter().filter(|column| is_shown(column));
    let rows = rows.into_iter().map(|cells| {
        let cells = cells.into_iter().zip(columns).filter(|(_, column)| is_shown(column));
        Row::new(cells.map(|(cell, _)| cell))
    });
    let table = Table::new(rows, shown().map(|column| column.width))
        .header(Row::new(shown().map(Column::header)).style(look.title()))
        .column_spacing(1)
        .row_highlight_style(Look::chosen());
    let mut state = TableState::new().with_selected(selected);
    frame.render_stateful_widget(table, area, &mut state);
}

/// Something aligned to the right.
pub(super) fn right<'a>(text: impl fmt::Display, width: u16) -> Cell<'a> {
    Cell::new(format!("{text:>width$}", width = usize::from(width)))
}
