//! The lab itself: that what the other suites stand on carries what they put on it.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::lab::{INTERNET, INTERNET_V4, INTERNET_V6};
use camfence_tests::traffic::{
    self, MDNS_V4, MDNS_V6, SSDP_V4, SSDP_V6, TcpEcho, TcpSession, UdpEcho, UdpSink,
};
use camfence_tests::wire::Offload;
use camfence_tests::{BpffsRoot, Bridge, Camfence, Frame, Host, Lab, Mac, Netns, RawPort, mac};

const CAM: Mac = mac("b0:c5:54:25:5b:0e");
const SOON: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_millis(100);

fn driveway() -> Host {
    Host::new("driveway")
        .mac(CAM)
        .ip("192.168.1.31/24")
        .ip("fd00:1::31/64")
        .via("192.168.1.1")
        .via("fd00:1::1")
}

fn recorder() -> Host {
    Host::new("nvr").ip("192.168.1.10/24").ip("fd00:1::10/64").via("192.168.1.1").via("fd00:1::1")
}

fn gateway() -> Host {
    Host::new("gw").ip("192.168.1.1/24").ip("fd00:1::1/64").router()
}

fn home() -> Result<Lab> {
    let bridge = Bridge::new("br-cam").ip("192.168.1.2/24").ip("fd00:1::2/64").via("192.168.1.1");
    Lab::builder()
        .bridge(bridge)
        .host(driveway())
        .host(recorder())
        .host(gateway())
        .host(Host::internet_behind("gw"))
        .build()
}

/// Two hosts that send nothing but what a test sends, without addresses.
fn wire(mtu: u32) -> Result<Lab> {
    Lab::builder()
        .mtu(mtu)
        .bridge("br-cam")
        .host(Host::new("a").mac(CAM).silent())
        .host(Host::new("b").silent())
        .build()
}

fn at(ip: impl Into<IpAddr>, port: u16) -> SocketAddr {
    SocketAddr::new(ip.into(), port)
}

#[test]
fn hosts_on_a_bridge_reach_each_other() -> Result<()> {
    let lab = home()?;
    let _echo = UdpEcho::open(lab.host("nvr"), 7)?;
    for nvr in [at(lab.ipv4("nvr"), 7), at(lab.ipv6("nvr"), 7)] {
        for from in [lab.host("driveway"), lab.box_ns()] {
            let answer = traffic::udp_request(from, nvr, b"hello").context(nvr)?;
            assert_eq!(answer, b"hello");
        }
    }
    Ok(())
}

#[test]
fn the_gateway_routes_to_the_internet() -> Result<()> {
    let lab = home()?;
    let _echo = UdpEcho::open(lab.host(INTERNET), 10240)?;
    for ip in INTERNET_V4.iter().chain(&INTERNET_V6) {
        let to = at(ip.parse::<IpAddr>()?, 10240);
        traffic::udp_request(lab.host("driveway"), to, b"hello").context(to)?;
    }
    traffic::udp_request(lab.box_ns(), at(INTERNET_V4[0].parse::<IpAddr>()?, 10240), b"hello")?;
    Ok(())
}

#[test]
fn the_box_routes_between_direct_ports_and_the_internet() -> Result<()> {
    let camera = driveway().port("eth0.20").direct(&["192.168.1.1/24", "fd00:1::1/64"]);
    let lab = Lab::builder().host(camera).host(Host::internet_behind_box()).build()?;
    let _echo = TcpEcho::open(lab.host(INTERNET), 443)?;
    for ip in [INTERNET_V4[0], INTERNET_V6[0]] {
        let to = at(ip.parse::<IpAddr>()?, 443);
        TcpSession::open(lab.host("driveway"), to).context(to)?.exchange()?;
    }
    lab.box_ns().ifindex("eth0.20")?;
    Ok(())
}

#[test]
fn a_tag_survives_the_bridge() -> Result<()> {
    let lab = wire(1500)?;
    let a = RawPort::open(lab.host("a"), "eth0")?;
    let b = RawPort::open(lab.host("b"), "eth0")?;
    let cam = || Frame::from(CAM).to(lab.mac("b"));
    for tagged in [cam().vlan(20), cam().qinq(100, 20), cam()] {
        let frame = tagged.ipv4("192.168.1.31", "203.0.113.7").udp(5000, 10240).pad_to(60).build();
        a.send(&frame)?;
        assert_eq!(b.capture(SOON)?, Some(frame));
    }
    assert_eq!(a.capture(QUIET)?, None, "a port does not hear itself");
    Ok(())
}

#[test]
fn the_kernel_accepts_what_the_builder_builds() -> Result<()> {
    let lab = Lab::builder().bridge("br-cam").host(driveway()).host(recorder()).build()?;
    let sink = UdpSink::open(lab.host("nvr"), &[10240])?;
    let port = RawPort::open(lab.host("driveway"), "eth0")?;
    let to_nvr = || Frame::from(CAM).to(lab.mac("nvr"));
    let (v4, v6) = (lab.ipv4("driveway"), lab.ipv6("driveway"));
    port.send(&to_nvr().ipv4(v4, lab.ipv4("nvr")).udp(5000, 10240).payload(b"hello").build())?;
    port.send(&to_nvr().ipv6(v6, lab.ipv6("nvr")).udp(5000, 10240).payload(b"hello").build())?;
    assert_eq!(sink.wait_for(2, SOON), 2);
    assert_eq!(sink.count(v4.into(), 10240).bytes, 5);
    assert_eq!(sink.count(v6.into(), 10240).bytes, 5);
    Ok(())
}

#[test]
fn a_super_frame_arrives_whole_and_is_accepted() -> Result<()> {
    let lab = Lab::builder().bridge("br-cam").host(driveway()).host(recorder()).build()?;
    let sink = UdpSink::open(lab.host("nvr"), &[10240])?;
    let port = RawPort::open(lab.host("driveway"), "eth0")?;
    let capture = RawPort::open(lab.host("nvr"), "eth0")?;
    let to_nvr = Frame::from(CAM).to(lab.mac("nvr"));
    let over_v4 = to_nvr.clone().ipv4(lab.ipv4("driveway"), lab.ipv4("nvr"));
    let over_v6 = to_nvr.ipv6(lab.ipv6("driveway"), lab.ipv6("nvr"));
    let udp = over_v4.clone().udp(5000, 10240).payload_of(10_000).build();
    let tcp = over_v4.tcp(5000, 443).ack().payload_of(10_000).build();
    let tcp6 = over_v6.tcp(5000, 443).ack().payload_of(10_000).build();
    for (frame, offload) in [
        (&udp, Offload::gso(1000)),
        (&tcp, Offload::gso(1000)),
        (&tcp6, Offload::gso(1000).with_linear(14)),
    ] {
        port.send_offloaded(frame, offload)?;
        let arrived = capture.capture_matching(SOON, |bytes| bytes.len() == frame.len())?;
        ensure!(arrived.is_some(), "{offload:?} did not arrive in one piece");
    }
    assert_eq!(sink.wait_for(10, SOON), 10, "one datagram per segment");
    Ok(())
}

#[test]
fn a_jumbo_frame_arrives_though_it_is_not_linear() -> Result<()> {
    let lab = wire(9000)?;
    let a = RawPort::open(lab.host("a"), "eth0")?;
    let b = RawPort::open(lab.host("b"), "eth0")?;
    let to_b = Frame::from(CAM).to(lab.mac("b"));
    let frame = to_b.ipv4("192.168.1.31", "203.0.113.7").udp(5000, 10240).payload_of(8000).build();
    a.send_offloaded(&frame, Offload::linear(14))?;
    assert_eq!(b.capture(SOON)?, Some(frame));
    Ok(())
}

#[test]
fn many_frames_are_counted_exactly() -> Result<()> {
    const FRAMES: u64 = 40_000;
    let lab = wire(1500)?;
    let a = RawPort::open(lab.host("a"), "eth0")?;
    let b = RawPort::open(lab.host("b"), "eth0")?;
    let frame = Frame::from(CAM).to(lab.mac("b")).ipv4("192.168.1.31", "203.0.113.7").udp(1, 2);
    let sent = a.send_many(&[frame.pad_to(60).build()], FRAMES, 200_000)?;
    assert_eq!(sent.accepted, FRAMES);
    let arrived = b.capture_until_quiet(QUIET)?.len() as u64;
    let port = lab.box_ns().link_stats(lab.port("a"))?;
    assert_eq!(port["rx"]["packets"], FRAMES, "{sent:?} {port}");
    assert_eq!(arrived + u64::from(b.lost()?), FRAMES, "{sent:?}");
    Ok(())
}

#[test]
fn a_session_notices_when_its_cable_is_pulled() -> Result<()> {
    let lab = home()?;
    let _echo = TcpEcho::open(lab.host("nvr"), 554)?;
    let mut session = TcpSession::open(lab.host("driveway"), at(lab.ipv4("nvr"), 554))?;
    session.exchange()?;
    let before = lab.box_ns().ifindex(lab.port("nvr"))?;
    lab.unplug("nvr")?;
    let error = session.exchange().expect_err("nobody is there");
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    lab.plug("nvr")?;
    session.exchange_within(Duration::from_secs(5))?;
    assert_ne!(lab.box_ns().ifindex(lab.port("nvr"))?, before);
    Ok(())
}

#[test]
fn groups_hear_what_is_sent_to_them() -> Result<()> {
    let lab = home()?;
    for group in [MDNS_V4, MDNS_V6, SSDP_V4, SSDP_V6] {
        let sink = UdpSink::join(lab.host("nvr"), "eth0", group)?;
        traffic::multicast_send(lab.host("driveway"), "eth0", group, b"who is there")?;
        assert_eq!(sink.wait_for(1, SOON), 1, "{group}");
    }
    Ok(())
}

#[test]
fn without_offloads_a_capture_has_finished_checksums() -> Result<()> {
    let lab = Lab::builder()
        .without_offloads()
        .bridge("br-cam")
        .host(driveway())
        .host(recorder())
        .build()?;
    let capture = RawPort::open(lab.host("nvr"), "eth0")?;
    traffic::udp_send(lab.host("driveway"), at(lab.ipv4("nvr"), 9), b"hello")?;
    let is_udp = |frame: &[u8]| frame.len() == 14 + 20 + 8 + 5;
    let frame = capture.capture_matching(SOON, is_udp)?.context("the datagram")?;
    let source = u16::from_be_bytes([frame[34], frame[35]]);
    let built = Frame::from(CAM).ipv4(lab.ipv4("driveway"), lab.ipv4("nvr")).udp(source, 9);
    assert_eq!(frame[34..], built.payload(b"hello").build()[34..]);
    Ok(())
}

#[test]
fn a_host_joins_a_running_lab() -> Result<()> {
    let mut lab = home()?;
    lab.add_host(Host::new("attic").ip("192.168.1.32/24").on("br-cam"))?;
    let _echo = UdpEcho::open(lab.host("attic"), 7)?;
    traffic::udp_request(lab.host("driveway"), at(lab.ipv4("attic"), 7), b"hello")?;
    Ok(())
}

#[test]
fn a_panic_leaves_nothing() -> Result<()> {
    let mut names = Vec::new();
    let mut mounted = None;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let lab = home().expect("a lab");
        let bpffs = BpffsRoot::new().expect("a bpf filesystem");
        names.extend([lab.box_ns().path(), lab.host("driveway").path()]);
        mounted = Some(bpffs.path().to_owned());
        lab.host("driveway").run(|| panic!("as tests do"));
    }));
    let message = panicked.expect_err("a panic inside a namespace propagates");
    assert_eq!(message.downcast_ref(), Some(&"as tests do"));
    for path in names.iter().chain(&mounted) {
        assert!(!path.exists(), "{}", path.display());
    }
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    assert!(!mounts.contains(mounted.context("a mount")?.to_str().context("a path")?));
    Ok(())
}

#[test]
fn the_leftovers_of_a_killed_run_are_swept() -> Result<()> {
    // No process has the highest id that a name can say.
    let orphan = Path::new("/run/netns/cf-orphan-2147483647-00000000");
    let _first = Netns::new("sweep")?;
    // This process swept when it made its first namespace; a fresh one does so again.
    fs::create_dir_all("/run/netns")?;
    fs::write(orphan, "")?;
    let suite = std::env::current_exe()?;
    let again =
        Command::new(suite).args(["--exact", "a_panic_leaves_nothing", "--quiet"]).output()?;
    ensure!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(!orphan.exists());
    Ok(())
}

#[test]
fn a_command_sees_the_mounts_of_the_host_and_the_network_of_the_namespace() -> Result<()> {
    let lab = home()?;
    let bpffs = BpffsRoot::new()?;
    let kind = lab.box_ns().command("stat").args(["-f", "-c", "%T"]).arg(bpffs.path()).output()?;
    assert_eq!(String::from_utf8(kind.stdout)?.trim(), "bpf_fs");
    let links = lab.box_ns().command("ip").args(["-o", "link"]).output()?;
    assert!(String::from_utf8(links.stdout)?.contains("port-driveway"));
    Ok(())
}

#[test]
fn a_verb_runs_in_the_namespace_with_its_configuration() -> Result<()> {
    let (netns, bpffs) = (Netns::new("verb")?, BpffsRoot::new()?);
    let camfence = Camfence::new(&netns, "[fence]\n", &bpffs)?;
    let program = script(&camfence, "cat \"$2\"; ip -o link; echo oops >&2; exit 1")?;
    let outcome = camfence.using(program).run(["up"])?;
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(1), "oops\n"));
    assert!(outcome.stdout.starts_with("[fence]\n1: lo"), "{outcome:?}");
    assert_eq!(outcome.stdout.lines().count(), 2, "nothing but the loopback");
    outcome.success().expect_err("it failed");
    Ok(())
}

#[test]
fn a_daemon_runs_until_it_is_dropped() -> Result<()> {
    let (netns, bpffs) = (Netns::new("daemon")?, BpffsRoot::new()?);
    let camfence = Camfence::new(&netns, "", &bpffs)?;
    let program = script(&camfence, "echo \"$5\"; exec sleep 60")?;
    let camfence = camfence.using(program);
    let mut daemon = camfence.start(["run"])?;
    daemon.wait_for_log(SOON, |log| log == "run\n")?;
    assert!(daemon.is_running()?);
    let process = Path::new("/proc").join(daemon.id().to_string());
    drop(daemon);
    assert!(!process.exists());
    let outcome = camfence.start(["run"])?.stop(SOON)?;
    assert_eq!(outcome.code, None, "ended by the signal");
    Ok(())
}

/// A program that stands for camfence. Another process writes it: were this one to, a test
/// that forks meanwhile would inherit the open file, and a file open for writing cannot run.
fn script(camfence: &Camfence, lines: &str) -> Result<PathBuf> {
    let (text, program) = (camfence.dir().join("text"), camfence.dir().join("program"));
    fs::write(&text, format!("#!/bin/sh\n{lines}\n"))?;
    let install = ["-m", "755"];
    let status = Command::new("install").args(install).args([&text, &program]).status()?;
    ensure!(status.success(), "install failed");
    Ok(program)
}

#[test]
fn a_failed_command_says_why() -> Result<()> {
    let netns = Netns::new("failing")?;
    let error = netns.ip("link set nowhere up").expect_err("there is no such interface");
    assert!(format!("{error:#}").contains("nowhere"), "{error:#}");
    Ok(())
}

#[test]
fn a_lab_of_six_hosts_stands_in_no_time() -> Result<()> {
    let start = Instant::now();
    let mut builder = Lab::builder().bridge("br-cam").host(gateway());
    for i in 0..4 {
        let address = format!("192.168.1.{}/24", 40 + i);
        builder = builder.host(Host::new(&format!("cam{i}")).ip(&address).via("192.168.1.1"));
    }
    let lab = builder.host(Host::internet_behind("gw")).build()?;
    let built = start.elapsed();
    drop(lab);
    println!("a lab of six hosts: built in {built:?}, gone after {:?}", start.elapsed());
    ensure!(built < Duration::from_secs(5), "{built:?}");
    Ok(())
}
