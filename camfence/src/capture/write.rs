//! Writing captures: pcapng (draft-ietf-opsawg-pcapng), with what became of each frame as a comment
//! and as the verdict option that Wireshark shows.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{self, Write},
    time::Duration,
};

use camfence_common::{
    capture::Caught,
    reason::{Direction, Effect},
};
use pcap_parser::{
    EnhancedPacketBlock, InterfaceDescriptionBlock, InterfaceStatisticsBlock, Linktype, OptionCode,
    PcapNGOption, SectionHeaderBlock, ToVec,
};

use super::read::ETHERNET;

/// Option `epb_flags`: which way the frame went, in two bits.
const EPB_FLAGS: OptionCode = OptionCode(2);
const INBOUND: u32 = 1;
const OUTBOUND: u32 = 2;
/// Option `epb_verdict`: a byte for who judged, and eight for what it said.
const EPB_VERDICT: OptionCode = OptionCode(7);
const VERDICT_OF_TC: u8 = 1;
const VERDICT_OF_XDP: u8 = 2;
/// `TC_ACT_UNSPEC` and `TC_ACT_SHOT` (`linux/pkt_cls.h`), `XDP_PASS` and `XDP_DROP` (`linux/bpf.h`).
const TC_PASS: u64 = u64::MAX;
const TC_DROP: u64 = 2;
const XDP_PASS: u64 = 2;
const XDP_DROP: u64 = 1;
/// Option `if_tsresol`: times are in nanoseconds.
const NANOSECONDS: u8 = 9;
/// A section whose length is not told.
const UNKNOWN_LENGTH: i64 = -1;
/// Bytes of the MACs, behind which a tag is.
const MACS: usize = 12;
/// Bytes of a tag.
const TAG: u32 = 4;

/// A frame, and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// When, since the epoch.
    pub time: Duration,
    /// The port's name.
    pub interface: &'a str,
    /// Which way it went.
    pub direction: Direction,
    /// What the kernel told.
    pub caught: &'a Caught,
    /// Its bytes, as far as they were captured.
    pub bytes: &'a [u8],
    /// What is to be said of it.
    pub comment: &'a str,
}

/// Writes a capture.
#[derive(Debug)]
pub struct Writer<W> {
    to: W,
    snaplen: u32,
    interfaces: BTreeMap<u32, Interface>,
}

#[derive(Debug)]
struct Interface {
    number: u32,
    frames: u64,
}

impl<W: Write> Writer<W> {
    /// Begins a capture of frames of at most `snaplen` bytes.
    pub fn new(to: W, snaplen: u32) -> io::Result<Self> {
        let mut writer = Self { to, snaplen, interfaces: BTreeMap::new() };
        let application = concat!("camfence ", env!("CARGO_PKG_VERSION"));
        writer.write(&mut SectionHeaderBlock {
            block_type: 0,
            block_len1: 0,
            bom: 0,
            major_version: 0,
            minor_version: 0,
            section_len: UNKNOWN_LENGTH,
            options: vec![option(OptionCode::ShbUserAppl, application.as_bytes())],
            block_len2: 0,
        })?;
        Ok(writer)
    }

    /// Writes a frame.
    pub fn packet(&mut self, packet: &Packet<'_>) -> io::Result<()> {
        let interface = self.interface(packet)?;
        let Packet { direction, caught, bytes, comment, .. } = *packet;
        let bytes = tagged(bytes, caught.tag);
        let flags = match direction {
            // As the port sees it.
            Direction::Outbound => INBOUND,
            Direction::Inbound => OUTBOUND,
        };
        let (ts_high, ts_low) = timestamp(packet.time);
        let tag = if caught.tag == 0 { 0 } else { TAG };
        self.write(&mut EnhancedPacketBlock {
            block_type: 0,
            block_len1: 0,
            if_id: interface,
            ts_high,
            ts_low,
            caplen: u32::try_from(bytes.len()).map_err(io::Error::other)?,
            origlen: caught.len.saturating_add(tag),
            data: &bytes,
            options: vec![
                option(OptionCode::Comment, comment.as_bytes()),
                option(EPB_FLAGS, &flags.to_le_bytes()),
                option(EPB_VERDICT, &verdict(caught)),
            ],
            block_len2: 0,
        })
    }

    /// Ends the capture, and says how many frames came and how many were lost.
    pub fn finish(mut self, now: Duration, lost: u64) -> io::Result<()> {
        let comment = format!("{lost} frames were lost, of all interfaces together");
        for Interface { number, frames } in std::mem::take(&mut self.interfaces).into_values() {
            let frames = frames.to_le_bytes();
            let mut options = vec![option(OptionCode::IsbIfRecv, &frames)];
            if lost > 0 {
                options.push(option(OptionCode::Comment, comment.as_bytes()));
            }
            let (ts_high, ts_low) = timestamp(now);
            self.write(&mut InterfaceStatisticsBlock {
                block_type: 0,
                block_len1: 0,
                if_id: number,
                ts_high,
                ts_low,
                options,
                block_len2: 0,
            })?;
        }
        self.flush()
    }

    /// Has what was written reach its reader.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// The number of a packet's interface, which is described before its first packet.
    fn interface(&mut self, packet: &Packet<'_>) -> io::Result<u32> {
        let ifindex = packet.caught.ifindex;
        if let Some(interface) = self.interfaces.get_mut(&ifindex) {
            interface.frames += 1;
            return Ok(interface.number);
        }
        let number = u32::try_from(self.interfaces.len()).map_err(io::Error::other)?;
        self.write(&mut InterfaceDescriptionBlock {
            block_type: 0,
            block_len1: 0,
            linktype: Linktype(ETHERNET),
            reserved: 0,
            snaplen: self.snaplen.saturating_add(TAG),
            options: vec![option(OptionCode::IfName, packet.interface.as_bytes())],
            block_len2: 0,
            if_tsresol: NANOSECONDS,
            if_tsoffset: 0,
        })?;
        self.interfaces.insert(ifindex, Interface { number, frames: 1 });
        Ok(number)
    }

    fn write(&mut self, block: &mut impl ToVec) -> io::Result<()> {
        let bytes = block.to_vec().map_err(|error| io::Error::other(format!("{error:?}")))?;
        self.to.write_all(&bytes)
    }
}

/// An option; one that is too long for its length field is cut.
fn option(code: OptionCode, value: &[u8]) -> PcapNGOption<'_> {
    let len = u16::try_from(value.len()).unwrap_or(u16::MAX);
    PcapNGOption { code, len, value: Cow::Borrowed(&value[..len.into()]) }
}

fn timestamp(time: Duration) -> (u32, u32) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let [high, low] = [nanoseconds >> 32, nanoseconds & 0xffff_ffff];
    (u32::try_from(high).unwrap_or(u32::MAX), u32::try_from(low).unwrap_or(u32::MAX))
}

/// The frame as it was on the wire, with the tag that the kernel kept beside it.
fn tagged(bytes: &[u8], tag: u32) -> Cow<'_, [u8]> {
    match bytes.split_at_checked(MACS) {
        Some((macs, rest)) if tag != 0 => [macs, &tag.to_be_bytes(), rest].concat().into(),
        _ => bytes.into(),
    }
}

fn verdict(caught: &Caught) -> [u8; 9] {
    let (who, what) = match (caught.hook, caught.effect()) {
        (Caught::AT_XDP, Effect::Pass) => (VERDICT_OF_XDP, XDP_PASS),
        (Caught::AT_XDP, Effect::Drop) => (VERDICT_OF_XDP, XDP_DROP),
        (_, Effect::Pass) => (VERDICT_OF_TC, TC_PASS),
        (_, Effect::Drop) => (VERDICT_OF_TC, TC_DROP),
    };
    let mut value = [who; 9];
    value[1..].copy_from_slice(&what.to_le_bytes());
    value
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable as _;
    use pcap_parser::{Block, PcapBlockOwned, create_reader};

    use super::*;
    use crate::capture::{Problem, read};

    fn caught(len: u32) -> Caught {
        Caught { ifindex: 7, len, captured: len, ..Caught::zeroed() }
    }

    fn packet<'a>(caught: &'a Caught, bytes: &'a [u8]) -> Packet<'a> {
        let time = Duration::new(1_700_000_000, 123_456_789);
        let direction = Direction::Outbound;
        Packet { time, interface: "br-cam0", direction, caught, bytes, comment: "a comment" }
    }

    fn written(packets: &[Packet<'_>], lost: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, 100).unwrap();
        for packet in packets {
            writer.packet(packet).unwrap();
        }
        writer.finish(Duration::from_secs(1_700_000_001), lost).unwrap();
        bytes
    }

    #[test]
    fn frames_are_read_back_as_they_were_written() {
        let frames: [&[u8]; 3] = [&[1; 60], &[2; 61], &[3; 14]];
        let told = [caught(60), caught(61), caught(1_500)];
        let packets: Vec<_> = told.iter().zip(frames).map(|(told, b)| packet(told, b)).collect();
        let mut seen = Vec::new();
        let each = |frame: crate::capture::Frame<'_>| {
            seen.push((frame.bytes.to_vec(), frame.wire_len));
            Ok::<_, Problem>(())
        };
        read(&written(&packets, 0)[..], each, |problem| problem).unwrap();
        let expected = [(vec![1; 60], 60), (vec![2; 61], 61), (vec![3; 14], 1_500)];
        assert_eq!(seen, expected);
    }

    #[test]
    fn a_tag_beside_the_frame_is_put_back() {
        let (told, bytes) = (Caught { tag: 0x8100_2014, ..caught(60) }, [5; 60]);
        let mut seen = Vec::new();
        let each = |frame: crate::capture::Frame<'_>| {
            seen.push((frame.bytes.to_vec(), frame.wire_len));
            Ok::<_, Problem>(())
        };
        read(&written(&[packet(&told, &bytes)], 0)[..], each, |problem| problem).unwrap();
        let [(bytes, 64)] = &seen[..] else { panic!("{seen:?}") };
        assert_eq!(bytes[10..18], [5, 5, 0x81, 0, 0x20, 0x14, 5, 5]);
    }

    #[test]
    fn verdict_direction_time_and_losses_are_in_their_options() {
        let (passed, dropped) = (Caught { passed: 1, hook: 1, ..caught(60) }, caught(60));
        let inbound = Packet { direction: Direction::Inbound, ..packet(&passed, &[0; 60]) };
        let bytes = written(&[packet(&dropped, &[0; 60]), inbound], 5);
        let mut reader = create_reader(65_536, &bytes[..]).unwrap();
        let mut told = Vec::new();
        while let Ok((len, block)) = reader.next() {
            if let PcapBlockOwned::NG(block) = block {
                match block {
                    Block::EnhancedPacket(packet) => {
                        let time = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                        assert_eq!(time, 1_700_000_000_123_456_789);
                        let values = packet.options.iter().map(|option| option.as_bytes().unwrap());
                        told.push(values.map(<[u8]>::to_vec).collect::<Vec<_>>());
                    }
                    Block::InterfaceStatistics(statistics) => {
                        let frames = statistics.options[0].as_bytes().unwrap();
                        assert_eq!(frames, 2_u64.to_le_bytes());
                        let lost = statistics.options[1].as_str().unwrap();
                        assert_eq!(lost, "5 frames were lost, of all interfaces together");
                    }
                    _ => {}
                }
            }
            reader.consume(len);
        }
        let [first, second] = &told[..] else { panic!("{told:?}") };
        assert_eq!(first[0], b"a comment");
        assert_eq!(first[1], [1, 0, 0, 0], "came in by the port");
        assert_eq!(first[2], [2, 1, 0, 0, 0, 0, 0, 0, 0], "XDP_DROP");
        assert_eq!(second[1], [2, 0, 0, 0], "left by the port");
        assert_eq!(second[2], [1, 255, 255, 255, 255, 255, 255, 255, 255], "TC_ACT_UNSPEC");
    }
}
