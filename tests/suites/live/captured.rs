//! `camfence capture`: frames as they were on the wire, with what became of them.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use camfence::capture::read;
use camfence_tests::{Frame, Mac, cmd::Daemon};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::fixture::{
    Attachment, CAM, CAM2, Fence, GW, Home, QUIET, arrives, calling_home, nothing_arrives,
    over_every_attachment, over_tc_and_xdp, recording,
};

/// How long it may take to begin, and to end.
const PATIENCE: Duration = Duration::from_secs(20);

over_every_attachment!(frames_are_captured_with_what_became_of_them, a_killed_capture_is_ended,);

mod more {
    use super::*;
    over_tc_and_xdp!(
        only_what_is_asked_for_is_captured,
        the_fence_goes_on_while_somebody_captures,
        a_capture_ends_with_its_fence,
        what_is_lost_of_a_flood_is_told,
    );
}

/// A capture that has begun.
fn begin(fence: &Fence<'_>, arguments: &[&str]) -> Result<Daemon> {
    let capture = fence.start(&[&["capture"], arguments].concat())?;
    capture.wait_for_log(PATIENCE, |log| log.contains("capturing"))?;
    Ok(capture)
}

/// The lines of `--json` once it has ended.
fn lines(capture: Daemon) -> Result<Vec<Value>> {
    let outcome = capture.ended(PATIENCE)?;
    let lines = outcome.success()?;
    lines.lines().map(|line| serde_json::from_str(line).context("a line")).collect()
}

/// The frames of a capture.
fn frames_of(path: &Path) -> Result<Vec<Vec<u8>>> {
    let mut frames = Vec::new();
    let each = |frame: camfence::capture::Frame<'_>| {
        frames.push(frame.bytes.to_vec());
        Ok::<_, anyhow::Error>(())
    };
    read(fs::File::open(path)?, each, |problem| anyhow::anyhow!("{problem}"))?;
    Ok(frames)
}

fn frames_are_captured_with_what_became_of_them(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (driveway, gw, nvr) = (home.wire("driveway")?, home.wire("gw")?, home.wire("nvr")?);
    let file = fence.camfence.dir().join("all.pcapng");
    let path = file.to_str().context("a path")?;
    let capture = begin(&fence, &["-w", path])?;

    let call = calling_home(CAM).build();
    let at_home = recording(CAM).build();
    let jumbo = Frame::from(CAM).ipv4("192.168.1.31", "203.0.113.9").udp(1, 2).payload_of(1_400);
    let answer = Frame::from(GW).to(CAM).ipv4("203.0.113.7", "192.168.1.31").udp(9, 9).build();
    let bystander = Frame::from(GW).ipv4("192.168.1.1", "192.168.1.10").udp(5, 6).build();
    let of_driveway = [call.clone(), at_home.clone(), jumbo.build()];
    of_driveway.iter().try_for_each(|frame| driveway.send(frame))?;
    arrives(&nvr, std::slice::from_ref(&at_home))?;
    gw.send(&bystander)?;
    gw.send(&answer)?;
    thread::sleep(QUIET);
    let outcome = capture.stop(PATIENCE)?;
    let text = outcome.stderr.clone();
    outcome.success()?;
    ensure!(text.contains("4 frames captured, 0 lost"), "{text}");

    let [first, second, third] = of_driveway;
    assert_eq!(frames_of(&file)?, [first, second, third, answer]);
    assert_eq!(fence.outbound(CAM)?, [1, 2], "the counters go on");
    assert_eq!(fence.port("driveway")?["enforcing"], true);
    // What the bridge flooded.
    gw.capture_until_quiet(QUIET)?;
    // Nothing of it is left.
    assert!(!home.bpffs.path().join("capture").exists());
    driveway.send(&call)?;
    nothing_arrives(&gw)?;
    assert_eq!(fence.outbound(CAM)?, [1, 3]);
    Ok(())
}

fn only_what_is_asked_for_is_captured(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (driveway, garage) = (home.wire("driveway")?, home.wire("garage")?);
    let call = |from: Mac| calling_home(from).build();
    let captures = [
        (&["driveway"][..], 2),
        (&["--dropped"], 2),
        (&["driveway", "--dropped"], 1),
        (&["--count", "3"], 3),
        (&["--for", "1s"], 4),
    ];
    for (arguments, expected) in captures {
        let capture = begin(&fence, &[arguments, &["--json"]].concat())?;
        for (wire, mac) in [(&driveway, CAM), (&garage, CAM2)] {
            wire.send(&call(mac))?;
            wire.send(&recording(mac).build())?;
        }
        thread::sleep(QUIET);
        if !arguments.contains(&"--count") && !arguments.contains(&"--for") {
            capture.signal(Signal::SIGINT)?;
        }
        let lines = lines(capture)?;
        assert_eq!(lines.len(), expected, "{arguments:?}: {lines:?}");
        for line in &lines {
            let name = line["camera"].as_str().context("camera")?;
            ensure!(!arguments.contains(&"driveway") || name == "driveway", "{line}");
            ensure!(!arguments.contains(&"--dropped") || line["outcome"] == "dropped", "{line}");
            let interface = line["interface"].as_str().context("interface")?;
            assert_eq!(interface, home.lab.port(name));
        }
    }

    let file = fence.camfence.dir().join("short.pcapng");
    let path = file.to_str().context("a path")?;
    let capture = begin(&fence, &["-w", path, "--snaplen", "20", "--count", "1"])?;
    driveway.send(&call(CAM))?;
    capture.ended(PATIENCE)?.success()?;
    assert_eq!(frames_of(&file)?, [call(CAM)[..20].to_vec()]);

    let refused = fence.camfence.run(["capture", "nobody"])?;
    ensure!(refused.code == Some(1) && refused.stderr.contains("nobody"), "{refused:?}");
    Ok(())
}

fn the_fence_goes_on_while_somebody_captures(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (driveway, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let capture = begin(&fence, &["--json"])?;
    let other = fence.camfence.run(["capture", "--json"])?;
    ensure!(other.code == Some(1) && other.stderr.contains("is capturing"), "{other:?}");
    for verb in [&["reload"][..], &["up"], &["open", "driveway", "--for", "10m"], &["status"]] {
        fence.verb(verb)?;
    }
    let call = calling_home(CAM).to(GW).build();
    driveway.send(&call)?;
    arrives(&gw, std::slice::from_ref(&call))?;
    fence.verb(&["close", "driveway"])?;
    driveway.send(&call)?;
    nothing_arrives(&gw)?;
    capture.signal(Signal::SIGTERM)?;
    let lines = lines(capture)?;
    let reasons: Vec<_> = lines.iter().filter_map(|line| line["reason"].as_str()).collect();
    assert_eq!(reasons, ["opened", "not-local"]);
    Ok(())
}

/// The programs that tell of frames are gone as soon as somebody changes the fence.
fn a_killed_capture_is_ended(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let (driveway, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let before = fence.programs()?;
    let capture = begin(&fence, &["--json"])?;
    let during = fence.programs()?;
    ensure!(before.iter().all(|id| !during.contains(id)), "{before:?} {during:?}");
    capture.signal(Signal::SIGKILL)?;
    let _ = capture.ended(PATIENCE)?;
    driveway.send(&calling_home(CAM).build())?;
    nothing_arrives(&gw)?;
    assert_eq!(fence.programs()?, during);
    fence.verb(&["reload"])?;
    let after = fence.programs()?;
    ensure!(during.iter().all(|id| !after.contains(id)), "{during:?} {after:?}");
    assert_eq!(fence.port("driveway")?["enforcing"], true);
    assert_eq!(fence.outbound(CAM)?, [0, 1]);
    begin(&fence, &["--json"])?.stop(PATIENCE)?.success()?;
    Ok(())
}

fn a_capture_ends_with_its_fence(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    for change in ["down", "room"] {
        let capture = begin(&fence, &["--json"])?;
        if change == "down" {
            fence.verb(&["down"])?;
        } else {
            fence.camfence.configure(&home.config_with("max_cameras = 5000", &[CAM, CAM2], ""))?;
            fence.verb(&["reload"])?;
        }
        let ended = capture.ended(PATIENCE)?;
        ensure!(ended.code == Some(1), "{ended:?}");
        ensure!(ended.stderr.contains("taken down, or made anew"), "{ended:?}");
        fence.up()?;
        assert_eq!(fence.port("driveway")?["enforcing"], true);
        assert!(!home.bpffs.path().join("capture").exists());
    }
    Ok(())
}

/// More than there is room for comes while nobody reads.
fn what_is_lost_of_a_flood_is_told(attachment: Attachment) -> Result<()> {
    const FLOOD: u64 = 50_000;
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let driveway = home.wire("driveway")?;
    let file = fence.camfence.dir().join("flood.pcapng");
    let path = file.to_str().context("a path")?;
    let capture = begin(&fence, &["-w", path])?;
    let frames = [calling_home(CAM).payload_of(1_000).build()];
    let flood = |frames_before: u64, frames_sent: u64| -> Result<()> {
        let sent = driveway.send_many(&frames, frames_sent, u32::MAX)?;
        ensure!(sent.accepted == frames_sent, "{sent:?}");
        let deadline = Instant::now() + PATIENCE;
        while fence.outbound(CAM)? != [0, frames_before + frames_sent] {
            ensure!(Instant::now() < deadline, "{:?}", fence.outbound(CAM)?);
        }
        Ok(())
    };
    capture.signal(Signal::SIGSTOP)?;
    flood(0, FLOOD)?;
    capture.signal(Signal::SIGCONT)?;
    thread::sleep(QUIET);
    // The kernel tells of what was lost with what comes next.
    flood(FLOOD, 1)?;
    thread::sleep(QUIET);
    let outcome = capture.stop(PATIENCE)?;
    let summary = outcome.stderr.lines().last().context("nothing was said")?;
    let numbers: Vec<u64> = summary.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [captured, lost] = numbers[..] else { panic!("{outcome:?}") };
    println!("{captured} captured, {lost} lost");
    ensure!(lost > FLOOD / 2 && captured + lost == FLOOD + 1, "{summary}");
    assert_eq!(frames_of(&file)?.len() as u64, captured);
    Ok(())
}
