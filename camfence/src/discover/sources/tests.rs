use std::net::{IpAddr, Ipv4Addr};

use etherparse::PacketBuilder;
use proptest::prelude::*;
use simple_dns::{CLASS, Name, ResourceRecord, rdata};

use super::*;
use crate::discover::fact::Onvif;

const CAM: [u8; 6] = [0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e];
const GROUP: [u8; 6] = [0x01, 0x00, 0x5e, 0, 0, 0xfb];
const HOST: [u8; 6] = [2, 0, 0, 0, 0, 1];
const CAM_V4: [u8; 4] = [192, 168, 1, 31];
const SENDER: Fact = Fact::Sender(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 31)));

fn udp(from: u16, to: u16, payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(CAM, GROUP).ipv4(CAM_V4, [224, 0, 0, 251], 1);
    let mut frame = Vec::new();
    builder.udp(from, to).write(&mut frame, payload).unwrap();
    frame
}

fn told(frame: &[u8]) -> Vec<Fact> {
    let told = read(frame).unwrap();
    assert_eq!(told.mac, Mac(CAM));
    told.facts
}

/// What a datagram tells besides its source.
fn told_by(from: u16, to: u16, payload: &[u8]) -> Vec<Fact> {
    let mut facts = told(&udp(from, to, payload));
    assert_eq!(facts.remove(0), SENDER);
    facts
}

fn hostname(text: &str) -> Fact {
    Fact::Hostname(text.into())
}

fn software(text: &str) -> Fact {
    Fact::Software(text.into())
}

fn dhcp(options: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 240];
    message[0] = 1;
    message[236..].copy_from_slice(&[99, 130, 83, 99]);
    [&message, options].concat()
}

fn hello(types: &str, scopes: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a \"aaaa\">]><e:Envelope xmlns:e=\"x\"><e:Body>\
         <d:Hello><d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes></d:Hello>\
         </e:Body></e:Envelope>"
    )
}

#[test]
fn arp_tells_an_address() {
    let arp = |hardware: [u8; 6], address: [u8; 4]| {
        let mut frame = [&[0xff; 6][..], &CAM, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]].concat();
        frame.extend([&hardware[..], &address, &[0; 6], &[192, 168, 1, 1]].concat());
        told(&frame)
    };
    assert_eq!(arp(CAM, CAM_V4), [Fact::Address(CAM_V4.into())]);
    assert_eq!(arp(HOST, CAM_V4), [], "in another's name");
    assert_eq!(arp(CAM, [0; 4]), [], "a probe");
}

#[test]
fn neighbour_discovery_tells_an_address() {
    let (own, all) =
        ("fd00:1::31".parse::<std::net::Ipv6Addr>(), "ff02::1".parse::<std::net::Ipv6Addr>());
    let (own, all) = (own.unwrap().octets(), all.unwrap().octets());
    let mut frame = Vec::new();
    let advertisement = [&[0x20, 0, 0, 0][..], &own].concat();
    PacketBuilder::ethernet2(CAM, [0x33, 0x33, 0, 0, 0, 1])
        .ipv6(own, all, 255)
        .icmpv6_raw(136, 0, [0x20, 0, 0, 0])
        .write(&mut frame, &advertisement[4..])
        .unwrap();
    assert_eq!(told(&frame), [Fact::Sender(own.into()), Fact::Address(own.into())]);
}

#[test]
fn a_dhcp_client_says_its_name_and_what_it_is() {
    let options = [&[0, 53, 1, 1, 12, 5][..], b"ipcam", &[60, 6], b"dahua\0", &[255, 12, 1, b'x']];
    let facts = told_by(68, 67, &dhcp(&options.concat()));
    assert_eq!(facts, [hostname("ipcam"), software("dahua")]);
    let names =
        [&[81, 8, 0, 0, 0][..], b"cam.x", &[81, 9, 4, 0, 0, 3], b"cam", &[1], b"y", &[12, 9, 1]];
    let facts = told_by(68, 67, &dhcp(&names.concat()));
    assert_eq!(facts, [hostname("cam.x"), hostname("cam.y")]);
    let mut reply = dhcp(&[12, 1, b'x']);
    reply[0] = 2;
    assert_eq!(told_by(68, 67, &reply), []);
    assert_eq!(told_by(68, 67, &dhcp(&[])[..239]), []);
}

#[test]
fn a_dhcpv6_client_as_well() {
    let name = [&[0, 39, 0, 6, 0, 3][..], b"cam", &[0]].concat();
    let class = [&[0, 16, 0, 11, 0, 0, 0, 1, 0, 5][..], b"dahua"].concat();
    let message = [&[1, 0, 0, 0][..], &name, &class, &[0, 1, 0, 9]].concat();
    assert_eq!(told_by(546, 547, &message), [hostname("cam"), software("dahua")]);
    assert_eq!(told_by(546, 547, &[&[2, 0, 0, 0][..], &name].concat()), [], "a server's");
}

fn answer() -> simple_dns::Packet<'static> {
    let mut packet = simple_dns::Packet::new_reply(0);
    let record = |name: &'static str, data| {
        ResourceRecord::new(Name::new_unchecked(name), CLASS::IN, 120, data)
    };
    let ptr = |to: &'static str| rdata::RData::PTR(rdata::PTR(Name::new_unchecked(to)));
    let a = |address: [u8; 4]| rdata::RData::A(rdata::A { address: u32::from_be_bytes(address) });
    packet.answers = vec![
        record("_services._dns-sd._udp.local", ptr("_http._tcp.local")),
        record("_rtsp._tcp.local", ptr("Front Door._rtsp._tcp.local")),
        record("31.1.168.192.in-addr.arpa", ptr("other.local")),
    ];
    packet.additional_records =
        vec![record("front-door.local", a(CAM_V4)), record("printer.local", a([192, 168, 1, 99]))];
    packet
}

#[test]
fn mdns_tells_names_and_services() {
    let bytes = answer().build_bytes_vec().unwrap();
    let expected = [
        Fact::Service("_http._tcp".into()),
        Fact::Service("_rtsp._tcp".into()),
        hostname("front-door"),
    ];
    assert_eq!(told_by(5353, 5353, &bytes), expected);
    let mut question = bytes.clone();
    question[2] &= 0x7f;
    assert_eq!(told_by(5353, 5353, &question), [], "others' records");
    assert_eq!(told_by(53, 5353, &bytes), [], "of no responder");
}

#[test]
fn ssdp_tells_the_server() {
    let notify =
        b"NOTIFY * HTTP/1.1\r\nHost: x\r\nserver:  Linux/4 UPnP/1.0 IPCam/2\r\nUSN: uuid:1\r\n\r\n";
    assert_eq!(told_by(1900, 1900, notify), [software("Linux/4 UPnP/1.0 IPCam/2")]);
    assert_eq!(told_by(1900, 1900, b"M-SEARCH * HTTP/1.1\r\nSERVER: x\r\nUSN: 1\r\n\r\n"), []);
    assert_eq!(told_by(1900, 1900, b"NOTIFY * HTTP/1.1\r\n\r\nSERVER: x\r\nUSN: 1\r\n"), []);
}

#[test]
fn wsd_tells_what_onvif_says() {
    let scopes = "onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/Front%20Door \
                  onvif://www.onvif.org/hardware/IPC-3000 onvif://www.onvif.org/location/porch \
                  onvif://www.onvif.org/name/Second http://example.net/name/x";
    let message = hello("dn:NetworkVideoTransmitter tds:Device", scopes);
    let expected = Onvif {
        name: Some("Front Door".into()),
        hardware: Some("IPC-3000".into()),
        location: Some("porch".into()),
    };
    assert_eq!(told_by(3702, 3702, message.as_bytes()), [Fact::Onvif(expected.clone())]);
    let cut = &message[..message.find("IPC-3000").unwrap()];
    let [Fact::Onvif(onvif)] = &told_by(3702, 3702, cut.as_bytes())[..] else { panic!() };
    assert_eq!((&onvif.name, &onvif.hardware), (&expected.name, &None));
    let printer = hello("wsdp:Device pub:Computer", "");
    assert_eq!(told_by(3702, 3702, printer.as_bytes()), []);
    let probe = message.replace("Hello", "Probe");
    assert_eq!(told_by(3702, 3702, probe.as_bytes()), [], "a question");
    let entity = hello("dn:NetworkVideoTransmitter", "onvif://www.onvif.org/name/&a;&lt;b");
    let facts = told_by(40_000, 40_001, entity.as_bytes());
    assert_eq!(facts, [Fact::Onvif(Onvif::default())], "nothing is expanded");
}

#[test]
fn an_rtsp_answer_is_one() {
    let mut frame = Vec::new();
    let answer = b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nServer: Rtsp Server/2.0\r\n\r\n";
    let builder = PacketBuilder::ethernet2(CAM, HOST).ipv4(CAM_V4, [192, 168, 1, 10], 64);
    builder.tcp(554, 50_000, 1, 1).write(&mut frame, answer).unwrap();
    let peer = Peer { address: [192, 168, 1, 10].into(), protocol: 6, port: 50_000 };
    let expected = [SENDER, Fact::Peer(peer), Fact::Rtsp, software("Rtsp Server/2.0")];
    assert_eq!(told(&frame), expected);
}

#[test]
fn lldp_tells_a_name() {
    let values =
        [&[2, 7, 4][..], &[0; 6], &[10, 3], b"cam", &[12, 3], b"IPC", &[0, 0], &[10, 1, b'x']];
    let frame = [&[1, 0x80, 0xc2, 0, 0, 0x0e][..], &CAM, &[0x88, 0xcc], &values.concat()].concat();
    assert_eq!(told(&frame), [hostname("cam"), software("IPC")]);
}

#[test]
fn tags_are_skipped_and_later_fragments_have_no_ports() {
    let mut frame = Vec::new();
    let builder = PacketBuilder::ethernet2(CAM, HOST);
    let tagged = builder.single_vlan(20.try_into().unwrap()).ipv4(CAM_V4, [203, 0, 113, 7], 64);
    tagged.udp(5, 10_240).write(&mut frame, b"hello").unwrap();
    let peer = |port| Fact::Peer(Peer { address: [203, 0, 113, 7].into(), protocol: 17, port });
    assert_eq!(told(&frame), [SENDER, peer(10_240)]);
    // The offset, behind Ethernet, tag and six bytes of IP.
    frame[18 + 7] = 1;
    assert_eq!(told(&frame), [SENDER, peer(0)]);
}

#[test]
fn the_first_fragment_of_a_long_message_is_read() {
    let scopes = "onvif://www.onvif.org/name/Front ".repeat(40);
    let message = hello("dn:NetworkVideoTransmitter", &scopes);
    let mut frame = udp(3702, 3702, message.as_bytes());
    // More fragments follow.
    frame[14 + 6] = 0x20;
    frame.truncate(1514);
    let expected = Onvif { name: Some("Front".into()), ..Onvif::default() };
    assert!(told(&frame).contains(&Fact::Onvif(expected)), "{:?}", told(&frame));
}

#[test]
fn nobody_sends_as_a_group() {
    let mut frame = udp(1, 2, b"");
    frame[6] |= 1;
    assert_eq!(read(&frame), None);
    assert_eq!(read(&[0; 64]), None);
    assert_eq!(read(&[0; 13]), None);
}

/// A message of each kind, to be damaged.
fn messages() -> Vec<Vec<u8>> {
    let hello = hello("dn:NetworkVideoTransmitter", "onvif://www.onvif.org/name/a%");
    let options = [12, 3, b'c', b'a', b'm', 81, 5, 4, 0, 0, 1, b'x', 255];
    vec![
        udp(68, 67, &dhcp(&options)),
        udp(546, 547, &[1, 0, 0, 0, 0, 39, 0, 3, 0, 1, b'x']),
        udp(5353, 5353, &answer().build_bytes_vec_compressed().unwrap()),
        udp(1900, 1900, b"NOTIFY * HTTP/1.1\r\nUSN: 1\r\nSERVER: x\r\n\r\n"),
        udp(3702, 3702, hello.as_bytes()),
    ]
}

proptest! {
    #[test]
    fn any_bytes_tell_something_or_nothing(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        for (from, to) in [(68, 67), (546, 547), (5353, 5353), (1900, 1900), (3702, 3702)] {
            let _ = read(&udp(from, to, &bytes));
        }
        let mut facts = Vec::new();
        lldp::read(&bytes, &mut facts);
        rtsp::read(&bytes, &mut facts);
    }

    #[test]
    fn damage_does_no_harm(which in 0..5_usize, at: prop::sample::Index, byte: u8, cut: prop::sample::Index) {
        let mut frame = messages().swap_remove(which);
        let place = at.index(frame.len());
        frame[place] = byte;
        let _ = read(&frame);
        frame.truncate(cut.index(frame.len() + 1));
        let _ = read(&frame);
    }
}
