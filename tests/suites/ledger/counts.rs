//! What is counted for a flow, wherever its frames come by.

use std::{collections::BTreeMap, net::Ipv4Addr};

use anyhow::{Context as _, Result, ensure};
use camfence::kernel::runner::Program::{self, InboundTc, OutboundTc, OutboundXdp};
use camfence_common::reason::Direction;
use camfence_tests::Frame;
use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

use crate::{Books, CAM, CAM4, GW, VENDOR4, to};

const PROGRAMS: [Program; 3] = [OutboundXdp, OutboundTc, InboundTc];

#[test]
fn three_destinations_are_counted_at_both_hooks() -> Result<()> {
    let mut books = Books::new(1_024)?;
    let inward = |from: &str| Frame::from(GW).to(CAM).ipv4(from, CAM4).udp(10240, 5000);
    for (number, address) in ["203.0.113.7", "203.0.113.8", "198.51.100.9"].iter().enumerate() {
        for length in 0..=3 * number {
            let outward = to(address).payload_of(length).build();
            books.run(OutboundXdp, &outward)?;
            books.run(OutboundTc, &outward)?;
            books.run(InboundTc, &inward(address).payload_of(length).build())?;
        }
    }
    ensure!(books.expected.len() == 6, "{:?}", books.expected);
    let packets = |direction| {
        let of = books.expected.iter().filter(move |(key, _)| key.direction() == direction);
        let mut packets: Vec<_> = of.map(|(_, tally)| tally.packets).collect();
        packets.sort_unstable();
        packets
    };
    assert_eq!(packets(Direction::Outbound), [2, 8, 14]);
    assert_eq!(packets(Direction::Inbound), [1, 4, 7]);
    books.check()
}

#[test]
fn flows_that_want_the_same_place_lose_nothing() -> Result<()> {
    let mut books = Books::new(1_024)?;
    let mut by_place: BTreeMap<u32, Vec<Vec<u8>>> = BTreeMap::new();
    for number in 0..4_096_u32 {
        let frame = to(&Ipv4Addr::from(0xcb00_0000 + number).to_string()).build();
        let key = books.host.flow(Direction::Outbound, &frame).context("a flow")?;
        by_place.entry(key.place()).or_default().push(frame);
    }
    let crowd = by_place.into_values().max_by_key(Vec::len).context("places")?;
    ensure!(crowd.len() >= 4, "only {} in one place", crowd.len());
    for round in 1..=20 {
        for (number, frame) in crowd.iter().enumerate() {
            for _ in 0..round % (number + 2) {
                books.run(OutboundXdp, frame)?;
            }
        }
    }
    books.check()
}

#[test]
fn cpus_are_added_up() -> Result<()> {
    let mut books = Books::new(1_024)?;
    let own = sched_getaffinity(Pid::from_raw(0))?;
    let cpus: Vec<usize> =
        (0..CpuSet::count()).filter(|&cpu| own.is_set(cpu).unwrap_or(false)).collect();
    let frames = [to(VENDOR4).build(), to("198.51.100.9").build()];
    for turn in 0..8 {
        for &cpu in &cpus {
            let mut only = CpuSet::new();
            only.set(cpu)?;
            sched_setaffinity(Pid::from_raw(0), &only)?;
            for program in PROGRAMS {
                books.run(program, &frames[turn % 2])?;
            }
        }
    }
    sched_setaffinity(Pid::from_raw(0), &own)?;
    println!("{} CPUs", cpus.len());
    books.check()
}

#[test]
fn a_long_flow_is_one_entry() -> Result<()> {
    let mut books = Books::new(1_024)?;
    let frame = to(VENDOR4).build();
    for _ in 0..10_000 {
        books.run(OutboundTc, &frame)?;
    }
    books.check()
}
