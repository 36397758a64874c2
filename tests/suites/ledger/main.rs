//! The ledger: each flow of a camera is counted exactly, on the host and in the kernel alike, however
//! many there are. And what the programs tell: each thing once.

mod counts;
mod flood;
mod keys;
mod told;

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use camfence::kernel::runner::Program;
use camfence_common::{
    abi::Tally,
    flow::{Flow, FlowKey, Missing},
    reason::Direction,
};
use camfence_tests::{
    Frame, Mac,
    judge::{Host, Kernel, policy},
    mac,
};

const CAM: Mac = mac("b0:c5:54:25:5b:0e");
const CAM4: &str = "192.168.1.31";
const CAM6: &str = "fd00:1::31";
const GW: Mac = mac("02:cf:aa:00:00:01");
const VENDOR4: &str = "203.0.113.7";
const VENDOR6: &str = "2606:4700::1111";

const HOME: &str = "[[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = \"driveway\"\n";

/// What was counted, by flow.
type Counts = BTreeMap<FlowKey, Tally>;

/// The kernel's programs, and what its ledger has to hold.
struct Books {
    host: Host,
    kernel: Kernel,
    expected: Counts,
}

impl Books {
    /// With room for so many flows.
    fn new(flows: u32) -> Result<Self> {
        let policy = policy(HOME)?;
        let (host, kernel) = (Host::new(&policy), Kernel::with_ledger(&policy, flows)?);
        Ok(Self { host, kernel, expected: Counts::new() })
    }

    /// Runs a frame through a program. Its flow is the host's.
    fn run(&mut self, program: Program, frame: &[u8]) -> Result<()> {
        self.kernel.run(program, frame)?;
        if let Some(key) = self.host.flow(direction(program), frame) {
            self.expect(key, 1, frame.len());
        }
        Ok(())
    }

    fn expect(&mut self, key: FlowKey, packets: u64, len: usize) {
        let bytes = packets * len as u64;
        self.expected.entry(key).or_default().add(Tally { packets, bytes });
    }

    /// Checks that the ledger has all that was expected, and nothing else.
    fn check(&self) -> Result<()> {
        let contents = self.kernel.ledger()?;
        let found: Counts = contents.flows.iter().map(|(key, flow)| (*key, flow.tally)).collect();
        ensure!(found == self.expected, "{found:#?}\nnot {:#?}", self.expected);
        ensure!(contents.missing == Missing::default(), "{:?}", contents.missing);
        let in_order = |(_, flow): (_, &Flow)| flow.first <= flow.last;
        ensure!(contents.flows.iter().all(in_order), "{contents:#?}");
        Ok(())
    }
}

const fn direction(program: Program) -> Direction {
    match program {
        Program::OutboundXdp | Program::OutboundTc => Direction::Outbound,
        Program::InboundTc => Direction::Inbound,
    }
}

/// A datagram of the camera to the vendor's port, from a port that tells nothing.
fn to(address: &str) -> Frame {
    Frame::from(CAM).to(GW).ipv4(CAM4, address).udp(5000, 10240).payload_of(100)
}
