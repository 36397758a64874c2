//! Which programs the kernel runs at an interface's TCX hooks, and which maps a program uses.
//!
//! aya's own queries also open each program by its id, which takes `CAP_SYS_ADMIN`. The queries
//! alone take `CAP_NET_ADMIN` and `CAP_BPF`.

use std::{
    ffi::CString,
    io,
    os::{
        fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
        unix::ffi::OsStrExt as _,
    },
    path::Path,
};

use aya_obj::generated::{bpf_attach_type, bpf_cmd, bpf_prog_info};
use bytemuck::{Pod, Zeroable};
use camfence_common::reason::Direction;
use rustix::io::Errno;

use super::error::{Result, Tried as _};
use crate::policy::topology::Link;

/// Programs that one hook can have (`BPF_MPROG_MAX`, `linux/bpf_mprog.h`).
const MOST_PROGRAMS: u32 = 64;

/// `union bpf_attr` as `BPF_PROG_QUERY` has it (`linux/bpf.h`).
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Query {
    target_ifindex: u32,
    attach_type: u32,
    flags: u32,
    attach_flags: u32,
    prog_ids: u64,
    count: u32,
    unused: u32,
    prog_attach_flags: u64,
    link_ids: u64,
    link_attach_flags: u64,
    revision: u64,
}

/// Maps that a program can use at most (`MAX_USED_MAPS`, `linux/bpf_verifier.h`).
const MOST_MAPS: u32 = 64;

/// `union bpf_attr` as `BPF_OBJ_GET` has it.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct Get {
    pathname: u64,
    bpf_fd: u32,
    file_flags: u32,
}

/// `union bpf_attr` as `BPF_OBJ_GET_INFO_BY_FD` has it.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C)]
struct GetInfo {
    bpf_fd: u32,
    info_len: u32,
    info: u64,
}

/// The ids of the programs attached to a port's TCX hook of a direction, in the order in which
/// they run. Empty on a kernel without TCX (before 6.6), and if the port is gone.
pub fn tcx_programs(port: &Link, direction: Direction) -> Result<Vec<u32>> {
    let attach_type = match direction {
        Direction::Outbound => bpf_attach_type::BPF_TCX_INGRESS,
        Direction::Inbound => bpf_attach_type::BPF_TCX_EGRESS,
    };
    let mut programs = [0_u32; MOST_PROGRAMS as usize];
    let mut query = Query::zeroed();
    query.target_ifindex = port.index;
    query.attach_type = attach_type as u32;
    query.prog_ids = programs.as_mut_ptr() as u64;
    query.count = MOST_PROGRAMS;
    // SAFETY: `prog_ids` has room for `count` numbers.
    match unsafe { bpf(bpf_cmd::BPF_PROG_QUERY, &mut query) } {
        Ok(_) => {}
        Err(Errno::INVAL | Errno::NODEV) => return Ok(Vec::new()),
        Err(error) => return Err(error).tried(|| format!("{}: listing its programs", port.name)),
    }
    Ok(programs.into_iter().take(query.count as usize).collect())
}

/// The ids of the maps that a pinned program uses.
pub fn maps_of(pin: &Path) -> Result<Vec<u32>> {
    let used = open_pin(pin).and_then(|program| used_maps(&program));
    used.tried(|| format!("reading which maps {} uses", pin.display()))
}

fn open_pin(pin: &Path) -> std::result::Result<OwnedFd, Errno> {
    let path = CString::new(pin.as_os_str().as_bytes()).map_err(|_| Errno::INVAL)?;
    let mut get = Get { pathname: path.as_ptr() as u64, ..Get::zeroed() };
    // SAFETY: `pathname` is a string that ends in zero.
    let fd = unsafe { bpf(bpf_cmd::BPF_OBJ_GET, &mut get) }?;
    // SAFETY: the kernel has just opened it for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn used_maps(program: &OwnedFd) -> std::result::Result<Vec<u32>, Errno> {
    let mut maps = [0_u32; MOST_MAPS as usize];
    // SAFETY: it is made of numbers, which may all be zero.
    let mut info = unsafe { std::mem::zeroed::<bpf_prog_info>() };
    info.map_ids = maps.as_mut_ptr() as u64;
    info.nr_map_ids = MOST_MAPS;
    let mut get = GetInfo {
        bpf_fd: u32::try_from(program.as_raw_fd()).map_err(|_| Errno::BADF)?,
        info_len: u32::try_from(size_of::<bpf_prog_info>()).map_err(|_| Errno::INVAL)?,
        info: std::ptr::from_mut(&mut info) as u64,
    };
    // SAFETY: `info` has room for `info_len` bytes, and `map_ids` for `nr_map_ids` numbers.
    unsafe { bpf(bpf_cmd::BPF_OBJ_GET_INFO_BY_FD, &mut get) }?;
    Ok(maps.into_iter().take(info.nr_map_ids as usize).collect())
}

/// Makes the system call; gives what it returns.
///
/// # Safety
/// What `attr` points to has to be as long as it says, and live until this returns.
pub(super) unsafe fn bpf<T: Pod>(
    command: bpf_cmd,
    attr: &mut T,
) -> std::result::Result<RawFd, Errno> {
    // SAFETY: the kernel reads and writes `attr` as long as it is told, and what that points to.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command as libc::c_long,
            std::ptr::from_mut(attr),
            size_of::<T>(),
        )
    };
    match RawFd::try_from(result) {
        Ok(result) if result >= 0 => Ok(result),
        _ => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
    }
}
