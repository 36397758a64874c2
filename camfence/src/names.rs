//! By which names cameras asked DNS for addresses, as far as the answers were seen.
//!
//! A camera's own names and no other's: two may ask for different names and get the same address.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::SystemTime,
};

use camfence_common::mac::Mac;
use serde::{Deserialize, Serialize};
use simple_dns::{Name, OPCODE, Packet, PacketFlag, RCODE, ResourceRecord, rdata::RData};

use crate::printable::Printable;

/// Most addresses of a camera. The oldest make way.
pub const MOST_OF_A_CAMERA: usize = 1_024;

/// Most addresses of all cameras.
pub const MOST_NAMES: usize = 65_536;

/// Most records of a message's section that are read. A message of 512 bytes has room for fewer.
const MOST_RECORDS: u16 = 64;

/// Bytes of a DNS message's header (RFC 1035 §4.1.1).
const HEADER: usize = 12;

/// Aliases that are followed from a name at the most.
const MOST_ALIASES: usize = 16;

/// The names that are known.
#[derive(Debug, Default)]
pub struct Names {
    cameras: HashMap<Mac, Camera>,
    /// Whose each is, in the order in which they were learned.
    order: BTreeMap<u64, Mac>,
    last: u64,
}

#[derive(Debug, Default)]
struct Camera {
    names: HashMap<IpAddr, (u64, Named)>,
    order: BTreeMap<u64, IpAddr>,
}

/// A name of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The name that was asked for.
    pub name: Printable,
    /// When it was answered.
    pub learned: SystemTime,
}

impl Names {
    /// Learns what a DNS message to a camera says. One that is damaged, or no answer to one question, says
    /// nothing.
    pub fn learn(&mut self, mac: Mac, message: &[u8], learned: SystemTime) {
        let Some((name, addresses)) = read(message) else { return };
        for address in addresses {
            self.restore(mac, address, Named { name: name.clone(), learned });
        }
    }

    /// Takes one in that was known before, or that was learned now.
    pub fn restore(&mut self, mac: Mac, address: IpAddr, named: Named) {
        self.forget(mac, address);
        if self.order.len() >= MOST_NAMES
            && let Some((&oldest, &whose)) = self.order.first_key_value()
        {
            self.forget_number(whose, oldest);
        }
        let of_camera = self.cameras.get(&mac).map(|camera| &camera.order);
        if let Some(order) = of_camera.filter(|order| order.len() >= MOST_OF_A_CAMERA)
            && let Some((&oldest, _)) = order.first_key_value()
        {
            self.forget_number(mac, oldest);
        }
        self.last += 1;
        self.order.insert(self.last, mac);
        let camera = self.cameras.entry(mac).or_default();
        camera.order.insert(self.last, address);
        camera.names.insert(address, (self.last, named));
    }

    /// The name by which a camera asked for an address last.
    pub fn of(&self, mac: Mac, address: IpAddr) -> Option<&Printable> {
        Some(&self.cameras.get(&mac)?.names.get(&address)?.1.name)
    }

    /// All that are known, those learned first first.
    pub fn iter(&self) -> impl Iterator<Item = (Mac, IpAddr, &Named)> {
        self.order.iter().filter_map(|(number, mac)| {
            let camera = self.cameras.get(mac)?;
            let address = camera.order.get(number)?;
            Some((*mac, *address, &camera.names.get(address)?.1))
        })
    }

    fn forget(&mut self, mac: Mac, address: IpAddr) {
        let known = self.cameras.get(&mac).and_then(|camera| camera.names.get(&address));
        if let Some(&(number, _)) = known {
            self.forget_number(mac, number);
        }
    }

    fn forget_number(&mut self, mac: Mac, number: u64) {
        self.order.remove(&number);
        let Some(camera) = self.cameras.get_mut(&mac) else { return };
        if let Some(address) = camera.order.remove(&number) {
            camera.names.remove(&address);
        }
        if camera.order.is_empty() {
            self.cameras.remove(&mac);
        }
    }
}

/// The name that was asked for, and the addresses that an answer has for it.
fn read(message: &[u8]) -> Option<(Printable, Vec<IpAddr>)> {
    let counts = message.get(4..HEADER)?.chunks_exact(2);
    // The parser makes room for as many as it is told.
    let mut counts = counts.map(|count| u16::from_be_bytes([count[0], count[1]]));
    if !counts.all(|count| count <= MOST_RECORDS) {
        return None;
    }
    let packet = Packet::parse(message).ok()?;
    let is_answer = packet.has_flags(PacketFlag::RESPONSE)
        && packet.opcode() == OPCODE::StandardQuery
        && packet.rcode() == RCODE::NoError;
    let [question] = packet.questions.as_slice() else { return None };
    if !is_answer || question.qname.get_labels().is_empty() {
        return None;
    }
    let addresses = addresses(&packet.answers, &question.qname);
    (!addresses.is_empty()).then(|| (printable(&question.qname), addresses))
}

/// The addresses that records give a name, or what it is an alias of (RFC 1034 §3.6.2).
fn addresses<'a>(records: &'a [ResourceRecord<'a>], name: &'a Name<'a>) -> Vec<IpAddr> {
    let (mut owner, mut found) = (name, Vec::new());
    for _ in 0..MOST_ALIASES {
        let mut alias = None;
        for record in records.iter().filter(|record| record.name == *owner) {
            match &record.rdata {
                RData::CNAME(target) => alias = Some(&target.0),
                data => found.extend(address(data)),
            }
        }
        let Some(target) = alias else { break };
        owner = target;
    }
    found
}

fn address(data: &RData<'_>) -> Option<IpAddr> {
    match data {
        RData::A(data) => Some(Ipv4Addr::from(data.address).into()),
        // As the ledger tells them.
        RData::AAAA(data) => Some(Ipv6Addr::from(data.address).to_canonical()),
        _ => None,
    }
}

/// The labels with dots between them, whatever is in them.
fn printable(name: &Name<'_>) -> Printable {
    let labels: Vec<&[u8]> = name.as_bytes().collect();
    Printable::new(&labels.join(&b'.'))
}

/// A name as the control socket tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameLine {
    /// The camera's MAC.
    pub mac: String,
    /// The address.
    pub address: IpAddr,
    /// The name that was asked for.
    pub name: Printable,
    /// When: RFC 3339, UTC.
    pub learned: String,
}

#[cfg(test)]
mod tests;
