//! Which programs the kernel runs at an interface's TCX hooks.
//!
//! aya's own query also opens each program it finds, by its id, which takes `CAP_SYS_ADMIN`. The
//! query alone takes `CAP_NET_ADMIN`.

use std::io;

use aya_obj::generated::{bpf_attach_type, bpf_cmd};
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
    match prog_query(&mut query) {
        Ok(()) => {}
        Err(Errno::INVAL | Errno::NODEV) => return Ok(Vec::new()),
        Err(error) => return Err(error).tried(|| format!("{}: listing its programs", port.name)),
    }
    Ok(programs.into_iter().take(query.count as usize).collect())
}

fn prog_query(query: &mut Query) -> std::result::Result<(), Errno> {
    // SAFETY: the kernel reads and writes `query`, as long as it says, and writes at most `count`
    // numbers to `prog_ids`, which its caller keeps that long.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            bpf_cmd::BPF_PROG_QUERY as libc::c_long,
            std::ptr::from_mut(query),
            size_of::<Query>(),
        )
    };
    if result == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))
}
