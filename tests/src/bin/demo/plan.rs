//! Who talks to whom, and what shall become of it.

use std::net::SocketAddr;

use camfence_tests::traffic::{MDNS_V4, MDNS_V6, SSDP_V4, SSDP_V6};

/// How often a camera calls each of its three addresses; the text below says so too.
pub(crate) const CALLS: u32 = 3;

/// What kind of traffic.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Service {
    /// A connection and an exchange over it.
    Tcp(u16),
    /// So many requests, each of which is answered.
    Udp(u16, u32),
    /// A datagram to a group, over IPv4 and IPv6.
    Group(SocketAddr, SocketAddr),
}

/// Traffic of which the demo makes one attempt over IPv4 and one over IPv6.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flow {
    /// Who begins.
    pub(crate) from: &'static str,
    /// Whom it is for.
    pub(crate) to: &'static str,
    /// What it is, for people.
    pub(crate) what: &'static str,
    /// How it is made.
    pub(crate) service: Service,
    /// What camfence is to call it.
    pub(crate) reason: &'static str,
}

impl Flow {
    /// Whether it shall be dropped behind the fence.
    pub(crate) fn is_dropped(&self) -> bool {
        matches!(self.reason, "not-local" | "inbound")
    }
}

/// All traffic of acts 1 and 2.
pub(crate) fn flows() -> Vec<Flow> {
    let mut flows = camera("driveway");
    flows.extend(camera("porch"));
    flows.extend([
        flow("cloud-1", "driveway", "from outside, TCP 554", Service::Tcp(554), "inbound"),
        flow("cloud-1", "porch", "from outside, TCP 554", Service::Tcp(554), "inbound"),
        flow("phone", "driveway", "live view, TCP 554", Service::Tcp(554), "local"),
        flow("phone", "porch", "live view, TCP 554", Service::Tcp(554), "local"),
        flow("phone", "cloud-1", "web, TCP 443", Service::Tcp(443), "bystander"),
        flow("nvr", "cloud-2", "NTP, UDP 123", Service::Udp(123, 1), "bystander"),
    ]);
    flows
}

/// What goes on in a lab that stays, besides the calls of the field report.
pub(crate) fn daily_life() -> Vec<Flow> {
    vec![
        flow("driveway", "nvr", "video (RTSP), TCP 554", Service::Tcp(554), "local"),
        flow("driveway", "phone", "mDNS, multicast", Service::Group(MDNS_V4, MDNS_V6), "on-link"),
        flow("porch", "nvr", "video (RTSP), TCP 554", Service::Tcp(554), "local"),
        flow("porch", "cloud-1", "cloud, TCP 443", Service::Tcp(443), "not-local"),
        flow("porch", "cloud-3", "NTP, UDP 123", Service::Udp(123, 1), "not-local"),
        flow("shed", "cloud-1", "cloud, TCP 443", Service::Tcp(443), "bystander"),
        flow("phone", "cloud-1", "web, TCP 443", Service::Tcp(443), "bystander"),
    ]
}

fn camera(name: &'static str) -> Vec<Flow> {
    let out = |to, what, service| flow(name, to, what, service, "not-local");
    let call = "3 calls, UDP 10240";
    vec![
        out("cloud-1", call, Service::Udp(10240, CALLS)),
        out("cloud-2", call, Service::Udp(10240, CALLS)),
        out("cloud-3", call, Service::Udp(10240, CALLS)),
        out("cloud-1", "cloud, TCP 443", Service::Tcp(443)),
        out("cloud-2", "DNS, UDP 53", Service::Udp(53, 1)),
        out("cloud-3", "NTP, UDP 123", Service::Udp(123, 1)),
        flow(name, "nvr", "video (RTSP), TCP 554", Service::Tcp(554), "local"),
        flow(name, "phone", "mDNS, multicast", Service::Group(MDNS_V4, MDNS_V6), "on-link"),
        flow(name, "phone", "SSDP, multicast", Service::Group(SSDP_V4, SSDP_V6), "on-link"),
    ]
}

const fn flow(
    from: &'static str,
    to: &'static str,
    what: &'static str,
    service: Service,
    reason: &'static str,
) -> Flow {
    Flow { from, to, what, service, reason }
}
