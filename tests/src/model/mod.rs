//! A second verdict: the rules of the design, one after the other, with no thought of a kernel.
//!
//! It shares the words of the configuration and the reasons with camfence, and nothing else. It
//! never looks at the core: what it knows of frames it has from etherparse, and from a few bytes
//! read by hand where etherparse and the rules differ. It judges from the configuration as it was
//! written, so that compiling a policy is put to the test too. It knows no deadlines: to it no
//! camera is opened (rule 2).
//!
//! The suite `parity` tests it, and compares it with camfence over random frames; the suite
//! `captures` does so over what real cameras sent.

mod binding;
mod destination;
mod dns;
mod guards;
mod ip;
mod link;
mod transport;

use camfence::config::{Config, Mode, Profile, Unknown};
use camfence_common::{
    mac::Mac,
    reason::{Direction, Reason},
};
use ipnet::IpNet;

use self::link::Link;

/// Whose a frame is.
#[derive(Debug)]
pub enum Subject<'a> {
    /// Nobody's: it passes and is not counted.
    Bystander,
    /// A stranger's on a sealed port.
    Sealed,
    /// That of a camera, or of a stranger who is judged like one.
    Judged(Station<'a>),
}

/// Whose frame is judged, and how.
#[derive(Debug, Clone, Copy)]
pub struct Station<'a> {
    /// Its hardware address.
    pub mac: Mac,
    /// Whether it is a registered camera.
    pub registered: bool,
    /// Whether its verdicts are carried out.
    pub mode: Mode,
    /// Which way the frame goes.
    direction: Direction,
    profile: &'a Profile,
    /// The networks it is bound to; none for any.
    bound: &'a [IpNet],
}

impl Station<'_> {
    fn sends(&self) -> bool {
        self.direction == Direction::Outbound
    }
}

/// The reason for what becomes of a frame; none for a bystander's.
pub fn judge(
    config: &Config,
    direction: Direction,
    unknown: Unknown,
    frame: &[u8],
) -> Option<Reason> {
    match subject(config, direction, unknown, frame) {
        Subject::Bystander => None,
        Subject::Sealed => Some(Reason::Sealed),
        Subject::Judged(station) => Some(rules(&station, frame).unwrap_or_else(|reason| reason)),
    }
}

/// Rule 1: whose the frame is.
pub fn subject<'a>(
    config: &'a Config,
    direction: Direction,
    unknown: Unknown,
    frame: &[u8],
) -> Subject<'a> {
    let Some(mac) = link::station(direction, frame) else { return Subject::Bystander };
    if let Some(camera) = config.cameras.iter().find(|camera| camera.mac == mac) {
        let (profile, bound) = (config.profile_of(camera), camera.addresses.as_slice());
        let mode = camera.mode;
        return Subject::Judged(Station { mac, registered: true, mode, direction, profile, bound });
    }
    // To a group is to everybody; to one whom nobody registered is his business on a sealed port.
    let outbound = direction == Direction::Outbound;
    match unknown {
        Unknown::Drop if outbound => Subject::Sealed,
        Unknown::Profile(index) if outbound || !mac.is_multicast() => {
            let (profile, mode) = (&config.profiles[index], config.fence.mode);
            let (registered, bound) = (false, [].as_slice());
            Subject::Judged(Station { mac, registered, mode, direction, profile, bound })
        }
        Unknown::Pass | Unknown::Drop | Unknown::Profile(_) => Subject::Bystander,
    }
}

/// Rules 3 to 11. An error is a reason that was found before the last rule.
fn rules(station: &Station, frame: &[u8]) -> Result<Reason, Reason> {
    // 3
    let link = Link::parse(frame)?;
    // 4
    let packet = match link.ethertype {
        link::ARP => return binding::arp(station, link.payload(frame)),
        link::EAPOL | link::LLDP | link::PREAUTHENTICATION => return Ok(Reason::Link),
        link::IPV4 => ip::v4(frame, link.end)?,
        link::IPV6 => ip::v6(frame, link.end)?,
        _ => return Err(Reason::EtherType),
    };
    // 5
    packet.leads_nowhere_else()?;
    let transport = transport::parse(&packet)?;
    // 6 and 7
    if station.sends() {
        binding::check(station, &packet, transport)?;
        guards::check(station.profile, &packet, transport)?;
    }
    // 8 to 11
    Ok(destination::reason(station, &packet, transport))
}
