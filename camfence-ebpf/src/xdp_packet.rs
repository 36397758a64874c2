//! A frame as XDP has it.

use aya_ebpf::{EbpfContext as _, helpers::generated::bpf_xdp_get_buff_len, programs::XdpContext};
use camfence_common::{abi::Tally, packet::Packet};

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
}

/// What can be read directly of a frame.
#[inline(always)]
pub(crate) fn linear(ctx: &XdpContext) -> Linear {
    Linear::new(ctx.data(), ctx.data_end())
}

impl XdpPacket {
    /// Measures a frame.
    #[inline(always)]
    pub(crate) fn new(ctx: &XdpContext, linear: Linear, buffers: Buffers) -> Self {
        let wire_len = match buffers {
            Buffers::One => linear.len(),
            Buffers::Several => {
                // SAFETY: the helper takes the context the program was called with.
                let bytes = unsafe { bpf_xdp_get_buff_len(ctx.as_ptr().cast()) };
                usize::try_from(bytes).unwrap_or(usize::MAX)
            }
        };
        Self { linear, wire_len }
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
        self.wire_len
    }
}
