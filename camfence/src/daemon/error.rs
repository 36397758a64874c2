//! Why there is no daemon.

use std::{io, net::SocketAddr};

use thiserror::Error;

use super::{privileges::PrivilegeError, socket::SocketError};
use crate::{operations::OperationError, page::session::DoorError};

/// The daemon cannot serve.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// The fence cannot be put up.
    #[error(transparent)]
    Operation(#[from] OperationError),
    /// The control socket cannot be served.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The metrics cannot be served.
    #[error("cannot serve metrics at {listen}: {source}")]
    Metrics {
        /// Where they were to be.
        listen: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The page cannot be served.
    #[error("cannot serve the page at {listen}: {source}")]
    Page {
        /// Where it was to be.
        listen: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// Nobody could sign in on the page.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// More privileges than needed cannot be given up.
    #[error(transparent)]
    Privileges(#[from] PrivilegeError),
    /// Signals cannot be received.
    #[error("cannot receive signals: {0}")]
    Signals(io::Error),
    /// Putting the fence up panicked.
    #[error("putting the fence up failed unexpectedly")]
    Crashed,
}

impl DaemonError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Operation(error) => error.hint(),
            Self::Socket(error) => error.hint(),
            Self::Metrics { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("choose another port: [metrics] listen = \"127.0.0.1:9477\"".into())
            }
            Self::Metrics { .. } => {
                Some("it must be an address of this machine: [metrics] listen = …".into())
            }
            Self::Page { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("choose another port: [page] listen = \"127.0.0.1:9478\"".into())
            }
            Self::Page { .. } => {
                Some("it must be an address of this machine: [page] listen = …".into())
            }
            Self::Door(error) => error.hint(),
            Self::Signals(_) | Self::Privileges(_) => None,
            Self::Crashed => {
                Some("the log has the details; this is a bug, please report it".into())
            }
        }
    }
}
