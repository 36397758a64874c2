//! What real cameras sent and received, through the core on the host and the programs in the
//! kernel. `captures/README.md` says where the files come from.

mod dissected;
mod profiles;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, anyhow, ensure};
use camfence_common::{
    abi::Tally,
    reason::{
        Direction::{self, Inbound, Outbound},
        Effect, Reason,
    },
};
use camfence_tests::{
    Mac,
    judge::{Host, Kernel, Ruling, policy, programs, runs},
    mac,
};
use pcap_parser::{LegacyPcapBlock, Linktype, PcapCapture};

const DLINK: Mac = mac("b0:c5:54:25:5b:0e");
const DAYCAM: Mac = mac("b0:c5:54:1c:71:85");
const EDIMAX: Mac = mac("74:da:38:80:7a:08");
const EDNET: Mac = mac("3c:49:37:03:17:db");

const CAPTURES: [&str; 4] =
    ["dlink-cam-a1.pcap", "dlink-daycam-a1.pcap", "edimax-cam1-a1.pcap", "ednet-cam1-a1.pcap"];

/// What a way of judging made of a capture with one camera.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    frames: usize,
    bystanders: Tally,
    outbound: BTreeMap<Reason, Tally>,
    inbound: BTreeMap<Reason, Tally>,
}

impl Count {
    fn add(&mut self, direction: Direction, frame: &[u8], ruling: &Ruling) {
        let reasons = match direction {
            Outbound => &mut self.outbound,
            Inbound => &mut self.inbound,
        };
        for moved in &ruling.moved {
            assert_eq!(moved.direction, direction);
            reasons.entry(moved.reason).or_default().add(moved.by);
        }
        if ruling.moved.is_empty() && direction == Outbound {
            self.bystanders.add(packets(1, frame.len() as u64));
        }
    }

    fn reasons(&self, direction: Direction) -> &BTreeMap<Reason, Tally> {
        match direction {
            Outbound => &self.outbound,
            Inbound => &self.inbound,
        }
    }

    fn sum(&self, direction: Direction, effect: Effect) -> Tally {
        let reasons = self.reasons(direction).iter();
        let mut sum = Tally::default();
        reasons.filter(|(r, _)| r.effect() == effect).for_each(|(_, tally)| sum.add(*tally));
        sum
    }

    /// Packets that passed and that were dropped.
    fn split(&self, direction: Direction) -> (u64, u64) {
        let packets = |effect| self.sum(direction, effect).packets;
        (packets(Effect::Pass), packets(Effect::Drop))
    }
}

const fn packets(packets: u64, bytes: u64) -> Tally {
    Tally { packets, bytes }
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

/// The frames of a capture.
fn frames(name: &str) -> Result<Vec<Vec<u8>>> {
    let bytes = fs::read(path(name))?;
    let capture = PcapCapture::from_file(&bytes).map_err(|error| anyhow!("{name}: {error:?}"))?;
    ensure!(capture.header.network == Linktype::ETHERNET, "{name} has no Ethernet frames");
    let whole = |block: &LegacyPcapBlock| block.caplen == block.origlen;
    ensure!(capture.blocks.iter().all(whole), "{name} has frames that were cut");
    Ok(capture.blocks.iter().map(|block| block.data.to_vec()).collect())
}

/// What the host and every program make of a capture, which has to be the same.
fn count(name: &str, camera: Mac, fence: &str) -> Result<Count> {
    let policy = policy(&format!("{fence}\n[[camera]]\nmac = \"{camera}\"\nname = \"camera\""))?;
    let (host, mut kernel) = (Host::new(&policy), Kernel::new(&policy)?);
    let mut count = Count::default();
    for frame in frames(name)? {
        count.frames += 1;
        for direction in Direction::ALL {
            let ruling = host.judge(direction, &frame);
            count.add(direction, &frame, &ruling);
            for &program in programs(direction) {
                ensure!(runs(program, &frame), "{name}: {program:?} refuses a frame");
                let number = count.frames;
                assert_eq!(kernel.judge(program, &frame)?, ruling, "{name}: {number}: {program:?}");
            }
        }
    }
    check_totals(&kernel, camera, &count);
    Ok(count)
}

/// The kernel's counters hold what was counted frame by frame, once for each program.
fn check_totals(kernel: &Kernel, camera: Mac, count: &Count) {
    for direction in Direction::ALL {
        let times = programs(direction).len() as u64;
        for reason in Reason::ALL {
            let once = count.reasons(direction).get(&reason).copied().unwrap_or_default();
            let expected = packets(times * once.packets, times * once.bytes);
            assert_eq!(kernel.tally(camera.into(), direction, reason), expected, "{reason:?}");
        }
    }
}

#[test]
fn dlink_camera() -> Result<()> {
    let count = count("dlink-cam-a1.pcap", DLINK, "")?;
    assert_eq!(count.frames, 624);
    assert_eq!(count.bystanders, packets(105, 30_335));
    let outbound = [
        (Reason::Link, packets(12, 739)),
        (Reason::OnLink, packets(396, 82_906)),
        (Reason::Local, packets(66, 16_492)),
        (Reason::NotLocal, packets(45, 6_681)),
    ];
    assert_eq!(count.outbound, outbound.into());
    assert_eq!(count.sum(Outbound, Effect::Pass), packets(474, 100_137));
    assert_eq!(count.sum(Outbound, Effect::Drop), packets(45, 6_681));
    assert_eq!(count.sum(Inbound, Effect::Pass), packets(75, 15_676));
    assert_eq!(count.sum(Inbound, Effect::Drop), packets(30, 14_659));
    assert_eq!(count.inbound.get(&Reason::Inbound), Some(&packets(30, 14_659)));
    let inbound: Vec<Reason> = count.inbound.into_keys().collect();
    assert_eq!(inbound, [Reason::Link, Reason::Local, Reason::Inbound]);
    Ok(())
}

#[test]
fn dlink_daycam() -> Result<()> {
    let count = count("dlink-daycam-a1.pcap", DAYCAM, "")?;
    assert_eq!(count.frames, 60);
    assert_eq!((count.split(Outbound), count.split(Inbound)), ((60, 0), (0, 0)));
    Ok(())
}

#[test]
fn edimax() -> Result<()> {
    let count = count("edimax-cam1-a1.pcap", EDIMAX, "")?;
    assert_eq!(count.frames, 49);
    assert_eq!((count.split(Outbound), count.split(Inbound)), ((49, 0), (0, 0)));
    Ok(())
}

#[test]
fn ednet() -> Result<()> {
    let count = count("ednet-cam1-a1.pcap", EDNET, "")?;
    assert_eq!(count.frames, 21);
    assert_eq!((count.split(Outbound), count.split(Inbound)), ((18, 0), (3, 0)));
    Ok(())
}

#[test]
fn ednet_with_its_own_network_only() -> Result<()> {
    let fence = "[fence]\nlocal = [\"10.10.10.0/24\"]";
    let count = count("ednet-cam1-a1.pcap", EDNET, fence)?;
    assert_eq!((count.split(Outbound), count.split(Inbound)), ((8, 10), (3, 0)));
    assert_eq!(count.outbound.get(&Reason::NotLocal).map(|tally| tally.packets), Some(10));
    Ok(())
}

#[test]
fn a_camera_of_another_capture_is_nobody_here() -> Result<()> {
    let count = count("dlink-cam-a1.pcap", EDNET, "")?;
    assert_eq!(count.bystanders.packets, 624);
    assert!(count.outbound.is_empty() && count.inbound.is_empty());
    Ok(())
}
