//! What the programs tell: the records of their ring buffer.
//!
//! A ring buffer has one reader. Its place in the buffer is kept by the kernel, so that what was told
//! while nobody read is there for the next.

use std::io;

use aya::maps::{MapData, PerCpuArray, RingBuf};
use bytemuck::{AnyBitPattern, try_pod_read_unaligned};
use camfence_common::{
    abi::names,
    event::{Answer, Contact, Header, Kind, Stranger, Told},
};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    error::{KernelError, Result, Tried as _},
    maps::{Shared, open, take},
    object::Object,
    root::{Generation, Root},
};

/// What a program told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// The first packet of a flow, as far as the ledger knows.
    Contact(Contact),
    /// The first frame of an unknown source.
    Stranger(Stranger),
    /// What a DNS server said to a camera.
    Answer(Box<Answer>),
}

impl Record {
    /// The record that some bytes are. None if this version has no such.
    fn of(bytes: &[u8]) -> Option<Self> {
        fn whole<T: AnyBitPattern>(bytes: &[u8]) -> Option<T> {
            try_pod_read_unaligned(bytes.get(..size_of::<T>())?).ok()
        }
        let Header { kind, .. } = whole(bytes)?;
        match Kind::of_number(kind)? {
            Kind::Contact => whole(bytes).map(Self::Contact),
            Kind::Stranger => whole(bytes).map(Self::Stranger),
            Kind::Answer => whole(bytes).map(Box::new).map(Self::Answer),
        }
    }
}

/// The programs' ring buffer and what they count beside it.
pub(super) struct Ring {
    records: RingBuf<MapData>,
    told: PerCpuArray<MapData, Shared<Told>>,
}

impl Ring {
    pub(super) fn take(object: &mut Object) -> Result<Self> {
        Ok(Self { records: take(object, names::EVENTS)?, told: take(object, names::TOLD)? })
    }

    /// Takes records from it, so many at the most.
    pub(super) fn read(&mut self, most: usize) -> Vec<Record> {
        take_from(&mut self.records, most).0
    }

    /// What was told, and what was not, on all CPUs since the maps were made.
    pub(super) fn told(&self) -> Result<Told> {
        told(&self.told)
    }
}

fn told(map: &PerCpuArray<MapData, Shared<Told>>) -> Result<Told> {
    let per_cpu = map.get(&0, 0).tried(|| "reading what was told".into())?;
    let mut sum = Told::default();
    per_cpu.iter().for_each(|Shared(told)| sum.add(told));
    Ok(sum)
}

/// Hears what the programs of a fence tell.
pub struct Listener {
    generation: Generation,
    records: AsyncFd<RingBuf<MapData>>,
    told: PerCpuArray<MapData, Shared<Told>>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listener").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Listener {
    /// Listens to the fence that stands. Needs a tokio runtime.
    pub fn open(root: &Root) -> Result<Self> {
        let current = root.current()?;
        let generation = current.ok_or_else(|| KernelError::Down { path: root.path().into() })?;
        let ring: RingBuf<MapData> = open(&generation, names::EVENTS)?;
        // SAFETY: the file descriptor is the ring's for as long as that lives, and it is always the same.
        let records = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) };
        let records = records.map_err(io::Error::from);
        let records = records.tried(|| "waiting for what is told".into())?;
        Ok(Self { records, told: open(&generation, names::TOLD)?, generation })
    }

    /// Whether it is the fence in use that it listens to.
    pub fn is_current(&self, root: &Root) -> bool {
        root.current().is_ok_and(|current| current.as_ref() == Some(&self.generation))
    }

    /// Waits for records, and takes so many at the most. May be cancelled.
    pub async fn next(&mut self, most: usize) -> Result<Vec<Record>> {
        loop {
            let ready = self.records.readable_mut().await;
            let mut ready = ready.tried(|| "waiting for what is told".into())?;
            let (records, is_empty) = take_from(ready.get_inner_mut(), most);
            if is_empty {
                ready.clear_ready();
            }
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }

    /// Takes what is there, so many at the most.
    pub fn rest(&mut self, most: usize) -> Vec<Record> {
        take_from(self.records.get_mut(), most).0
    }

    /// What was told, and what was not, since the fence's maps were made.
    pub fn told(&self) -> Result<Told> {
        told(&self.told)
    }
}

/// Records, and whether there are no more.
fn take_from(ring: &mut RingBuf<MapData>, most: usize) -> (Vec<Record>, bool) {
    let mut records = Vec::new();
    for _ in 0..most {
        let Some(record) = ring.next() else { return (records, true) };
        records.extend(Record::of(&record));
    }
    (records, false)
}

#[cfg(test)]
mod tests {
    use bytemuck::{Zeroable as _, bytes_of};

    use super::*;

    #[test]
    fn a_record_is_of_its_kind_or_none() {
        let mut stranger = Stranger::zeroed();
        assert_eq!(Record::of(bytes_of(&stranger)), None);
        stranger.header.kind = Kind::Stranger.number();
        assert_eq!(Record::of(bytes_of(&stranger)), Some(Record::Stranger(stranger)));
        assert_eq!(Record::of(&bytes_of(&stranger)[..20]), None, "cut off");
        stranger.header.kind = Kind::Contact.number();
        assert_eq!(Record::of(bytes_of(&stranger)), None, "too short for one");
        stranger.header.kind = 77;
        assert_eq!(Record::of(bytes_of(&stranger)), None);
        assert_eq!(Record::of(&[]), None);
    }
}
