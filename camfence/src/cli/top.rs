//! `camfence top`

use std::{
    env,
    io::{self, IsTerminal as _},
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use camfence::{
    config::{Config, edit::NewCamera},
    daemon::{
        client,
        protocol::{Failure, Request},
    },
    events::Event as Happening,
    fence::Fence,
    names::NameLine,
    operations,
    printable::Printable,
    telemetry::{
        ledger::{Ledger, Selection},
        now::Now,
        report::StatusReport,
        unknown::UnknownReport,
    },
    top::{
        model::{Model, Reading},
        screen::{Action, Key, Screen},
        view::{Look, draw},
    },
};
use camfence_common::mac::Mac;
use crossterm::event::{Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use futures_util::StreamExt as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep},
};

use super::{Options, change, ledger, open, output};

/// How often the fence is read.
const EVERY: Duration = Duration::from_secs(1);

/// How often the daemon is asked for what only it knows, and looked for where there is none.
const ASK: Duration = Duration::from_secs(5);

/// Events that wait to be shown.
const MOST_WAITING: usize = 64;

pub(crate) async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if options.json || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let hint = "`camfence status`, `ledger` and `unknown` print what it shows, with --json for scripts";
        return Err(Failure::new("top is for people: it needs a terminal", hint).into());
    }
    let fence = options.fence()?;
    // What is wrong from the start is said where it can be read.
    read(&fence, &options.load()?, Instant::now()).await?;
    let mut terminal = ratatui::try_init().context("taking over the terminal")?;
    let ended = Top::new(options, fence).show(&mut terminal).await;
    ratatui::try_restore().context("giving the terminal back")?;
    ended.map(|()| ExitCode::SUCCESS)
}

/// What is shown, and what it is about.
struct Top<'a> {
    options: &'a Options,
    fence: Fence,
    model: Model,
    screen: Screen,
    look: Look,
    begun: Instant,
    names: Vec<NameLine>,
    /// When the daemon was asked for names.
    asked: Option<Instant>,
}

impl<'a> Top<'a> {
    fn new(options: &'a Options, fence: Fence) -> Self {
        let look = look(|name| env::var(name).ok());
        let (model, screen) = (Model::default(), Screen::default());
        let (begun, names) = (Instant::now(), Vec::new());
        Self { options, fence, model, screen, look, begun, names, asked: None }
    }

    async fn show(&mut self, terminal: &mut ratatui::DefaultTerminal) -> anyhow::Result<()> {
        let mut keys = EventStream::new();
        let mut events = follow(self.options);
        let mut end = signal(SignalKind::terminate()).context("receiving signals")?;
        let mut tick = interval(EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = tick.tick() => self.read().await,
                _ = end.recv() => return Ok(()),
                Some(event) = events.recv() => self.model.happen(event),
                event = keys.next() => {
                    let event = event.context("the terminal is gone")?.context("reading keys")?;
                    match pressed(&event).and_then(|key| self.screen.press(key, &self.model)) {
                        Some(Action::Quit) => return Ok(()),
                        Some(action) => self.carry_out(action).await,
                        None if is_end(&event) => return Ok(()),
                        None => {}
                    }
                }
            }
            let (model, screen, look) = (&self.model, &self.screen, self.look);
            terminal.draw(|frame| draw(frame, model, screen, look)).context("drawing")?;
        }
    }

    async fn read(&mut self) {
        let reading = match self.options.load() {
            Ok(config) => read(&self.fence, &config, self.begun).await,
            Err(error) => Err(error),
        };
        match reading {
            Ok(mut reading) => {
                if self.asked.is_none_or(|asked| asked.elapsed() >= ASK) {
                    self.names = ledger::names(self.options).await;
                    self.asked = Some(Instant::now());
                }
                reading.ledger.name(&self.names);
                self.model.take(reading);
            }
            Err(error) => self.model.fail(&error.to_string()),
        }
    }

    async fn carry_out(&mut self, action: Action) {
        match self.change(action).await {
            Ok(text) => self.screen.say(text, false),
            Err(error) => self.screen.say(error.to_string(), true),
        }
        self.read().await;
    }

    /// As the verbs `open`, `close` and `add` do.
    async fn change(&self, action: Action) -> anyhow::Result<String> {
        match action {
            Action::Quit => Ok(String::new()),
            Action::Open(camera, time) => {
                let request = match time {
                    Some(time) => Request::Open { camera: camera.clone(), seconds: time.seconds() },
                    None => Request::Close { camera: camera.clone() },
                };
                let opened = open::carry_out(self.options, &request, &camera, time).await?;
                let name = opened.camera;
                Ok(match time {
                    Some(time) => format!("{name} is open for {time}; it closes by itself"),
                    None if opened.was_open => format!("{name} is closed"),
                    None => format!("{name} was not open"),
                })
            }
            Action::Add { mac, name } => {
                let mac: Mac = mac.parse()?;
                let camera = NewCamera { mac, name, profile: None };
                if change::ask(self.options, &(&camera).into()).await?.is_none() {
                    operations::add(&self.fence, &self.options.config, &camera).await?;
                }
                Ok(format!("added {} ({mac})", camera.name))
            }
        }
    }
}

/// The daemon's events, but for what is dropped, which is shown in other ways. None come while there is no
/// daemon.
fn follow(options: &Options) -> mpsc::Receiver<Printable> {
    let (send, events) = mpsc::channel(MOST_WAITING);
    let (root, config) = (options.bpffs.clone(), options.config.clone());
    tokio::spawn(async move {
        let request = Request::Events { follow: true, drops: false, since: 0 };
        while !send.is_closed() {
            if let Ok(Some(mut lines)) = client::lines(&root, &config, &request).await {
                while let Ok(Some(line)) = lines.next().await {
                    if send.send(told(&line)).await.is_err() {
                        return;
                    }
                }
            }
            sleep(ASK).await;
        }
    });
    events
}

/// `12:34:56  driveway  first contact: …`
fn told(line: &str) -> Printable {
    let Ok(event) = serde_json::from_str::<Happening>(line) else { return Printable::from(line) };
    // The time of day, UTC.
    let time = event.time.get(11..19).unwrap_or(&event.time);
    Printable::from(format!("{time}  {}  {event}", event.subject()).as_str())
}

async fn read(fence: &Fence, config: &Config, begun: Instant) -> anyhow::Result<Reading> {
    let standing = fence.read(config).await?;
    let sightings = fence.sightings().await?;
    let contents = fence.ledger()?;
    Ok(Reading {
        at: begun.elapsed(),
        status: StatusReport::new(config, &standing, Now::awake()),
        ledger: Ledger::live(&contents, config, Selection::default(), Now::awake()),
        unknown: UnknownReport::new(&sightings.seen, Now::since_boot()),
        watched: sightings.watched,
    })
}

/// What the terminal has: no colours where somebody minds them, no other characters than ASCII's but in a
/// locale with UTF-8.
fn look(variable: impl Fn(&str) -> Option<String>) -> Look {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    let is_dumb = set("TERM").is_none_or(|term| term == "dumb");
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    let locale = locale.unwrap_or_default().to_ascii_lowercase().replace('-', "");
    let colours = !output::minds_colors(&variable) && !is_dumb;
    Look { colours, unicode: locale.ends_with("utf8") }
}

/// The key that an event is, if it is one that means something.
fn pressed(event: &Event) -> Option<Key> {
    let Event::Key(KeyEvent {
        code,
        modifiers,
        kind: KeyEventKind::Press | KeyEventKind::Repeat,
        ..
    }) = event
    else {
        return None;
    };
    if modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return None;
    }
    Some(match code {
        KeyCode::Char(c) => Key::Char(*c),
        KeyCode::Enter => Key::Enter,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}

/// Ctrl-C and Ctrl-D, which are keys while the terminal is ours.
fn is_end(event: &Event) -> bool {
    matches!(event, Event::Key(KeyEvent { code: KeyCode::Char('c' | 'd'), modifiers, .. })
        if modifiers.contains(KeyModifiers::CONTROL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(variables: &[(&str, &str)]) -> [bool; 2] {
        let variable = |name: &str| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        let Look { colours, unicode } = look(variable);
        [colours, unicode]
    }

    #[test]
    fn only_what_the_terminal_has_is_used() {
        let term = ("TERM", "xterm-256color");
        assert_eq!(looked(&[term, ("LANG", "de_DE.UTF-8")]), [true, true]);
        assert_eq!(looked(&[term, ("LANG", "C.utf8"), ("LC_ALL", "C")]), [true, false]);
        assert_eq!(looked(&[term, ("NO_COLOR", "1"), ("LC_ALL", "C.UTF-8")]), [false, true]);
        assert_eq!(looked(&[term, ("NO_COLOR", "")]), [true, false], "empty is not set");
        assert_eq!(looked(&[("TERM", "dumb")]), [false, false]);
    }
}
