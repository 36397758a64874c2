//! A frame as XDP has it.

use aya_ebpf::{EbpfContext as _, helpers::generated::bpf_xdp_get_buff_len, programs::XdpContext};
use camfence_common::{
    abi::Tally,
    packet::Packet,
    verifier::{Unknown, forget},
};

use crate::pointer::{Linear, bytes_from_linear};

/// How many buffers a frame may fill.
#[derive(Clone, Copy)]
pub(crate) enum Buffers {
    /// One, which `data` and `data_end` enclose.
    One,
    /// Several. The first has the headers; only it can be read directly.
    Several,
}

/// A frame at XDP. A VLAN tag that the NIC took off is out of sight here.
pub(crate) struct XdpPacket {
    linear: Linear,
    wire_len: usize,
    unknown: Unknown,
}

/// What can be read directly of a frame.
#[inline(always)]
pub(crate) fn linear(ctx: &XdpContext) -> Linear {
    Linear::new(ctx.data(), ctx.data_end())
}

/// The interface index of the port.
#[inline(always)]
pub(crate) fn port(ctx: &XdpContext) -> u32 {
    // SAFETY: the kernel hands every XDP program a valid context, which lives as long as the
    // program runs. Volatile, since the verifier wants a load at a fixed offset.
    unsafe { (&raw const (*ctx.ctx).ingress_ifindex).read_volatile() }
}

impl XdpPacket {
    /// Measures a frame.
    #[inline(always)]
    pub(crate) fn new(
        ctx: &XdpContext,
        linear: Linear,
        buffers: Buffers,
        unknown: Unknown,
    ) -> Self {
        let wire_len = match buffers {
            Buffers::One => linear.len(),
            Buffers::Several => {
                // SAFETY: the helper takes the context the program was called with.
                let bytes = unsafe { bpf_xdp_get_buff_len(ctx.as_ptr().cast()) };
                usize::try_from(bytes).unwrap_or(usize::MAX)
            }
        };
        Self { linear, wire_len, unknown }
    }

    /// What the frame counts for.
    #[inline(always)]
    pub(crate) const fn tally(&self) -> Tally {
        Tally { packets: 1, bytes: self.wire_len as u64 }
    }
}

bytes_from_linear!(XdpPacket);

impl Packet for XdpPacket {
    #[inline(always)]
    fn wire_len(&self) -> usize {
        // Forgotten here, so that not each of the core's comparisons parts the verifier's ways for
        // good.
        forget(self.wire_len, self.unknown)
    }
}
