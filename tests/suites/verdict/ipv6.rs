//! IPv6: destinations, versions and payload lengths.

use camfence_common::reason::Reason::{Local, Malformed, NotLocal, OnLink};
use camfence_tests::Extension;

use crate::{CAM6, NVR6, VENDOR6, cam, check, outbound, to6};

#[test]
fn destinations() {
    let expected = [
        // Unique local addresses and their neighbours.
        ("fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NotLocal),
        ("fc00::", Local),
        ("fd00:1::10", Local),
        ("fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", Local),
        ("fe00::", NotLocal),
        // Link-local and, once, site-local addresses.
        ("fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NotLocal),
        ("fe80::", OnLink),
        ("fe80::1", OnLink),
        ("febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", OnLink),
        ("fec0::", NotLocal),
        ("fec0::1", NotLocal),
        ("feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NotLocal),
        // Byte order.
        ("80fe::1", NotLocal),
        ("fc::1", NotLocal),
        ("2ff:1::1", NotLocal),
        // Addresses that mean something else.
        ("::", NotLocal),
        ("::1", NotLocal),
        ("::192.168.1.10", NotLocal),
        ("::ffff:192.168.1.10", NotLocal),
        ("::ffff:203.0.113.7", NotLocal),
        ("64:ff9b::192.168.1.10", NotLocal),
        ("64:ff9b::203.0.113.7", NotLocal),
        ("64:ff9b:1::1", NotLocal),
        ("100::1", NotLocal),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", NotLocal),
        ("2001:db8::7", NotLocal),
        ("2002:c0a8:10a::1", NotLocal),
        ("3fff::1", NotLocal),
        ("2606:4700::1111", NotLocal),
        // Groups that are known by more than their scope.
        ("ff02::fb", OnLink),
        ("ff02::1:ff00:31", OnLink),
        ("ff0e::101", NotLocal),
    ];
    let fixtures = expected.map(|(address, reason)| outbound(address, &to6(address), reason));
    check(&fixtures);
}

#[test]
fn every_scope_of_multicast() {
    let mut fixtures = Vec::new();
    for flags in ["ff0", "ff1", "ff3", "ff7", "fff"] {
        for scope in 0..=15 {
            let reason = if scope <= 8 { OnLink } else { NotLocal };
            let group = format!("{flags}{scope:x}::c");
            fixtures.push(outbound(&group, &to6(&group), reason));
        }
    }
    check(&fixtures);
}

#[test]
fn the_transport_does_not_matter() {
    let v6 = |to: &str| cam().ipv6(CAM6, to);
    check(&[
        outbound("TCP home", &v6(NVR6).tcp(5000, 554).syn(), Local),
        outbound("TCP out", &v6(VENDOR6).tcp(5000, 443).syn(), NotLocal),
        outbound("ping home", &v6(NVR6).ping(), Local),
        outbound("ping out", &v6(VENDOR6).ping(), NotLocal),
        outbound("neighbour solicitation", &cam().neighbor_solicitation(CAM6, NVR6), OnLink),
        outbound(
            "solicitation for the vendor",
            &cam().neighbor_solicitation(CAM6, VENDOR6),
            OnLink,
        ),
        outbound("duplicate address detection", &cam().dad_probe(CAM6), OnLink),
        outbound("advertisement", &cam().neighbor_advertisement(CAM6, NVR6, CAM6), Local),
        outbound("router solicitation", &cam().router_solicitation("fe80::31"), OnLink),
        outbound("MLD report", &cam().mld_report("fe80::31", "ff05::c"), OnLink),
        outbound("DHCPv6", &cam().ipv6("fe80::31", "ff02::1:2").udp(546, 547), OnLink),
        outbound("mDNS", &cam().ipv6("fe80::31", "ff02::fb").udp(5353, 5353), OnLink),
        outbound(
            "from a link-local address, out",
            &cam().ipv6("fe80::31", VENDOR6).ping(),
            NotLocal,
        ),
        outbound("from no address, out", &cam().ipv6("::", VENDOR6).udp(1, 2), NotLocal),
        outbound("nothing follows, home", &v6(NVR6), Local),
        outbound("nothing follows, out", &v6(VENDOR6), NotLocal),
        outbound("hop limit 0 out", &to6(VENDOR6).ttl(0), NotLocal),
    ]);
}

#[test]
fn versions() {
    let fixtures = (0..=15).map(|version| {
        let reason = if version == 6 { Local } else { Malformed };
        outbound(format!("version {version}"), &to6(NVR6).claim_version(version), reason)
    });
    check(&fixtures.collect::<Vec<_>>());
}

#[test]
fn payload_lengths() {
    // UDP 8, payload 5: the truth is 13.
    let claim = |bytes: u16| to6(NVR6).claim_length(bytes);
    let out = |bytes: u16| to6(VENDOR6).claim_length(bytes);
    check(&[
        outbound("the truth", &claim(13), Local),
        outbound("nothing", &claim(0), Malformed),
        outbound("nothing, out", &out(0), Malformed),
        outbound("inside the UDP header", &claim(7), Malformed),
        outbound("the UDP header alone", &claim(8), Local),
        outbound("the UDP header alone, out", &out(8), NotLocal),
        outbound("a byte less than there is", &claim(12), Local),
        outbound("a byte more than there is", &claim(14), Malformed),
        outbound("a byte more than there is, out", &out(14), Malformed),
        outbound("a byte more, on the link", &to6("ff02::fb").claim_length(14), Malformed),
        outbound("the most", &claim(65535), Malformed),
        outbound("padding", &claim(14).pad_to(68), Local),
        outbound("a byte more than padding", &claim(15).pad_to(68), Malformed),
        outbound("tagged twice, a byte more", &claim(14).qinq(1, 2), Malformed),
    ]);
}

#[test]
fn jumbograms() {
    // The length is in a hop-by-hop option of type 0xc2 (RFC 2675).
    let option = |bytes: u32| {
        let body = [[0xc2, 4].as_slice(), &bytes.to_be_bytes()].concat();
        Extension::Claiming(0, 0, body)
    };
    let jumbo = |to: &str| to6(to).extension(option(70_000)).claim_length(0);
    check(&[
        outbound("home", &jumbo(NVR6), Malformed),
        outbound("out", &jumbo(VENDOR6), Malformed),
        outbound("on the link", &jumbo("ff02::fb"), Malformed),
        outbound("that gives both lengths", &to6(NVR6).extension(option(70_000)), Local),
    ]);
}
