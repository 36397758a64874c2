//! The lab: a home with cameras, and the internet that they call.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Result;
use camfence_tests::lab::INTERNET;
use camfence_tests::traffic::{MDNS_V4, MDNS_V6, SSDP_V4, SSDP_V6, TcpEcho, UdpEcho, UdpSink};
use camfence_tests::{Bridge, Host, Lab, Netns};

/// What the lab looks like.
pub(crate) const SKETCH: &str = "\
camfence demo: network namespaces play a home; documentation addresses play the internet.

     cloud-1 203.0.113.7    cloud-2 198.51.100.7      cloud-3 192.0.2.7
             2001:db8::7            2001:db8:cafe::7          2001:db8:feed::7
                  \\____________________|____________________/
                                  gateway
                           192.168.1.1  fd00:1::1
                                       |
     [ bridge br-cam, on the machine that runs camfence; F: a port with the fence ]
         |F            |F            |F                  |               |
      driveway       porch         shed                 nvr            phone
      camera         camera        camera, not yet      recorder       a bystander
                                   registered
      .31            .32           .33                  .10            .20
      IPv4 192.168.1.x, IPv6 fd00:1::x";

/// What camfence is given.
pub(crate) const CONFIG: &str = r#"[fence]
interfaces = ["port-driveway", "port-porch", "port-shed"]
local = ["192.168.1.0/24", "fd00:1::/64"]

[[camera]]
mac = "b0:c5:54:25:5b:0e"
name = "driveway"

[[camera]]
mac = "2c:aa:8e:31:07:42"
name = "porch"
"#;

/// The cameras: name, MAC, last part of the addresses. The last is registered in act 3.
const CAMERAS: [(&str, &str, u8); 3] = [
    ("driveway", "b0:c5:54:25:5b:0e", 31),
    ("porch", "2c:aa:8e:31:07:42", 32),
    ("shed", "d0:3f:27:6a:90:15", 33),
];

/// The camera's names.
pub(crate) const CAMERA_NAMES: [&str; 3] = [CAMERAS[0].0, CAMERAS[1].0, CAMERAS[2].0];

/// Who else is on the bridge.
pub(crate) const OTHERS: [&str; 3] = ["gateway", "nvr", "phone"];

/// What the cameras call, all on one host.
const CLOUDS: [(&str, &str, &str); 3] = [
    ("cloud-1", "203.0.113.7", "2001:db8::7"),
    ("cloud-2", "198.51.100.7", "2001:db8:cafe::7"),
    ("cloud-3", "192.0.2.7", "2001:db8:feed::7"),
];

/// Which Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl Family {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The one of the two that belongs to this.
    pub(crate) fn of<T>(self, v4: T, v6: T) -> T {
        match self {
            Self::V4 => v4,
            Self::V6 => v6,
        }
    }
}

/// The running lab, with what listens in it.
#[derive(Debug)]
pub(crate) struct Town {
    /// Members of multicast groups, on the phone.
    groups: Vec<(SocketAddr, UdpSink)>,
    _udp: Vec<UdpEcho>,
    _tcp: Vec<TcpEcho>,
    /// The hosts.
    pub(crate) lab: Lab,
}

impl Town {
    /// Builds the lab and starts what listens.
    pub(crate) fn build() -> Result<Self> {
        let lab = build_lab()?;
        let internet = lab.host(INTERNET);
        // Connections from the internet come from cloud-1.
        internet.ip("route replace default via 100.64.0.1 dev eth0 src 203.0.113.7")?;
        internet.ip("-6 route replace default via 2001:db8:ffff::1 dev eth0 src 2001:db8::7")?;
        let udp = [53, 123, 10240].map(|port| UdpEcho::open(internet, port));
        let mut tcp = vec![TcpEcho::open(internet, 443)?, TcpEcho::open(lab.host("nvr"), 554)?];
        for camera in CAMERA_NAMES {
            tcp.push(TcpEcho::open(lab.host(camera), 554)?);
        }
        let join = |group| Ok((group, UdpSink::join(lab.host("phone"), "eth0", group)?));
        let groups = [MDNS_V4, MDNS_V6, SSDP_V4, SSDP_V6].into_iter().map(join);
        Ok(Self {
            groups: groups.collect::<Result<_>>()?,
            _udp: udp.into_iter().collect::<Result<_>>()?,
            _tcp: tcp,
            lab,
        })
    }

    /// The namespace of a host, or of the internet for a cloud.
    pub(crate) fn host(&self, name: &str) -> &Netns {
        let is_cloud = CLOUDS.iter().any(|(cloud, ..)| *cloud == name);
        self.lab.host(if is_cloud { INTERNET } else { name })
    }

    /// A host's address.
    pub(crate) fn ip(&self, name: &str, family: Family) -> Result<IpAddr> {
        if let Some((_, v4, v6)) = CLOUDS.iter().find(|(cloud, ..)| *cloud == name) {
            return Ok(family.of(v4, v6).parse()?);
        }
        Ok(match family {
            Family::V4 => self.lab.ipv4(name).into(),
            Family::V6 => self.lab.ipv6(name).into(),
        })
    }

    /// The address that a host's multicast comes from: over IPv6 the link-local one, which
    /// the kernel makes of the MAC (RFC 4291, appendix A).
    pub(crate) fn multicast_source(&self, name: &str, family: Family) -> IpAddr {
        let mac = self.lab.mac(name).0;
        let mut v6 = [0; 16];
        v6[..2].copy_from_slice(&[0xfe, 0x80]);
        v6[8..11].copy_from_slice(&mac[..3]);
        v6[8] ^= 2;
        v6[11..13].copy_from_slice(&[0xff, 0xfe]);
        v6[13..].copy_from_slice(&mac[3..]);
        family.of(self.lab.ipv4(name).into(), Ipv6Addr::from(v6).into())
    }

    /// How many datagrams of a source to a group reached the phone.
    pub(crate) fn heard(&self, group: SocketAddr, source: IpAddr) -> u64 {
        let sinks = self.groups.iter().filter(|(joined, _)| *joined == group);
        sinks.map(|(_, sink)| sink.count(source, group.port()).packets).sum()
    }
}

/// Whether an address is in the home's networks; those of [`CONFIG`].
pub(crate) fn is_home(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.octets()[..3] == Ipv4Addr::new(192, 168, 1, 0).octets()[..3],
        IpAddr::V6(ip) => ip.segments()[..4] == [0xfd00, 1, 0, 0],
    }
}

fn build_lab() -> Result<Lab> {
    let mut builder = Lab::builder().without_offloads().bridge(Bridge::new("br-cam"));
    for (name, mac, last) in CAMERAS {
        builder = builder.host(at_home(Host::new(name).mac(mac), last));
    }
    builder = builder.host(at_home(Host::new("nvr"), 10)).host(at_home(Host::new("phone"), 20));
    let gateway = Host::new("gateway").ip("192.168.1.1/24").ip("fd00:1::1/64").router();
    let internet = Host::internet_behind("gateway").loopback_ip("2001:db8:feed::7/128");
    builder.host(gateway).host(internet).build()
}

fn at_home(host: Host, last: u8) -> Host {
    host.ip(&format!("192.168.1.{last}/24"))
        .ip(&format!("fd00:1::{last}/64"))
        .via("192.168.1.1")
        .via("fd00:1::1")
}
