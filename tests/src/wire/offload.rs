//! Frames whose segmentation or checksum is left to somebody later on the way.

use anyhow::{Context as _, Result, ensure};
use etherparse::{IpNumber, NetHeaders, PacketHeaders, TransportHeader};

/// `virtio_net_hdr` of `linux/virtio_net.h`, in the host's byte order.
const HEADER_LEN: usize = 10;
const NEEDS_CSUM: u8 = 1;
const GSO_NONE: u8 = 0;
const GSO_TCPV4: u8 = 1;
const GSO_TCPV6: u8 = 4;
const GSO_UDP_L4: u8 = 5;

/// How a frame is handed to the kernel by [`super::RawPort::send_offloaded`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offload {
    segment: Option<u16>,
    linear: u16,
}

impl Offload {
    /// A super-frame: one TCP or UDP frame that stands for many, each with up to `segment`
    /// bytes of payload. Its checksum is partial, as the stack's own are.
    pub fn gso(segment: u16) -> Self {
        Self { segment: Some(segment), linear: 0 }
    }

    /// A frame of which only the first `bytes` are in the linear part of the kernel's buffer.
    /// The kernel does so only with frames beyond one page, 4,096 bytes, less its headroom.
    pub fn linear(bytes: u16) -> Self {
        Self { segment: None, linear: bytes }
    }

    /// The same, of a super-frame. The kernel pulls the headers that it segments by into the
    /// linear part; what lies beyond stays out.
    #[must_use]
    pub fn with_linear(self, bytes: u16) -> Self {
        Self { linear: bytes, ..self }
    }

    /// The `virtio_net_hdr`, and the frame to send after it.
    pub(super) fn prepare(self, frame: &[u8]) -> Result<([u8; HEADER_LEN], Vec<u8>)> {
        let mut frame = frame.to_vec();
        let Some(segment) = self.segment else {
            return Ok((header(GSO_NONE, self.linear, 0, None), frame));
        };
        let transport = Transport::find(&frame)?;
        transport.make_partial(&mut frame);
        let linear = if self.linear == 0 { transport.payload } else { self.linear.into() };
        let header = header(
            transport.gso_type,
            u16::try_from(linear)?,
            segment,
            Some((u16::try_from(transport.start)?, transport.checksum)),
        );
        Ok((header, frame))
    }
}

fn header(gso_type: u8, linear: u16, segment: u16, sum: Option<(u16, u16)>) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[0] = if sum.is_some() { NEEDS_CSUM } else { 0 };
    header[1] = gso_type;
    let (start, offset) = sum.unwrap_or_default();
    for (field, value) in header[2..].chunks_exact_mut(2).zip([linear, segment, start, offset]) {
        field.copy_from_slice(&value.to_ne_bytes());
    }
    header
}

/// Where the transport header of a frame is.
struct Transport {
    gso_type: u8,
    /// Offset of the header in the frame.
    start: usize,
    /// Offset of what follows it.
    payload: usize,
    /// Offset of the checksum in the header.
    checksum: u16,
    /// Sum of the pseudo header.
    pseudo: u32,
}

impl Transport {
    fn find(frame: &[u8]) -> Result<Self> {
        let packet = PacketHeaders::from_ethernet_slice(frame).context("no frame to segment")?;
        let transport = packet.transport.context("no transport header to segment by")?;
        let payload = frame.len() - packet.payload.slice().len();
        let start = payload - transport.header_len();
        let v6 = matches!(packet.net, Some(NetHeaders::Ipv6(..)));
        let (gso_type, checksum, protocol) = match transport {
            TransportHeader::Tcp(_) if v6 => (GSO_TCPV6, 16, IpNumber::TCP),
            TransportHeader::Tcp(_) => (GSO_TCPV4, 16, IpNumber::TCP),
            TransportHeader::Udp(_) => (GSO_UDP_L4, 6, IpNumber::UDP),
            _ => anyhow::bail!("only TCP and UDP are segmented"),
        };
        let length = u32::try_from(frame.len() - start)?;
        let addresses = match packet.net {
            Some(NetHeaders::Ipv4(ip, _)) => [ip.source, ip.destination].concat(),
            Some(NetHeaders::Ipv6(ip, _)) => [ip.source, ip.destination].concat(),
            _ => anyhow::bail!("only IP is segmented"),
        };
        let pseudo = word_sum(&addresses) + u32::from(protocol.0) + length;
        ensure!(gso_type != GSO_UDP_L4 || length > 8, "no payload to segment");
        Ok(Self { gso_type, start, payload, checksum, pseudo })
    }

    /// Replaces the checksum by the pseudo header's sum, to be completed later.
    fn make_partial(&self, frame: &mut [u8]) {
        let mut sum = self.pseudo;
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        let [.., high, low] = sum.to_be_bytes();
        let at = self.start + usize::from(self.checksum);
        frame[at..at + 2].copy_from_slice(&[high, low]);
    }
}

fn word_sum(bytes: &[u8]) -> u32 {
    bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum()
}
