//! What rtnetlink says of interfaces and of who is behind them, beyond what the fence itself asks.

use camfence_common::mac::Mac;
use futures_util::TryStreamExt as _;
use ipnet::IpNet;
use netlink_packet_route::{
    AddressFamily,
    link::{InfoKind, LinkAttribute, LinkInfo, LinkMessage},
    neighbour::{
        NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
    },
};

use super::{
    error::{Result, Tried as _},
    netlink::{Netlink, link},
};
use crate::doctor::seen::{Forwarding, Interface, Neighbour};

impl Netlink {
    /// All interfaces, with what the fence itself does not ask for.
    pub async fn interfaces(&self) -> Result<Vec<Interface>> {
        let links = self.handle().link().get().execute().try_collect::<Vec<_>>().await;
        Ok(links.tried(|| "listing interfaces".into())?.iter().filter_map(interface).collect())
    }

    /// The tables of MACs of all bridges.
    pub async fn forwarding(&self) -> Result<Vec<Forwarding>> {
        let lines = self.table(AddressFamily::Bridge).await?;
        Ok(lines.iter().filter_map(forwarding).collect())
    }

    /// The tables of neighbours, IPv4 and IPv6.
    pub async fn neighbours(&self) -> Result<Vec<Neighbour>> {
        let mut lines = self.table(AddressFamily::Inet).await?;
        lines.extend(self.table(AddressFamily::Inet6).await?);
        Ok(lines.iter().filter_map(neighbour).collect())
    }

    /// The networks of all addresses, by interface index.
    pub async fn prefixes(&self) -> Result<Vec<(u32, IpNet)>> {
        let by_index = self.on_link_prefixes().await?;
        let flat = by_index.into_iter();
        Ok(flat.flat_map(|(index, nets)| nets.into_iter().map(move |net| (index, net))).collect())
    }

    async fn table(&self, family: AddressFamily) -> Result<Vec<NeighbourMessage>> {
        let request = self.handle().neighbours().get().set_address_family(family);
        request.execute().try_collect().await.tried(|| "listing neighbours".into())
    }
}

fn interface(message: &LinkMessage) -> Option<Interface> {
    let link = link(message)?;
    let mut found = Interface { link, kind: String::new(), mac: None, mtu: 0, switch: None };
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::LinkInfo(infos) => found.kind = kind(infos),
            LinkAttribute::Address(address) => found.mac = mac(address),
            LinkAttribute::Mtu(mtu) => found.mtu = *mtu,
            LinkAttribute::PhysSwitchId(id) => {
                found.switch = id.id.get(..id.len).map(<[u8]>::to_vec);
            }
            _ => {}
        }
    }
    Some(found)
}

fn kind(infos: &[LinkInfo]) -> String {
    let kind = infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    });
    kind.map_or_else(String::new, InfoKind::to_string)
}

fn mac(bytes: &[u8]) -> Option<Mac> {
    let bytes: [u8; 6] = bytes.try_into().ok()?;
    (bytes != [0; 6]).then_some(Mac(bytes))
}

fn link_layer(message: &NeighbourMessage) -> Option<Mac> {
    message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(bytes) => mac(bytes),
        _ => None,
    })
}

fn forwarding(message: &NeighbourMessage) -> Option<Forwarding> {
    Some(Forwarding {
        mac: link_layer(message)?,
        ifindex: message.header.ifindex,
        // The port's own MAC, and groups it listens to, are permanent.
        foreign: message.header.state != NeighbourState::Permanent,
        offloaded: message.header.flags.contains(NeighbourFlags::Offloaded),
    })
}

fn neighbour(message: &NeighbourMessage) -> Option<Neighbour> {
    let fresh = match message.header.state {
        NeighbourState::Reachable
        | NeighbourState::Delay
        | NeighbourState::Probe
        | NeighbourState::Permanent => true,
        NeighbourState::Stale => false,
        // Nobody answered, or nobody was asked.
        _ => return None,
    };
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some((*address).into()),
        NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => {
            Some((*address).into())
        }
        _ => None,
    })?;
    let mac = link_layer(message)?;
    Some(Neighbour { mac, address, ifindex: message.header.ifindex, fresh })
}
