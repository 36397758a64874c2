//! Which interfaces are fenced, and what happens when they come and go.

use anyhow::Result;
use camfence_tests::{BpffsRoot, Bridge, Frame, Host, Lab};
use serde_json::{Value, json};

use crate::attached::{Readback, readback, shown};
use crate::fixture::{
    Attachment, CAM, CAM2, Fence, GW, Home, SOON, arrives, calling_home, config, nothing_arrives,
    over_every_attachment,
};

over_every_attachment!(
    a_port_that_was_made_again_is_fenced_again,
    direct_ports_with_and_without_a_dot_are_fenced,
    two_bridges_are_fenced_and_nothing_else,
);

fn a_port_that_was_made_again_is_fenced_again(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let frame = calling_home(CAM).build();
    home.wire("driveway")?.send(&frame)?;
    home.wire("gw").and_then(|gw| nothing_arrives(&gw))?;
    for verb in ["reload", "up"] {
        let before = fence.ifindex("driveway")?;
        home.lab.unplug("driveway")?;
        assert_eq!(fence.status()?["interfaces"].as_array().map(Vec::len), Some(3));
        home.lab.plug("driveway")?;
        let port = fence.port("driveway")?;
        assert_ne!(port["ifindex"], before);
        assert_eq!(port["enforcing"], false, "{port}");
        assert_eq!((&port["outbound"], &port["inbound"]), (&Value::Null, &Value::Null));
        let summary = fence.verb(&[verb])?;
        assert_eq!(summary["attached"], json!([home.lab.port("driveway")]));
        let index = fence.ifindex("driveway")?;
        assert_eq!(fence.port("driveway")?, shown(attachment, home.lab.port("driveway"), index));
        let gw = home.wire("gw")?;
        home.wire("driveway")?.send(&frame)?;
        nothing_arrives(&gw)?;
        assert!(!home.bpffs.path().join(format!("links/{before}")).exists(), "a stale pin");
    }
    assert_eq!(fence.outbound(CAM)?, [0, 3], "counters are kept");
    Ok(())
}

#[test]
fn a_direct_port_that_is_gone_is_shown_as_such() -> Result<()> {
    let lab = Lab::builder().host(Host::new("driveway").mac(CAM).direct(&[])).build()?;
    let bpffs = BpffsRoot::new()?;
    let text = config(&["port-driveway"], "tc", "", &[CAM]);
    let fence = Fence::new(&lab, &bpffs, Attachment::tc(), &text)?;
    fence.up()?;
    lab.unplug("driveway")?;
    let port = fence.port("driveway")?;
    let gone = json!({"name": "port-driveway", "ifindex": null, "outbound": null, "inbound": null,
        "enforcing": false});
    assert_eq!(port, gone);
    Ok(())
}

fn direct_ports_with_and_without_a_dot_are_fenced(attachment: Attachment) -> Result<()> {
    let box_ip = "192.168.1.1/24";
    let lab = Lab::builder()
        .host(Host::new("driveway").mac(CAM).silent().port("eth0.20").direct(&[box_ip]))
        .host(Host::new("garage").mac(CAM2).silent().port("cam2").direct(&["192.168.2.1/24"]))
        .host(Host::internet_behind_box())
        .build()?;
    let bpffs = BpffsRoot::new()?;
    let text = config(&["eth0.20", "cam2"], attachment.hook(), "", &[CAM, CAM2]);
    let fence = Fence::new(&lab, &bpffs, attachment, &text)?;
    fence.up()?;
    for host in ["driveway", "garage"] {
        assert_eq!(fence.port(host)?, shown(attachment, lab.port(host), fence.ifindex(host)?));
    }
    assert_eq!(readback(&lab, "wan")?, Readback::default());
    let internet = camfence_tests::RawPort::open(lab.host("internet"), "eth0")?;
    // The box routes: frames go to its own MAC.
    for (host, camera, port) in [("driveway", CAM, "eth0.20"), ("garage", CAM2, "cam2")] {
        let link: Value =
            serde_json::from_str(&lab.box_ns().ip(&format!("-j link show dev {port}"))?)?;
        let box_mac = camfence_tests::mac(link[0]["address"].as_str().unwrap_or_default());
        let wire = camfence_tests::RawPort::open(lab.host(host), "eth0")?;
        internet.discard()?;
        wire.send(&calling_home(camera).to(box_mac).build())?;
        let is_udp = |frame: &[u8]| frame.len() == 14 + 20 + 8 + 5;
        assert_eq!(internet.capture_matching(crate::fixture::QUIET, is_udp)?, None);
        assert_eq!(fence.outbound(camera)?[1], 1);
        fence.verb(&["remove", crate::fixture::name(camera)])?;
        wire.send(&calling_home(camera).to(box_mac).build())?;
        assert!(internet.capture_matching(SOON, is_udp)?.is_some(), "unfenced, it gets there");
    }
    Ok(())
}

fn two_bridges_are_fenced_and_nothing_else(attachment: Attachment) -> Result<()> {
    let lab = Lab::builder()
        .bridge("br-a")
        .host(Host::new("driveway").mac(CAM).silent())
        .host(Host::new("a").silent())
        .bridge("br-b")
        .host(Host::new("garage").mac(CAM2).silent())
        .host(Host::new("b").silent())
        .bridge("br-c")
        .host(Host::new("free").mac(GW).silent())
        .host(Host::new("c").silent())
        .build()?;
    let bpffs = BpffsRoot::new()?;
    let text = config(&["br-a", "br-b"], attachment.hook(), "", &[CAM, CAM2, GW]);
    let fence = Fence::new(&lab, &bpffs, attachment, &text)?;
    fence.up()?;
    let names: Vec<String> = ["driveway", "a", "garage", "b"].map(|h| lab.port(h).into()).into();
    let status = fence.status()?;
    let mut found: Vec<String> = status["interfaces"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|port| port["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    found.sort();
    let mut expected = names;
    expected.sort();
    assert_eq!(found, expected);
    for (from, to, camera) in [("driveway", "a", CAM), ("garage", "b", CAM2)] {
        let ports = [
            camfence_tests::RawPort::open(lab.host(from), "eth0")?,
            camfence_tests::RawPort::open(lab.host(to), "eth0")?,
        ];
        ports[0].send(&calling_home(camera).build())?;
        nothing_arrives(&ports[1])?;
        assert_eq!(fence.outbound(camera)?, [0, 1]);
    }
    let free = camfence_tests::RawPort::open(lab.host("c"), "eth0")?;
    let frame = calling_home(GW).build();
    camfence_tests::RawPort::open(lab.host("free"), "eth0")?.send(&frame)?;
    arrives(&free, &[frame])?;
    assert_eq!(fence.outbound(GW)?, [0, 0]);
    // A bridge that is no longer named is no longer fenced; the other stays.
    fence.camfence.configure(&config(&["br-b"], attachment.hook(), "", &[CAM, CAM2, GW]))?;
    let summary = fence.verb(&["reload"])?;
    assert_eq!(summary["detached"].as_array().map(Vec::len), Some(2), "{summary}");
    assert_eq!(
        Readback { has_clsact: false, ..readback(&lab, lab.port("driveway"))? },
        Readback::default()
    );
    assert_eq!(fence.port("garage")?["enforcing"], true);
    assert_eq!(fence.outbound(CAM2)?, [0, 1]);
    Ok(())
}

#[test]
fn auto_is_the_networks_of_the_bridge() -> Result<()> {
    let bridge = Bridge::new("br-cam").ip("100.70.1.2/24").ip("2001:db8:70::2/64");
    let lab = Lab::builder()
        .bridge(bridge)
        .host(Host::new("driveway").mac(CAM).silent())
        .host(Host::new("nvr").mac(GW).silent())
        .build()?;
    let bpffs = BpffsRoot::new()?;
    let fence_lines = "local = [\"auto\"]";
    let text = config(&["br-cam"], "tc", fence_lines, &[CAM]);
    let fence = Fence::new(&lab, &bpffs, Attachment::tc(), &text)?;
    fence.up()?;
    let camera = camfence_tests::RawPort::open(lab.host("driveway"), "eth0")?;
    let nvr = camfence_tests::RawPort::open(lab.host("nvr"), "eth0")?;
    let v4 = |to: &str| Frame::from(CAM).to(GW).ipv4("100.70.1.31", to).udp(1, 2).build();
    let v6 = |to: &str| Frame::from(CAM).to(GW).ipv6("2001:db8:70::31", to).udp(1, 2).build();
    nvr.discard()?;
    let local = [v4("100.70.1.10"), v6("2001:db8:70::10")];
    let away = [v4("100.70.2.10"), v4("192.168.1.10"), v6("2001:db8:71::10"), v6("fd00::1")];
    let from_camera = |frame: &[u8]| frame.get(6..12) == Some(&CAM.0);
    for frame in local.iter().chain(&away) {
        camera.send(frame)?;
    }
    for frame in &local {
        assert_eq!(nvr.capture_matching(SOON, from_camera)?.as_ref(), Some(frame));
    }
    assert_eq!(nvr.capture_matching(crate::fixture::QUIET, from_camera)?, None);
    assert_eq!(fence.outbound(CAM)?, [2, 4]);
    // The bridge gets another network; `reload` takes it up.
    lab.box_ns().ip("addr add 100.70.2.2/24 dev br-cam")?;
    fence.verb(&["reload"])?;
    camera.send(&away[0])?;
    assert_eq!(nvr.capture_matching(SOON, from_camera)?.as_ref(), Some(&away[0]));
    assert_eq!(fence.outbound(CAM)?, [3, 4]);
    Ok(())
}
