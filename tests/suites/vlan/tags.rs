//! Where a tag is when a frame is judged: in the frame, or beside it. A VLAN interface hands a frame
//! to a veth with the tag beside it, in the metadata of its buffer; a NIC that takes tags off does
//! the same.

use std::{fs::File, time::Duration};

use anyhow::{Context as _, Result, ensure};
use camfence::capture::{Frame as Captured, Problem, read};
use camfence_tests::{BpffsRoot, Camfence, Frame, Host, Lab, RawPort};

use crate::{CAM, CAM4, PHONE, PHONE4, QUIET, SOON, calling_home, counted, fence, hears, on_vlans};

/// How long a capture may take to begin, and to end: where a processor is emulated, loading the programs
/// takes seconds.
const PATIENCE: Duration = Duration::from_mins(1);

on_vlans!(
    a_tag_beside_the_frame_changes_nothing_at_tc,
    a_tag_beside_the_frame_changes_nothing_at_native_xdp,
    a_tag_beside_the_frame_changes_nothing_at_generic_xdp,
);

fn a_tag_beside_the_frame_changes_nothing_at_tc() -> Result<()> {
    beside_the_frame("tc")
}

fn a_tag_beside_the_frame_changes_nothing_at_native_xdp() -> Result<()> {
    beside_the_frame("xdp")
}

fn a_tag_beside_the_frame_changes_nothing_at_generic_xdp() -> Result<()> {
    beside_the_frame("xdp-generic")
}

/// The fence is on the ports of a bridge that is not aware of VLANs; a camera sends through a VLAN
/// interface of its own.
fn beside_the_frame(hook: &str) -> Result<()> {
    let lab = Lab::builder()
        .bridge("br-cam")
        .host(Host::new("camera").mac(CAM).silent())
        .host(Host::new("phone").mac(PHONE).silent())
        .host(Host::new("gw").silent())
        .build()?;
    for host in ["camera", "phone"] {
        lab.host(host).ip("link add link eth0 name eth0.20 type vlan id 20")?;
        lab.host(host).ip("link set eth0.20 up")?;
        lab.host(host).wait_running(&["eth0.20"])?;
    }
    let bpffs = BpffsRoot::new()?;
    let fence = fence(&lab, &bpffs, &["br-cam"], hook)?;
    fence.run(["up"])?.success()?;

    let gateway = RawPort::open(lab.host("gw"), "eth0")?;
    let [camera, phone] = ["camera", "phone"].map(|host| RawPort::open(lab.host(host), "eth0.20"));
    let (camera, phone) = (camera?, phone?);
    phone.send(&calling_home(PHONE, PHONE4).build())?;
    ensure!(hears(&gateway, SOON)?, "a bystander does not get out");
    camera.send(&calling_home(CAM, CAM4).build())?;
    ensure!(!hears(&gateway, QUIET)?, "the camera gets out");

    // What is for home arrives, with its tag.
    let home = Frame::from(CAM).ipv4(CAM4, "192.168.20.10").udp(5000, 554).payload(crate::WORD);
    camera.send(&home.build())?;
    let arrived = gateway.capture(SOON)?;
    let tagged = home.clone().vlan(20).build();
    ensure!(arrived.as_ref() == Some(&tagged), "{arrived:?}");
    assert_eq!(counted(&fence, "outbound")?, [1, 1]);
    // XDP does not see the tag.
    if hook == "tc" { is_captured(&fence, &camera, &home.build(), tagged) } else { Ok(()) }
}

/// A frame that a camera sends is captured as it was on the wire.
fn is_captured(fence: &Camfence<'_>, camera: &RawPort, sent: &[u8], wire: Vec<u8>) -> Result<()> {
    let file = fence.dir().join("tagged.pcapng");
    let write = ["capture", "--count", "1", "-w", file.to_str().context("a path")?];
    let capture = fence.start(write)?;
    capture.wait_for_log(PATIENCE, |log| log.contains("capturing"))?;
    camera.send(sent)?;
    capture.ended(PATIENCE)?.success()?;
    let mut captured = Vec::new();
    let each = |frame: Captured<'_>| {
        captured.push(frame.bytes.to_vec());
        Ok::<_, Problem>(())
    };
    read(File::open(file)?, each, |problem| problem)?;
    assert_eq!(captured, [wire]);
    Ok(())
}
