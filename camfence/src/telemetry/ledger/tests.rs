use std::net::Ipv6Addr;

use camfence_common::{
    abi::Tally,
    reason::{Direction, Reason},
};
use serde_json::{Value, json};

use super::*;

const SECOND: Duration = Duration::from_secs(1);
const DRIVEWAY: Mac = Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]);
const GONE: Mac = Mac([2, 0, 0, 0, 0, 9]);
const NOW: Now =
    Now { kernel: Duration::from_secs(100), since_epoch: Duration::from_secs(1_000_000_000) };

/// A key as the kernel has it.
fn key(mac: Mac, peer: &str, protocol: u8, port: u16, reason: Reason) -> FlowKey {
    let peer: Ipv6Addr = match peer.parse().unwrap() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    let direction =
        if reason == Reason::Inbound { Direction::Inbound } else { Direction::Outbound };
    let what = (direction.index() << 7 | reason.index()).to_le_bytes()[0];
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&peer.octets());
    bytes[16..22].copy_from_slice(&mac.0);
    bytes[22..24].copy_from_slice(&port.to_ne_bytes());
    [bytes[24], bytes[25]] = [protocol, what];
    bytemuck::cast(bytes)
}

fn flow(first: u64, last: u64, bytes: u64) -> Flow {
    let nanos = |seconds: u64| seconds * 1_000_000_000;
    Flow { first: nanos(first), last: nanos(last), tally: Tally { packets: 2, bytes } }
}

fn config() -> Config {
    let text = "[[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = \"driveway\"\n";
    Config::parse("camfence.toml".as_ref(), text).unwrap()
}

fn contents() -> Contents {
    let flows = [
        (key(DRIVEWAY, "203.0.113.7", 17, 10_240, Reason::NotLocal), flow(40, 99, 300)),
        (key(DRIVEWAY, "2001:db8::7", 6, 443, Reason::Allowed), flow(50, 60, 9_000)),
        (key(GONE, "203.0.113.8", 1, 0x0301, Reason::Inbound), flow(1, 80, 100)),
    ];
    let missing = Missing {
        entries: 3,
        evicted: Tally { packets: 7, bytes: 700 },
        lost: Tally { packets: 1, bytes: 60 },
    };
    Contents { flows: flows.into_iter().collect(), missing }
}

fn ledger(selection: Selection) -> Ledger {
    let (contents, config, networks) = (contents(), config(), Networks::default());
    let last_names = BTreeMap::from([DRIVEWAY, GONE].map(|mac| (mac, "garage".to_owned())));
    let context =
        Context { config: &config, last_names, networks: &networks, now: NOW.since_epoch };
    Ledger::new(&spans(&contents, NOW), &contents.missing, selection, &context)
}

/// The peers that are told, in their order.
fn peers(selection: Selection) -> Vec<String> {
    let ledger = ledger(selection);
    ledger.entries.iter().map(|entry| entry.peer.to_string()).collect()
}

#[test]
fn the_json_is_what_scripts_parse() {
    let selection = Selection { top: NonZero::new(1), mac: Some(GONE), ..Selection::default() };
    let mut all = ledger(Selection::default());
    all.entries.truncate(1);
    let expected = json!({
        "entries": [{
            "camera": "driveway",
            "mac": "b0:c5:54:25:5b:0e",
            "direction": "outbound",
            "peer": "203.0.113.7",
            "protocol": "udp",
            "port": 10_240,
            "reason": "not-local",
            "verdict": "drop",
            "packets": 2,
            "bytes": 300,
            "first_seen": "2001-09-09T01:45:40.000Z",
            "last_seen": "2001-09-09T01:46:39.000Z",
        }],
        "evicted": {"entries": 3, "packets": 7, "bytes": 700},
        "lost": {"packets": 1, "bytes": 60},
    });
    assert_eq!(serde_json::to_value(&all).unwrap(), expected);
    let gone = serde_json::to_value(ledger(selection)).unwrap();
    let gone = &gone["entries"][0];
    assert_eq!((&gone["camera"], &gone["port"]), (&Value::Null, &Value::Null));
    assert_eq!(gone["last_name"], "garage");
    assert_eq!(
        (&gone["mac"], &gone["icmp"]),
        (&json!("02:00:00:00:00:09"), &json!({"type": 3, "code": 1}))
    );
}

#[test]
fn flows_are_chosen_and_put_in_order() {
    let all = Selection::default();
    assert_eq!(peers(all), ["203.0.113.7", "203.0.113.8", "2001:db8::7"], "seen last first");
    assert_eq!(peers(Selection { top: NonZero::new(2), ..all }), ["2001:db8::7", "203.0.113.7"]);
    assert_eq!(peers(Selection { mac: Some(GONE), ..all }), ["203.0.113.8"]);
    assert_eq!(
        peers(Selection { since: Some(20 * SECOND), ..all }),
        ["203.0.113.7", "203.0.113.8"]
    );
    assert_eq!(peers(Selection { since: Some(SECOND / 2), ..all }), [""; 0]);
}

#[test]
fn protocols_are_words() {
    let word = |peer, protocol, port| {
        Service::of(&key(DRIVEWAY, peer, protocol, port, Reason::Local)).to_string()
    };
    assert_eq!(word("192.0.2.1", 17, 10_240), "udp/10240");
    assert_eq!(word("192.0.2.1", 6, 443), "tcp/443");
    assert_eq!(word("192.0.2.1", 17, 0), "udp", "a later fragment");
    assert_eq!(word("192.0.2.1", 1, 0x0800), "icmp/8");
    assert_eq!(word("192.0.2.1", 1, 0x0301), "icmp/3.1");
    assert_eq!(word("2001:db8::1", 58, 0x8000), "icmpv6/128");
    assert_eq!(word("192.0.2.1", 58, 0), "58");
    assert_eq!(word("192.0.2.1", 132, 0), "132");
}
