use ratatui::{Terminal, backend::TestBackend};

use super::{
    super::{
        model::tests::{DRIVEWAY, reading},
        screen::Key,
    },
    *,
};
use crate::printable::Printable;

const PLAIN: Look = Look { colours: false, unicode: false };

fn drawn(model: &Model, screen: &Screen, width: u16, height: u16, look: Look) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, model, screen, look)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let rows = buffer.content().chunks(usize::from(width));
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>()).collect()
}

fn model() -> Model {
    let mut model = Model::default();
    model.take(reading(1, 100));
    model.take(reading(2, 104));
    model.happen(Printable::from("12:34:56  driveway  first contact"));
    model
}

#[test]
fn cameras_fit_an_old_terminal() {
    let mut readings = model();
    readings.cameras[0].report.open_seconds = Some(86_400);
    let rows = drawn(&readings, &Screen::default(), 80, 24, PLAIN);
    assert_eq!(rows[0].trim_end(), "camfence  1 port, enforcing");
    let header = "CAMERA                 PASSED/s     BYTES/s DROPPED/s DROPPED, LAST MINUTE";
    let words = |row: &str| row.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(words(&rows[1]), words(header));
    assert_eq!(
        words(&rows[2]),
        ["driveway", "open", "24:00:00", "0", "400", "B", "4.0", "@"],
        "{}",
        rows[2]
    );
    assert_eq!(words(&rows[3]), ["garage", "0", "0", "B", "0"]);
    assert!(rows.iter().any(|row| row.starts_with("12:34:56  driveway  first contact")));
    assert!(rows[23].starts_with("Enter peers  o open"), "{}", rows[23]);
    assert!(rows[23].trim_end().ends_with("q quit"), "{}", rows[23]);
    assert!(rows.concat().is_ascii());
}

#[test]
fn what_does_not_enforce_is_said_above_all() {
    let mut model = model();
    model.ports[0].enforcing = false;
    assert!(drawn(&model, &Screen::default(), 80, 24, PLAIN)[0].contains("NOT ENFORCING: p-cam"));
    model.fail("no fence stands\nunder \u{1b}[31m/x");
    let first = &drawn(&model, &Screen::default(), 80, 24, PLAIN)[0];
    assert!(first.contains(r"no fence stands\nunder \u{1b}[31m/x"), "{first}");
}

#[test]
fn a_camera_s_destinations_are_told_in_full() {
    let (model, mut screen) = (model(), Screen::default());
    screen.view = View::Destinations(DRIVEWAY.into());
    let text = drawn(&model, &screen, 80, 24, PLAIN).join("\n");
    let row = "out 203.0.113.7            udp/10240   not-local          104    4.0    2 s ago";
    let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed(&text).contains(&squeezed(row)), "{text}");
    assert!(text.contains("dropped, not-local: 104 packets, 10.2 KiB; first 1 min ago"), "{text}");
}

#[test]
fn a_question_shows_what_is_typed() {
    let (model, mut screen) = (model(), Screen::default());
    for c in "uaporch".chars() {
        screen.press(Key::Char(c), &model);
    }
    let rows = drawn(&model, &screen, 80, 24, PLAIN);
    assert!(rows[23].starts_with("add 02:cf:bb:00:00:01 as camera: porch"), "{}", rows[23]);
    assert!(rows.join("\n").contains("2001-09-09 01:46:30"));
}

#[test]
fn no_size_is_too_small() {
    let (model, mut screen) = (model(), Screen::default());
    for view in [View::Cameras, View::Destinations(DRIVEWAY.into()), View::Unknown] {
        screen.view = view;
        for help in [false, true] {
            screen.help = help;
            for (width, height) in [(1, 1), (2, 50), (300, 2), (10, 5), (500, 200)] {
                drawn(&model, &screen, width, height, PLAIN);
            }
        }
    }
    drawn(&Model::default(), &Screen::default(), 80, 24, PLAIN);
}

#[test]
fn a_minute_is_twenty_bars() {
    assert_eq!(sparkline(&[], 20, PLAIN), " ".repeat(20));
    let minute: Vec<u64> = (1..=60).collect();
    let bars = sparkline(&minute, 20, PLAIN);
    assert_eq!((bars.len(), bars.chars().last()), (20, Some('@')));
    let unicode = Look { unicode: true, ..PLAIN };
    assert_eq!(sparkline(&[0, 0, 0, 8, 8, 1], 4, unicode), "   █", "of 15 s the most");
    assert_eq!(sparkline(&[u64::MAX, 1], 20, unicode).chars().last(), Some('█'));
    assert_eq!(sparkline(&[1_000, 0, 0, 1], 20, unicode).trim_start(), "█▁");
}
