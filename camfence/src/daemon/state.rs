//! The daemon as a state machine: what happens goes in, what to do comes out. It does nothing
//! itself and knows neither time nor files.
//!
//! One change is under way at a time; the others wait in the order they came in.

use std::collections::VecDeque;

use super::protocol::{Failure, Request, Response, Summary};
use crate::{
    config::{NAME_MAX_BYTES, edit::NewCamera},
    opening::OpenTime,
};

/// Changes that may wait for the one under way.
pub const MAX_WAITING: usize = 8;

/// Tells requests apart.
pub type RequestId = u64;

/// What happens to the daemon.
#[derive(Debug)]
pub enum Input {
    /// It has started. Comes first, and once.
    Started,
    /// Somebody asks for something.
    Request {
        /// Names the answer.
        id: RequestId,
        /// What is asked.
        request: Request,
    },
    /// A signal arrived.
    Signal(Signal),
    /// An interface or its addresses may have changed, or it is time to look again.
    Look,
    /// The change under way has ended.
    Finished(Result<Summary, Failure>),
}

/// Signals that mean something to the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGHUP: reload.
    Hangup,
    /// SIGTERM or SIGINT: end. The fence stays.
    Terminate,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Begin a change; [`Input::Finished`] tells its end. None is under way.
    Begin(Change),
    /// Answer a request.
    Respond {
        /// Which.
        id: RequestId,
        /// The answer.
        response: Response,
    },
    /// End. No change is under way and no request without an answer.
    Exit(Ending),
}

/// A change of the fence, and perhaps of its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Put the fence up.
    Up,
    /// Take it down.
    Down,
    /// Follow the interfaces.
    Follow,
    /// Bring it in line with the configuration on disk.
    Reload,
    /// Add a camera.
    Add(NewCamera),
    /// Remove a camera, by name or MAC.
    Remove(String),
    /// Open the fence for a camera, by name or MAC, or without a time close it. The configuration
    /// stays as it is.
    Open(String, Option<OpenTime>),
}

/// Why the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to.
    Asked,
    /// The fence could not be put up.
    NotUp,
}

/// The daemon.
#[derive(Debug, Default)]
pub struct State {
    current: Option<(Origin, Change)>,
    waiting: VecDeque<(Origin, Change)>,
    ending: bool,
    /// Whether the fence was taken down on request: it stays so until it is put up on request.
    down: bool,
}

/// Who wants a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Start,
    Hangup,
    Look,
    Request(RequestId),
}

impl State {
    /// Takes in what happened; gives what is to be done, in this order.
    pub fn handle(&mut self, input: Input) -> Vec<Command> {
        match input {
            Input::Started => self.enqueue(Origin::Start, Change::Up),
            Input::Signal(Signal::Hangup) => self.hang_up(),
            Input::Signal(Signal::Terminate) => self.terminate(),
            Input::Request { id, request } => match self.request(id, request) {
                Ok(commands) => commands,
                Err(failure) => vec![respond(id, Err(failure))],
            },
            Input::Look => self.look(),
            Input::Finished(outcome) => self.finished(outcome),
        }
    }

    fn request(&mut self, id: RequestId, request: Request) -> Result<Vec<Command>, Failure> {
        let change = match request {
            // The server's.
            Request::Events { .. } | Request::Names => {
                return Err(Failure::not_a_request("nothing is to be changed"));
            }
            Request::Ping => return Ok(vec![respond(id, Ok(Summary::default()))]),
            Request::Up => Change::Up,
            Request::Down => Change::Down,
            Request::Reload => Change::Reload,
            Request::Remove { camera } => Change::Remove(name(camera)?),
            Request::Open { camera, seconds } => {
                let time = OpenTime::from_seconds(seconds);
                let time = time.map_err(|error| Failure::not_a_request(&error.to_string()))?;
                Change::Open(name(camera)?, Some(time))
            }
            Request::Close { camera } => Change::Open(name(camera)?, None),
            Request::Add { mac, name, profile } => {
                let mac = mac.parse().map_err(|_| Failure::not_a_request("no such MAC can be"))?;
                Change::Add(NewCamera { mac, name, profile })
            }
        };
        if self.ending {
            return Err(ending());
        }
        if self.waiting.len() >= MAX_WAITING {
            return Err(Failure::new("too many changes are waiting", "try again in a moment"));
        }
        Ok(self.enqueue(Origin::Request(id), change))
    }

    /// A reload that has not begun yet sees the file as it is now, so one that waits is enough.
    fn hang_up(&mut self) -> Vec<Command> {
        let waits = self.waiting.iter().any(|(origin, _)| *origin == Origin::Hangup);
        if self.ending || waits {
            return Vec::new();
        }
        self.enqueue(Origin::Hangup, Change::Reload)
    }

    /// Before whatever else waits: a new port lets everything through. One that has not begun yet
    /// sees the interfaces as they are now, so one that waits is enough.
    fn look(&mut self) -> Vec<Command> {
        let waits = self.waiting.iter().any(|(origin, _)| *origin == Origin::Look);
        if self.ending || self.down || waits {
            return Vec::new();
        }
        // The start looks at the interfaces itself, and goes first.
        let first = usize::from(self.waiting.front().is_some_and(|(o, _)| *o == Origin::Start));
        self.waiting.insert(first, (Origin::Look, Change::Follow));
        self.begin_next().into_iter().collect()
    }

    fn terminate(&mut self) -> Vec<Command> {
        let mut commands = self.refuse_waiting();
        if self.current.is_none() {
            commands.push(Command::Exit(Ending::Asked));
        }
        commands
    }

    fn finished(&mut self, outcome: Result<Summary, Failure>) -> Vec<Command> {
        let Some((origin, change)) = self.current.take() else { return Vec::new() };
        if outcome.is_ok() {
            self.note_whether_down(&change);
        }
        let not_up = origin == Origin::Start && outcome.is_err();
        let mut commands: Vec<Command> = answer(origin, outcome).into_iter().collect();
        if not_up {
            commands.extend(self.refuse_waiting());
            commands.push(Command::Exit(Ending::NotUp));
        } else if self.ending {
            commands.push(Command::Exit(Ending::Asked));
        } else {
            commands.extend(self.begin_next());
        }
        commands
    }

    fn note_whether_down(&mut self, change: &Change) {
        match change {
            Change::Down => {
                self.down = true;
                self.waiting.retain(|(origin, _)| *origin != Origin::Look);
            }
            Change::Up | Change::Reload => self.down = false,
            _ => {}
        }
    }

    /// Begins to end: whoever waits is told, and nobody else gets in.
    fn refuse_waiting(&mut self) -> Vec<Command> {
        self.ending = true;
        let waiting = self.waiting.drain(..);
        waiting.filter_map(|(origin, _)| answer(origin, Err(ending()))).collect()
    }

    fn enqueue(&mut self, origin: Origin, change: Change) -> Vec<Command> {
        self.waiting.push_back((origin, change));
        self.begin_next().into_iter().collect()
    }

    fn begin_next(&mut self) -> Option<Command> {
        if self.current.is_some() {
            return None;
        }
        let (origin, change) = self.waiting.pop_front()?;
        self.current = Some((origin, change.clone()));
        Some(Command::Begin(change))
    }
}

/// A name or MAC as long as one can be: it waits, and is logged.
fn name(camera: String) -> Result<String, Failure> {
    if camera.len() <= NAME_MAX_BYTES {
        Ok(camera)
    } else {
        Err(Failure::not_a_request(&format!("no camera's name has {} bytes", camera.len())))
    }
}

fn answer(origin: Origin, outcome: Result<Summary, Failure>) -> Option<Command> {
    match origin {
        Origin::Start | Origin::Hangup | Origin::Look => None,
        Origin::Request(id) => Some(respond(id, outcome)),
    }
}

fn respond(id: RequestId, outcome: Result<Summary, Failure>) -> Command {
    let response = match outcome {
        Ok(summary) => Response::Ok(summary),
        Err(failure) => Response::Error(failure),
    };
    Command::Respond { id, response }
}

fn ending() -> Failure {
    Failure::new("the daemon is ending", "try again: without a daemon the change is made directly")
}

#[cfg(test)]
mod tests;
