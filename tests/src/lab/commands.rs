//! The commands of `ip` that build what a lab describes. Pure: strings in, strings out.

use super::spec::{Bridge, Host, Link};
use crate::addr::Mac;

/// What holds for every cable of a lab.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cabling {
    pub(super) mtu: Option<u32>,
    pub(super) offloads_off: bool,
}

/// In the box: makes a bridge, with an address that does not change as ports come and go.
pub(super) fn bridge(bridge: &Bridge, mac: Mac) -> Vec<String> {
    let name = &bridge.name;
    let filtering = if bridge.vlan_filtering { " vlan_filtering 1" } else { "" };
    let mut lines = vec![format!(
        "link add {name} address {mac} type bridge \
         stp_state 0 forward_delay 0 mcast_snooping 0{filtering}"
    )];
    if !bridge.addresses.iter().any(|ip| is_v6(ip)) {
        // Else it would announce itself to groups, and a test would count that.
        lines.push(format!("link set {name} addrgenmode none"));
    }
    lines.push(format!("link set {name} up"));
    lines.extend(bridge.addresses.iter().map(|ip| add_address(name, ip)));
    lines
}

/// In the host's parent: makes the veth pair.
pub(super) fn cable(host: &Host, mac: Mac, netns: &str, cabling: Cabling) -> Vec<String> {
    let port = &host.port;
    let mtu = cabling.mtu.map(|mtu| format!(" mtu {mtu}")).unwrap_or_default();
    vec![format!("link add {port}{mtu} type veth peer name eth0 address {mac}{mtu} netns {netns}")]
}

/// In the host: brings its end up, with addresses and routes.
pub(super) fn far_end(host: &Host) -> Vec<String> {
    let mut lines = vec!["link set eth0 up".to_owned()];
    lines.extend(host.addresses.iter().map(|ip| add_address("eth0", ip)));
    lines.extend(host.loopback.iter().map(|ip| add_address("lo", ip)));
    lines.extend(host.via.iter().map(|gateway| format!("route add default via {gateway}")));
    lines
}

/// In the host's parent: brings the near end up. It comes last, so that a bridge sees a
/// port with a carrier and forwards at once.
pub(super) fn near_end(host: &Host, last_bridge: Option<&str>) -> Vec<String> {
    let port = &host.port;
    match &host.link {
        Link::Bridge(named) => {
            let master = named.as_deref().or(last_bridge).unwrap_or("(no bridge before this host)");
            // A bridge port has no business with addresses of its own.
            vec![
                format!("link set {port} addrgenmode none"),
                format!("link set {port} master {master}"),
                format!("link set {port} up"),
            ]
        }
        Link::Routed { near, .. } => {
            let mut lines = vec![format!("link set {port} up")];
            lines.extend(near.iter().map(|ip| add_address(port, ip)));
            lines.extend(host.router_via.iter().map(|ip| format!("route add default via {ip}")));
            lines
        }
    }
}

fn add_address(interface: &str, address: &str) -> String {
    let nodad = if is_v6(address) { " nodad" } else { "" };
    format!("addr add {address} dev {interface}{nodad}")
}

fn is_v6(address: &str) -> bool {
    address.contains(':')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::mac;

    #[test]
    fn a_camera_becomes_a_cable_and_two_ends() {
        let camera = Host::new("driveway").ip("192.168.1.31/24").ip("fd00:1::31/64");
        let mac = mac("b0:c5:54:25:5b:0e");
        assert_eq!(
            cable(&camera, mac, "cf-x", Cabling { mtu: Some(9000), ..Cabling::default() }),
            ["link add port-driveway mtu 9000 type veth peer name eth0 \
              address b0:c5:54:25:5b:0e mtu 9000 netns cf-x"]
        );
        assert_eq!(
            far_end(&camera),
            [
                "link set eth0 up",
                "addr add 192.168.1.31/24 dev eth0",
                "addr add fd00:1::31/64 dev eth0 nodad"
            ]
        );
        assert!(
            near_end(&camera, Some("br0")).contains(&"link set port-driveway master br0".into())
        );
    }

    #[test]
    fn the_internet_is_the_default_route_of_its_router() {
        let lines = near_end(&Host::internet_behind("gw"), None);
        assert!(lines.contains(&"route add default via 100.64.0.2".into()), "{lines:?}");
        assert!(lines.contains(&"addr add 100.64.0.1/30 dev wan".into()), "{lines:?}");
    }
}
