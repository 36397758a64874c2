//! TC programs as filters of a clsact qdisc: how they are attached on a kernel before 6.6.

use std::mem;

use aya::programs::{
    SchedClassifier,
    tc::{self, NlOptions, SchedClassifierLink, TcAttachOptions, TcHandle},
};
use camfence_common::reason::Direction;
use rustix::io::Errno;

use super::{
    error::{OsCode as _, Result, Tried as _},
    links::{attach_type, tc_name},
    netlink::{ClsactProgram, ClsactSide, Netlink},
    root::{self, Root},
};
use crate::policy::topology::Link;

/// Priority of camfence's filters. The highest: a filter before it could let a frame pass unseen.
const PRIORITY: u16 = 1;
/// Lower half of the handle of camfence's filters. The upper half tells pin roots apart.
const HANDLE: u16 = 0xcf;

/// Attaches a program on one side of a port, in the place of the filter that this root's fence left
/// there, if there is one.
pub(super) async fn attach(
    program: &mut SchedClassifier,
    root: &Root,
    netlink: &Netlink,
    port: &Link,
    direction: Direction,
) -> Result<()> {
    let what = || format!("{}: attaching the TC program", port.name);
    match tc::qdisc_add_clsact(&port.name) {
        Err(error) if error.os_code() == Some(Errno::EXIST.raw_os_error()) => {}
        result => result.tried(|| format!("{}: adding a clsact qdisc", port.name))?,
    }
    // One whose pin was lost goes on judging by what is no longer written to.
    let filters = netlink.clsact_programs(port.index, side(direction)).await?;
    if let Some(filter) = filters.iter().find(|filter| is_filed(filter, root, direction)) {
        return replace(program, port, direction, filter);
    }
    let options = TcAttachOptions::Netlink(NlOptions {
        priority: PRIORITY,
        handle: handle(root),
        classid: None,
    });
    let id =
        program.attach_with_options(&port.name, attach_type(direction), options).tried(what)?;
    // Dropping it would take the filter off.
    mem::forget(program.take_link(id).tried(what)?);
    Ok(())
}

/// Puts a program in the place of a filter's.
pub(super) fn replace(
    program: &mut SchedClassifier,
    port: &Link,
    direction: Direction,
    filter: &ClsactProgram,
) -> Result<()> {
    let what = || format!("{}: replacing the TC program", port.name);
    let id = program.attach_to_link(link(port, direction, filter)?).tried(what)?;
    // Dropping it would take the filter off.
    mem::forget(program.take_link(id).tried(what)?);
    Ok(())
}

/// Takes a filter off a port.
pub(super) fn take_off(port: &Link, direction: Direction, filter: &ClsactProgram) -> Result<()> {
    drop(link(port, direction, filter)?);
    Ok(())
}

/// Takes the filters of a root's fence off all interfaces, by how they are filed and named: for
/// when no pin says which programs they run.
pub async fn take_all_off(root: &Root, netlink: &Netlink) -> Result<()> {
    for port in netlink.links().await? {
        for direction in Direction::ALL {
            let filters = netlink.clsact_programs(port.index, side(direction)).await?;
            for filter in filters.iter().filter(|filter| is_filed(filter, root, direction)) {
                take_off(&port, direction, filter)?;
            }
        }
    }
    Ok(())
}

/// The side of the qdisc that sees the frames of a direction.
pub(super) const fn side(direction: Direction) -> ClsactSide {
    match direction {
        Direction::Outbound => ClsactSide::Ingress,
        Direction::Inbound => ClsactSide::Egress,
    }
}

/// A filter as a link; dropping it takes the filter off.
fn link(port: &Link, direction: Direction, filter: &ClsactProgram) -> Result<SchedClassifierLink> {
    let (at, handle) = (attach_type(direction), TcHandle::from(filter.handle));
    SchedClassifierLink::attached(&port.name, at, filter.priority, handle, None)
        .tried(|| format!("{}: looking for its filter", port.name))
}

/// Whether a filter is where the fence of a root puts its own, and is called so.
fn is_filed(filter: &ClsactProgram, root: &Root, direction: Direction) -> bool {
    filter.priority == PRIORITY
        && filter.handle == u32::from(handle(root))
        && filter.name == tc_name(direction)
}

/// The handle of the filters of a root's fence. Fences under several roots on one port must not
/// have one handle: the later would replace the earlier. The default root has 0 in the upper half,
/// any other a digest of its path, which never is 0.
fn handle(root: &Root) -> TcHandle {
    let path = root.path();
    if path == root::DEFAULT {
        return TcHandle::new(0, HANDLE);
    }
    let bytes = path.as_os_str().as_encoded_bytes();
    // Fletcher-16 (RFC 1146, appendix I), each sum in 1..=255.
    let (low, high) = bytes.iter().fold((0, 0), |(low, high), byte| {
        let low = (low + u16::from(*byte)) % 255;
        (low, (high + low) % 255)
    });
    TcHandle::new((high + 1) << 8 | (low + 1), HANDLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str) -> u32 {
        handle(&Root::new(path)).into()
    }

    #[test]
    fn only_the_default_root_has_no_upper_half() {
        assert_eq!(of(root::DEFAULT), 0xcf);
        for path in ["/", "", "/sys/fs/bpf/camfence2", "/sys/fs/bpf/ecnefmac"] {
            assert_ne!(of(path) >> 16, 0, "{path}");
            assert_eq!(of(path) & 0xffff, 0xcf, "{path}");
        }
    }

    #[test]
    fn roots_that_differ_in_order_or_by_a_letter_have_their_own() {
        let paths = ["/sys/fs/bpf/ab", "/sys/fs/bpf/ba", "/sys/fs/bpf/a", "/sys/fs/bpf/b"];
        let mut handles: Vec<_> = paths.into_iter().map(of).collect();
        handles.sort_unstable();
        handles.dedup();
        assert_eq!(handles.len(), paths.len());
    }
}
