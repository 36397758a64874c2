//! The fence on VLAN interfaces, and where frames are tagged around it.
//!
//! They are made by the kernel's `8021q` and by bridges that sort by VLAN. A kernel that has
//! neither skips this suite; `cargo xtask vm` runs it on some that have both.

mod bridged;
mod routed;
mod tags;

use std::time::Duration;

use anyhow::{Context as _, Result};
use camfence_tests::{BpffsRoot, Camfence, Frame, Lab, Mac, Netns, RawPort, mac};
use serde_json::Value;

const CAM: Mac = mac("b0:c5:54:25:5b:0e");
const PHONE: Mac = mac("02:cf:aa:00:00:33");
const CAM4: &str = "192.168.20.31";
const PHONE4: &str = "192.168.20.33";
const BOX4: &str = "192.168.20.1";
const VENDOR4: &str = "203.0.113.7";

/// How long nothing may arrive before everything has.
const QUIET: Duration = Duration::from_millis(80);
/// How long what shall arrive may take.
const SOON: Duration = Duration::from_secs(3);

/// What a camera's frames carry: nothing else on these wires does.
const WORD: &[u8] = b"a word of the camera's";

/// Makes each test one that is skipped where there are no VLANs.
macro_rules! on_vlans {
    ($($test:ident),+ $(,)?) => {
        mod on_vlans {
            $(#[test]
            fn $test() -> anyhow::Result<()> {
                if camfence_tests::kernel::has_vlans()? { super::$test() } else { Ok(()) }
            })+
        }
    };
}
use on_vlans;

/// The command line of a fence on these interfaces, with one camera.
fn fence<'a>(
    lab: &'a Lab,
    bpffs: &'a BpffsRoot,
    interfaces: &[&str],
    hook: &str,
) -> Result<Camfence<'a>> {
    let config = format!(
        "[fence]\ninterfaces = {interfaces:?}\nhook = \"{hook}\"\n\
         [[camera]]\nmac = \"{CAM}\"\nname = \"driveway\"\n"
    );
    Camfence::new(lab.box_ns(), &config, bpffs)
}

/// A frame to a vendor, from a camera or whoever.
fn calling_home(from: Mac, address: &str) -> Frame {
    Frame::from(from).ipv4(address, VENDOR4).udp(5000, 10_240).payload(WORD)
}

/// What `status` counted of the camera in a direction, passed and dropped.
fn counted(fence: &Camfence<'_>, direction: &str) -> Result<[u64; 2]> {
    let status = fence.json(["status"])?;
    let camera = &status["cameras"][0][direction];
    let count = |verdict: &str| camera[verdict]["packets"].as_u64().context("a count");
    Ok([count("passed")?, count("dropped")?])
}

/// What `status` says of an interface.
fn port(fence: &Camfence<'_>, name: &str) -> Result<Value> {
    let status = fence.json(["status"])?;
    let ports = status["interfaces"].as_array().context("interfaces")?;
    ports.iter().find(|port| port["name"] == name).cloned().context("the port")
}

/// Whether a frame with the camera's word arrives.
fn hears(port: &RawPort, within: Duration) -> Result<bool> {
    let is_it = |frame: &[u8]| frame.windows(WORD.len()).any(|window| window == WORD);
    Ok(port.capture_matching(within, is_it)?.is_some())
}

fn mac_of(netns: &Netns, interface: &str) -> Result<Mac> {
    let link: Value = serde_json::from_str(&netns.ip(&format!("-j link show dev {interface}"))?)?;
    Ok(mac(link[0]["address"].as_str().context("an address")?))
}
