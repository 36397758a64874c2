//! Unknown sources, as the programs saw them.

use std::{cmp::Reverse, time::Duration};

use camfence_common::{
    abi::{Subject, Tally},
    limits::MAX_SIGHTINGS,
    mac::Mac,
};

use super::{Fence, Result};
use crate::kernel::maps::Maps;

/// The unknown sources that were seen last on ports that have a policy for them.
#[derive(Debug)]
pub struct Sightings {
    /// Whether there is such a port.
    pub watched: bool,
    /// The sources, those seen last first. Registered ones are left out.
    pub seen: Vec<Seen>,
}

/// What was seen of an unknown source on a port. Times are since boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its MAC.
    pub mac: Mac,
    /// The port's name; none if the port is gone.
    pub interface: Option<String>,
    /// When it was first seen.
    pub first: Duration,
    /// When it was last seen.
    pub last: Duration,
    /// Its frames.
    pub tally: Tally,
}

impl Fence {
    /// The unknown sources that were seen last.
    pub async fn sightings(&self) -> Result<Sightings> {
        let maps = Maps::open(&self.root)?;
        let (cameras, sightings) = (maps.cameras()?, maps.sightings()?);
        let links = self.netlink.links().await?;
        let named = |ifindex| links.iter().find(|link| link.index == ifindex);
        let unknown = sightings.iter().filter(|(key, _)| {
            // What is registered by now is a camera.
            !cameras.contains_key(&Subject::Camera(key.mac))
        });
        let mut seen: Vec<Seen> = unknown
            .map(|(key, sighting)| Seen {
                mac: key.mac,
                interface: named(key.ifindex).map(|link| link.name.clone()),
                first: Duration::from_nanos(sighting.first),
                last: Duration::from_nanos(sighting.last),
                tally: sighting.tally,
            })
            .collect();
        seen.sort_by_key(|seen| (Reverse(seen.last), seen.mac));
        // More can have been there while they were read.
        seen.truncate(MAX_SIGHTINGS as usize);
        let watched = cameras.keys().any(|subject| matches!(subject, Subject::Strangers(_)));
        Ok(Sightings { watched, seen })
    }
}
