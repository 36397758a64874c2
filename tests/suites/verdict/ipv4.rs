//! IPv4: destinations, options, header and total lengths.

use camfence_common::reason::Reason::{
    self, Local, Malformed, NotLocal, OnLink, SourceRoute, Tunnel,
};
use camfence_tests::{Frame, IpOption};

use crate::{CAM4, NVR4, VENDOR4, cam, check, outbound, to4};

const UDP: u8 = 17;
const NOP: u8 = 1;

#[test]
fn destinations() {
    let expected = [
        // The default networks and their neighbours.
        ("9.255.255.255", NotLocal),
        ("10.0.0.0", Local),
        ("10.1.2.3", Local),
        ("10.255.255.255", Local),
        ("11.0.0.0", NotLocal),
        ("172.15.255.255", NotLocal),
        ("172.16.0.0", Local),
        ("172.31.255.255", Local),
        ("172.32.0.0", NotLocal),
        ("192.167.255.255", NotLocal),
        ("192.168.0.0", Local),
        ("192.168.1.255", Local),
        ("192.168.255.255", Local),
        ("192.169.0.0", NotLocal),
        // Byte order.
        ("1.0.0.10", NotLocal),
        ("1.1.168.192", NotLocal),
        ("0.0.254.169", NotLocal),
        ("1.0.0.224", NotLocal),
        // Never forwarded.
        ("169.253.255.255", NotLocal),
        ("169.254.0.0", OnLink),
        ("169.254.169.254", OnLink),
        ("169.254.255.255", OnLink),
        ("169.255.0.0", NotLocal),
        ("255.255.255.255", OnLink),
        ("255.255.255.254", NotLocal),
        ("223.255.255.255", NotLocal),
        ("224.0.0.0", OnLink),
        ("224.0.0.251", OnLink),
        ("224.0.0.255", OnLink),
        // Multicast that routers forward.
        ("224.0.1.0", NotLocal),
        ("224.0.1.129", NotLocal),
        ("232.1.2.3", NotLocal),
        ("238.255.255.255", NotLocal),
        ("239.0.0.0", OnLink),
        ("239.255.255.250", OnLink),
        ("239.255.255.255", OnLink),
        ("240.0.0.0", NotLocal),
        ("254.1.2.3", NotLocal),
        // Neither home nor on the link.
        ("0.0.0.0", NotLocal),
        ("0.1.2.3", NotLocal),
        ("100.64.0.1", NotLocal),
        ("100.127.255.255", NotLocal),
        ("127.0.0.1", NotLocal),
        ("192.0.2.1", NotLocal),
        ("192.88.99.1", NotLocal),
        ("198.18.0.1", NotLocal),
        ("203.0.113.7", NotLocal),
        ("8.8.8.8", NotLocal),
    ];
    let fixtures = expected.map(|(address, reason)| outbound(address, &to4(address), reason));
    check(&fixtures);
}

#[test]
fn the_source_and_the_transport_do_not_matter() {
    let from = |source: &str, to: &str| cam().ipv4(source, to).udp(68, 67);
    let v4 = |to: &str| cam().ipv4(CAM4, to);
    check(&[
        outbound("from no address, home", &from("0.0.0.0", NVR4), Local),
        outbound("from no address, broadcast", &from("0.0.0.0", "255.255.255.255"), OnLink),
        outbound("from no address, out", &from("0.0.0.0", VENDOR4), NotLocal),
        outbound("from the vendor's address, home", &from(VENDOR4, NVR4), Local),
        outbound("from a link-local address, out", &from("169.254.3.4", VENDOR4), NotLocal),
        outbound("TCP home", &v4(NVR4).tcp(5000, 554).syn(), Local),
        outbound("TCP out", &v4(VENDOR4).tcp(5000, 443).psh().ack(), NotLocal),
        outbound("RST out", &v4(VENDOR4).tcp(5000, 443).rst(), NotLocal),
        outbound("DNS out", &v4("8.8.8.8").udp(5000, 53), NotLocal),
        outbound("NTP out", &v4("129.6.15.28").udp(123, 123), NotLocal),
        outbound("ping home", &v4(NVR4).ping(), Local),
        outbound("ping out", &v4(VENDOR4).ping(), NotLocal),
        outbound("SCTP home", &v4(NVR4).protocol(132).payload_of(12), Local),
        outbound("IGMP report", &cam().igmp_report(CAM4, "239.255.255.250"), OnLink),
        outbound("IGMP report of a group outside", &cam().igmp_report(CAM4, "224.0.1.1"), NotLocal),
        outbound("no payload home", &v4(NVR4).protocol(UDP), Malformed),
        outbound("UDP length lie", &to4(NVR4).claim_udp_length(9000), Local),
        outbound("wrong header checksum", &to4(NVR4).claim_ip_checksum(1), Local),
        outbound("TTL 0 out", &to4(VENDOR4).ttl(0), NotLocal),
        outbound("TTL 1 out", &to4(VENDOR4).ttl(1), NotLocal),
        outbound("unicast IP, broadcast MAC", &to4(VENDOR4).broadcast(), NotLocal),
        outbound("outside IP, group MAC", &to4(VENDOR4).to("01:00:5e:00:00:fb"), NotLocal),
    ]);
}

#[test]
fn options() {
    let with = |option: &IpOption| to4(NVR4).option(option);
    let raw = |bytes: &[u8]| with(&IpOption::Raw(bytes.to_vec()));
    let nops = (0..36).fold(to4(NVR4), |frame, _| frame.option(&IpOption::Nop));
    let router = IpOption::loose_route(VENDOR4);
    let ended = with(&IpOption::End);
    check(&[
        outbound("NOP", &with(&IpOption::Nop), Local),
        outbound("NOP out", &to4(VENDOR4).option(&IpOption::Nop), NotLocal),
        outbound("36 NOPs", &nops, Local),
        outbound("40 NOPs", &raw(&[NOP; 40]), Local),
        outbound("end of list", &ended, Local),
        outbound("record route", &with(&IpOption::RecordRoute(9)), Local),
        outbound("record route out", &to4(VENDOR4).option(&IpOption::RecordRoute(3)), NotLocal),
        outbound("router alert", &with(&IpOption::RouterAlert), Local),
        outbound("timestamp", &raw(&[68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Local),
        outbound("unknown option", &raw(&[0xde, 4, 0, 0]), Local),
        outbound("option of two bytes", &raw(&[0xde, 2, 1, 1]), Local),
        outbound("options that fill the header", &raw(&[0xde, 40]).claim_ihl(6), Malformed),
        outbound("loose source route", &with(&router), SourceRoute),
        outbound("strict source route", &with(&IpOption::strict_route(VENDOR4)), SourceRoute),
        outbound("source route out", &to4(VENDOR4).option(&router), SourceRoute),
        outbound("source route on the link", &to4("224.0.0.251").option(&router), SourceRoute),
        outbound("source route after NOPs", &raw(&[1, 1, 1, 131, 7, 4, 8, 8, 8, 8]), SourceRoute),
        outbound("source route after 39 NOPs", &raw(&last(131)), SourceRoute),
        outbound("source route after another", &raw(&[7, 3, 4, 137, 3, 4]), SourceRoute),
        outbound("source route of no length", &raw(&[131, 0, 0, 0]), SourceRoute),
        outbound("source route after the end", &ended.clone().option(&router), Local),
        outbound("source route inside an option", &raw(&[0xde, 6, 131, 7, 4, 8, 1, 1]), Local),
        outbound("option of length 0", &with(&IpOption::claiming(68, 0)), Malformed),
        outbound("option of length 1", &with(&IpOption::claiming(68, 1)), Malformed),
        outbound("option over the end", &raw(&[68, 5, 0, 0]), Malformed),
        outbound("option of length 255", &with(&IpOption::claiming(68, 255)), Malformed),
        outbound("option of length 64", &with(&IpOption::claiming(68, 64)), Malformed),
        outbound("option over the end that hides a route", &raw(&[7, 9, 4, 131]), Malformed),
        outbound(
            "malformed option out",
            &to4(VENDOR4).option(&IpOption::claiming(7, 0)),
            Malformed,
        ),
    ]);
}

/// Options that end with a kind and nothing behind it.
fn last(kind: u8) -> Vec<u8> {
    let mut options = vec![NOP; 39];
    options.push(kind);
    options
}

#[test]
fn an_option_that_begins_on_the_last_byte() {
    // Its length is the first byte behind the header: that of a lone port here, then of zero.
    let lone = to4(NVR4).option(&IpOption::Raw(last(0xde)));
    check(&[
        outbound("the length lies behind the header", &lone, Malformed),
        outbound("nothing behind the header", &lone.truncate(14 + 60), Malformed),
    ]);
}

/// The camera to the recorder, with a payload that reads as NOPs where a header claims more.
fn nops() -> Frame {
    cam().ipv4(CAM4, NVR4).protocol(UDP).payload([NOP; 40])
}

#[test]
fn header_lengths() {
    // UDP has eight bytes behind the header, that is, up to 13 words of it.
    let fixtures = (0..=15).map(|words| {
        let reason = if (5..=13).contains(&words) { Local } else { Malformed };
        outbound(format!("header of {words} words"), &nops().claim_ihl(words), reason)
    });
    let over = |name: &str, words, reason| outbound(name, &nops().claim_ihl(words), reason);
    let short = cam().ipv4(CAM4, NVR4).protocol(UDP).payload([NOP; 39]).claim_ihl(15);
    let raw = |to| cam().ipv4(CAM4, to).protocol(253).payload([NOP; 40]);
    let mut fixtures: Vec<_> = fixtures.collect();
    fixtures.extend([
        over("header that fills the packet", 15, Malformed),
        outbound("the same before a protocol without a header", &raw(NVR4).claim_ihl(15), Local),
        outbound("header over the packet's end by a byte", &short, Malformed),
        outbound("the same with padding", &short.clone().pad_to(100), Malformed),
        outbound("long header out", &raw(VENDOR4).claim_ihl(15), NotLocal),
    ]);
    check(&fixtures);
}

#[test]
fn versions() {
    let fixtures = (0..=15).map(|version| {
        let reason = if version == 4 { Local } else { Malformed };
        outbound(format!("version {version}"), &to4(NVR4).claim_version(version), reason)
    });
    check(&fixtures.collect::<Vec<_>>());
}

#[test]
fn total_lengths() {
    // Header 20, UDP 8, payload 5: the truth is 33.
    let claim = |bytes: u16| to4(NVR4).claim_length(bytes);
    let out = |bytes: u16| to4(VENDOR4).claim_length(bytes);
    let options = |bytes: u16| nops().claim_ihl(15).claim_length(bytes);
    check(&[
        outbound("the truth", &claim(33), Local),
        outbound("zero", &claim(0), Malformed),
        outbound("one", &claim(1), Malformed),
        outbound("a byte less than the header", &claim(19), Malformed),
        outbound("the header alone", &claim(20), Malformed),
        outbound("inside the UDP header", &claim(27), Malformed),
        outbound("the UDP header alone", &claim(28), Local),
        outbound("a byte less than there is", &claim(32), Local),
        outbound("a byte more than there is", &claim(34), Malformed),
        outbound("the most", &claim(65535), Malformed),
        outbound("more than there is, padded", &claim(46).pad_to(60), Local),
        outbound("more than there is with padding", &claim(47).pad_to(60), Malformed),
        outbound("less than a long header", &options(59), Malformed),
        outbound("a long header alone", &options(60), Malformed),
        outbound("zero out", &out(0), Malformed),
        outbound("more than there is, out", &out(34), Malformed),
        outbound("less than there is, out", &out(28), NotLocal),
        outbound("zero on the link", &to4("239.1.2.3").claim_length(0), Malformed),
        outbound("tagged, a byte more", &claim(34).vlan(20), Malformed),
        outbound("tagged twice, a byte more", &claim(34).qinq(100, 20), Malformed),
    ]);
}

#[test]
fn authentication_headers() {
    let ah = |next: u8, words: u8| {
        let header = [[next, words, 0, 0].as_slice(), &[0; 20], &[0; 40]].concat();
        cam().ipv4(CAM4, NVR4).protocol(51).payload(header)
    };
    let case = |name: &str, frame: &Frame, reason: Reason| outbound(name, frame, reason);
    check(&[
        case("before UDP", &ah(UDP, 4), Local),
        case("before IP in IP", &ah(4, 4), Tunnel),
        case("before GRE", &ah(47, 4), Tunnel),
        case("before a routing header, which IPv4 has not", &ah(43, 4), Local),
        case("that fills the packet", &ah(59, 14), Local),
        case("that leaves no room for UDP", &ah(UDP, 14), Malformed),
        case("over the packet's end", &ah(UDP, 15), Malformed),
        case("over the packet's end in padding", &ah(UDP, 15).pad_to(120), Malformed),
        case("as long as can be", &ah(UDP, 255), Malformed),
        case("cut after a byte", &ah(UDP, 4).claim_length(20).truncate(35), Malformed),
    ]);
}
