//! Who has signed in. Where a token is needed it is given once, and a cookie stands for it for half a day.
//!
//! Sessions are in memory, and end with the daemon.

use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io::{self, Read as _},
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::rand::{GetRandomFlags, getrandom};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use tokio::time::Instant;
use tracing::{info, warn};

/// How long a session lasts.
pub const SESSION_LIFE: Duration = Duration::from_hours(12);

/// Sessions that there are at once; of more, the oldest ends.
pub const MAX_SESSIONS: usize = 64;

/// Length of a token, in bytes.
pub const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=512;

/// How often wrong tokens are logged.
const LOGGED_EVERY: Duration = Duration::from_secs(1);

/// Nobody can be let in.
#[derive(Debug, Error)]
pub enum DoorError {
    /// The token cannot be used.
    #[error("the page's token in {}: {problem}", path.display())]
    Token {
        /// Its file.
        path: PathBuf,
        /// Why not.
        problem: TokenProblem,
    },
    /// The kernel gives no random numbers.
    #[error("making a secret for the page: {0}")]
    Random(#[from] io::Error),
}

/// Why a token cannot be used.
#[derive(Debug, Error)]
pub enum TokenProblem {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// Others can read it.
    #[error("everybody can read it (mode {0:03o})")]
    Public(u32),
    /// It is none.
    #[error(
        "it is not one line of {} to {} printable characters",
        TOKEN_BYTES.start(),
        TOKEN_BYTES.end()
    )]
    Unfit,
}

impl DoorError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        let Self::Token { path, problem } = self else { return None };
        let path = path.display();
        Some(match problem {
            TokenProblem::Unreadable(error) if error.kind() != io::ErrorKind::NotFound => {
                format!("chgrp camfence {path} && chmod 640 {path}")
            }
            TokenProblem::Public(_) => format!("chmod 640 {path}, and make another token"),
            _ => format!("make one: head -c 24 /dev/urandom | base64 > {path}"),
        })
    }
}

/// 256 random bits, as text.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    fn new() -> io::Result<Self> {
        let mut bytes = [0; 32];
        // No signal interrupts what is as short as this (getrandom(2)).
        if getrandom(&mut bytes, GetRandomFlags::empty())? != bytes.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
        Ok(Self(digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()))
    }

    /// In a time that does not tell how much of it is right.
    pub(super) fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What lets people in to the page.
#[derive(Debug)]
pub struct Door(Kind);

#[derive(Debug)]
enum Kind {
    /// Whoever is on this machine.
    Open { csrf: Secret },
    /// Whoever has the token.
    Locked(Lock),
}

#[derive(Debug)]
struct Lock {
    token: Secret,
    sessions: Mutex<VecDeque<Session>>,
    wrong: Mutex<Wrong>,
}

#[derive(Debug, Clone)]
struct Session {
    id: Secret,
    csrf: Secret,
    until: Instant,
}

/// Wrong tokens that were not logged.
#[derive(Debug, Default)]
struct Wrong {
    count: u64,
    logged: Option<Instant>,
}

/// Somebody who has signed in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignedIn {
    /// What the page sends with each change.
    pub(super) csrf: Secret,
    /// What stands for the session; none where no token is needed.
    pub(super) id: Option<Secret>,
}

impl Door {
    /// A door for whom the file's token opens it; without a file, for everybody on this machine.
    pub fn new(token_file: Option<&Path>) -> Result<Self, DoorError> {
        let Some(path) = token_file else {
            return Ok(Self(Kind::Open { csrf: Secret::new()? }));
        };
        let token = read_token(path);
        let token = token.map_err(|problem| DoorError::Token { path: path.into(), problem })?;
        let (sessions, wrong) = Default::default();
        Ok(Self(Kind::Locked(Lock { token: Secret(token), sessions, wrong })))
    }

    /// Whether a token is needed.
    pub const fn is_locked(&self) -> bool {
        matches!(self.0, Kind::Locked(_))
    }

    /// Who has this cookie.
    pub(super) fn visitor(&self, cookie: Option<&str>) -> Option<SignedIn> {
        match &self.0 {
            Kind::Open { csrf } => Some(SignedIn { csrf: csrf.clone(), id: None }),
            Kind::Locked(lock) => lock.session(cookie?),
        }
    }

    /// Begins a session for who has the token.
    pub(super) fn sign_in(&self, token: &str, client: SocketAddr) -> io::Result<Option<SignedIn>> {
        match &self.0 {
            Kind::Open { .. } => Ok(self.visitor(None)),
            Kind::Locked(lock) if lock.token.is(token) => {
                info!("page: {client} signs in");
                lock.begin().map(Some)
            }
            Kind::Locked(lock) => {
                lock.log_wrong(client);
                Ok(None)
            }
        }
    }

    /// Ends a session.
    pub(super) fn sign_out(&self, visitor: &SignedIn) {
        if let (Kind::Locked(lock), Some(id)) = (&self.0, &visitor.id) {
            lock.sessions().retain(|session| session.id != *id);
        }
    }
}

impl Lock {
    fn sessions(&self) -> MutexGuard<'_, VecDeque<Session>> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|session| Instant::now() < session.until);
        sessions
    }

    fn session(&self, cookie: &str) -> Option<SignedIn> {
        let sessions = self.sessions();
        let Session { csrf, id, .. } = sessions.iter().find(|session| session.id.is(cookie))?;
        Some(SignedIn { csrf: csrf.clone(), id: Some(id.clone()) })
    }

    fn begin(&self) -> io::Result<SignedIn> {
        let (id, csrf) = (Secret::new()?, Secret::new()?);
        let mut sessions = self.sessions();
        if sessions.len() >= MAX_SESSIONS {
            sessions.pop_front();
        }
        let signed_in = SignedIn { csrf: csrf.clone(), id: Some(id.clone()) };
        sessions.push_back(Session { id, csrf, until: Instant::now() + SESSION_LIFE });
        Ok(signed_in)
    }

    /// Not each: whoever tries many does not fill the log.
    fn log_wrong(&self, client: SocketAddr) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.count += 1;
        if wrong.logged.is_none_or(|logged| logged.elapsed() >= LOGGED_EVERY) {
            warn!("page: {client} has a wrong token ({} since the last such line)", wrong.count);
            *wrong = Wrong { count: 0, logged: Some(Instant::now()) };
        }
    }
}

fn read_token(path: &Path) -> Result<String, TokenProblem> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(TokenProblem::Public(mode));
    }
    let mut text = String::new();
    // One more than fits, and a line's end.
    file.take(*TOKEN_BYTES.end() as u64 + 2).read_to_string(&mut text)?;
    let token = text.strip_suffix('\n').unwrap_or(&text);
    let is_fit = TOKEN_BYTES.contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
    if is_fit { Ok(token.into()) } else { Err(TokenProblem::Unfit) }
}

#[cfg(test)]
mod tests {
    use std::{fs, net::Ipv4Addr};

    use tempfile::TempDir;

    use super::*;

    const TOKEN: &str = "0123456789abcdefghij";
    const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

    fn file(text: &str, mode: u32) -> (TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("page.token");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (directory, path)
    }

    fn locked() -> Door {
        let (_directory, path) = file(&format!("{TOKEN}\n"), 0o600);
        Door::new(Some(&path)).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_lasts_half_a_day() {
        let door = locked();
        assert!(door.is_locked());
        let session = door.sign_in(TOKEN, CLIENT).unwrap().unwrap();
        let id = session.id.clone().unwrap();
        assert_eq!(door.visitor(Some(id.as_str())), Some(session));
        tokio::time::sleep(SESSION_LIFE).await;
        assert_eq!(door.visitor(Some(id.as_str())), None);
    }

    #[test]
    fn nobody_else_gets_in() {
        let door = locked();
        for token in ["", "0123456789abcdefghi", "0123456789abcdefghij ", "0123456789abcdefghiJ"] {
            assert!(door.sign_in(token, CLIENT).unwrap().is_none(), "{token:?}");
        }
        for cookie in [None, Some(""), Some(TOKEN)] {
            assert_eq!(door.visitor(cookie), None, "{cookie:?}");
        }
        let session = door.sign_in(TOKEN, CLIENT).unwrap().unwrap();
        assert_ne!(session.id.as_ref(), Some(&session.csrf));
        door.sign_out(&session);
        assert_eq!(door.visitor(session.id.as_ref().map(Secret::as_str)), None);
    }

    #[test]
    fn sessions_are_bounded() {
        let door = locked();
        let sign_in = || door.sign_in(TOKEN, CLIENT).unwrap().unwrap().id.unwrap();
        let ids: Vec<_> = (0..=MAX_SESSIONS).map(|_| sign_in()).collect();
        let is_in = |id: &Secret| door.visitor(Some(id.as_str())).is_some();
        assert!(!is_in(&ids[0]) && ids[1..].iter().all(is_in));
    }

    #[test]
    fn on_this_machine_nobody_needs_a_token() {
        let door = Door::new(None).unwrap();
        let visitor = door.visitor(None).unwrap();
        assert!(!door.is_locked() && visitor.id.is_none());
        assert_eq!(visitor.csrf.as_str().len(), 64);
        assert_ne!(Door::new(None).unwrap().visitor(None).unwrap().csrf, visitor.csrf);
    }

    #[test]
    fn tokens_that_are_none_are_refused() {
        let error = |text: &str, mode| {
            let (_directory, path) = file(text, mode);
            let error = Door::new(Some(&path)).unwrap_err();
            format!("{error}; {}", error.hint().unwrap())
        };
        assert!(error(TOKEN, 0o644).contains("everybody can read it (mode 644); chmod 640"));
        let long = "x".repeat(TOKEN_BYTES.end() + 1);
        for text in ["", "short", "with a space in it", "two\nlines of a token", &long] {
            let error = error(text, 0o640);
            assert!(error.contains("not one line of 16 to 512 printable"), "{text:?}: {error}");
        }
        let missing = Door::new(Some(Path::new("/nonexistent/token"))).unwrap_err();
        assert!(missing.hint().unwrap().contains("/dev/urandom"), "{missing}");
    }
}
