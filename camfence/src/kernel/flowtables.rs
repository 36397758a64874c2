//! The flowtables of nftables, by netlink.
//!
//! No crate reads them: libnftables' JSON leaves the flags out, and with them what matters. One dump
//! and four attributes (`linux/netfilter/nf_tables.h`).

use netlink_packet_core::{NetlinkBuffer, NlaBuffer, NlasIterator};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_NETFILTER};
use rustix::io::Errno;

use super::error::{Result, Tried as _};
use crate::doctor::seen::Flowtable;

/// `NFNL_SUBSYS_NFTABLES << 8`, and the messages in it.
const NFTABLES: u16 = 10 << 8;
const GET_FLOWTABLE: u16 = NFTABLES + 23;
const NEW_FLOWTABLE: u16 = NFTABLES + 22;

const REQUEST_DUMP: u16 = 0x301;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const HEADER_BYTES: u32 = 16;
/// `struct nfgenmsg`.
const FAMILY_BYTES: u32 = 4;

const TABLE: u16 = 1;
const NAME: u16 = 2;
const HOOK: u16 = 3;
const FLAGS: u16 = 7;
const HOOK_DEVICES: u16 = 3;
const DEVICE_NAME: u16 = 1;
/// `NF_FLOWTABLE_HW_OFFLOAD`.
const IN_HARDWARE: u32 = 1;

/// Answers that are read at most: a list that does not end is not one.
const MOST_ANSWERS: usize = 10_000;

/// All flowtables. None on a kernel without nftables or flowtables.
pub fn flowtables() -> Result<Vec<Flowtable>> {
    let what = || "listing flowtables".to_string();
    let mut socket = Socket::new(NETLINK_NETFILTER).tried(what)?;
    socket.bind_auto().tried(what)?;
    socket.send_to(&request(), &SocketAddr::new(0, 0), 0).tried(what)?;
    let mut tables = Vec::new();
    for _ in 0..MOST_ANSWERS {
        let (datagram, _) = socket.recv_from_full().tried(what)?;
        match read(&datagram, &mut tables) {
            Ok(Next::More) => {}
            // What the kernel answers when it has no nftables.
            Ok(Next::Done) | Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOENT) => break,
            Err(errno) => return Err(errno).tried(what),
        }
    }
    Ok(tables)
}

/// A dump of all families.
fn request() -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend((HEADER_BYTES + FAMILY_BYTES).to_ne_bytes());
    bytes.extend(GET_FLOWTABLE.to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    // Sequence number, port; then the family, which is none, its version, and no resource.
    bytes.extend([0; 12]);
    bytes
}

enum Next {
    More,
    Done,
}

/// Reads the messages of a datagram.
fn read(datagram: &[u8], tables: &mut Vec<Flowtable>) -> std::result::Result<Next, Errno> {
    let mut rest = datagram;
    while !rest.is_empty() {
        let message = NetlinkBuffer::new_checked(rest).map_err(|_| Errno::BADMSG)?;
        let payload = message.payload();
        match message.message_type() {
            NLMSG_DONE => return Ok(Next::Done),
            NLMSG_ERROR => {
                let code = payload.first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
                return if code == 0 {
                    Ok(Next::Done)
                } else {
                    Err(Errno::from_raw_os_error(code.abs()))
                };
            }
            NEW_FLOWTABLE => tables.extend(flowtable(payload.get(4..).unwrap_or_default())),
            _ => {}
        }
        let length = (message.length() as usize).next_multiple_of(4);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(Next::More)
}

fn attributes(bytes: &[u8]) -> impl Iterator<Item = NlaBuffer<&[u8]>> {
    NlasIterator::new(bytes).filter_map(std::result::Result::ok)
}

fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn flowtable(bytes: &[u8]) -> Option<Flowtable> {
    let (mut table, mut name, mut devices, mut flags) = (None, None, Vec::new(), 0);
    for attribute in attributes(bytes) {
        let value = attribute.value();
        match attribute.kind() {
            TABLE => table = Some(text(value)),
            NAME => name = Some(text(value)),
            FLAGS => flags = value.first_chunk().map_or(0, |flags| u32::from_be_bytes(*flags)),
            HOOK => devices = hook_devices(value),
            _ => {}
        }
    }
    let name = format!("{} {}", table?, name?);
    Some(Flowtable { name, devices, hardware: flags & IN_HARDWARE != 0 })
}

fn hook_devices(hook: &[u8]) -> Vec<String> {
    let lists = attributes(hook).filter(|attribute| attribute.kind() == HOOK_DEVICES);
    let names = lists.flat_map(|list| {
        let of_list = attributes(list.value()).filter(|name| name.kind() == DEVICE_NAME);
        of_list.map(|name| text(name.value())).collect::<Vec<_>>()
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + payload.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(payload);
        bytes
    }

    fn table(flags: u32) -> Vec<u8> {
        let nested = 0x8000;
        let names = [attribute(DEVICE_NAME, b"eth0\0"), attribute(DEVICE_NAME, b"eth1\0")].concat();
        let hook = [attribute(1, &[0; 4]), attribute(HOOK_DEVICES | nested, &names)].concat();
        let attributes = [
            attribute(TABLE, b"filter\0"),
            attribute(NAME, b"ft\0"),
            attribute(HOOK | nested, &hook),
            attribute(FLAGS, &flags.to_be_bytes()),
        ];
        [vec![2, 0, 0, 0], attributes.concat()].concat()
    }

    #[test]
    fn a_dump_is_read_to_its_end() {
        let mut tables = Vec::new();
        let datagram =
            [message(NEW_FLOWTABLE, &table(1)), message(NEW_FLOWTABLE, &table(0))].concat();
        assert!(matches!(read(&datagram, &mut tables), Ok(Next::More)));
        assert!(matches!(read(&message(NLMSG_DONE, &[0; 4]), &mut tables), Ok(Next::Done)));
        let devices = vec!["eth0".to_string(), "eth1".into()];
        let wanted =
            |hardware| Flowtable { name: "filter ft".into(), devices: devices.clone(), hardware };
        assert_eq!(tables, [wanted(true), wanted(false)]);
    }

    #[test]
    fn an_error_is_one_and_garbage_is_nothing() {
        let mut tables = Vec::new();
        let refused = message(NLMSG_ERROR, &(-22_i32).to_ne_bytes());
        assert!(matches!(read(&refused, &mut tables), Err(Errno::INVAL)));
        assert!(read(&[1, 2, 3], &mut tables).is_err());
        let whole = message(NEW_FLOWTABLE, &table(1));
        for end in 1..whole.len() {
            let _ = read(&whole[..end], &mut tables);
        }
        assert!(tables.is_empty());
    }
}
