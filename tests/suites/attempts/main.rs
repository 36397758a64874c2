//! Attempts to get out, and what a camera needs.
//!
//! Every attempt is a named frame, or several, that a camera or somebody outside might send to get
//! around the fence; every need is one without which a camera does not work at home. Host core,
//! XDP and TC have to agree with the reason written beside each, one counter moves for each frame,
//! and [`live`] sends all of them through a fenced port.

mod again;
mod allowance;
mod cut;
mod destination;
mod dns;
mod fragment;
mod inbound;
mod ipv4;
mod ipv6;
mod link;
mod live;
mod mapping;
mod needed;
mod rogue;
mod sealed;
mod spoof;
mod tunnel;

use std::collections::BTreeSet;

use camfence_common::reason::{Direction, Effect, Reason};
use camfence_tests::{
    Frame, Mac,
    judge::{Expected, Fixture, SharedBench, Step},
    mac,
};

/// A camera with the profile "default".
const DRIVEWAY: Mac = mac("b0:c5:54:25:5b:0e");
const DRIVEWAY4: &str = "192.168.1.21";
const DRIVEWAY6: &str = "fd00:1::21";
/// A camera that may reach the recorder, and a few services by name, address and port.
const PORCH: Mac = mac("74:da:38:80:7a:08");
const PORCH4: &str = "192.168.1.22";
const PORCH6: &str = "fd00:1::22";
/// A camera with the profile "default" and two addresses that are bound.
const YARD: Mac = mac("3c:49:37:03:17:db");
const YARD4: &str = "192.168.1.31";
const YARD6: &str = "fd00:1::31";
/// The same, with an IPv4 address alone.
const CELLAR: Mac = mac("3c:49:37:03:17:dc");
const CELLAR4: &str = "192.168.1.32";
/// A camera that may ask no resolver.
const ATTIC: Mac = mac("9c:8e:cd:11:22:33");
const ATTIC4: &str = "192.168.1.23";
const ATTIC6: &str = "fd00:1::23";
/// Registered, and a router all the same.
const VPN: Mac = mac("9c:8e:cd:44:55:66");
const VPN6: &str = "fe80::24";

/// The recorder, at home.
const NVR4: &str = "192.168.1.10";
const NVR6: &str = "fd00:1::10";
/// The router, which is a resolver too.
const ROUTER: Mac = mac("02:cf:aa:00:00:01");
const ROUTER4: &str = "192.168.1.1";
const ROUTER6: &str = "fd00:1::1";
/// Somebody else at home.
const PHONE4: &str = "192.168.1.99";
const PHONE6: &str = "fd00:1::99";
/// The vendor, far away.
const VENDOR4: &str = "203.0.113.7";
const VENDOR6: &str = "2606:4700::1111";
/// The time servers that the porch may ask.
const TIME4: &str = "192.0.2.123";
const TIME6: &str = "2001:db8::123";
/// The mail server that the porch may use.
const MAIL4: &str = "198.51.100.25";
/// The host that the porch may ping.
const PINGED4: &str = "203.0.113.9";
/// A resolver outside.
const RESOLVER4: &str = "8.8.8.8";

const HOME: &str = r#"
[profile.nvr-only]
local = ["192.168.1.10/32", "fd00:1::10/128"]
allow = [
    "udp/123 to 192.0.2.123",
    "ntp to 2001:db8::123",
    "smtp to 198.51.100.25",
    "tcp/8000-8010 to 203.0.113.0/24",
    "icmp to 203.0.113.9",
    "dns to 192.168.1.1",
    "dns to fd00:1::1",
]
dns = ["pool.ntp.org", "*.example.net"]
port-mapping = "deny"

[profile.no-dns]
dns = "deny"

[profile.router]
rogue = "pass"

[[camera]]
mac = "b0:c5:54:25:5b:0e"
name = "driveway"

[[camera]]
mac = "74:da:38:80:7a:08"
name = "porch"
profile = "nvr-only"

[[camera]]
mac = "3c:49:37:03:17:db"
name = "yard"
addresses = ["192.168.1.31", "fd00:1::31"]

[[camera]]
mac = "3c:49:37:03:17:dc"
name = "cellar"
addresses = ["192.168.1.32"]

[[camera]]
mac = "9c:8e:cd:11:22:33"
name = "attic"
profile = "no-dns"

[[camera]]
mac = "9c:8e:cd:44:55:66"
name = "vpn"
profile = "router"
"#;

static BENCH: SharedBench = SharedBench::new(HOME);

/// Judges fixtures under the policy above.
#[track_caller]
fn check(fixtures: &[Fixture]) {
    BENCH.check(fixtures);
}

/// A frame that a camera sends, and the reason it gets.
fn sends(name: impl Into<String>, frame: &Frame, reason: Reason) -> Fixture {
    Fixture::outbound(name, frame, reason)
}

/// A frame that a camera is sent, and the reason it gets.
fn receives(name: impl Into<String>, frame: &Frame, reason: Reason) -> Fixture {
    Fixture::inbound(name, frame, reason)
}

/// Several frames that belong to one attempt, and their reasons.
fn sequence(name: &str, frames: &[(Frame, Reason)]) -> Fixture {
    let [(first, reason), rest @ ..] = frames else { panic!("{name}: nothing to send") };
    let begin = sends(name, first, *reason);
    rest.iter().fold(begin, |fixture, (frame, reason)| fixture.then(frame, *reason))
}

fn driveway() -> Frame {
    Frame::from(DRIVEWAY)
}

fn driveway4(to: &str) -> Frame {
    driveway().ipv4(DRIVEWAY4, to)
}

fn driveway6(to: &str) -> Frame {
    driveway().ipv6(DRIVEWAY6, to)
}

fn porch4(to: &str) -> Frame {
    Frame::from(PORCH).ipv4(PORCH4, to)
}

fn porch6(to: &str) -> Frame {
    Frame::from(PORCH).ipv6(PORCH6, to)
}

fn yard() -> Frame {
    Frame::from(YARD)
}

fn attic4(to: &str) -> Frame {
    Frame::from(ATTIC).ipv4(ATTIC4, to)
}

/// What a camera says when it calls its vendor.
fn calling(over: Frame) -> Frame {
    over.udp(5000, 10_240).payload(b"hello")
}

/// Everything that must not get anywhere.
fn attempts() -> Vec<Fixture> {
    [
        destination::attempts(),
        link::attempts(),
        tunnel::attempts(),
        ipv4::attempts(),
        ipv6::attempts(),
        fragment::attempts(),
        allowance::attempts(),
        dns::attempts(),
        mapping::attempts(),
        rogue::attempts(),
        spoof::attempts(),
        inbound::attempts(),
        cut::attempts(),
    ]
    .concat()
}

fn is_dropped(step: &Step) -> bool {
    reason(step).is_some_and(|reason| reason.effect() == Effect::Drop)
}

/// The reason that a frame is counted for.
const fn reason(step: &Step) -> Option<Reason> {
    match step.expected {
        Expected::Counted(reason) | Expected::Stranger(reason) => Some(reason),
        Expected::Bystander => None,
    }
}

#[test]
fn every_attempt_is_stopped() {
    check(&attempts());
}

#[test]
fn every_need_is_met() {
    check(&needed::all());
}

#[test]
fn there_are_many_of_both_and_each_has_its_name() {
    let (attempts, needed) = (attempts(), needed::all());
    println!("{} attempts, {} needs", attempts.len(), needed.len());
    assert!(attempts.len() >= 130 && needed.len() >= 45);
    let names: BTreeSet<_> = attempts.iter().chain(&needed).map(Fixture::name).collect();
    assert_eq!(names.len(), attempts.len() + needed.len());
}

#[test]
fn an_attempt_is_one_that_is_dropped_and_a_need_one_that_is_not() {
    for attempt in attempts() {
        assert!(attempt.steps().iter().any(is_dropped), "{}", attempt.name());
    }
    for need in needed::all() {
        assert!(!need.steps().iter().any(is_dropped), "{}", need.name());
    }
}

#[test]
fn every_reason_to_drop_has_an_attempt() {
    let attempts = attempts();
    let steps = attempts.iter().flat_map(Fixture::steps);
    let reasons: BTreeSet<Reason> = steps.filter_map(reason).collect();
    // A frame of a camera without a policy, and one of a device that is none.
    let others = [Reason::NoPolicy, Reason::Sealed];
    for reason in Reason::ALL {
        let is_tried = reasons.contains(&reason) || others.contains(&reason);
        assert!(is_tried || reason.effect() == Effect::Pass, "{}", reason.name());
    }
}

#[test]
fn attempts_come_from_both_sides() {
    for direction in Direction::ALL {
        assert!(attempts().iter().any(|attempt| attempt.direction() == direction));
        assert!(needed::all().iter().any(|need| need.direction() == direction));
    }
}
