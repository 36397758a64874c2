//! Asks the daemon, from a command line.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::UnixStream,
    time::{sleep, timeout},
};

use super::{
    protocol::{Envelope, Failure, Request, Response},
    socket::{canonical, socket_path},
};

/// How long the daemon may take to answer: other changes may be before this one.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before knocking again where many others wait.
const KNOCK_AGAIN: Duration = Duration::from_millis(20);

/// Longest answer that is read: a bridge has at most 1,023 ports to name.
const MAX_RESPONSE_BYTES: u64 = 1024 * 1024;

/// Longest line of an answer of many that is read.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// The daemon cannot be asked. Whether it has made the change is not known.
#[derive(Debug, Error)]
pub enum ClientError {
    /// It did not answer.
    #[error("the daemon did not answer within {} s", PATIENCE.as_secs())]
    Timeout,
    /// Nothing can be sent or read.
    #[error("cannot talk to the daemon at {}: {source}", path.display())]
    Io {
        /// Its socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It will not.
    #[error(transparent)]
    Refused(Failure),
    /// It said something else than an answer.
    #[error("the daemon answered something else: {0}")]
    NotAResponse(#[from] serde_json::Error),
}

impl ClientError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Refused(failure) => return failure.hint.clone(),
            Self::Timeout => "look at its log: it may be busy with an earlier change",
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "run as root"
            }
            Self::Io { .. } => "look at its log",
            Self::NotAResponse(_) => "it may be of another version: restart it",
        };
        Some(hint.into())
    }
}

/// Asks the daemon of a pin root for something about a configuration file. `None` if no daemon
/// serves that root.
pub async fn request(
    root: &Path,
    config: &Path,
    request: &Request,
) -> Result<Option<Response>, ClientError> {
    let path = socket_path(root);
    let envelope = Envelope::new(config, request.clone());
    let mut line = serde_json::to_vec(&envelope)?;
    line.push(b'\n');
    let exchanged = timeout(PATIENCE, exchange(&path, &line)).await;
    match exchanged.map_err(|_| ClientError::Timeout)? {
        Ok(Some(answer)) => Ok(Some(serde_json::from_slice(&answer)?)),
        Ok(None) => Ok(None),
        Err(source) => Err(ClientError::Io { path, source }),
    }
}

/// The lines of an answer.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    stream: BufReader<UnixStream>,
}

impl Lines {
    /// Waits for the next; none at the end.
    pub async fn next(&mut self) -> Result<Option<String>, ClientError> {
        let failed = |source| ClientError::Io { path: self.path.clone(), source };
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(MAX_LINE_BYTES);
        limited.read_until(b'\n', &mut line).await.map_err(failed)?;
        // What has no end was cut off: by the daemon's, most likely.
        match line.strip_suffix(b"\n") {
            Some(line) => Ok(Some(String::from_utf8_lossy(line).into_owned())),
            None => Ok(None),
        }
    }
}

/// Asks the daemon of a pin root for something that it answers by many lines. `None` if no daemon
/// serves that root.
pub async fn lines(
    root: &Path,
    config: &Path,
    request: &Request,
) -> Result<Option<Lines>, ClientError> {
    let path = socket_path(root);
    let mut line = serde_json::to_vec(&Envelope::new(config, request.clone()))?;
    line.push(b'\n');
    let asked = timeout(PATIENCE, ask(&path, &line)).await.map_err(|_| ClientError::Timeout)?;
    let Some(stream) = asked.map_err(|source| ClientError::Io { path: path.clone(), source })?
    else {
        return Ok(None);
    };
    let mut lines = Lines { path, stream: BufReader::new(stream) };
    let first = timeout(PATIENCE, lines.next()).await.map_err(|_| ClientError::Timeout)??;
    match serde_json::from_str(&first.unwrap_or_default())? {
        Response::Ok(_) => Ok(Some(lines)),
        Response::Error(failure) => Err(ClientError::Refused(failure)),
    }
}

async fn ask(path: &Path, line: &[u8]) -> io::Result<Option<UnixStream>> {
    let mut stream = match connect(path).await {
        Err(error) if is_nobody(&error) => return Ok(None),
        stream => stream?,
    };
    stream.write_all(line).await?;
    Ok(Some(stream))
}

async fn exchange(path: &Path, line: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut stream = match connect(path).await {
        Err(error) if is_nobody(&error) => return Ok(None),
        stream => stream?,
    };
    let sent = stream.write_all(line).await;
    let mut answer = Vec::new();
    stream.take(MAX_RESPONSE_BYTES).read_to_end(&mut answer).await?;
    // A daemon that refuses to read on has said why.
    if answer.is_empty() {
        sent?;
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(answer))
}

/// Connects, as soon as there are not too many others who want to.
async fn connect(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(KNOCK_AGAIN).await,
            stream => return stream,
        }
    }
}

/// No socket, or one that a dead daemon left.
fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}

impl Envelope {
    /// A request about a configuration file.
    pub fn new(config: &Path, request: Request) -> Self {
        Self { config: canonical(config).to_string_lossy().into_owned(), request }
    }

    /// Whether it is about this configuration file.
    pub fn is_about(&self, config: &Path) -> bool {
        canonical(config).to_string_lossy() == self.config
    }
}
