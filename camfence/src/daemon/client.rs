//! Asks the daemon, from a command line.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::{sleep, timeout},
};

use super::{
    protocol::{Envelope, Request, Response},
    socket::{canonical, socket_path},
};

/// How long the daemon may take to answer: other changes may be before this one.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before knocking again where many others wait.
const KNOCK_AGAIN: Duration = Duration::from_millis(20);

/// Longest answer that is read: a bridge has at most 1,023 ports to name.
const MAX_RESPONSE_BYTES: u64 = 1024 * 1024;

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
    /// It said something else than an answer.
    #[error("the daemon answered something else: {0}")]
    NotAResponse(#[from] serde_json::Error),
}

impl ClientError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
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
