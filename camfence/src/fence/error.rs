//! Why the fence cannot be changed or read.

use thiserror::Error;

use crate::{
    kernel::KernelError,
    policy::{compile::CompileError, topology::TopologyError},
};

/// The fence cannot be changed or read.
#[derive(Debug, Error)]
pub enum FenceError {
    /// The kernel, or its state.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The interfaces.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The policy.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// What is attached to a port does not enforce.
    #[error("the fence is up, but {port} is not enforcing: {problem}")]
    NotEnforcing {
        /// The port.
        port: String,
        /// What is wrong.
        problem: String,
    },
    /// A camera of the configuration is not in the fence.
    #[error("{name} is not in the fence yet")]
    NotLive {
        /// Its name.
        name: String,
    },
}

impl FenceError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Kernel(error) => error.hint(),
            Self::Topology(error) => Some(error.hint()),
            Self::Compile(error) => Some(error.hint()),
            Self::NotEnforcing { .. } => Some("`camfence doctor` looks further".into()),
            Self::NotLive { .. } => Some("`camfence reload` brings the configuration live".into()),
        }
    }
}

/// Result of an operation on the fence.
pub type Result<T> = std::result::Result<T, FenceError>;
