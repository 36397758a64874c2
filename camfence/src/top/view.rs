//! Draws what is looked at.

mod table;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Cell, Clear, Paragraph},
};

use self::table::{Column, draw_table, right};
use super::{
    model::{Camera, Destination, HISTORY, Model},
    screen::{Screen, View, clock},
};
use crate::units::{bytes, per_second};

/// From so many rows on there is room for events.
const TALL: u16 = 16;

/// Rows of events, with their title.
const EVENTS: u16 = 6;

/// How things look: only with what the terminal has.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Whether there are colours.
    pub colours: bool,
    /// Whether there are other characters than ASCII's.
    pub unicode: bool,
}

impl Look {
    fn bad(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.colours { style.fg(Color::Red) } else { style }
    }

    fn warning(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.colours { style.fg(Color::Yellow) } else { style }
    }

    fn alarm(self) -> Style {
        self.bad().add_modifier(Modifier::REVERSED)
    }

    fn title(self) -> Style {
        let style = Style::new().add_modifier(Modifier::BOLD);
        if self.colours { style.fg(Color::Cyan) } else { style }
    }

    const fn chosen() -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    const fn bars(self) -> [&'static str; 8] {
        if self.unicode {
            ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
        } else {
            [".", ":", "-", "=", "+", "*", "#", "@"]
        }
    }
}

/// Draws all.
pub fn draw(frame: &mut Frame<'_>, model: &Model, screen: &Screen, look: Look) {
    let area = frame.area();
    let events = if area.height >= TALL { EVENTS } else { 0 };
    let rows = [
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(events),
        Constraint::Length(1),
    ];
    let [head, body, tail, foot] = Layout::vertical(rows).areas(area);
    frame.render_widget(header(model, look), head);
    draw_body(frame, body, model, screen, look);
    if events > 0 {
        draw_events(frame, tail, model, look);
    }
    draw_foot(frame, foot, screen, look);
    if screen.help {
        draw_help(frame, area, look);
    }
}

/// Whether the fence stands, and where it does not.
fn header(model: &Model, look: Look) -> Line<'_> {
    let name = Span::styled("camfence  ", look.title());
    if let Some(problem) = &model.problem {
        return Line::from(vec![name, Span::styled(problem.as_str(), look.alarm())]);
    }
    if model.ports.is_empty() {
        return Line::from(vec![name, Span::raw("no ports yet")]);
    }
    let open: Vec<&str> = model.open_ports().map(|port| port.name.as_str()).collect();
    if open.is_empty() {
        let ports = crate::units::counted(model.ports.len(), "port");
        let enforcing = if model.ports.len() == 1 { "enforcing" } else { "all enforcing" };
        return Line::from(vec![name, Span::raw(format!("{ports}, {enforcing}"))]);
    }
    let text = format!("NOT ENFORCING: {}", open.join(", "));
    Line::from(vec![name, Span::styled(text, look.alarm())])
}

fn draw_body(frame: &mut Frame<'_>, area: Rect, model: &Model, screen: &Screen, look: Look) {
    match &screen.view {
        View::Cameras => draw_cameras(frame, area, model, screen, look),
        View::Destinations(mac) => draw_destinations(frame, area, (model, mac), screen, look),
        View::Unknown => draw_unknown(frame, area, model, screen, look),
    }
}

fn draw_cameras(frame: &mut Frame<'_>, area: Rect, model: &Model, screen: &Screen, look: Look) {
    const COLUMNS: [Column; 6] = [
        Column::always("CAMERA", Constraint::Fill(1)),
        Column::always("", Constraint::Length(13)),
        Column::wide("PASSED/s", Constraint::Length(8)),
        Column::wide("BYTES/s", Constraint::Length(11)),
        Column::always("DROPPED/s", Constraint::Length(9)),
        Column::wide("DROPPED, LAST MINUTE", Constraint::Length(20)),
    ];
    let rows = screen.cameras(model).into_iter().map(|camera| camera_row(camera, look)).collect();
    if model.cameras.is_empty() && model.problem.is_none() {
        let hint = "there are no cameras yet; `camfence discover` looks for some";
        return frame.render_widget(Paragraph::new(hint), area);
    }
    draw_table(frame, area, (&COLUMNS, rows), screen.selected(model), look);
}

fn camera_row(camera: &Camera, look: Look) -> Vec<Cell<'_>> {
    let Camera { report, passed, dropped, history } = camera;
    let state = match report.open_seconds {
        Some(left) => {
            let left = clock(Duration::from_secs(left));
            Cell::new(format!("open {left}")).style(look.warning())
        }
        None if report.is_audited() => Cell::new("audit").style(look.warning()),
        None => Cell::new(""),
    };
    let style = if dropped.packets > 0.0 { look.bad() } else { Style::new() };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "no rate is negative"
    )]
    let volume = bytes((passed.bytes + dropped.bytes) as u64);
    vec![
        Cell::new(report.name.as_str()),
        state,
        right(per_second(passed.packets), 8),
        right(volume, 11),
        right(per_second(dropped.packets), 9).style(style),
        Cell::new(sparkline(history, 20, look)),
    ]
}

fn draw_destinations(
    frame: &mut Frame<'_>,
    area: Rect,
    (model, mac): (&Model, &str),
    screen: &Screen,
    look: Look,
) {
    const COLUMNS: [Column; 7] = [
        Column::always("", Constraint::Length(3)),
        Column::always("PEER", Constraint::Fill(1)),
        Column::always("PROTOCOL", Constraint::Length(11)),
        Column::wide("REASON", Constraint::Length(12)),
        Column::always("PACKETS", Constraint::Length(9)),
        Column::wide("/s", Constraint::Length(6)),
        Column::wide("LAST SEEN", Constraint::Length(10)),
    ];
    let name = model.camera_of(mac).map_or(mac, |camera| &camera.report.name);
    let rows = [Constraint::Length(1), Constraint::Min(2), Constraint::Length(2)];
    let [title, table, detail] = Layout::vertical(rows).areas(area);
    frame.render_widget(Line::styled(format!("{name} ({mac})"), look.title()), title);
    let flows = screen.destinations(model);
    if flows.is_empty() {
        return frame.render_widget(Paragraph::new("nothing was seen of it"), table);
    }
    let rows = flows.iter().map(|flow| destination_row(flow, look)).collect();
    let selected = screen.selected(model);
    draw_table(frame, table, (&COLUMNS, rows), selected, look);
    if let Some(flow) = selected.and_then(|row| flows.get(row)) {
        frame.render_widget(Paragraph::new(detail_lines(flow)), detail);
    }
}

fn destination_row<'a>(flow: &Destination, look: Look) -> Vec<Cell<'a>> {
    let Destination { entry, rate } = flow;
    let direction = if entry.direction == "outbound" { "out" } else { "in" };
    let style = if entry.verdict == "drop" { look.bad() } else { Style::new() };
    vec![
        Cell::new(direction),
        Cell::new(entry.peer.to_string()),
        Cell::new(entry.service.to_string()),
        Cell::new(entry.reason).style(style),
        right(entry.count.packets, 9),
        right(per_second(*rate), 6),
        right(crate::units::ago(entry.ago[1]), 10),
    ]
}

/// All that is known of a flow, where its row has no room.
fn detail_lines<'a>(flow: &Destination) -> Vec<Line<'a>> {
    let entry = &flow.entry;
    let (direction, outcome) =
        if entry.direction == "outbound" { ("to", entry.verdict) } else { ("from", entry.verdict) };
    let outcome = if outcome == "drop" { "dropped" } else { "passed" };
    let [first, last] = entry.ago.map(crate::units::ago);
    vec![
        Line::from(format!("{} {direction} {}", entry.service, entry.peer)),
        Line::from(format!(
            "{outcome}, {}: {} packets, {}; first {first}, last {last}",
            entry.reason,
            entry.count.packets,
            bytes(entry.count.bytes),
        )),
    ]
}

fn draw_unknown(frame: &mut Frame<'_>, area: Rect, model: &Model, screen: &Screen, look: Look) {
    const COLUMNS: [Column; 5] = [
        Column::always("MAC", Constraint::Length(17)),
        Column::always("PORT", Constraint::Fill(1)),
        Column::always("PACKETS", Constraint::Length(9)),
        Column::wide("BYTES", Constraint::Length(11)),
        Column::wide("LAST SEEN (UTC)", Constraint::Length(20)),
    ];
    let rows = [Constraint::Length(1), Constraint::Min(2)];
    let [title, table] = Layout::vertical(rows).areas(area);
    frame
        .render_widget(Line::styled("unknown sources, those seen last first", look.title()), title);
    if model.unknown.is_empty() {
        let text = if model.watched {
            "no unknown source was seen"
        } else {
            "unknown sources pass unseen on every port (`unknown = \"drop\"`, or a profile)"
        };
        return frame.render_widget(Paragraph::new(text), table);
    }
    let rows = model.unknown.iter().map(|seen| {
        // Of a timestamp, no parts of a second.
        let last = seen.last_seen.get(..19).unwrap_or_default().replace('T', " ");
        vec![
            Cell::new(seen.mac.clone()),
            Cell::new(seen.interface.clone().unwrap_or_else(|| "gone".into())),
            right(seen.count.packets, 9),
            right(bytes(seen.count.bytes), 11),
            right(last, 20),
        ]
    });
    let selected = screen.selected(model);
    draw_table(frame, table, (&COLUMNS, rows.collect()), selected, look);
}

fn draw_events(frame: &mut Frame<'_>, area: Rect, model: &Model, look: Look) {
    let block = Block::new().title_top(Line::styled("EVENTS", look.title()));
    let room = usize::from(area.height.saturating_sub(1));
    let from = model.events.len().saturating_sub(room);
    let lines: Vec<Line<'_>> =
        model.events.iter().skip(from).map(|event| Line::raw(event.as_str())).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_foot(frame: &mut Frame<'_>, area: Rect, screen: &Screen, look: Look) {
    let line = if let Some(prompt) = &screen.prompt {
        let question = match &screen.message {
            Some(message) => format!("{} ({}): ", prompt.question, message.text),
            None => format!("{}: ", prompt.question),
        };
        let column = Line::raw(format!("{question}{}", prompt.text)).width();
        let column = u16::try_from(column).unwrap_or(u16::MAX).min(area.width.saturating_sub(1));
        frame.set_cursor_position((area.x + column, area.y));
        Line::from(vec![Span::styled(question, look.title()), Span::raw(prompt.text.clone())])
    } else if let Some(message) = &screen.message {
        let style = if message.error { look.alarm() } else { Style::new() };
        Line::styled(message.text.clone(), style)
    } else {
        Line::raw(keys(screen))
    };
    frame.render_widget(line, area);
}

/// The keys of a view.
fn keys(screen: &Screen) -> String {
    match screen.view {
        View::Cameras => format!(
            "Enter peers  o open  c close  u unknown  s order: {}  ? help  q quit",
            screen.order.name()
        ),
        View::Destinations(_) => "Esc cameras  o open  c close  u unknown  ? help  q quit".into(),
        View::Unknown => "a add as camera  Esc cameras  ? help  q quit".into(),
    }
}

fn draw_help(frame: &mut Frame<'_>, area: Rect, look: Look) {
    const LINES: [&str; 11] = [
        "up, down, PgUp, PgDn, Home, End   choose a row (or j, k)",
        "Enter        whom the camera talks to",
        "Esc          back to the cameras",
        "o            open the fence for the camera, for a time",
        "c            close it again",
        "u            unknown sources",
        "a            add the unknown source as a camera",
        "s            another order: configuration, dropped, passed",
        "q, Ctrl-C    quit; the fence stays",
        "",
        "any key goes on",
    ];
    let width = LINES.iter().map(|line| line.len()).max().unwrap_or_default() + 4;
    let [width, height] = [width, LINES.len() + 2].map(|size| u16::try_from(size).unwrap_or(0));
    let (width, height) = (width.min(area.width), height.min(area.height));
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let block = if look.unicode {
        Block::bordered()
    } else {
        Block::bordered().border_set(ratatui::symbols::border::Set {
            top_left: "+",
            top_right: "+",
            bottom_left: "+",
            bottom_right: "+",
            vertical_left: "|",
            vertical_right: "|",
            horizontal_top: "-",
            horizontal_bottom: "-",
        })
    };
    let lines: Vec<Line<'_>> = LINES.iter().map(|line| Line::raw(format!(" {line}"))).collect();
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).block(block.title_top("keys")), place);
}

/// The last minute in so many bars, the present on the right.
fn sparkline(history: &[u64], width: usize, look: Look) -> String {
    let each = HISTORY / width;
    let most = |part: &[u64]| part.iter().copied().max().unwrap_or_default();
    let bars = history.rchunks(each).take(width).map(most).collect::<Vec<_>>();
    let highest = bars.iter().copied().max().unwrap_or_default().max(1);
    let bar = |value: &u64| match value {
        0 => " ",
        value => {
            let steps = look.bars();
            let step = u128::from(*value) * steps.len() as u128 / u128::from(highest);
            steps[usize::try_from(step).unwrap_or_default().clamp(1, steps.len()) - 1]
        }
    };
    let missing = width.saturating_sub(bars.len());
    let bars = bars.iter().rev().map(bar);
    std::iter::repeat_n(" ", missing).chain(bars).collect()
}
