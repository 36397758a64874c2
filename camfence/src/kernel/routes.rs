//! Which interfaces lead elsewhere.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, Ipv6Addr},
};

use futures_util::TryStreamExt as _;
use netlink_packet_route::route::{RouteAttribute, RouteMessage, RouteType};
use rtnetlink::RouteMessageBuilder;

use super::{
    error::{Result, Tried as _},
    netlink::Netlink,
};

impl Netlink {
    /// The interfaces of default routes, IPv4 and IPv6, by index.
    pub async fn uplinks(&self) -> Result<BTreeSet<u32>> {
        let v4 = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let v6 = RouteMessageBuilder::<Ipv6Addr>::new().build();
        let mut uplinks = BTreeSet::new();
        for request in [v4, v6] {
            let routes = self.handle().route().get(request).execute();
            let routes: Vec<RouteMessage> =
                routes.try_collect().await.tried(|| "listing routes".into())?;
            uplinks.extend(routes.iter().filter(|route| is_default(route)).flat_map(interfaces));
        }
        Ok(uplinks)
    }
}

fn is_default(route: &RouteMessage) -> bool {
    route.header.destination_prefix_length == 0 && route.header.kind == RouteType::Unicast
}

/// A route with several ways has an interface for each.
fn interfaces(route: &RouteMessage) -> Vec<u32> {
    let of_attribute = |attribute: &RouteAttribute| match attribute {
        RouteAttribute::Oif(index) => vec![*index],
        RouteAttribute::MultiPath(hops) => hops.iter().map(|hop| hop.interface_index).collect(),
        _ => Vec::new(),
    };
    route.attributes.iter().flat_map(of_attribute).collect()
}
