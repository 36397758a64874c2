//! Reading captures: pcap and pcapng, Ethernet frames only.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use pcap_parser::{
    Block, InterfaceDescriptionBlock, OptionCode, PcapBlockOwned, PcapError, PcapHeader,
    create_reader, traits::PcapReaderIterator,
};
use thiserror::Error;

/// Link type of Ethernet frames (`LINKTYPE_ETHERNET`).
pub(super) const ETHERNET: i32 = 1;
/// How much of a file is read at a time, and the longest block there can be.
const BUFFER: usize = 1 << 16;
const MAX_BLOCK: usize = 1 << 24;
/// pcapng option `if_fcslen`: bits of FCS at the end of each frame.
const IF_FCSLEN: OptionCode = OptionCode(13);
/// pcapng block type of the obsolete Packet Block.
const OBSOLETE_PACKET_BLOCK: u32 = 2;
/// pcapng block type of the Process Information Block.
const PROCESS_INFORMATION_BLOCK: u32 = 0x8000_0001;
/// Bytes of a pcapng block without anything in it: its type, and its length twice.
const EMPTY_BLOCK: u32 = 12;

/// A captured frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What was captured of it, without FCS.
    pub bytes: &'a [u8],
    /// How long it was on the wire, without FCS.
    pub wire_len: usize,
}

/// A capture cannot be read.
#[derive(Debug, Error)]
#[error("{}: {problem}", path.display())]
pub struct CaptureError {
    /// The capture.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a capture.
#[derive(Debug, Error)]
pub enum Problem {
    /// It cannot be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It holds no frames.
    #[error("the capture is empty")]
    Empty,
    /// It is neither pcap nor pcapng.
    #[error("not a pcap or pcapng capture")]
    Unknown,
    /// It is cut off.
    #[error("the capture ends in the middle of a frame, after {frames} whole ones")]
    Truncated {
        /// Whole frames before.
        frames: u64,
    },
    /// It is damaged.
    #[error("the capture is damaged after frame {frames}")]
    Damaged {
        /// Whole frames before.
        frames: u64,
    },
    /// Its frames are of another kind.
    #[error("not an Ethernet capture (link type {0})")]
    NotEthernet(i32),
}

impl CaptureError {
    /// What the user can do.
    pub fn hint(&self) -> String {
        match &self.problem {
            Problem::Io(_) => "name a capture file that is there and that you may read".into(),
            Problem::Empty => "capture some frames first: tcpdump -i PORT -w FILE".into(),
            Problem::Unknown => {
                "tcpdump -w and Wireshark write such captures; unpack a compressed one first".into()
            }
            Problem::Truncated { .. } | Problem::Damaged { .. } => format!(
                "`tcpdump -r {0} -w whole.pcap` keeps the frames before the damage",
                self.path.display()
            ),
            Problem::NotEthernet(_) => {
                "capture on the camera's Ethernet port, not on \"any\" or a Wi-Fi monitor".into()
            }
        }
    }
}

/// Calls `each` with every frame of a capture, in order.
pub fn for_each_frame<E: From<CaptureError>>(
    path: &Path,
    each: impl FnMut(Frame<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let refuse = |problem| E::from(CaptureError { path: path.into(), problem });
    let file = open(path).map_err(|error| refuse(error.into()))?;
    read(file, each, refuse)
}

/// The same for a capture from anywhere; `refuse` makes an error of what is wrong with it.
pub fn read<E>(
    source: impl Read + Send,
    mut each: impl FnMut(Frame<'_>) -> Result<(), E>,
    refuse: impl Fn(Problem) -> E,
) -> Result<(), E> {
    let mut reader = create_reader(BUFFER, source).map_err(|error| refuse(at_start(&error)))?;
    let mut layout = Layout::default();
    let mut frames = 0;
    loop {
        if layout.refuses(reader.data()) {
            return Err(refuse(Problem::Damaged { frames }));
        }
        match step(reader.as_mut(), frames).map_err(&refuse)? {
            Step::End if frames == 0 => return Err(refuse(Problem::Empty)),
            Step::End => return Ok(()),
            Step::More => {}
            Step::Block => {
                let consumed = {
                    let (len, block) =
                        reader.next().map_err(|_| refuse(Problem::Damaged { frames }))?;
                    if let Some(frame) = layout.frame(&block, frames).map_err(&refuse)? {
                        frames += 1;
                        each(frame)?;
                    }
                    len
                };
                reader.consume(consumed);
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    Ok(file)
}

/// What came of trying to read a block.
enum Step {
    Block,
    /// More of the file was read; try again.
    More,
    End,
}

/// Sees whether a whole block is in the buffer, and reads on if not.
fn step(reader: &mut dyn PcapReaderIterator, frames: u64) -> Result<Step, Problem> {
    let grow = match reader.next() {
        Ok(_) => return Ok(Step::Block),
        Err(PcapError::Eof) => return Ok(Step::End),
        Err(PcapError::Incomplete(_)) => false,
        Err(PcapError::BufferTooSmall) => true,
        Err(PcapError::UnexpectedEof) => return Err(Problem::Truncated { frames }),
        Err(_) => return Err(Problem::Damaged { frames }),
    };
    if grow {
        let size = 2 * reader.data().len().max(BUFFER);
        if size > MAX_BLOCK || !reader.grow(size) {
            return Err(Problem::Damaged { frames });
        }
    }
    reader.refill().map_err(|_| Problem::Damaged { frames })?;
    Ok(Step::More)
}

fn at_start(error: &PcapError<&[u8]>) -> Problem {
    match error {
        PcapError::Eof => Problem::Empty,
        PcapError::Incomplete(_) | PcapError::UnexpectedEof => Problem::Truncated { frames: 0 },
        PcapError::ReadError => Problem::Io(io::Error::other("reading failed")),
        _ => Problem::Unknown,
    }
}

/// What the blocks so far say of the frames to come.
#[derive(Default)]
struct Layout {
    /// By interface number; pcap has one interface.
    interfaces: Vec<Interface>,
    /// How to read a number; only in a pcapng section.
    number: Option<fn([u8; 4]) -> u32>,
}

#[derive(Clone, Copy)]
struct Interface {
    link_type: i32,
    /// Bytes of FCS at the end of each frame.
    fcs: usize,
    /// Longest frame that is captured whole; zero for no limit.
    snaplen: usize,
}

impl Layout {
    /// Whether the next block is shorter than a block can be. The parser sees to that, except for
    /// this one type (pcap-parser 0.17), where it subtracts with overflow.
    fn refuses(&self, data: &[u8]) -> bool {
        let Some((kind, len)) = data.split_first_chunk() else { return false };
        let (Some(number), Some(len)) = (self.number, len.first_chunk()) else { return false };
        number(*kind) == PROCESS_INFORMATION_BLOCK && number(*len) < EMPTY_BLOCK
    }

    /// The frame of a block, if it is one.
    fn frame<'a>(
        &mut self,
        block: &PcapBlockOwned<'a>,
        frames: u64,
    ) -> Result<Option<Frame<'a>>, Problem> {
        let (interface, bytes, captured, wire_len) = match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.interfaces = vec![Interface::of_pcap(header)];
                return Ok(None);
            }
            PcapBlockOwned::Legacy(block) => (0, block.data, block.caplen, block.origlen),
            PcapBlockOwned::NG(block) => match block {
                Block::SectionHeader(header) => {
                    self.interfaces.clear();
                    let big_endian = header.big_endian();
                    self.number =
                        Some(if big_endian { u32::from_be_bytes } else { u32::from_le_bytes });
                    return Ok(None);
                }
                Block::InterfaceDescription(description) => {
                    self.interfaces.push(Interface::of_pcapng(description));
                    return Ok(None);
                }
                Block::EnhancedPacket(packet) => {
                    (packet.if_id as usize, packet.data, packet.caplen, packet.origlen)
                }
                Block::SimplePacket(packet) => {
                    let limit = self.interfaces.first().map_or(0, |interface| interface.snaplen);
                    let captured = match limit {
                        0 => packet.origlen,
                        limit => packet.origlen.min(u32::try_from(limit).unwrap_or(u32::MAX)),
                    };
                    (0, packet.data, captured, packet.origlen)
                }
                Block::Unknown(block) if block.block_type == OBSOLETE_PACKET_BLOCK => {
                    return Err(Problem::Damaged { frames });
                }
                _ => return Ok(None),
            },
        };
        let interface = self.interfaces.get(interface).ok_or(Problem::Damaged { frames })?;
        if interface.link_type != ETHERNET {
            return Err(Problem::NotEthernet(interface.link_type));
        }
        Ok(Some(interface.frame(bytes, captured as usize, wire_len as usize)))
    }
}

impl Interface {
    /// The link type and, in its upper bits, the FCS length in 16-bit units
    /// (draft-ietf-opsawg-pcap, section 4).
    fn of_pcap(header: &PcapHeader) -> Self {
        let field = header.network.0.cast_unsigned();
        let fcs = if field & 0x0400_0000 == 0 { 0 } else { (field >> 28) as usize * 2 };
        Self { link_type: (field & 0xffff).cast_signed(), fcs, snaplen: 0 }
    }

    fn of_pcapng(description: &InterfaceDescriptionBlock<'_>) -> Self {
        let fcs = description
            .options
            .iter()
            .find(|option| option.code == IF_FCSLEN)
            .and_then(|option| option.value.first())
            .map_or(0, |&bits| usize::from(bits) / 8);
        let snaplen = description.snaplen as usize;
        Self { link_type: description.linktype.0, fcs, snaplen }
    }

    fn frame<'a>(&self, bytes: &'a [u8], captured: usize, wire_len: usize) -> Frame<'a> {
        let bytes = bytes.get(..captured).unwrap_or(bytes);
        let wire_len = wire_len.max(bytes.len()).saturating_sub(self.fcs);
        Frame { bytes: bytes.get(..wire_len).unwrap_or(bytes), wire_len }
    }
}
