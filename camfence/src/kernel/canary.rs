//! Tries whether the attached programs enforce: the canary is a camera in every fence that stands,
//! and its frames have to be dropped and counted, while a bystander's have to pass.
//!
//! What is run is the pinned program, at XDP both of them, and only where the kernel says that a port
//! runs a program of such an id: to open a program by its id would take `CAP_SYS_ADMIN`.

use camfence_common::{
    abi::{CANARY, Subject},
    mac::Mac,
    reason::Direction,
};
use thiserror::Error;

use super::{error::KernelError, links::Programs, maps::Maps, runner::Outcome};
use crate::policy::topology::Hook;

/// A source that no fence knows. Locally administered; the rest reads "cfbys".
const BYSTANDER: Mac = Mac(*b"\x02cfbys");

/// An `EtherType` for experiments (IEEE 802 §9.2.4): no profile lets it pass.
const ETHERTYPE: [u8; 2] = [0x88, 0xb5];

/// Shortest frame on a wire, without FCS.
const FRAME_LEN: usize = 60;

/// Why a program is not believed to enforce.
#[derive(Debug, Error)]
pub enum Doubt {
    /// The canary is not in the live map.
    #[error("the canary is not among the cameras")]
    NoCanary,
    /// The canary's frame passed.
    #[error("a frame that has to be dropped passed")]
    Passed,
    /// It was dropped, and not counted.
    #[error("a frame that was dropped was not counted")]
    NotCounted,
    /// A bystander's frame was dropped.
    #[error("a bystander's frame was dropped")]
    BystanderDropped,
    /// It could not be tried.
    #[error("it cannot be tried: {0}")]
    Untried(#[from] KernelError),
}

/// Tries the program of a direction at a hook.
pub fn prove(
    maps: &Maps,
    programs: &Programs,
    direction: Direction,
    hook: Hook,
) -> Result<(), Doubt> {
    let canary = maps.camera(Subject::Camera(CANARY))?.ok_or(Doubt::NoCanary)?;
    let counted = || -> Result<u64, KernelError> {
        let counters = maps.counters(canary.slot)?;
        Ok(counters.by[direction.index()].iter().map(|tally| tally.packets).sum())
    };
    let before = counted()?;
    if programs.run(direction, hook, &frame(CANARY, direction))?.contains(&Outcome::Passed) {
        return Err(Doubt::Passed);
    }
    // Others may try at the same time.
    if counted()? == before {
        return Err(Doubt::NotCounted);
    }
    let bystanders = programs.run(direction, hook, &frame(BYSTANDER, direction))?;
    if bystanders.contains(&Outcome::Dropped) { Err(Doubt::BystanderDropped) } else { Ok(()) }
}

/// A frame from, or inbound to, a station.
fn frame(station: Mac, direction: Direction) -> [u8; FRAME_LEN] {
    const OTHER: Mac = Mac(*b"\x02cfoth");
    let [destination, source] = match direction {
        Direction::Outbound => [OTHER, station],
        Direction::Inbound => [station, OTHER],
    };
    let mut frame = [0; FRAME_LEN];
    frame[..6].copy_from_slice(&destination.0);
    frame[6..12].copy_from_slice(&source.0);
    frame[12..14].copy_from_slice(&ETHERTYPE);
    frame
}
