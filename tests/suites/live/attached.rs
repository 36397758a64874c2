//! What is attached, by the fence's own word and by the kernel's; and that nothing is, after.

use anyhow::{Context as _, Result};
use aya::programs::{ProgramInfo, SchedClassifier, tc::TcAttachType};
use camfence_tests::{BpffsRoot, Host, Lab, kernel};
use serde_json::{Value, json};

use crate::fixture::{
    Attachment, CAM, CAM2, Fence, Home, arrives, calling_home, config, nothing_arrives,
    over_every_attachment, recording,
};

over_every_attachment!(
    status_says_what_the_kernel_says,
    down_leaves_nothing,
    up_twice_changes_nothing,
    two_roots_do_not_touch_each_other,
);

const HOSTS: [&str; 4] = ["driveway", "garage", "nvr", "gw"];

/// What the kernel says of a port, asked without camfence: programs of XDP, of TCX ingress and
/// egress, and of clsact ingress and egress.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Readback {
    /// Mode as netlink numbers it (1 driver, 2 generic), and the program's id.
    pub(crate) xdp: Option<(u64, u64)>,
    pub(crate) tcx: [Vec<u64>; 2],
    pub(crate) clsact: [Vec<u64>; 2],
    pub(crate) has_clsact: bool,
}

pub(crate) fn readback(lab: &Lab, port: &str) -> Result<Readback> {
    let link: Value = serde_json::from_str(&lab.box_ns().ip(&format!("-j link show dev {port}"))?)?;
    let xdp = &link[0]["xdp"];
    let xdp = xdp["mode"].as_u64().zip(xdp["prog"]["id"].as_u64());
    let tcx = |at| -> Result<Vec<u64>> {
        if !kernel::has_tcx() {
            return Ok(vec![]);
        }
        let found = lab.box_ns().run(|| SchedClassifier::query_tcx(port, at));
        Ok(found?.1.iter().map(|program| program.id().into()).collect())
    };
    let qdiscs = tc(lab, &format!("-j qdisc show dev {port}"))?;
    let qdiscs = qdiscs.as_array().context("qdiscs")?;
    let clsact = |side| -> Result<Vec<u64>> {
        let filters = tc(lab, &format!("-j filter show dev {port} {side}"))?;
        let filters = filters.as_array().context("filters")?;
        Ok(filters.iter().filter_map(|f| f["options"]["prog"]["id"].as_u64()).collect())
    };
    Ok(Readback {
        xdp,
        tcx: [tcx(TcAttachType::Ingress)?, tcx(TcAttachType::Egress)?],
        clsact: [clsact("ingress")?, clsact("egress")?],
        has_clsact: qdiscs.iter().any(|qdisc| qdisc["kind"] == "clsact"),
    })
}

fn tc(lab: &Lab, arguments: &str) -> Result<Value> {
    let output = lab.box_ns().command("tc").args(arguments.split_whitespace()).output()?;
    let text = String::from_utf8(output.stdout)?;
    serde_json::from_str(&text).with_context(|| format!("tc {arguments}: {text:?}"))
}

/// The ids of the pinned programs: outbound XDP, outbound TC, inbound TC.
fn programs(fence: &Fence<'_>) -> Result<[u64; 3]> {
    let id = |name: &str| -> Result<u64> {
        let pin = fence.bpffs.path().join("current/programs").join(name);
        Ok(ProgramInfo::from_pin(&pin).with_context(|| pin.display().to_string())?.id().into())
    };
    Ok([id("outbound_xdp")?, id("outbound_tc")?, id("inbound_tc")?])
}

/// What the kernel has to say of a port that is fenced so.
fn expected(attachment: Attachment, [xdp, outbound, inbound]: [u64; 3]) -> Readback {
    let none = Readback::default();
    match attachment {
        Attachment::Tcx => Readback { tcx: [vec![outbound], vec![inbound]], ..none },
        Attachment::Clsact => {
            Readback { clsact: [vec![outbound], vec![inbound]], has_clsact: true, ..none }
        }
        Attachment::XdpNative | Attachment::XdpGeneric => {
            let mode = if attachment == Attachment::XdpNative { 1 } else { 2 };
            let none = Readback { xdp: Some((mode, xdp)), ..none };
            let inbound = [vec![], vec![inbound]];
            if kernel::has_tcx() {
                Readback { tcx: inbound, ..none }
            } else {
                Readback { clsact: inbound, has_clsact: true, ..none }
            }
        }
    }
}

/// What `status` has to say of a port that is fenced so.
pub(crate) fn shown(attachment: Attachment, name: &str, ifindex: u32) -> Value {
    let [outbound, inbound] = attachment.shown();
    json!({
        "name": name,
        "ifindex": ifindex,
        "outbound": {"hook": outbound.0, "mode": outbound.1},
        "inbound": {"hook": inbound.0, "mode": inbound.1},
        "enforcing": true,
    })
}

fn status_says_what_the_kernel_says(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let programs = programs(&fence)?;
    let status = fence.status()?;
    assert_eq!(status["interfaces"].as_array().map(Vec::len), Some(HOSTS.len()), "{status}");
    for host in HOSTS {
        let port = home.lab.port(host);
        assert_eq!(fence.port(host)?, shown(attachment, port, fence.ifindex(host)?));
        assert_eq!(readback(&home.lab, port)?, expected(attachment, programs), "{port}");
    }
    assert_eq!(readback(&home.lab, "br-cam")?, Readback::default(), "never on the bridge itself");
    // Somebody takes one direction off one port.
    let port = home.lab.port("garage");
    match attachment.shown()[1].1 {
        "clsact" => {
            home.lab
                .box_ns()
                .command("tc")
                .args(["qdisc", "del", "dev", port, "clsact"])
                .status()?;
        }
        _ => std::fs::remove_file(
            home.bpffs.path().join(format!("links/{}/inbound_tc", fence.ifindex("garage")?)),
        )?,
    }
    // A pin's link may outlive it for a moment.
    let deadline = std::time::Instant::now() + crate::fixture::SOON;
    while fence.port("garage")?["enforcing"] == true && std::time::Instant::now() < deadline {}
    let garage = fence.port("garage")?;
    assert_eq!((&garage["enforcing"], &garage["inbound"]), (&json!(false), &Value::Null));
    assert_eq!(fence.port("driveway")?["enforcing"], true);
    fence.verb(&["reload"])?;
    assert_eq!(fence.port("garage")?, shown(attachment, port, fence.ifindex("garage")?));
    assert_eq!(readback(&home.lab, port)?, expected(attachment, programs));
    Ok(())
}

fn down_leaves_nothing(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let pinned = || -> Result<Vec<_>> {
        std::fs::read_dir(home.bpffs.path())?.map(|e| Ok(e?.path())).collect()
    };
    // The file system has two files of its own.
    let before = pinned()?;
    let fence = home.fenced()?;
    assert_ne!(pinned()?, before);
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let frame = calling_home(CAM).build();
    camera.send(&frame)?;
    nothing_arrives(&gw)?;
    assert_eq!(fence.verb(&["down"])?, json!({"stood": true}));
    for host in HOSTS {
        let found = readback(&home.lab, home.lab.port(host))?;
        // An empty clsact qdisc may stay: others may have put filters there.
        assert_eq!(Readback { has_clsact: false, ..found }, Readback::default(), "{host}");
    }
    assert_eq!(pinned()?, before);
    camera.send(&frame)?;
    arrives(&gw, std::slice::from_ref(&frame))?;
    assert_eq!(fence.verb(&["down"])?, json!({"stood": false}), "a second time");
    // And up again, with counters that begin anew.
    fence.up()?;
    camera.send(&frame)?;
    nothing_arrives(&gw)?;
    assert_eq!(fence.outbound(CAM)?, [0, 1]);
    Ok(())
}

/// Everything that another attachment, or another program, would change.
fn identity(home: &Home, fence: &Fence<'_>) -> Result<Vec<String>> {
    use std::os::unix::fs::MetadataExt as _;
    let mut found = vec![format!("{:?}", programs(fence)?)];
    for host in HOSTS {
        let port = home.lab.port(host);
        found.push(format!("{:?}", readback(&home.lab, port)?));
        for at in [TcAttachType::Ingress, TcAttachType::Egress] {
            if !kernel::has_tcx() {
                continue;
            }
            let (revision, _) = home.lab.box_ns().run(|| SchedClassifier::query_tcx(port, at))?;
            found.push(format!("{port} {at:?} {revision}"));
        }
    }
    let mut pins = vec![home.bpffs.path().to_owned()];
    while let Some(path) = pins.pop() {
        let metadata = std::fs::symlink_metadata(&path)?;
        found.push(format!("{} {}", path.display(), metadata.ino()));
        if metadata.is_dir() {
            let mut inside: Vec<_> =
                std::fs::read_dir(&path)?.map(|e| Ok(e?.path())).collect::<Result<_>>()?;
            inside.sort();
            pins.extend(inside);
        }
    }
    Ok(found)
}

fn up_twice_changes_nothing(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fenced()?;
    let camera = home.wire("driveway")?;
    camera.send(&calling_home(CAM).build())?;
    camera.send(&recording(CAM).build())?;
    let before = (fence.status()?, identity(&home, &fence)?);
    assert_eq!(fence.outbound(CAM)?, [1, 1]);
    for verb in ["up", "reload"] {
        let summary = fence.verb(&[verb])?;
        let nothing = json!({"live": true, "added": 0, "replaced": false, "attached": [],
            "detached": [], "notices": []});
        assert_eq!(summary, nothing, "{verb}");
        assert_eq!((fence.status()?, identity(&home, &fence)?), before, "{verb}");
    }
    Ok(())
}

fn two_roots_do_not_touch_each_other(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fence(&[CAM])?;
    fence.up()?;
    let bpffs = BpffsRoot::new()?;
    let text = config(&["br-cam"], "tc", "", &[CAM2]);
    let second = Fence::new(&home.lab, &bpffs, attachment, &text)?;
    second.up()?;
    let (camera, gw) = (home.wire("driveway")?, home.wire("gw")?);
    camera.send(&calling_home(CAM).build())?;
    camera.send(&calling_home(CAM2).build())?;
    nothing_arrives(&gw)?;
    assert_eq!(fence.outbound(CAM)?, [0, 1]);
    assert_eq!(second.outbound(CAM2)?, [0, 1]);
    // The bridge floods it: the recorder's station never spoke.
    let frame = recording(CAM2).build();
    camera.send(&frame)?;
    arrives(&gw, std::slice::from_ref(&frame))?;
    assert_eq!(second.outbound(CAM2)?, [1, 1]);
    // The one that came first is the one that stays.
    assert_eq!(second.verb(&["down"])?["stood"], true);
    camera.send(&calling_home(CAM).build())?;
    nothing_arrives(&gw)?;
    assert_eq!(fence.outbound(CAM)?, [0, 2]);
    assert_eq!(fence.port("gw")?["enforcing"], true);
    let frame = calling_home(CAM2).build();
    camera.send(&frame)?;
    arrives(&gw, std::slice::from_ref(&frame))?;
    Ok(())
}

#[test]
fn auto_is_tc_on_a_veth() -> Result<()> {
    let lab = Lab::builder().bridge("br-cam").host(Host::new("driveway").mac(CAM)).build()?;
    let bpffs = BpffsRoot::new()?;
    let text = config(&["br-cam"], "auto", "", &[CAM]);
    let fence = Fence::new(&lab, &bpffs, Attachment::tc(), &text)?;
    fence.up()?;
    assert_eq!(
        fence.port("driveway")?,
        shown(Attachment::tc(), "port-driveway", fence.ifindex("driveway")?)
    );
    Ok(())
}
