//! Captures: `read` reads them, pcap and pcapng; `write` writes pcapng, with what `told` tells of each
//! frame.

mod read;
mod told;
mod write;

pub use self::{
    read::{CaptureError, Frame, Problem, for_each_frame, read},
    told::{Teller, Told},
    write::{Packet, Writer},
};
