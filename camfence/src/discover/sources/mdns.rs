//! Multicast DNS (RFC 6762) and service discovery (RFC 6763): names and services of a device.

use std::net::IpAddr;

use simple_dns::{Name, Packet, PacketFlag, ResourceRecord, rdata::RData};

use crate::discover::fact::{Fact, text};

/// Records of one message that are looked at; what follows is left out.
const MOST_RECORDS: usize = 64;

/// Reads an answer. In questions others' records are repeated, so they tell nothing of the sender.
pub(super) fn read(message: &[u8], source: IpAddr, facts: &mut Vec<Fact>) {
    let Ok(packet) = Packet::parse(message) else { return };
    if !packet.has_flags(PacketFlag::RESPONSE) {
        return;
    }
    let records = packet.answers.iter().chain(&packet.additional_records).take(MOST_RECORDS);
    facts.extend(records.filter_map(|record| fact(record, source)));
}

fn fact(record: &ResourceRecord<'_>, source: IpAddr) -> Option<Fact> {
    match &record.rdata {
        // A proxy answers for others, with their addresses.
        RData::A(a) if IpAddr::from(a.address.to_be_bytes()) == source => hostname(&record.name),
        RData::AAAA(aaaa) if IpAddr::from(aaaa.address.to_be_bytes()) == source => {
            hostname(&record.name)
        }
        // All types there are (RFC 6763 §9), or an instance of one.
        RData::PTR(to) => service(if is_meta(&record.name) { &to.0 } else { &record.name }),
        _ => None,
    }
}

fn hostname(name: &Name<'_>) -> Option<Fact> {
    let label = name.get_labels().first()?;
    text(label.as_ref()).map(Fact::Hostname)
}

fn is_meta(name: &Name<'_>) -> bool {
    name.get_labels().first().is_some_and(|label| label.as_ref() == b"_services")
}

/// `_rtsp._tcp` of `_rtsp._tcp.local`. Other names, of addresses for one, are no services.
fn service(name: &Name<'_>) -> Option<Fact> {
    let [service, protocol, ..] = name.get_labels() else { return None };
    let (service, protocol) = (service.as_ref(), protocol.as_ref());
    let is_service = service.starts_with(b"_") && [&b"_tcp"[..], b"_udp"].contains(&protocol);
    let name = [service, b".", protocol].concat();
    is_service.then(|| text(&name).map(Fact::Service)).flatten()
}
