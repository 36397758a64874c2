//! Wireshark reads what `camfence capture` writes.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use camfence_tests::kernel;

use crate::fixture::{Attachment, CAM, Home, calling_home, recording};

/// What is asked of each frame.
const FIELDS: [&str; 5] =
    ["frame.comment", "frame.interface_name", "frame.packet_flags", "ip.dst", "udp.dstport"];

/// From a pipe, as Wireshark has it that is started with `-k -i -`.
#[test]
fn wireshark_shows_what_became_of_frames() -> Result<()> {
    let attachment = Attachment::tc();
    let Some(tshark) = tshark() else { return Ok(()) };
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let driveway = home.wire("driveway")?;
    let mut capture = fence.camfence.command(["capture", "--count", "2", "-w", "-"])?;
    let mut capture = capture.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut said = String::new();
    BufReader::new(capture.stderr.take().context("stderr")?).read_line(&mut said)?;
    ensure!(said.starts_with("capturing"), "{said}");
    driveway.send(&calling_home(CAM).build())?;
    driveway.send(&recording(CAM).build())?;
    let output = tshark
        .command()
        .args(["-r", "-", "-T", "fields", "-E", "separator=|"])
        .args(FIELDS.iter().flat_map(|field| ["-e", field]))
        .stdin(Stdio::from(capture.stdout.take().context("stdout")?))
        .output()?;
    ensure!(capture.wait()?.success() && output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout)?;
    let port = home.lab.port("driveway");
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('|').collect()).collect();
    let [dropped, passed] = &rows[..] else { panic!("{text}") };
    let comment = "camfence: driveway outbound dropped not-local";
    assert_eq!(dropped[..2], [comment, port], "{text}");
    assert_eq!(passed[..2], ["camfence: driveway outbound passed local", port], "{text}");
    assert_eq!(dropped[2..], ["0x00000001", "203.0.113.7", "10240"], "{text}");
    assert_eq!(passed[4], "554", "{text}");
    Ok(())
}

/// Wireshark on a command line, installed or unpacked.
struct Tshark {
    program: PathBuf,
    libraries: Option<PathBuf>,
}

impl Tshark {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        if let Some(libraries) = &self.libraries {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        command
    }
}

/// None where there is none, which is told.
fn tshark() -> Option<Tshark> {
    let unpacked = env::var_os("CAMFENCE_TSHARK").map(PathBuf::from);
    let libraries = format!("../lib/{}-linux-gnu", env::consts::ARCH);
    let libraries = unpacked.as_ref().map(|programs| programs.join(libraries));
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = unpacked.into_iter().chain(env::split_paths(&path));
    let program = directories.map(|at| at.join("tshark")).find(|program| program.is_file());
    if program.is_none() {
        kernel::skip("no tshark here: Debian's package tshark has it");
    }
    Some(Tshark { program: program?, libraries })
}
