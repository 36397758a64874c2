//! What `ethtool` asks of the kernel. No crate sets features and the program is rarely
//! installed, hence the one `ioctl` here. All act on interfaces of this thread's namespace.

use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, Result, ensure};
use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// `ETHTOOL_GLINK` of linux/ethtool.h.
const GET_LINK: u32 = 0x0a;

/// `ETHTOOL_SGRO` of linux/ethtool.h.
const SET_GRO: u32 = 0x2c;

/// `ETHTOOL_S…` requests, in the order that dependencies ask for.
const SET_FEATURES: [(&str, u32); 5] =
    [("gro", SET_GRO), ("tso", 0x1f), ("gso", 0x24), ("sg", 0x19), ("tx checksum", 0x17)];

/// `struct ethtool_value` of linux/ethtool.h.
#[repr(C)]
struct EthtoolValue {
    cmd: u32,
    data: u32,
}

nix::ioctl_write_ptr_bad!(siocethtool, libc::SIOCETHTOOL, libc::ifreq);

/// Turns checksum and segmentation offloads off.
pub(crate) fn disable_offloads(interface: &str) -> Result<()> {
    for (feature, cmd) in SET_FEATURES {
        request(interface, cmd, 0)
            .with_context(|| format!("turning {feature} off on {interface}"))?;
    }
    Ok(())
}

/// Turns generic receive offload on.
pub(crate) fn enable_gro(interface: &str) -> Result<()> {
    request(interface, SET_GRO, 1).with_context(|| format!("turning gro on on {interface}"))?;
    Ok(())
}

/// Whether the interface is up and has a carrier. Before it answers, the kernel (since 6.0)
/// does what its link watch had still to do, after which frames really pass: until then an
/// interface says that it is running and drops all it is given.
pub(crate) fn has_link(interface: &str) -> Result<bool> {
    Ok(request(interface, GET_LINK, 0)? != 0)
}

/// Makes a request with a value; gives the value that came back.
fn request(interface: &str, cmd: u32, data: u32) -> Result<u32> {
    let fd = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
    let mut value = EthtoolValue { cmd, data };
    let request = libc::ifreq {
        ifr_name: c_name(interface)?,
        ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_data: (&raw mut value).cast() },
    };
    // SAFETY: SIOCETHTOOL reads `request`, whose `ifru_data` points to an ethtool_value, which
    // is what these requests read and write; both outlive the call.
    unsafe { siocethtool(fd.as_raw_fd(), &raw const request) }?;
    Ok(value.data)
}

fn c_name(interface: &str) -> Result<[libc::c_char; libc::IFNAMSIZ]> {
    ensure!(interface.len() < libc::IFNAMSIZ, "{interface} is too long for an interface");
    let mut name = [0; libc::IFNAMSIZ];
    for (to, from) in name.iter_mut().zip(interface.bytes()) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    Ok(name)
}
