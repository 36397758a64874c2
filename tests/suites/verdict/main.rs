//! Verdicts, frame by frame: the core on the host, XDP and TC have to agree with the rules, and
//! exactly one counter of one camera has to move.

mod aggregate;
mod bystander;
mod extension;
mod fragment;
mod inbound;
mod ipv4;
mod ipv6;
mod link;
mod profile;
mod truncation;
mod tunnel;
mod verifier;

use camfence_common::reason::{Direction, Reason};
use camfence_tests::{
    Frame, Mac,
    judge::{Fixture, SharedBench},
    mac,
};

/// A camera with the profile "default": 10/8, 172.16/12, 192.168/16 and `fc00::/7`.
const CAM: Mac = mac("b0:c5:54:25:5b:0e");
const CAM4: &str = "192.168.1.31";
const CAM6: &str = "fd00:1::31";
/// A camera that may reach the recorder only.
const PORCH: Mac = mac("74:da:38:80:7a:08");
/// A camera whose home is a v4 and a v6 network that end at odd bits.
const SHED: Mac = mac("3c:49:37:03:17:db");
/// Nobody's.
const STRANGER: Mac = mac("02:00:00:00:00:99");
/// The recorder, at home.
const NVR4: &str = "192.168.1.10";
const NVR6: &str = "fd00:1::10";
/// The vendor, far away.
const VENDOR4: &str = "203.0.113.7";
const VENDOR6: &str = "2606:4700::1111";

const HOME: &str = r#"
[profile.nvr-only]
local = ["192.168.1.10/32", "fd00:1::10/128"]

[profile.odd]
local = ["100.64.96.0/19", "2001:db8:40::/43"]

[[camera]]
mac = "b0:c5:54:25:5b:0e"
name = "driveway"

[[camera]]
mac = "74:da:38:80:7a:08"
name = "porch"
profile = "nvr-only"

[[camera]]
mac = "3c:49:37:03:17:db"
name = "shed"
profile = "odd"
"#;

static BENCH: SharedBench = SharedBench::new(HOME);

/// Judges fixtures under the policy above.
#[track_caller]
fn check(fixtures: &[Fixture]) {
    BENCH.check(fixtures);
}

fn outbound(name: impl Into<String>, frame: &Frame, reason: Reason) -> Fixture {
    Fixture::outbound(name, frame, reason)
}

fn inbound(name: impl Into<String>, frame: &Frame, reason: Reason) -> Fixture {
    Fixture::inbound(name, frame, reason)
}

/// Nobody's frame as sent by somebody.
fn bystander(name: impl Into<String>, frame: &Frame) -> Fixture {
    Fixture::bystander(name, Direction::Outbound, frame)
}

fn cam() -> Frame {
    Frame::from(CAM)
}

/// A datagram of the camera to an IPv4 address.
fn to4(address: &str) -> Frame {
    cam().ipv4(CAM4, address).udp(5000, 10240).payload(b"hello")
}

/// A datagram of the camera to an IPv6 address.
fn to6(address: &str) -> Frame {
    cam().ipv6(CAM6, address).udp(5000, 10240).payload(b"hello")
}
