//! Captures that cannot be replayed.

use std::fs;

use anyhow::Result;
use camfence_tests::Frame;

use crate::bench::{Bench, CAM, GOOD, fails};
use crate::writer::{Captured, ETHERNET, LINUX_SLL, MICROS, Order, pcap, pcapng};

#[test]
fn a_capture_that_cannot_be_replayed_is_refused() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let frame = Frame::from(CAM).ipv4("192.168.1.31", "203.0.113.7").udp(1, 2).build();
    let two: [Captured; 2] = [(&frame, frame.len()), (&frame, frame.len())];
    let classic = pcap(Order::Little, MICROS, ETHERNET, &two);
    let modern = pcapng(Order::Little, 1, &two);
    let second = 24 + 16 + frame.len();
    let (cut, empty, unknown) = ("ends in the middle of a frame", "is empty", "not a pcap");
    let cases: Vec<(&str, Vec<u8>, &str, &str)> = vec![
        ("nothing", vec![], empty, "tcpdump -i"),
        ("header", classic[..24].to_vec(), empty, "tcpdump -i"),
        ("ng-header", pcapng(Order::Little, 1, &[]), empty, "tcpdump -i"),
        ("in-header", classic[..10].to_vec(), cut, "tcpdump -r"),
        ("in-record", classic[..24 + 7].to_vec(), cut, "tcpdump -r"),
        ("in-frame", classic[..24 + 16 + 20].to_vec(), cut, "tcpdump -r"),
        ("in-second-record", classic[..second + 9].to_vec(), "after 1 whole", "tcpdump -r"),
        ("in-second-frame", classic[..classic.len() - 1].to_vec(), "after 1 whole", "tcpdump -r"),
        ("ng-in-frame", modern[..modern.len() - 10].to_vec(), "after 1 whole", "tcpdump -r"),
        ("sll", pcap(Order::Big, MICROS, LINUX_SLL, &two), "link type 113", "\"any\""),
        ("ng-sll", pcapng(Order::Big, 113, &two), "link type 113", "\"any\""),
        ("text", b"this is no capture at all, but a letter".to_vec(), unknown, "tcpdump -w"),
        ("zeros", vec![0; 100], unknown, "tcpdump -w"),
        ("gzip", [&[0x1f, 0x8b, 8, 0][..], &[7; 60]].concat(), unknown, "unpack"),
    ];
    for (name, bytes, what, hint) in cases {
        let path = camfence.dir().join(name);
        fs::write(&path, bytes)?;
        let shown = path.to_string_lossy();
        fails(&camfence.run(["replay", &shown])?, &[&format!("{shown}: "), what], Some(hint));
    }
    for (name, what) in [("missing", "No such file"), (".", "is a directory")] {
        let path = camfence.dir().join(name);
        let shown = path.to_string_lossy();
        fails(
            &camfence.run(["--json", "replay", &shown])?,
            &[&shown, what],
            Some("name a capture"),
        );
    }
    // One good capture does not make up for a bad one.
    let (good, bad) = (camfence.dir().join("good"), camfence.dir().join("in-frame"));
    fs::write(&good, &classic)?;
    let outcome = camfence.run(["replay".as_ref(), good.as_os_str(), bad.as_os_str()])?;
    fails(&outcome, &["in-frame", cut], Some("tcpdump -r"));
    bench.is_untouched()
}
