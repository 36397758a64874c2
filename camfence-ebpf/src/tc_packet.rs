//! A frame as TC has it: a socket buffer, which may hold several frames of the wire (GRO, GSO),
//! keep its VLAN tag aside and have its headers outside the part that can be read directly.

use aya_ebpf::{
    bindings::bpf_hdr_start_off::BPF_HDR_START_MAC,
    helpers::generated::{
        bpf_skb_change_head, bpf_skb_load_bytes, bpf_skb_load_bytes_relative, bpf_skb_pull_data,
        bpf_skb_store_bytes,
    },
    programs::TcContext,
};
use camfence_common::{
    abi::Tally,
    packet::{HEADER_WINDOW, Packet},
    verifier::{Unknown, forget, low16},
    wire::length::{self, Payload},
};
use network_types::{eth::EthHdr, vlan::VlanHdr};

use crate::{
    ETHERNET_HEADER,
    pointer::{Linear, bytes_from_linear},
};

/// Reads a field of the context. Volatile, since the verifier wants a context access to be a load
/// at a fixed offset, and LLVM otherwise turns a choice between two into a chosen address.
macro_rules! read {
    ($ctx:expr, $field:ident) => {
        // SAFETY: the kernel hands every TC program a valid context, which lives as long as the
        // program runs.
        unsafe { (&raw const (*$ctx.skb.skb).$field).read_volatile() }
    };
}

/// A frame at TC.
pub(crate) struct TcPacket {
    linear: Linear,
    /// Bytes in the buffer, or on the wire for a single frame.
    len: usize,
    stripped_tags: usize,
    /// Payload bytes of each frame of an aggregate; zero for a single frame. The kernel keeps it in
    /// 16 bits.
    gso_size: usize,
    /// Zero if the sender left it to us to divide.
    gso_segs: u32,
    unknown: Unknown,
}

/// Sees to it that the first `bytes` of a frame, or all if it has fewer, can be read directly, and
/// returns what can. What the kernel cannot bring there reads as truncated.
#[inline(always)]
pub(crate) fn linear(ctx: &TcContext, bytes: u32) -> Linear {
    let wanted = ctx.len().min(bytes);
    if Linear::new(ctx.data(), ctx.data_end()).len() < wanted as usize {
        // SAFETY: the helper takes the context the program was called with. It may move the
        // bytes; the addresses read before are dropped.
        unsafe { bpf_skb_pull_data(ctx.skb.skb, wanted) };
    }
    // Read anew in either case: what the verifier knows of the frame's bytes is then the same.
    Linear::new(read!(ctx, data) as usize, read!(ctx, data_end) as usize)
}

/// Sees to it that a frame on ingress begins with its Ethernet header; false if it cannot.
///
/// Where an XDP program for several buffers runs in generic mode on the same port, kernels since
/// 6.9 (commit e6d5dbdd20aa) make a copy of the frame that has lost the length of its Ethernet
/// header, and TC programs are given the packet alone. The wire's length is taken before the kernel
/// puts the header in front, and so is smaller wherever it does. Such a frame is repaired, for
/// whoever comes after as well: the header is still there, before the packet.
#[inline(always)]
pub(crate) fn restore_header(ctx: &TcContext) -> bool {
    if read!(ctx, wire_len) < read!(ctx, len) {
        return true;
    }
    let len = ETHERNET_HEADER;
    let (mut header, mut first) = ([0u16; EthHdr::LEN / 2], [0u16; EthHdr::LEN / 2]);
    let (skb, to, seen) = (ctx.skb.skb, (&raw mut header).cast(), (&raw mut first).cast());
    // SAFETY: the context is the one the program was called with, and there are `len` bytes at
    // `to`.
    if unsafe { bpf_skb_load_bytes_relative(skb.cast(), 0, to, len, BPF_HDR_START_MAC) } != 0 {
        return false;
    }
    // SAFETY: as above, and there are as many at `seen`. No address of the frame's bytes that was
    // read before the header was put in front is used after.
    unsafe {
        bpf_skb_load_bytes(skb.cast(), 0, seen, len) == 0 && header == first
            || bpf_skb_change_head(skb, len, 0) == 0 && bpf_skb_store_bytes(skb, 0, to, len, 0) == 0
    }
}

/// The interface index of the port.
#[inline(always)]
pub(crate) fn port(ctx: &TcContext) -> u32 {
    read!(ctx, ifindex)
}

/// The VLAN tag that the kernel keeps beside the frame, protocol and tag control information as on
/// the wire; 0 if there is none.
#[inline(always)]
pub(crate) fn tag(ctx: &TcContext) -> u32 {
    if read!(ctx, vlan_present) == 0 {
        return 0;
    }
    // The context has the protocol in wire order, and the rest as a number.
    let protocol = u16::from_be(low16(read!(ctx, vlan_proto) as usize));
    u32::from(protocol) << 16 | read!(ctx, vlan_tci) & 0xffff
}

impl TcPacket {
    /// Measures a frame, with all its headers where they can be read.
    ///
    /// The kernel keeps a length beside the buffer, `wire_len`. On ingress it lacks the Ethernet
    /// header, in a test run without a context it is not set, and for an aggregate it counts
    /// repeated headers. But a test run can give a frame that was captured in part its whole
    /// length there, so that of a single frame the larger of the two is its length.
    #[inline(always)]
    pub(crate) fn new(ctx: &TcContext, unknown: Unknown) -> Self {
        let linear = linear(ctx, HEADER_WINDOW);
        let (buffer, wire, gso_size) =
            (read!(ctx, len), read!(ctx, wire_len), read!(ctx, gso_size));
        let len = (if gso_size == 0 { wire.max(buffer) } else { buffer }) as usize;
        Self {
            linear,
            // Which of the two it is is nothing that the verifier has to go on with.
            len: forget(len, unknown),
            stripped_tags: (read!(ctx, vlan_present) & 1) as usize,
            gso_size: (gso_size & 0xffff) as usize,
            gso_segs: read!(ctx, gso_segs),
            unknown,
        }
    }

    /// What the frame, or all the frames it stands for, count for.
    #[inline(always)]
    pub(crate) fn tally(&self, payload: Payload) -> Tally {
        let tags = (self.stripped_tags * VlanHdr::LEN) as u64;
        let len = self.len as u64;
        if !self.is_aggregate() {
            return Tally { packets: 1, bytes: len + tags };
        }
        let headers = length::headers(self, payload) as u64;
        let packets = self.segments(headers);
        Tally { packets, bytes: len + (packets - 1) * headers + packets * tags }
    }

    /// Frames on the wire that an aggregate stands for. A sender that is not trusted (a guest's
    /// NIC) may leave it to us to divide.
    #[inline(always)]
    fn segments(&self, headers: u64) -> u64 {
        if self.gso_segs > 0 {
            return u64::from(self.gso_segs);
        }
        let payload = (self.len as u64).saturating_sub(headers);
        payload.div_ceil(self.gso_size as u64).max(1)
    }
}

bytes_from_linear!(TcPacket);

impl Packet for TcPacket {
    // What the core compares is forgotten here, so that not each of its comparisons parts the
    // verifier's ways for good.
    #[inline(always)]
    fn wire_len(&self) -> usize {
        forget(self.len, self.unknown)
    }

    #[inline(always)]
    fn stripped_tags(&self) -> usize {
        self.stripped_tags
    }

    #[inline(always)]
    fn is_aggregate(&self) -> bool {
        forget(self.gso_size, self.unknown) & 0xffff != 0
    }
}
