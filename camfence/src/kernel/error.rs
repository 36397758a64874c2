//! What can go wrong with the kernel, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
};

use aya::{
    EbpfError,
    maps::MapError,
    pin::PinError,
    programs::{ProgramError, links::LinkError, tc::TcError, xdp::XdpError},
};
use camfence_common::abi::ABI;
use rustix::io::Errno;
use thiserror::Error;

/// An operation on the kernel failed.
#[derive(Debug, Error)]
pub enum KernelError {
    /// The pin root is not on a BPF file system.
    #[error("{} is not on a BPF file system", path.display())]
    NoBpffs {
        /// The pin root.
        path: PathBuf,
    },
    /// Root, or the capabilities, are missing.
    #[error("{what}: not permitted")]
    NotPermitted {
        /// What was tried.
        what: String,
    },
    /// The pinned state was made by another version.
    #[error(
        "{} holds the state of another version (ABI {found}, this one has {ABI})", path.display()
    )]
    OtherAbi {
        /// The pin root.
        path: PathBuf,
        /// The ABI number found.
        found: u32,
    },
    /// The maps are of another size than the configuration wants.
    #[error("the fence stands with room for {live} cameras, the configuration says {wanted}")]
    OtherSize {
        /// Room in the live maps.
        live: u32,
        /// `max_cameras` of the configuration.
        wanted: u32,
    },
    /// Something that was pinned for the fence is not there any more.
    #[error("the fence is damaged: {} is gone", path.display())]
    Damaged {
        /// What is gone.
        path: PathBuf,
    },
    /// There is no fence under the pin root.
    #[error("no fence stands under {}", path.display())]
    Down {
        /// The pin root.
        path: PathBuf,
    },
    /// Something else holds the interface's XDP hook.
    #[error("{interface}: another XDP program is attached")]
    XdpBusy {
        /// The interface.
        interface: String,
    },
    /// The driver has no native XDP.
    #[error("{interface}: its driver has no native XDP")]
    XdpUnsupported {
        /// The interface.
        interface: String,
    },
    /// The interface's frames are too long for XDP as this kernel and driver have it.
    #[error("{interface}: its MTU is too large for XDP here")]
    XdpMtu {
        /// The interface.
        interface: String,
    },
    /// The kernel attached without a link that could be pinned.
    #[error("{interface}: this kernel cannot keep an XDP program attached without a process")]
    NoLink {
        /// The interface.
        interface: String,
    },
    /// The verifier or the kernel refused a program.
    #[error("the kernel refused program {program}: {reason}")]
    Refused {
        /// The program.
        program: String,
        /// The last line of the verifier's log, or the error.
        reason: String,
    },
    /// Another process holds the lock for long.
    #[error("another camfence is changing the fence under {}", path.display())]
    Locked {
        /// The pin root.
        path: PathBuf,
    },
    /// Another process captures.
    #[error("another camfence is capturing at the fence under {}", path.display())]
    Capturing {
        /// The pin root.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{what}: {reason}")]
    Failed {
        /// What was tried.
        what: String,
        /// Why it failed.
        reason: String,
        /// The error number, if there was one.
        errno: Option<i32>,
    },
}

/// Result of an operation on the kernel.
pub type Result<T> = std::result::Result<T, KernelError>;

impl KernelError {
    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoBpffs { path } => format!(
                "mount one: mount -t bpf bpf /sys/fs/bpf (or name another place with --bpffs; {} \
                 needs to be a directory on it)",
                path.display()
            ),
            Self::NotPermitted { .. } => {
                "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON".into()
            }
            Self::OtherAbi { .. } => {
                "run `camfence up`: it brings this version in without a gap, and carries over what \
                 it can read"
                    .into()
            }
            Self::OtherSize { .. } => {
                "run `camfence reload`: it makes the room without a gap, and carries everything \
                 over"
                    .into()
            }
            Self::Damaged { .. } => {
                "run `camfence up`: it makes anew what is missing, without a gap".into()
            }
            Self::Down { .. } => "run `camfence up`".into(),
            Self::XdpBusy { interface } => format!(
                "`ip link show {interface}` names it; take it off with `ip link set dev \
                 {interface} xdp off`, or set hook = \"tc\""
            ),
            Self::XdpUnsupported { .. } => {
                "set hook = \"tc\" (or \"auto\"), or ask for the slow \"xdp-generic\"".into()
            }
            Self::XdpMtu { interface } => format!(
                "set hook = \"tc\" (or \"auto\"), or lower it: ip link set dev {interface} mtu 1500"
            ),
            Self::NoLink { .. } => "set hook = \"tc\", or use kernel 5.9 or later".into(),
            Self::Refused { .. } => {
                "camfence needs Linux 5.10 or later with CONFIG_BPF_SYSCALL, CONFIG_NET_CLS_ACT \
                 and CONFIG_NET_CLS_BPF"
                    .into()
            }
            Self::Locked { .. } | Self::Capturing { .. } => "try again when it is done".into(),
            Self::Failed { .. } => return None,
        })
    }

    /// The error number, if the kernel gave one.
    pub fn errno(&self) -> Option<Errno> {
        match self {
            Self::Failed { errno, .. } => errno.map(Errno::from_raw_os_error),
            _ => None,
        }
    }

    /// The same, of opening a pin: that it is not there has a name of its own.
    pub(crate) fn of_pin(self, pin: &Path) -> Self {
        if self.errno() == Some(Errno::NOENT) { Self::Damaged { path: pin.into() } } else { self }
    }

    /// From an error of the standard library.
    pub fn io(what: impl Into<String>, error: &io::Error) -> Self {
        Self::new(what.into(), error.to_string(), error.raw_os_error())
    }

    /// From an error that has no error number.
    pub(crate) fn of(error: &(dyn std::error::Error + 'static), what: &str) -> Self {
        Self::Failed { what: what.into(), reason: root_cause(error), errno: None }
    }

    fn new(what: String, reason: String, errno: Option<i32>) -> Self {
        match errno.map(Errno::from_raw_os_error) {
            Some(Errno::PERM | Errno::ACCESS) => Self::NotPermitted { what },
            _ => Self::Failed { what, reason, errno },
        }
    }
}

/// Adds what was tried to an error of aya's.
pub(crate) trait Tried<T> {
    /// Says what was tried.
    fn tried(self, what: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: OsCode + std::error::Error + 'static> Tried<T> for std::result::Result<T, E> {
    fn tried(self, what: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| KernelError::new(what(), root_cause(&error), error.os_code()))
    }
}

/// The innermost error says what happened; the outer ones only where in the library.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// Errors that may carry an error number.
pub(crate) trait OsCode {
    /// The error number.
    fn os_code(&self) -> Option<i32>;
}

impl OsCode for io::Error {
    fn os_code(&self) -> Option<i32> {
        self.raw_os_error()
    }
}

impl OsCode for Errno {
    fn os_code(&self) -> Option<i32> {
        Some(self.raw_os_error())
    }
}

impl OsCode for MapError {
    fn os_code(&self) -> Option<i32> {
        match self {
            Self::SyscallError(error) => error.io_error.raw_os_error(),
            Self::CreateError { io_error, .. } | Self::IoError(io_error) => io_error.raw_os_error(),
            Self::PinError { error, .. } => error.os_code(),
            _ => None,
        }
    }
}

impl OsCode for PinError {
    fn os_code(&self) -> Option<i32> {
        match self {
            Self::SyscallError(error) => error.io_error.raw_os_error(),
            _ => None,
        }
    }
}

impl OsCode for ProgramError {
    fn os_code(&self) -> Option<i32> {
        match self {
            Self::LoadError { io_error, .. } | Self::IOError(io_error) => io_error.raw_os_error(),
            Self::SyscallError(error) => error.io_error.raw_os_error(),
            Self::MapError(error) => error.os_code(),
            Self::TcError(error) => error.os_code(),
            Self::XdpError(XdpError::NetlinkError(error)) | Self::NetlinkError(error) => {
                error.raw_os_error()
            }
            _ => None,
        }
    }
}

impl OsCode for TcError {
    fn os_code(&self) -> Option<i32> {
        match self {
            Self::NetlinkError(error) => error.raw_os_error(),
            Self::IoError(error) => error.raw_os_error(),
            _ => None,
        }
    }
}

impl OsCode for LinkError {
    fn os_code(&self) -> Option<i32> {
        match self {
            Self::SyscallError(error) => error.io_error.raw_os_error(),
            _ => None,
        }
    }
}

impl OsCode for EbpfError {
    fn os_code(&self) -> Option<i32> {
        match self {
            Self::MapError(error) => error.os_code(),
            Self::ProgramError(error) => error.os_code(),
            _ => None,
        }
    }
}

impl OsCode for rtnetlink::Error {
    fn os_code(&self) -> Option<i32> {
        match self {
            Self::NetlinkError(message) => Some(message.raw_code().abs()),
            _ => None,
        }
    }
}
