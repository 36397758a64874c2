//! Fences of several sizes, and what each of them is asked. From the one with one camera, one
//! profile and the usual networks, each other differs in one thing.

use std::rc::Rc;

use anyhow::Result;
use camfence_tests::measure::Program;
use camfence_tests::measure::fence::{Fence, Name, Policy};
use camfence_tests::measure::frames::{self, Peer, Shape};

use super::PLAIN;
use super::case::{Case, Group, from_bystanders, some_of};

const CAMERAS: [usize; 3] = [100, 10_000, 65_536];
const PROFILES: [usize; 2] = [16, 256];
/// As many as a policy may have, of each.
const MOST: usize = 64;
/// A name that a profile lists, and one that none does.
const LISTED: &str = "time63.example.net";
const UNLISTED: &str = "calls.example.org";

/// All the fences.
pub(crate) struct Fences {
    pub(crate) plain: Fence,
    cameras: Vec<(usize, Fence)>,
    profiles: Vec<(usize, Fence)>,
    prefixes: Fence,
    /// Allowances that lead elsewhere.
    elsewhere: Fence,
    /// Allowances for any address, of which none is for the port that is called but the last.
    anywhere: Fence,
    names: Fence,
}

impl Fences {
    /// Puts them up; `tell` is told what is going on.
    pub(crate) fn new(tell: impl Fn(&str)) -> Result<Self> {
        let up = |policy: Policy| {
            tell(&format!("a fence for {} cameras", policy.cameras));
            Fence::new(&policy)
        };
        let default = Policy::default;
        let sized = |cameras, profiles| {
            up(Policy { cameras, profiles, ..default() }).map(|fence| (cameras, fence))
        };
        let saying = |profile| up(Policy { profile, ..default() });
        Ok(Self {
            plain: up(default())?,
            cameras: CAMERAS.iter().map(|&n| sized(n, 1)).collect::<Result<_>>()?,
            profiles: PROFILES.iter().map(|&n| sized(n, n)).collect::<Result<_>>()?,
            prefixes: saying(prefixes())?,
            elsewhere: saying(list("allow", |n| format!("udp/10240 to 198.51.100.{n}")))?,
            anywhere: saying(list("allow", |n| format!("udp/{} to any", 20_000 + n)))?,
            names: saying(list("dns", |n| format!("time{n}.example.net")))?,
        })
    }

    /// What to measure.
    pub(crate) fn groups(&self) -> Result<Vec<Group>> {
        Ok(vec![
            Group { title: "XDP", cases: outbound(&self.plain, Name::OutboundXdp)? },
            Group { title: "TC", cases: outbound(&self.plain, Name::OutboundTc)? },
            Group { title: "TC, inbound", cases: inbound(&self.plain)? },
            Group { title: "XDP, more cameras", cases: sizes("cameras", &self.cameras)? },
            Group { title: "XDP, more profiles", cases: sizes("profiles", &self.profiles)? },
            Group { title: "XDP, longer policies", cases: self.policies()? },
        ])
    }

    /// Policies with 64 of something.
    fn policies(&self) -> Result<Vec<Case>> {
        let xdp = |fence: &Fence| fence.program(Name::OutboundXdp).map(Rc::new);
        let prefixes = xdp(&self.prefixes)?;
        let prefix = |shape, peer| {
            let case = camera(&prefixes, "XDP", shape, peer);
            suffixed(case, "64 local networks")
        };
        let [elsewhere, anywhere] = [xdp(&self.elsewhere)?, xdp(&self.anywhere)?];
        let allowance =
            |program, what: &str| suffixed(camera(program, "XDP", Shape::V4, Peer::Outside), what);
        let names = xdp(&self.names)?;
        let query = |name: &str| vec![frames::query(frames::camera(0), name)];
        let allowed = vec![frames::outbound_to_port(frames::camera(0), 20_000 + 63)];
        Ok(vec![
            prefix(Shape::V4, Peer::Home),
            prefix(Shape::V6, Peer::Home),
            prefix(Shape::V4, Peer::Outside),
            prefix(Shape::V6, Peer::Outside),
            allowance(&elsewhere, "64 allowances to others"),
            allowance(&anywhere, "64 allowances to any"),
            Case::new("XDP allowed by the last of 64", anywhere, allowed).passed().against_hit(),
            Case::new("XDP DNS, one of 64 names", names.clone(), query(LISTED))
                .passed()
                .against_hit(),
            Case::new("XDP DNS, another name", names, query(UNLISTED)).against_hit(),
        ])
    }
}

/// Everything outbound, with one camera.
fn outbound(fence: &Fence, name: Name) -> Result<Vec<Case>> {
    let hook = if name == Name::OutboundXdp { "XDP" } else { "TC" };
    let program = Rc::new(fence.program(name)?);
    let bystander = Case::new(format!("{hook} bystander"), program.clone(), from_bystanders());
    let mut cases = vec![bystander.passed().against_miss()];
    for peer in [Peer::Home, Peer::Outside] {
        cases.extend(Shape::ALL.map(|shape| camera(&program, hook, shape, peer)));
    }
    Ok(cases)
}

/// A frame of the first camera.
fn camera(program: &Rc<Program>, hook: &str, shape: Shape, peer: Peer) -> Case {
    let frames = vec![frames::outbound(frames::camera(0), shape, peer)];
    let what = if peer == Peer::Home { "local" } else { "dropped" };
    let case = Case::new(format!("{hook} {what} {}", shape.name()), program.clone(), frames);
    let case = if peer == Peer::Home { case.passed() } else { case };
    case.against_hit()
}

fn inbound(fence: &Fence) -> Result<Vec<Case>> {
    let program = Rc::new(fence.program(Name::InboundTc)?);
    let case = |name: &str, to, from| {
        Case::new(format!("TC inbound {name}"), program.clone(), vec![frames::inbound(to, from)])
    };
    let (camera, bystander) = (frames::camera(0), frames::bystander(0));
    Ok(vec![
        case("bystander", bystander, Peer::Outside).passed().against_miss(),
        case("local", camera, Peer::Home).passed().against_hit(),
        case("dropped", camera, Peer::Outside).against_hit(),
    ])
}

/// Several cameras of each of the fences.
fn sizes(of: &str, fences: &[(usize, Fence)]) -> Result<Vec<Case>> {
    let mut cases = Vec::new();
    for (number, fence) in fences {
        let program = Rc::new(fence.program(Name::OutboundXdp)?);
        let what = format!("{} {of}", grouped(*number));
        let stranger = Case::new("XDP bystander", program.clone(), from_bystanders());
        cases.push(suffixed(stranger.passed().against_miss(), &what));
        for peer in [Peer::Home, Peer::Outside] {
            let mut case = camera(&program, "XDP", Shape::V4, peer);
            let source = |n| frames::outbound(frames::camera(n), Shape::V4, peer);
            case.frames = some_of(*number).into_iter().map(source).collect();
            cases.push(suffixed(case, &what));
        }
    }
    Ok(cases)
}

/// A case of another fence than the plain one, held against the same there.
fn suffixed(case: Case, what: &str) -> Case {
    let plain = case.name.clone();
    let name = format!("{plain}, {what}");
    Case { name, ..case }.against(PLAIN, plain)
}

/// 64 local networks of each family; those of the frames come last.
fn prefixes() -> String {
    let others = (0..MOST - 1).map(|n| format!("\"10.7.{n}.0/24\", \"2001:db8:1{n:02}::/48\""));
    let own = "\"192.168.1.0/24\", \"fd00::/64\"".to_owned();
    format!("local = [{}]", others.chain([own]).collect::<Vec<_>>().join(", "))
}

/// A list of 64 strings under a key.
fn list(key: &str, element: impl Fn(usize) -> String) -> String {
    let elements = (0..MOST).map(|number| format!("\"{}\"", element(number)));
    format!("{key} = [{}]", elements.collect::<Vec<_>>().join(", "))
}

/// A number with its thousands set apart, as people read it.
fn grouped(number: usize) -> String {
    let thousands = number / 1000;
    if thousands == 0 { number.to_string() } else { format!("{thousands},{:03}", number % 1000) }
}
