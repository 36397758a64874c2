//! What the programs tell: each thing once, within the budget, and what is not told is counted.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use camfence::kernel::{
    clock::awake,
    events::Record,
    runner::{
        PORT,
        Program::{self, InboundTc, OutboundTc, OutboundXdp},
    },
};
use camfence_common::{
    event::{Answer, BUDGETS, Kind, MAX_ANSWER, RING_BYTES},
    flow::FlowKey,
    reason::Direction,
};
use camfence_tests::{
    Dns, Frame, Mac,
    judge::{Kernel, policy},
};
use nix::{
    sched::{CpuSet, sched_getcpu, sched_setaffinity},
    unistd::Pid,
};

use crate::{Books, CAM, CAM4, GW, HOME, VENDOR4, to};

/// More records than the ring buffer has room for.
const ALL: usize = RING_BYTES as usize;
const RESOLVER: &str = "192.168.1.1";

fn index(kind: Kind) -> usize {
    kind.index()
}

fn contacts(records: &[Record]) -> Result<Vec<FlowKey>> {
    let key = |record: &Record| match record {
        Record::Contact(contact) if contact.header.ifindex == PORT => Ok(contact.key),
        other => bail!("{other:?}"),
    };
    records.iter().map(key).collect()
}

fn stay_on_this_cpu() -> Result<()> {
    let mut only = CpuSet::new();
    only.set(sched_getcpu()?)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &only)?)
}

#[test]
fn a_first_contact_is_told_once() -> Result<()> {
    // Two CPUs may tell the same.
    stay_on_this_cpu()?;
    let mut books = Books::new(1_024)?;
    let start = awake();
    let peers = [VENDOR4, "203.0.113.8", "192.168.1.10"];
    let mut expected = Vec::new();
    for (peer, program) in peers.into_iter().zip([OutboundXdp, OutboundTc, OutboundXdp]) {
        let frame = to(peer).build();
        for _ in 0..5 {
            books.run(program, &frame)?;
        }
        expected.push(books.host.flow(Direction::Outbound, &frame).context("a flow")?);
    }
    let inward = Frame::from(GW).to(CAM).ipv4(VENDOR4, CAM4).udp(10240, 5000).build();
    books.run(InboundTc, &inward)?;
    expected.push(books.host.flow(Direction::Inbound, &inward).context("a flow")?);
    let records = books.kernel.records(ALL);
    assert_eq!(contacts(&records)?, expected);
    for record in &records {
        let Record::Contact(contact) = record else { bail!("{record:?}") };
        let time = Duration::from_nanos(contact.header.time);
        // The coarse clock is up to a tick behind.
        ensure!(time + Duration::from_millis(20) > start && time <= awake(), "{time:?}");
        let flows = books.kernel.ledger()?.flows;
        let (_, flow) = flows.find(&contact.key).context("a flow")?;
        assert_eq!(flow.first, contact.header.time);
    }
    let told = books.kernel.told()?;
    assert_eq!((told.told[index(Kind::Contact)], told.lost), (4, [0; 3]));
    ensure!(books.kernel.records(ALL).is_empty());
    // A flow that lost its place to another, but not its entry, is known.
    let mut others = 0;
    for number in 0..4_096_u32 {
        let frame = to(&Ipv4Addr::from(0xc633_6400 + number % 256).to_string()).build();
        books.run(OutboundXdp, &frame)?;
        others += u64::from(number < 256);
    }
    assert_eq!(books.kernel.told()?.told[index(Kind::Contact)], 4 + others);
    books.check()
}

#[test]
fn a_flood_is_told_within_its_budget_and_the_rest_is_counted() -> Result<()> {
    const FLOOD: u32 = 20_000;
    let mut books = Books::new(65_536)?;
    let start = Instant::now();
    let mut frame = to("0.0.0.0").build();
    let mut told = BTreeSet::new();
    for number in 0..FLOOD {
        frame[30..34].copy_from_slice(&Ipv4Addr::from(0x0800_0000 + number * 31).octets());
        books.run(OutboundXdp, &frame)?;
        if number % 512 == 0 {
            told.extend(contacts(&books.kernel.records(ALL))?);
        }
    }
    let seconds = start.elapsed().as_secs() + 1;
    told.extend(contacts(&books.kernel.records(ALL))?);
    let counted = books.kernel.told()?;
    let [told_contacts, lost] = [counted.told, counted.lost].map(|of| of[index(Kind::Contact)]);
    println!("{told_contacts} told in {seconds} s, {lost} not");
    assert_eq!(told_contacts + lost, u64::from(FLOOD), "each destination once");
    assert_eq!(told.len() as u64, told_contacts);
    let cpus = std::thread::available_parallelism()?.get() as u64;
    let most = u64::from(BUDGETS[index(Kind::Contact)]) * seconds * cpus;
    ensure!(told_contacts <= most, "{told_contacts} of {most}");
    // An emulated machine runs fewer frames in a second than are told.
    ensure!(lost > 0 || most >= u64::from(FLOOD), "{told_contacts} of {most}");
    ensure!(told_contacts >= u64::from(BUDGETS[index(Kind::Contact)]), "{told_contacts}");
    books.check()
}

#[test]
fn unknown_sources_are_told_once() -> Result<()> {
    for unknown in ["drop", "guest"] {
        let text = format!("[fence]\nunknown = \"{unknown}\"\n[profile.guest]\nlocal = []\n");
        let mut kernel = Kernel::new(&policy(&text)?)?;
        let macs: Vec<Mac> = (1..=3).map(|last| Mac([2, 0, 0, 0, 0, last])).collect();
        for _ in 0..4 {
            for (mac, program) in macs.iter().zip([OutboundXdp, OutboundTc, OutboundXdp]) {
                let frame = Frame::from(*mac).to(GW).arp_request("192.168.1.9", RESOLVER).build();
                kernel.run(program, &frame)?;
            }
        }
        let mut told = Vec::new();
        for record in kernel.records(ALL) {
            let Record::Stranger(stranger) = record else { bail!("{record:?}") };
            assert_eq!(stranger.header.ifindex, PORT);
            told.push(Mac(stranger.mac.0));
        }
        assert_eq!(told, macs, "{unknown}");
        assert_eq!(kernel.told()?.lost, [0; 3]);
    }
    Ok(())
}

fn answer(message: &[u8]) -> Frame {
    from_resolver(RESOLVER, 53).payload(message)
}

fn from_resolver(address: &str, port: u16) -> Frame {
    Frame::from(GW).to(CAM).ipv4(address, CAM4).udp(port, 40_000)
}

fn answers(kernel: &mut Kernel) -> Vec<Answer> {
    let records = kernel.records(ALL).into_iter();
    records
        .filter_map(|record| match record {
            Record::Answer(answer) => Some(*answer),
            _ => None,
        })
        .collect()
}

#[test]
fn dns_answers_are_told_as_they_came() -> Result<()> {
    let mut kernel = Kernel::new(&policy(HOME)?)?;
    let short = Dns::query("p2p.example").address("p2p.example", VENDOR4).bytes();
    let lengths = [1, 7, 8, 9, 63, 64, 65, 511, 512, 513, 700, 1_400];
    let messages: Vec<Vec<u8>> = lengths
        .into_iter()
        .map(|length| (0..length).map(|at: usize| at.to_le_bytes()[0] | 1).collect())
        .chain([short])
        .collect();
    for message in &messages {
        // The kernel fills a frame up, and the packet ends before.
        let frame = answer(message).build();
        kernel.run(InboundTc, &frame)?;
        kernel.run(InboundTc, &answer(message).vlan(20).build())?;
    }
    let told = answers(&mut kernel);
    assert_eq!(told.len(), 2 * messages.len());
    for (told, message) in told.chunks(2).zip(&messages) {
        for answer in told {
            assert_eq!((answer.mac.0, answer.header.ifindex), (CAM.0, PORT));
            assert_eq!(usize::from(answer.len), message.len());
            assert_eq!(answer.is_cut(), message.len() > MAX_ANSWER);
            assert_eq!(answer.message(), &message[..message.len().min(MAX_ANSWER)]);
            let rest = &answer.bytes()[answer.message().len()..];
            ensure!(rest.iter().all(|byte| *byte == 0), "{answer:?}");
        }
    }
    Ok(())
}

#[test]
fn nothing_else_is_told_as_a_dns_answer() -> Result<()> {
    let mut kernel = Kernel::new(&policy(HOME)?)?;
    let message = Dns::query("p2p.example").address("p2p.example", VENDOR4).bytes();
    let with = |frame: Frame| frame.payload(message.clone());
    let cases: [(&str, Program, Frame); 7] = [
        ("dropped", InboundTc, with(from_resolver("203.0.113.53", 53))),
        ("another port", InboundTc, with(from_resolver(RESOLVER, 5353))),
        ("TCP", InboundTc, Frame::from(GW).to(CAM).ipv4(RESOLVER, CAM4).tcp(53, 40_000)),
        ("a later fragment", InboundTc, answer(&message).last_fragment(64)),
        ("nothing in it", InboundTc, answer(&[])),
        ("no answer but a query", OutboundTc, {
            Frame::from(CAM).to(GW).ipv4(CAM4, RESOLVER).dns(&Dns::query("p2p.example"))
        }),
        ("a bystander's", InboundTc, {
            Frame::from(CAM).to(GW).ipv4(RESOLVER, "192.168.1.9").udp(53, 9).payload_of(100)
        }),
    ];
    for (what, program, frame) in cases {
        kernel.run(program, &frame.build())?;
        ensure!(answers(&mut kernel).is_empty(), "{what}");
    }
    let cut = answer(&message).build();
    for length in 34..cut.len() {
        kernel.run(InboundTc, &cut[..length])?;
        ensure!(answers(&mut kernel).is_empty(), "cut at {length}");
    }
    let told = kernel.told()?;
    assert_eq!((told.told[index(Kind::Answer)], told.lost[index(Kind::Answer)]), (0, 0));
    Ok(())
}

/// Answers are the largest records: a few seconds' fill the buffer.
#[test]
fn what_the_buffer_has_no_room_for_is_counted() -> Result<()> {
    const ROOM: u64 = RING_BYTES as u64 / (size_of::<Answer>() as u64 + 8);
    let mut kernel = Kernel::new(&policy(HOME)?)?;
    let frame = answer(&[1; 100]).build();
    let (mut happened, start) = (0, Instant::now());
    let told = loop {
        for _ in 0..300 {
            kernel.run(InboundTc, &frame)?;
            happened += 1;
        }
        let told = kernel.told()?;
        // The first record is a contact.
        if told.told[index(Kind::Answer)] >= ROOM - 1 && start.elapsed() > Duration::from_secs(3) {
            break told;
        }
        ensure!(start.elapsed() < Duration::from_mins(1), "{told:?}");
        std::thread::sleep(Duration::from_millis(300));
    };
    let [told, lost] = [told.told, told.lost].map(|of| of[index(Kind::Answer)]);
    println!("{told} told, {lost} not");
    assert_eq!(told + lost, happened);
    ensure!(told <= ROOM && lost > 0, "{told} of {ROOM}");
    assert_eq!(answers(&mut kernel).len() as u64, told);
    kernel.run(InboundTc, &frame)?;
    Ok(())
}

#[test]
fn a_camera_is_seen_when_it_sends() -> Result<()> {
    let mut kernel = Kernel::new(&policy(HOME)?)?;
    let cam = camfence_common::mac::Mac(CAM.0);
    assert_eq!(kernel.last_seen(cam)?, None);
    kernel.run(InboundTc, &answer(&[1; 100]).build())?;
    assert_eq!(kernel.last_seen(cam)?, None, "others talk to it");
    for program in [OutboundXdp, OutboundTc] {
        let before = awake().saturating_sub(Duration::from_millis(20));
        for frame in [to(VENDOR4), Frame::from(CAM).to(GW).arp_request(CAM4, RESOLVER)] {
            kernel.run(program, &frame.build())?;
            let seen = kernel.last_seen(cam)?.context("seen")?;
            ensure!(before <= seen && seen <= awake(), "{before:?} {seen:?}");
        }
    }
    Ok(())
}
