//! The system call itself, so that what the kernel answers is seen as it is.

use std::{
    ffi::{CString, c_long},
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use aya_obj::generated::{
    BPF_F_XDP_HAS_FRAGS, XDP_FLAGS_DRV_MODE, XDP_FLAGS_SKB_MODE,
    bpf_attach_type::{self, BPF_TCX_EGRESS, BPF_TCX_INGRESS, BPF_XDP},
    bpf_cmd::{self, BPF_LINK_CREATE, BPF_OBJ_PIN, BPF_PROG_LOAD, BPF_PROG_TEST_RUN},
    bpf_prog_type::{BPF_PROG_TYPE_SCHED_CLS, BPF_PROG_TYPE_XDP},
};
use camfence_common::reason::Direction;
use nix::{Result, errno::Errno, libc};

/// `r0 = 2; exit`: `XDP_PASS`, and `TC_ACT_SHOT`, which nothing meets.
const INSTRUCTIONS: [u64; 2] = [0x0000_0002_0000_00b7, 0x95];
const LICENSE: &[u8] = b"GPL\0";

/// The kind of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Xdp,
    Tc,
}

/// Where an XDP program runs: in the driver, or behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Native,
    Generic,
}

/// Whether an XDP program says that it takes frames in several buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frags {
    With,
    Without,
}

/// A loaded program that does nothing.
pub(crate) struct Program(OwnedFd);

/// A link: it detaches when it is dropped.
pub(crate) struct Link(#[expect(dead_code, reason = "only held")] OwnedFd);

/// The start of `union bpf_attr` for `BPF_PROG_LOAD`.
#[derive(Default)]
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
    interface: u32,
    attach_type: u32,
}

/// The same for `BPF_LINK_CREATE`. The end is about the order among TCX programs: zero is none.
#[derive(Default)]
#[repr(C)]
struct Create {
    program: u32,
    interface: u32,
    attach_type: u32,
    flags: u32,
    order: [u64; 2],
}

/// The same for `BPF_PROG_TEST_RUN`.
#[derive(Default)]
#[repr(C)]
struct Test {
    program: u32,
    result: u32,
    length_in: u32,
    length_out: u32,
    data_in: u64,
    data_out: u64,
    repeat: u32,
    duration: u32,
}

/// The same for `BPF_OBJ_PIN`.
#[derive(Default)]
#[repr(C)]
struct Pin {
    path: u64,
    object: u32,
    flags: u32,
}

impl Program {
    pub(crate) fn load(kind: Kind, frags: Frags) -> Result<Self> {
        let (kind, attach_type) = match kind {
            Kind::Xdp => (BPF_PROG_TYPE_XDP, BPF_XDP as u32),
            Kind::Tc => (BPF_PROG_TYPE_SCHED_CLS, 0),
        };
        let attributes = Load {
            kind: kind as u32,
            count: length(&INSTRUCTIONS)?,
            instructions: INSTRUCTIONS.as_ptr() as u64,
            license: LICENSE.as_ptr() as u64,
            flags: if frags == Frags::With { BPF_F_XDP_HAS_FRAGS } else { 0 },
            attach_type,
            ..Load::default()
        };
        // SAFETY: the pointers are those of constants.
        unsafe { descriptor(BPF_PROG_LOAD, &attributes) }.map(Self)
    }

    pub(crate) fn attach_xdp(&self, interface: u32, mode: Mode) -> Result<Link> {
        let flags = match mode {
            Mode::Native => XDP_FLAGS_DRV_MODE,
            Mode::Generic => XDP_FLAGS_SKB_MODE,
        };
        self.link(interface, BPF_XDP, flags)
    }

    /// Outbound, from a camera, is what a port receives.
    pub(crate) fn attach_tcx(&self, interface: u32, direction: Direction) -> Result<Link> {
        let at = match direction {
            Direction::Outbound => BPF_TCX_INGRESS,
            Direction::Inbound => BPF_TCX_EGRESS,
        };
        self.link(interface, at, 0)
    }

    fn link(&self, interface: u32, at: bpf_attach_type, flags: u32) -> Result<Link> {
        let attributes = Create {
            program: number(&self.0),
            interface,
            attach_type: at as u32,
            flags,
            ..Create::default()
        };
        // SAFETY: there is no pointer in it.
        unsafe { descriptor(BPF_LINK_CREATE, &attributes) }.map(Link)
    }

    pub(crate) fn test_run(&self, frame: &[u8]) -> Result<()> {
        let attributes = Test {
            program: number(&self.0),
            length_in: length(frame)?,
            data_in: frame.as_ptr() as u64,
            ..Test::default()
        };
        // SAFETY: `frame` is as long as is said, and outlives the call, which only reads it.
        unsafe { bpf(BPF_PROG_TEST_RUN, &attributes) }.map(drop)
    }

    pub(crate) fn pin(&self, path: &Path) -> Result<()> {
        let path = CString::new(path.as_os_str().as_bytes()).map_err(|_| Errno::EINVAL)?;
        let attributes =
            Pin { path: path.as_ptr() as u64, object: number(&self.0), ..Pin::default() };
        // SAFETY: `path` is terminated and outlives the call, which only reads it.
        unsafe { bpf(BPF_OBJ_PIN, &attributes) }.map(drop)
    }
}

fn length<T>(of: &[T]) -> Result<u32> {
    of.len().try_into().map_err(|_| Errno::EINVAL)
}

fn number(descriptor: &OwnedFd) -> u32 {
    descriptor.as_raw_fd().cast_unsigned()
}

/// `bpf` of a command that gives a descriptor.
///
/// # Safety
/// As for [`bpf`].
unsafe fn descriptor<T>(command: bpf_cmd, attributes: &T) -> Result<OwnedFd> {
    // SAFETY: the caller's.
    let descriptor = unsafe { bpf(command, attributes) }?;
    let descriptor = RawFd::try_from(descriptor).map_err(|_| Errno::EBADF)?;
    // SAFETY: the kernel just gave it to us, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

/// The system call.
///
/// # Safety
/// `attributes` are those of the command, and its pointers are to what the command takes.
unsafe fn bpf<T>(command: bpf_cmd, attributes: &T) -> Result<c_long> {
    // SAFETY: the kernel reads as many bytes as the third argument says; of the rest the caller
    // takes care. For what it writes there (of a test run), nobody looks.
    let answer = unsafe {
        libc::syscall(libc::SYS_bpf, command as u32, std::ptr::from_ref(attributes), size_of::<T>())
    };
    Errno::result(answer)
}
