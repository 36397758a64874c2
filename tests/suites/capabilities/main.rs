//! What kernels can do for a fence, and what they refuse: the table in `table.rs`, asked of the
//! kernel that runs this.

mod bpf;
mod device;
mod table;

use anyhow::{Context as _, Result, ensure};
use camfence_common::reason::Direction;
use camfence_tests::{BpffsRoot, Netns, kernel};
use nix::errno::Errno;

use self::{
    bpf::{Frags, Kind, Mode, Program},
    device::Device,
};

/// What a kernel is asked for.
#[derive(Debug, Clone, Copy)]
enum Question {
    /// An XDP program on a device, as a link.
    Xdp(Mode, Device),
    /// A second XDP program in the other mode.
    BothModes(Device),
    /// An XDP program in the driver of a device whose MTU is more than a page.
    Jumbo(Device, Frags),
    /// TC programs on a device as links, both directions.
    Tcx(Device),
    /// TC programs on a device as filters of a clsact qdisc, both directions.
    Clsact(Device),
    /// An XDP program that says it takes frames in several buffers.
    LoadFrags,
    /// A test run of a frame longer than a page through XDP.
    LongTestRun,
}

/// Which kernels can, from 5.10 on.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Always,
    /// From this version on; those before refuse.
    Since(u32, u32, Errno),
    /// All refuse.
    Never(Errno),
}

impl Answer {
    fn of(self, version: (u32, u32)) -> Result<(), Errno> {
        match self {
            Self::Since(major, minor, refusal) if version < (major, minor) => Err(refusal),
            Self::Always | Self::Since(..) => Ok(()),
            Self::Never(refusal) => Err(refusal),
        }
    }
}

/// Asks this kernel, and compares with what the table says.
fn check(question: Question, answer: Answer, source: &str) -> Result<()> {
    let netns = Netns::new("capability")?;
    if let Some(device) = question.device()
        && let Some(refusal) = device.make(&netns)?
    {
        kernel::skip(&format!("this kernel makes no {device:?}: {refusal}"));
        return Ok(());
    }
    let expected = answer.of(kernel::version()?);
    let answered = netns.run(|| question.ask(&netns))?;
    ensure!(answered == expected, "{question:?}: {answered:?}, not {expected:?} ({source})");
    Ok(())
}

impl Question {
    const fn device(self) -> Option<Device> {
        match self {
            Self::Xdp(_, device)
            | Self::BothModes(device)
            | Self::Jumbo(device, _)
            | Self::Tcx(device)
            | Self::Clsact(device) => Some(device),
            Self::LoadFrags | Self::LongTestRun => None,
        }
    }

    /// What the kernel answers; what goes wrong before it is asked is an error. To be called in the
    /// namespace of the device.
    fn ask(self, netns: &Netns) -> Result<Result<(), Errno>> {
        let index = match self.device() {
            Some(device) => netns.ifindex(device.name())?,
            None => 0,
        };
        let xdp = || Program::load(Kind::Xdp, Frags::Without).context("loading an XDP program");
        Ok(match self {
            Self::Xdp(mode, _) => xdp()?.attach_xdp(index, mode).map(drop),
            Self::BothModes(_) => {
                let (first, second) = (xdp()?, xdp()?);
                let _held = first.attach_xdp(index, Mode::Generic).context("the first")?;
                second.attach_xdp(index, Mode::Native).map(drop)
            }
            Self::Jumbo(device, frags) => {
                device.enlarge(netns)?;
                Program::load(Kind::Xdp, frags)
                    .and_then(|program| program.attach_xdp(index, Mode::Native).map(drop))
            }
            Self::Tcx(_) => {
                let program = Program::load(Kind::Tc, Frags::Without).context("loading")?;
                [Direction::Inbound, Direction::Outbound]
                    .into_iter()
                    .try_for_each(|direction| program.attach_tcx(index, direction).map(drop))
            }
            Self::Clsact(device) => return clsact(netns, device).map(Ok),
            Self::LoadFrags => Program::load(Kind::Xdp, Frags::With).map(drop),
            Self::LongTestRun => xdp()?.test_run(&[0; 2 * PAGE]),
        })
    }
}

const PAGE: usize = 4096;

/// Attaches a pinned program as `tc` does; says nothing of why it cannot, so that is an error.
fn clsact(netns: &Netns, device: Device) -> Result<()> {
    let bpffs = BpffsRoot::new()?;
    let pin = bpffs.path().join("program");
    Program::load(Kind::Tc, Frags::Without).and_then(|program| program.pin(&pin))?;
    let name = device.name();
    tc(netns, &format!("qdisc add dev {name} clsact"))?;
    for side in ["ingress", "egress"] {
        let pin = pin.display();
        tc(netns, &format!("filter add dev {name} {side} bpf direct-action object-pinned {pin}"))?;
        let shown = tc(netns, &format!("filter show dev {name} {side}"))?;
        ensure!(shown.contains("direct-action"), "{shown:?}");
    }
    Ok(())
}

fn tc(netns: &Netns, arguments: &str) -> Result<String> {
    let output = netns.command("tc").args(arguments.split_whitespace()).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "tc {arguments}: {errors}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
