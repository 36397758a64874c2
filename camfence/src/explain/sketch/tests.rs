use etherparse::{IpNumber, PacketBuilder};
use proptest::{collection::vec, prelude::*};

use super::*;

fn ethernet(kind: u16, payload: &[u8]) -> Vec<u8> {
    [&[2; 12], &kind.to_be_bytes()[..], payload].concat()
}

#[test]
fn a_frame_is_told_by_protocol_addresses_and_ports() {
    let start = || PacketBuilder::ethernet2([2; 6], [4; 6]);
    let (v4, v6) = (([10, 0, 0, 1], [8, 8, 8, 8]), ([0xfd; 16], [0x20; 16]));
    let mut udp = Vec::new();
    start().ipv4(v4.0, v4.1, 9).udp(5, 53).write_to_vec(&mut udp, &[]).unwrap();
    assert_eq!(sketch(&udp), "udp 10.0.0.1:5 -> 8.8.8.8:53");
    let mut tagged = Vec::new();
    let vlan = 20.try_into().unwrap();
    let ipv6 = start().single_vlan(vlan).ipv6(v6.0, v6.1, 9);
    ipv6.tcp(1, 443, 0, 0).write_to_vec(&mut tagged, &[]).unwrap();
    let expected = "vlan 20 tcp [fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd]:1 -> \
                    [2020:2020:2020:2020:2020:2020:2020:2020]:443";
    assert_eq!(sketch(&tagged), expected);
    let mut gre = Vec::new();
    start().ipv4(v4.0, v4.1, 9).write_to_vec(&mut gre, IpNumber(47), &[0; 8]).unwrap();
    assert_eq!(sketch(&gre), "protocol 47 (GRE) 10.0.0.1 -> 8.8.8.8");
}

#[test]
fn what_is_not_ip_is_told_by_its_kind() {
    for (kind, expected) in [
        (0x888e, "eapol"),
        (0x88cc, "lldp"),
        (0x8863, "ethertype 0x8863"),
        (0x0020, "llc"),
        (0x0800, "ipv4, unreadable"),
        (0x86dd, "ipv6, unreadable"),
        (0x0806, "arp, unreadable"),
    ] {
        assert_eq!(sketch(&ethernet(kind, &[])), expected);
    }
    assert_eq!(sketch(&[0; 13]), "13 bytes, no Ethernet header");
}

proptest! {
    #[test]
    fn whatever_a_frame_holds_its_words_are_plain(
        kind in prop_oneof![Just(0x0800), Just(0x86dd), Just(0x0806), Just(0x8100), any::<u16>()],
        first in prop_oneof![Just(0x45), Just(0x60), any::<u8>()],
        rest in vec(any::<u8>(), 0..120),
    ) {
        let words = sketch(&ethernet(kind, &[&[first], &rest[..]].concat()));
        prop_assert!(words.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{words:?}");
    }
}
