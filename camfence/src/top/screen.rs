//! What is looked at, and what keys do.

use std::{cmp::Ordering, time::Duration};

use super::model::{Camera, Destination, Model};
use crate::{config::NAME_MAX_BYTES, opening::OpenTime, telemetry::unknown::SeenReport};

/// What is suggested for how long to open.
const OPEN_FOR: &str = "10m";

/// Rows that a page has.
const PAGE: usize = 10;

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Escape,
    /// Backspace.
    Backspace,
    /// One up.
    Up,
    /// One down.
    Down,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// To the first.
    Home,
    /// To the last.
    End,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum View {
    /// The cameras.
    Cameras,
    /// The flows of a camera, by its MAC.
    Destinations(String),
    /// The unknown sources.
    Unknown,
}

/// In which order cameras are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// That of the configuration.
    Configuration,
    /// Those with the most dropped in a second first.
    Dropped,
    /// Those with the most passed in a second first.
    Passed,
}

impl Order {
    /// In a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Dropped => "dropped",
            Self::Passed => "passed",
        }
    }

    const fn next(self) -> Self {
        match self {
            Self::Configuration => Self::Dropped,
            Self::Dropped => Self::Passed,
            Self::Passed => Self::Configuration,
        }
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// End.
    Quit,
    /// Open the fence for a camera, by its MAC, or without a time close it.
    Open(String, Option<OpenTime>),
    /// Make a camera of a MAC.
    Add {
        /// The MAC.
        mac: String,
        /// The camera's name.
        name: String,
    },
}

/// A question, and what was typed so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// What is asked.
    pub question: String,
    /// What was typed.
    pub text: String,
    about: About,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum About {
    Open(String),
    Add(String),
}

/// What is said at the bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The text.
    pub text: String,
    /// Whether it is about something that did not work.
    pub error: bool,
}

/// The screen.
#[derive(Debug)]
pub struct Screen {
    /// What is looked at.
    pub view: View,
    /// In which order cameras are.
    pub order: Order,
    /// A question to be answered.
    pub prompt: Option<Prompt>,
    /// What is said at the bottom.
    pub message: Option<Message>,
    /// Whether the keys are explained.
    pub help: bool,
    /// Which row is chosen.
    selected: usize,
    /// Which camera is chosen, wherever it is.
    camera: Option<String>,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            view: View::Cameras,
            order: Order::Configuration,
            prompt: None,
            message: None,
            help: false,
            selected: 0,
            camera: None,
        }
    }
}

impl Screen {
    /// The cameras in their order.
    pub fn cameras<'a>(&self, model: &'a Model) -> Vec<&'a Camera> {
        let mut cameras: Vec<_> = model.cameras.iter().collect();
        let most = |one: f64, other: f64| other.partial_cmp(&one).unwrap_or(Ordering::Equal);
        match self.order {
            Order::Configuration => {}
            Order::Dropped => {
                cameras.sort_by(|a, b| most(a.dropped.packets, b.dropped.packets));
            }
            Order::Passed => cameras.sort_by(|a, b| most(a.passed.packets, b.passed.packets)),
        }
        cameras
    }

    /// The flows that are looked at.
    pub fn destinations<'a>(&self, model: &'a Model) -> Vec<&'a Destination> {
        match &self.view {
            View::Destinations(mac) => model.destinations_of(mac).collect(),
            _ => Vec::new(),
        }
    }

    /// Which row is chosen, of those there are.
    pub fn selected(&self, model: &Model) -> Option<usize> {
        let rows = self.rows(model);
        if self.view == View::Cameras
            && let Some(mac) = &self.camera
        {
            let place = self.cameras(model).iter().position(|camera| camera.report.mac == *mac);
            return place.or_else(|| (rows > 0).then_some(0));
        }
        (rows > 0).then(|| self.selected.min(rows - 1))
    }

    /// Says something at the bottom.
    pub fn say(&mut self, text: impl Into<String>, error: bool) {
        self.message = Some(Message { text: text.into(), error });
    }

    /// Takes in a key.
    pub fn press(&mut self, key: Key, model: &Model) -> Option<Action> {
        self.message = None;
        if self.help {
            self.help = false;
            return None;
        }
        match self.prompt.take() {
            Some(prompt) => self.answer(prompt, key),
            None => self.command(key, model),
        }
    }

    fn command(&mut self, key: Key, model: &Model) -> Option<Action> {
        match key {
            Key::Char('q') => return Some(Action::Quit),
            Key::Char('?' | 'h') => self.help = true,
            Key::Escape | Key::Backspace | Key::Char('b') => self.look_at(View::Cameras),
            Key::Char('u') => self.look_at(View::Unknown),
            Key::Char('s') => self.order = self.order.next(),
            Key::Enter => {
                if let (View::Cameras, Some(camera)) = (&self.view, self.camera(model)) {
                    self.look_at(View::Destinations(camera.report.mac.clone()));
                }
            }
            Key::Char('o') => {
                let camera = self.camera(model)?;
                let question = format!("open {} for", camera.report.name);
                let about = About::Open(camera.report.mac.clone());
                self.prompt = Some(Prompt { question, text: OPEN_FOR.into(), about });
            }
            Key::Char('c') => {
                return Some(Action::Open(self.camera(model)?.report.mac.clone(), None));
            }
            Key::Char('a') => {
                let mac = self.source(model)?.mac.clone();
                let question = format!("add {mac} as camera");
                self.prompt =
                    Some(Prompt { question, text: String::new(), about: About::Add(mac) });
            }
            Key::Up | Key::Char('k') => self.go(model, |row, _| row.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.go(model, |row, _| row + 1),
            Key::PageUp => self.go(model, |row, _| row.saturating_sub(PAGE)),
            Key::PageDown => self.go(model, |row, _| row + PAGE),
            Key::Home => self.go(model, |_, _| 0),
            Key::End => self.go(model, |_, rows| rows),
            Key::Char(_) => {}
        }
        None
    }

    fn answer(&mut self, mut prompt: Prompt, key: Key) -> Option<Action> {
        match key {
            Key::Escape => return None,
            Key::Enter => match prompt.action() {
                Ok(action) => return Some(action),
                Err(why) => self.say(why, true),
            },
            Key::Backspace => {
                prompt.text.pop();
            }
            Key::Char(c)
                if !c.is_control() && prompt.text.len() + c.len_utf8() <= NAME_MAX_BYTES =>
            {
                prompt.text.push(c);
            }
            _ => {}
        }
        self.prompt = Some(prompt);
        None
    }

    fn look_at(&mut self, view: View) {
        (self.view, self.selected) = (view, 0);
    }

    fn go(&mut self, model: &Model, to: impl Fn(usize, usize) -> usize) {
        let (Some(row), rows) = (self.selected(model), self.rows(model)) else { return };
        self.selected = to(row, rows).min(rows - 1);
        if self.view == View::Cameras {
            let camera = self.cameras(model)[self.selected].report.mac.clone();
            self.camera = Some(camera);
        }
    }

    fn rows(&self, model: &Model) -> usize {
        match &self.view {
            View::Cameras => model.cameras.len(),
            View::Destinations(mac) => model.destinations_of(mac).count(),
            View::Unknown => model.unknown.len(),
        }
    }

    /// The camera that is chosen, or whose flows are looked at.
    fn camera<'a>(&self, model: &'a Model) -> Option<&'a Camera> {
        match &self.view {
            View::Cameras => self.cameras(model).get(self.selected(model)?).copied(),
            View::Destinations(mac) => model.camera_of(mac),
            View::Unknown => None,
        }
    }

    fn source<'a>(&self, model: &'a Model) -> Option<&'a SeenReport> {
        if self.view != View::Unknown {
            return None;
        }
        model.unknown.get(self.selected(model)?)
    }
}

impl Prompt {
    fn action(&self) -> Result<Action, String> {
        let text = self.text.trim();
        match &self.about {
            About::Open(mac) => match text.parse::<OpenTime>() {
                Ok(time) => Ok(Action::Open(mac.clone(), Some(time))),
                Err(error) => Err(error.to_string()),
            },
            About::Add(_) if text.is_empty() => Err("a camera needs a name".into()),
            About::Add(mac) => Ok(Action::Add { mac: mac.clone(), name: text.into() }),
        }
    }
}

/// A time that is left, as a clock shows it.
pub(super) fn clock(left: Duration) -> String {
    let seconds = left.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::model::tests::{DRIVEWAY, GARAGE, reading},
        *,
    };

    fn model() -> Model {
        let mut model = Model::default();
        model.take(reading(1, 0));
        model.take(reading(2, 9));
        model
    }

    fn press(screen: &mut Screen, model: &Model, keys: &str) -> Option<Action> {
        keys.chars()
            .map(|c| {
                let key = match c {
                    '\n' => Key::Enter,
                    '\x1b' => Key::Escape,
                    '<' => Key::Backspace,
                    c => Key::Char(c),
                };
                screen.press(key, model)
            })
            .last()
            .flatten()
    }

    #[test]
    fn keys_lead_to_a_camera_and_back() {
        let (model, mut screen) = (model(), Screen::default());
        assert_eq!(screen.selected(&model), Some(0));
        press(&mut screen, &model, "jjj");
        assert_eq!(screen.selected(&model), Some(1), "the last");
        press(&mut screen, &model, "\n");
        assert_eq!(screen.view, View::Destinations(GARAGE.into()));
        assert_eq!(screen.selected(&model), None, "it has none");
        press(&mut screen, &model, "\x1bk\n");
        assert_eq!(screen.view, View::Destinations(DRIVEWAY.into()));
        assert_eq!(screen.destinations(&model).len(), 1);
        assert_eq!(press(&mut screen, &model, "q"), Some(Action::Quit));
    }

    #[test]
    fn a_chosen_camera_stays_chosen_in_another_order() {
        let (model, mut screen) = (model(), Screen::default());
        press(&mut screen, &model, "j");
        screen.press(Key::Char('s'), &model);
        assert_eq!(screen.order, Order::Dropped);
        assert_eq!(screen.cameras(&model)[0].report.mac, DRIVEWAY);
        assert_eq!(screen.selected(&model), Some(1));
        press(&mut screen, &model, "sk");
        assert_eq!(screen.order, Order::Passed);
        assert_eq!(screen.selected(&model), Some(0));
    }

    #[test]
    fn opening_asks_for_how_long() {
        let (model, mut screen) = (model(), Screen::default());
        assert_eq!(press(&mut screen, &model, "o"), None);
        assert_eq!(screen.prompt.as_ref().unwrap().question, "open driveway for");
        let opened = |seconds| {
            let time = OpenTime::from_seconds(seconds).unwrap();
            Some(Action::Open(DRIVEWAY.into(), Some(time)))
        };
        assert_eq!(press(&mut screen, &model, "\n"), opened(600));
        assert_eq!(press(&mut screen, &model, "o<<<2h\n"), opened(7_200));
        assert_eq!(press(&mut screen, &model, "o<<<ever\n"), None);
        assert!(screen.message.as_ref().unwrap().error);
        assert_eq!(screen.prompt.as_ref().unwrap().text, "ever", "to be corrected");
        press(&mut screen, &model, "\x1b");
        assert_eq!(screen.prompt, None);
        assert_eq!(press(&mut screen, &model, "c"), Some(Action::Open(DRIVEWAY.into(), None)));
    }

    #[test]
    fn an_unknown_source_becomes_a_camera() {
        let (model, mut screen) = (model(), Screen::default());
        assert_eq!(press(&mut screen, &model, "a"), None, "only where they are listed");
        assert_eq!(screen.prompt, None);
        assert_eq!(press(&mut screen, &model, "ua\n"), None, "without a name");
        let action = press(&mut screen, &model, "porch\n");
        let (mac, name) = ("02:cf:bb:00:00:01".into(), "porch".into());
        assert_eq!(action, Some(Action::Add { mac, name }));
        press(&mut screen, &model, "a");
        press(&mut screen, &model, &"x".repeat(1_000));
        assert_eq!(screen.prompt.unwrap().text.len(), NAME_MAX_BYTES);
    }

    #[test]
    fn without_anything_keys_do_nothing() {
        let (model, mut screen) = (Model::default(), Screen::default());
        for c in "jkocasu\nabhG?x<\x1b".chars() {
            assert_eq!(press(&mut screen, &model, &c.to_string()), None, "{c:?}");
        }
        for key in [Key::Up, Key::Down, Key::PageUp, Key::PageDown, Key::Home, Key::End] {
            assert_eq!(screen.press(key, &model), None);
        }
    }

    #[test]
    fn a_time_that_is_left_is_a_clock() {
        for (seconds, shown) in [(0, "0:00"), (61, "1:01"), (3_599, "59:59"), (86_400, "24:00:00")]
        {
            assert_eq!(clock(Duration::from_secs(seconds)), shown);
        }
    }
}
