//! Writes captures as programs of all kinds do.

/// Magic numbers of microseconds and nanoseconds.
pub(crate) const MICROS: u32 = 0xa1b2_c3d4;
pub(crate) const NANOS: u32 = 0xa1b2_3c4d;
/// Link types.
pub(crate) const ETHERNET: u32 = 1;
pub(crate) const LINUX_SLL: u32 = 113;

/// Byte order.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }
}

/// A frame of which the first bytes were captured.
pub(crate) type Captured<'a> = (&'a [u8], usize);

fn number(length: usize) -> u32 {
    u32::try_from(length).expect("no capture is that long")
}

/// A pcap file.
pub(crate) fn pcap(order: Order, magic: u32, link: u32, frames: &[Captured<'_>]) -> Vec<u8> {
    let mut bytes = order.u32(magic).to_vec();
    bytes.extend(order.u16(2));
    bytes.extend(order.u16(4));
    for field in [0, 0, 262_144, link] {
        bytes.extend(order.u32(field));
    }
    for (i, (frame, wire)) in frames.iter().enumerate() {
        for field in [number(i), 5, number(frame.len()), number(*wire)] {
            bytes.extend(order.u32(field));
        }
        bytes.extend(*frame);
    }
    bytes
}

fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().next_multiple_of(4);
    let length = order.u32(number(12 + padded));
    let mut bytes = order.u32(kind).to_vec();
    bytes.extend(length);
    bytes.extend(body);
    bytes.resize(8 + padded, 0);
    bytes.extend(length);
    bytes
}

/// A pcapng file of one section and one interface, its frames in enhanced packet blocks.
pub(crate) fn pcapng(order: Order, link: u16, frames: &[Captured<'_>]) -> Vec<u8> {
    const SECTION: u32 = 0x0a0d_0d0a;
    const MAGIC: u32 = 0x1a2b_3c4d;
    let version = [order.u16(1), order.u16(0)].concat();
    let section = [&order.u32(MAGIC)[..], &version, &[0xff; 8]].concat();
    let mut bytes = block(order, SECTION, &section);
    let interface = [order.u16(link), order.u16(0)].concat();
    bytes.extend(block(order, 1, &[interface, order.u32(0).to_vec()].concat()));
    // Blocks that say nothing of frames are skipped.
    bytes.extend(block(order, 0x0bad, b"something private"));
    for (frame, wire) in frames {
        let mut body = Vec::new();
        for field in [0, 0, 5, number(frame.len()), number(*wire)] {
            body.extend(order.u32(field));
        }
        body.extend(*frame);
        bytes.extend(block(order, 6, &body));
    }
    bytes
}
