//! Through a resolver: names that carry data, and questions that are none.

use camfence_common::reason::Reason::{Dns as Guarded, Malformed, NotLocal};
use camfence_tests::{Dns, Extension, Frame, judge::Fixture};

use crate::{ATTIC, ATTIC6};
use crate::{NVR4, NVR6, RESOLVER4, ROUTER4, ROUTER6, attic4, driveway4, porch4, porch6, sends};

/// A question of the porch to the router.
fn asks(name: &str, message: &Dns) -> Fixture {
    sends(name, &porch4(ROUTER4).dns(message), Guarded)
}

fn listed() -> Dns {
    Dns::query("pool.ntp.org")
}

/// By a camera that may ask nobody anything.
fn without_resolver() -> Vec<Fixture> {
    let guarded = |name: &str, frame| sends(name, &frame, Guarded);
    let attic6 = Frame::from(ATTIC).ipv6(ATTIC6, ROUTER6);
    let name = Dns::query("vendor.example");
    vec![
        guarded("a question to the router", attic4(ROUTER4).dns(&name)),
        guarded("a question to the router over IPv6", attic6.clone().dns(&name)),
        guarded("a question to the recorder", attic4(NVR4).dns(&name)),
        guarded("a question outside", attic4(RESOLVER4).dns(&name)),
        guarded("a question by broadcast", attic4("255.255.255.255").dns(&name)),
        guarded("a question with a tag", attic4(ROUTER4).dns(&name).vlan(20)),
        guarded(
            "a question behind options",
            attic6.extension(Extension::DestinationOptions).dns(&name),
        ),
        guarded("a question by TCP", attic4(ROUTER4).tcp(5000, 53).syn()),
        guarded("a question in a session of TCP", attic4(ROUTER4).dns_over_tcp(&name)),
        guarded("a question over TLS", attic4(ROUTER4).tcp(5000, 853).syn()),
        guarded("a question over QUIC", attic4(ROUTER4).udp(5000, 853).payload_of(1200)),
        guarded("a question in pieces", attic4(ROUTER4).dns(&name).first_fragment()),
        guarded("no question at all", attic4(ROUTER4).udp(5000, 53)),
        sends(
            "a question by another port outside",
            &attic4(RESOLVER4).udp(5000, 5353).payload(name.bytes()),
            NotLocal,
        ),
    ]
}

/// By another way than UDP to port 53.
fn other_ways() -> Vec<Fixture> {
    let guarded = |name: &str, frame| sends(name, &frame, Guarded);
    let router = || porch4(ROUTER4);
    let bytes = listed().bytes();
    let odd = |port| driveway4(RESOLVER4).udp(5000, port).payload(&bytes);
    vec![
        guarded("a listed name by TCP", router().dns_over_tcp(&listed())),
        guarded("a listed name by TCP's first segment", router().tcp(5000, 53).syn()),
        guarded("a listed name over TLS", router().tcp(5000, 853).syn()),
        guarded("a listed name over QUIC", router().udp(5000, 853).payload_of(1200)),
        guarded(
            "another name in a session with the recorder",
            porch4(NVR4).dns_over_tcp(&listed()),
        ),
        sends("a listed name of a resolver outside", &porch4(RESOLVER4).dns(&listed()), NotLocal),
        sends(
            "a listed name of another host at home",
            &porch4("192.168.1.2").dns(&listed()),
            NotLocal,
        ),
        sends("a name by port 5300 outside", &odd(5300), NotLocal),
        sends("a name by port 54 outside", &odd(54), NotLocal),
        sends("a name by multicast DNS's port outside", &odd(5353), NotLocal),
        sends(
            "a name by the router's port 5300",
            &porch4(ROUTER4).udp(5000, 5300).payload(&bytes),
            NotLocal,
        ),
    ]
}

/// Names that are not listed.
fn names() -> Vec<Fixture> {
    let other = |what: &str, name: &str| asks(what, &Dns::query(name));
    let long = "x".repeat(63);
    let data = format!("{long}.{long}.{long}.tunnel.example");
    let over = format!("{long}.{long}.{long}.{long}.example.net");
    vec![
        other("another name", "vendor.example"),
        other("the name above a listed one", "ntp.org"),
        other("a name below a listed one", "evil.pool.ntp.org"),
        other("a name that ends like a listed one", "whirlpool.ntp.org"),
        other("a listed name within another", "pool.ntp.org.vendor.example"),
        other("a listed name backwards", "org.ntp.pool"),
        other("the name itself of which all below are listed", "example.net"),
        other("a name that ends like all below a listed one", "badexample.net"),
        other("a star", "*.example.net"),
        other("a single label", "pool"),
        other("data in the labels of another name", &data),
        other("more than 255 bytes below a listed name", &over),
        asks("the root", &Dns::query("")),
        asks("text in the labels of another name", &Dns::query(&data).kind(Dns::TXT)),
        asks("bytes that are no text", &Dns::labels([&[0xff, 0, 7], &b"example"[..], b"net"])),
        asks("a byte of zero in a label", &Dns::labels([&b"a\0b"[..], b"example", b"net"])),
        asks("a space in a label", &Dns::labels(["a b", "example", "net"])),
        asks("a dot in a label", &Dns::labels(["pool.ntp", "org"])),
        asks("a listed name in one label", &Dns::labels(["pool.ntp.org"])),
        asks("a letter that is not ASCII", &Dns::labels(["pöl", "example", "net"])),
        asks("a byte beside a letter's case", &Dns::labels(["@ool", "ntp", "org"])),
        asks("another name for IPv6", &Dns::query("vendor.example").kind(Dns::AAAA)),
        asks("a listed name, then another", &listed().and(&Dns::query("vendor.example"))),
    ]
}

/// Messages that are no single, plain question for a listed name.
fn messages() -> Vec<Fixture> {
    vec![
        asks("a label of 64 bytes", &Dns::labels([[b'x'; 64].as_slice(), b"example", b"net"])),
        asks("a label of a reserved kind", &listed().claim_label(0x84)),
        asks("a label that ends behind the message", &listed().claim_label(63)),
        asks("a label of no length", &listed().claim_label(0)),
        asks("a name that is a pointer", &Dns::query("").pointing_to(12)),
        asks("a name that ends in a pointer", &Dns::query("pool.ntp").pointing_to(12)),
        asks("a pointer behind the message", &Dns::query("pool").pointing_to(500)),
        asks("a name that does not end", &Dns::unended(["pool", "ntp", "org"])),
        asks("no questions", &listed().claim_counts([0, 0, 0, 0])),
        asks("two questions of which one is there", &listed().claim_counts([2, 0, 0, 0])),
        asks("questions beyond count", &listed().claim_counts([0x0101, 0, 0, 0])),
        asks("an answer in the question", &listed().claim_counts([1, 1, 0, 0])),
        asks("an authority in the question", &listed().claim_counts([1, 0, 1, 0])),
        asks("two additional records", &listed().edns().edns()),
        asks("a response", &listed().response()),
        asks("a status request", &listed().opcode(2)),
        asks("a notification", &listed().opcode(4)),
        asks("an update", &listed().opcode(5)),
    ]
}

/// Lengths that lie, and headers in the way.
fn lengths() -> Vec<Fixture> {
    let guarded = |name: &str, frame| sends(name, &frame, Guarded);
    let question = || porch4(ROUTER4).dns(&listed());
    let whole = u16::try_from(8 + listed().bytes().len()).expect("it is short");
    let bytes = listed().bytes();
    let with = |more: &[u8]| {
        porch4(ROUTER4).udp(5000, 53).payload([listed().bytes().as_slice(), more].concat())
    };
    let behind = |units: u8| {
        let options = Extension::Claiming(60, units, vec![0; 8 * usize::from(units) + 6]);
        porch6(NVR6).extension(options).dns(&listed())
    };
    vec![
        guarded("a UDP length less than the packet's", question().claim_udp_length(whole - 1)),
        guarded("a UDP length more than the packet's", question().claim_udp_length(whole + 1)),
        guarded("bytes behind a listed name's question", with(b"exfiltrated")),
        guarded("a byte behind a listed name's question", with(&[0])),
        guarded("a byte behind the options", {
            let bytes = [listed().edns().bytes().as_slice(), &[0]].concat();
            porch4(ROUTER4).udp(5000, 53).payload(bytes)
        }),
        guarded("options that are not there", {
            porch4(ROUTER4).dns(&listed().claim_counts([1, 0, 0, 1]))
        }),
        guarded("a UDP length of zero", question().claim_udp_length(0)),
        guarded("a UDP length of a header", question().claim_udp_length(8)),
        guarded("a question whose type is padding", question().claim_length(20 + whole - 4)),
        guarded(
            "a question whose name is padding",
            porch4(ROUTER4).dns(&Dns::query("")).claim_length(20 + 8 + 12),
        ),
        guarded("a whole question that is padding", porch4(ROUTER4).udp(5000, 53).trailer(&bytes)),
        guarded("a first fragment of a listed name", question().first_fragment()),
        guarded(
            "a first fragment of a listed name over IPv6",
            porch6(ROUTER6).dns(&listed()).first_fragment(),
        ),
        guarded("a name beyond what is looked at", behind(54)),
        sends("a question beyond what is looked at", &behind(60), Malformed),
    ]
}

/// Every beginning of a question, with lengths that are right.
fn beginnings() -> Fixture {
    let bytes = listed().bytes();
    let begin = |length: usize| porch4(ROUTER4).udp(5000, 53).payload(&bytes[..length]);
    let first = sends("every beginning of a question", &begin(0), Guarded);
    (1..bytes.len()).fold(first, |fixture, length| fixture.then(&begin(length), Guarded))
}

pub(crate) fn attempts() -> Vec<Fixture> {
    [without_resolver(), other_ways(), names(), messages(), lengths(), vec![beginnings()]].concat()
}
