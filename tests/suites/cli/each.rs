//! `camfence replay --each`: every frame with its verdict, reason and rule.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};
use camfence_tests::{Camfence, Frame};
use serde_json::Value;

use crate::bench::{Bench, CAM, GOOD, fails};
use crate::writer::{Captured, ETHERNET, MICROS, Order, pcap};

const CAPTURES: [(&str, &str); 4] = [
    ("dlink-cam-a1.pcap", "b0:c5:54:25:5b:0e"),
    ("dlink-daycam-a1.pcap", "b0:c5:54:1c:71:85"),
    ("edimax-cam1-a1.pcap", "74:da:38:80:7a:08"),
    ("ednet-cam1-a1.pcap", "3c:49:37:03:17:db"),
];

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(name)
}

fn written(camfence: &Camfence<'_>, frames: &[Vec<u8>]) -> Result<PathBuf> {
    let whole: Vec<Captured> = frames.iter().map(|frame| (frame.as_slice(), frame.len())).collect();
    let path = camfence.dir().join("frames.pcap");
    fs::write(&path, pcap(Order::Little, MICROS, ETHERNET, &whole))?;
    Ok(path)
}

/// What is printed for each frame of a capture.
fn each(camfence: &Camfence<'_>, capture: &Path) -> Result<Vec<Value>> {
    let arguments = ["--json", "replay", "--each"].map(AsRef::as_ref);
    let text = camfence.run([&arguments[..], &[capture.as_os_str()]].concat())?.success()?;
    text.lines().map(|line| serde_json::from_str(line).context("a line")).collect()
}

fn text(camfence: &Camfence<'_>, capture: &Path) -> Result<String> {
    let arguments = ["replay", "--each"].map(AsRef::as_ref);
    camfence.run([&arguments[..], &[capture.as_os_str()]].concat())?.success()
}

type Sums = BTreeMap<(String, String, String), u64>;

fn field(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

/// The sums of `replay --json`.
fn totals(report: &Value) -> Sums {
    let mut sums = Sums::new();
    for camera in report["cameras"].as_array().into_iter().flatten() {
        for direction in ["outbound", "inbound"] {
            for (reason, count) in camera[direction]["reasons"].as_object().into_iter().flatten() {
                let key = (field(camera, "mac"), direction.to_owned(), reason.clone());
                sums.insert(key, count["packets"].as_u64().unwrap_or_default());
            }
        }
    }
    sums
}

fn sums(lines: &[Value]) -> Sums {
    let mut sums = Sums::new();
    for line in lines {
        let key = (field(line, "mac"), field(line, "direction"), field(line, "reason"));
        *sums.entry(key).or_default() += 1;
    }
    sums
}

#[test]
fn a_line_for_each_frame_adds_up_to_the_totals() -> Result<()> {
    let bench = Bench::new()?;
    for (name, mac) in CAPTURES {
        let camera = format!("[[camera]]\nmac = \"{mac}\"\nname = \"camera\"\n");
        let rules = "[profile.default]\nlocal = [\"10.10.10.0/24\"]\nallow = [\"ntp to any\"]\n";
        for config in [camera.clone(), format!("{rules}{camera}mode = \"audit\"\n")] {
            let camfence = bench.camfence(&config)?;
            let path = capture(name);
            let report = camfence.json(["replay".as_ref(), path.as_os_str()])?;
            let lines = each(&camfence, &path)?;
            assert_eq!(sums(&lines), totals(&report), "{name}");
            let count: u64 = totals(&report).values().sum();
            assert!(count > 0, "{name}");
            let numbers: Vec<_> =
                lines.iter().filter_map(|line| line["frame_number"].as_u64()).collect();
            assert!(numbers.is_sorted(), "{numbers:?}");
            assert!(numbers.last() <= report["frames"].as_u64().as_ref(), "{name}");
            // The same for people, and the totals behind a blank line.
            let text = text(&camfence, &path)?;
            let (rows, rest) = text.split_once("\n\n").context("totals")?;
            assert_eq!(rows.lines().count() as u64, count, "{name}");
            assert!(rest.contains(" from sources that are no cameras"), "{rest}");
        }
    }
    bench.is_untouched()
}

#[test]
fn frames_are_numbered_from_one_in_each_capture_and_bystanders_have_no_line() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let stranger = Frame::from("02:00:00:00:00:01");
    let path = written(
        &camfence,
        &[
            stranger.clone().ipv4("10.0.0.1", "8.8.8.8").udp(1, 2).build(),
            Frame::from(CAM).ipv4("192.168.1.31", "203.0.113.7").udp(1, 2).build(),
            stranger.to(CAM).ipv4("192.168.1.1", "192.168.1.31").tcp(80, 2).build(),
        ],
    )?;
    let lines = each(&camfence, &path)?;
    let told: Vec<_> =
        lines.iter().map(|line| (line["frame_number"].as_u64(), field(line, "reason"))).collect();
    assert_eq!(told, [(Some(2), "not-local".to_owned()), (Some(3), "local".to_owned())]);
    assert_eq!(lines[0]["frame"], "udp 192.168.1.31:1 -> 203.0.113.7:2");
    assert_eq!(lines[1]["rule"]["value"], "192.168.0.0/16");
    let twice = ["replay".as_ref(), "--each".as_ref(), path.as_os_str(), path.as_os_str()];
    let text = camfence.run(twice)?.success()?;
    let heading = format!("{}:", path.display());
    assert_eq!(text.lines().filter(|line| *line == heading).count(), 2, "{text}");
    assert_eq!(
        text.lines().filter(|line| line.starts_with("     2  driveway ")).count(),
        2,
        "{text}"
    );
    Ok(())
}

#[test]
fn unknown_sources_that_are_judged_have_lines_too() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(&GOOD.replace("hook", "unknown = \"default\"\nhook"))?;
    let frame = Frame::from("02:00:00:00:00:01").ipv4("10.0.0.1", "8.8.8.8").udp(1, 2);
    let path = written(&camfence, &[frame.build()])?;
    let lines = each(&camfence, &path)?;
    // From one that is judged, to another.
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["camera"], &lines[0]["mac"]),
        (&Value::Null, &"02:00:00:00:00:01".into())
    );
    assert_eq!(lines[0]["reason"], "not-local");
    Ok(())
}

/// Whatever is in a frame, and however short it is.
#[test]
fn a_hostile_capture_puts_no_control_characters_on_the_terminal() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let evil = b"\x1b[2J\x1b]0;owned\x07\r\x08\x9b\x00\xff".repeat(8);
    let mut frames = Vec::new();
    for kind in [0x0800_u16, 0x86dd, 0x0806, 0x8100, 0x888e, 0x001b, 0x1b5b, 0x88e5] {
        for version in [0x45, 0x60, 0x1b] {
            for length in [0, 1, 7, 20, 28, 40, 60, 100] {
                let body = [&[version], &evil[..]].concat();
                let body = &body[..length.min(body.len())];
                frames.push([&[0x1b; 6], &CAM.0[..], &kind.to_be_bytes(), body].concat());
                frames.push([&CAM.0[..], &[0x1a; 6], &kind.to_be_bytes(), body].concat());
            }
        }
    }
    frames.push(CAM.0.to_vec());
    frames.push(vec![0x1b; 3]);
    let path = written(&camfence, &frames)?;
    let text = text(&camfence, &path)?;
    assert!(text.chars().all(|c| c == '\n' || c == ' ' || c.is_ascii_graphic()), "{text:?}");
    let report = camfence.json(["replay".as_ref(), path.as_os_str()])?;
    assert_eq!(sums(&each(&camfence, &path)?), totals(&report));
    // Nor does a capture's own name.
    let odd = camfence.dir().join("a\u{1b}[2J.pcap");
    fs::copy(&path, &odd)?;
    let both = ["replay".as_ref(), "--each".as_ref(), odd.as_os_str(), odd.as_os_str()];
    assert!(!camfence.run(both)?.success()?.contains('\u{1b}'));
    Ok(())
}

#[test]
fn a_reader_that_goes_away_ends_it_quietly() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let frame = Frame::from(CAM).ipv4("192.168.1.31", "203.0.113.7").udp(1, 2).build();
    let path = written(&camfence, &vec![frame; 5_000])?;
    for json in [&[][..], &["--json"]] {
        let mut command = camfence.command(["replay", "--each"])?;
        command.arg(&path).args(json).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut first = String::new();
        BufReader::new(child.stdout.take().context("stdout")?).read_line(&mut first)?;
        assert!(first.contains("not-local"), "{first}");
        let mut stderr = String::new();
        child.stderr.take().context("stderr")?.read_to_string(&mut stderr)?;
        assert_eq!((child.wait()?.code(), stderr.as_str()), (Some(0), ""));
    }
    Ok(())
}

#[test]
fn output_that_cannot_be_written_is_an_error() -> Result<()> {
    let bench = Bench::new()?;
    let camfence = bench.camfence(GOOD)?;
    let mut command = camfence.command(["replay", "--each", "--json"])?;
    let full = fs::OpenOptions::new().write(true).open("/dev/full")?;
    let output = command.arg(capture(CAPTURES[0].0)).stdout(full).output()?;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let outcome =
        camfence_tests::cmd::Outcome { code: output.status.code(), stdout: String::new(), stderr };
    fails(&outcome, &["writing the output", "No space left"], None);
    Ok(())
}
