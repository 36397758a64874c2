//! Services that cameras, recorders and routers speak: just enough of each to be told by it.

use super::Frame;
use super::ip::Net;

/// A port that a client asks from.
const CLIENT_PORT: u16 = 50_000;
const SSDP: u16 = 1900;
const WS_DISCOVERY: u16 = 3702;
const NTP: u16 = 123;
/// Where a router takes NAT-PMP and PCP requests.
const PORT_MAPPING: u16 = 5351;

impl Frame {
    /// Searches for devices of a kind (UPnP): `ssdp:all`, or a gateway's.
    pub fn ssdp_search(self, target: &str) -> Self {
        let search = format!(
            "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\n\
             MX: 2\r\nST: {target}\r\n\r\n"
        );
        self.udp(CLIENT_PORT, SSDP).payload(search)
    }

    /// Tells everybody what it is (UPnP).
    pub fn ssdp_notify(self) -> Self {
        self.udp(SSDP, SSDP).payload(
            "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nNTS: ssdp:alive\r\n\
             NT: upnp:rootdevice\r\n\r\n",
        )
    }

    /// Answers one who searched (UPnP).
    pub fn ssdp_answer(self) -> Self {
        self.udp(SSDP, CLIENT_PORT)
            .payload("HTTP/1.1 200 OK\r\nST: upnp:rootdevice\r\nEXT:\r\n\r\n")
    }

    /// Tells ONVIF clients that it is there.
    pub fn ws_hello(self) -> Self {
        self.udp(CLIENT_PORT, WS_DISCOVERY).payload("<Envelope><Body><Hello/></Body></Envelope>")
    }

    /// Answers an ONVIF client that probes.
    pub fn ws_probe_match(self) -> Self {
        self.udp(WS_DISCOVERY, CLIENT_PORT)
            .payload("<Envelope><Body><ProbeMatches/></Body></Envelope>")
    }

    /// Asks a router to forward a port of TCP for an hour (NAT-PMP, RFC 6886).
    pub fn nat_pmp_map(self, port: u16) -> Self {
        const VERSION_0_MAP_TCP: [u8; 4] = [0, 2, 0, 0];
        const HOUR: u32 = 3600;
        let port = port.to_be_bytes();
        let payload = [VERSION_0_MAP_TCP, [port[0], port[1], port[0], port[1]], HOUR.to_be_bytes()];
        self.udp(CLIENT_PORT, PORT_MAPPING).payload(payload.concat())
    }

    /// Asks a router for its outside address (NAT-PMP).
    pub fn nat_pmp_address(self) -> Self {
        self.udp(CLIENT_PORT, PORT_MAPPING).payload([0, 0])
    }

    /// Asks a router to forward a port of TCP for an hour (PCP, RFC 6887).
    ///
    /// # Panics
    /// When the frame is not IP.
    #[track_caller]
    pub fn pcp_map(self, port: u16) -> Self {
        const VERSION_2_MAP: [u8; 4] = [2, 1, 0, 0];
        const HOUR: u32 = 3600;
        const NONCE: [u8; 12] = [7; 12];
        const TCP: [u8; 4] = [6, 0, 0, 0];
        const ANY_OUTSIDE_PORT_AND_ADDRESS: [u8; 2 + 16] = [0; 2 + 16];
        let client = match &self.net {
            Some(Net::V4(ip)) => ip.source.to_ipv6_mapped(),
            Some(Net::V6(ip)) => ip.source,
            None => panic!("a request goes over IP: say ipv4 or ipv6 before"),
        };
        let mut payload = [VERSION_2_MAP, HOUR.to_be_bytes()].concat();
        payload.extend(client.octets());
        payload.extend(NONCE);
        payload.extend(TCP);
        payload.extend(port.to_be_bytes());
        payload.extend(ANY_OUTSIDE_PORT_AND_ADDRESS);
        self.udp(CLIENT_PORT, PORT_MAPPING).payload(payload)
    }

    /// Asks for the time.
    pub fn ntp_request(self) -> Self {
        const VERSION_4_CLIENT: u8 = 0x23;
        self.udp(NTP, NTP).payload(ntp(VERSION_4_CLIENT))
    }

    /// Tells the time.
    pub fn ntp_reply(self) -> Self {
        const VERSION_4_SERVER: u8 = 0x24;
        self.udp(NTP, NTP).payload(ntp(VERSION_4_SERVER))
    }

    /// A piece of video.
    pub fn rtp(self) -> Self {
        const VERSION_2: u8 = 0x80;
        const H264: u8 = 96;
        let header = [VERSION_2, H264, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1];
        self.udp(CLIENT_PORT, 50_002).payload([&header, [b'.'; 1000].as_slice()].concat())
    }

    /// A line for a log server.
    pub fn syslog(self) -> Self {
        self.udp(514, 514).payload("<134>1 - driveway motion - - - motion in zone 1")
    }

    /// Tells an SNMP manager of an event: an empty trap of version 1.
    pub fn snmp_trap(self) -> Self {
        const VERSION_1: [u8; 3] = [2, 1, 0];
        const COMMUNITY: &[u8] = b"\x04\x06public";
        const EMPTY_TRAP: [u8; 2] = [0xa4, 0];
        const LENGTH: u8 = 3 + 8 + 2;
        let message = [&[0x30, LENGTH], VERSION_1.as_slice(), COMMUNITY, &EMPTY_TRAP];
        self.udp(CLIENT_PORT, 162).payload(message.concat())
    }
}

/// An NTP packet without times.
fn ntp(mode: u8) -> [u8; 48] {
    let mut packet = [0; 48];
    packet[0] = mode;
    packet
}
