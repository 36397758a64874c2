//! A router with a camera VLAN: the fence is on `eth0.20`, the internet behind another port.

use anyhow::{Result, ensure};
use camfence_tests::lab::INTERNET;
use camfence_tests::{BpffsRoot, Frame, Host, Lab, RawPort};
use serde_json::json;

use crate::{
    BOX4, CAM, CAM4, PHONE, PHONE4, QUIET, SOON, VENDOR4, WORD, calling_home, counted, fence,
    hears, mac_of, on_vlans, port,
};

on_vlans!(
    a_vlan_is_fenced_both_ways,
    generic_xdp_fences_a_vlan,
    native_xdp_on_a_vlan_is_refused_with_the_reason,
    a_vlan_that_was_made_again_is_fenced_again,
    a_vlan_in_a_vlan_is_fenced,
);

const VLAN: &str = "eth0.20";
const MAKE: &str = "link add link eth0 name eth0.20 type vlan id 20";

/// A trunk to the switch that cameras are on, and the internet.
struct Router {
    lab: Lab,
    bpffs: BpffsRoot,
}

impl Router {
    /// With a VLAN interface made by `make`, the lines of `ip link add`.
    fn new(interface: &str, make: &[&str]) -> Result<Self> {
        let lab = Lab::builder()
            .host(Host::new("switch").mac(CAM).silent().port("eth0").direct(&[]))
            .host(Host::internet_behind_box())
            .build()?;
        let router = Self { lab, bpffs: BpffsRoot::new()? };
        router.make(interface, make)?;
        Ok(router)
    }

    fn make(&self, interface: &str, make: &[&str]) -> Result<()> {
        let mut lines: Vec<_> = make.iter().map(|&line| line.to_owned()).collect();
        lines.push(format!("addr add {BOX4}/24 dev {interface}"));
        lines.push(format!("link set {interface} up"));
        lines.push(format!("neigh add {CAM4} lladdr {CAM} dev {interface}"));
        lines.push(format!("neigh add {PHONE4} lladdr {PHONE} dev {interface}"));
        self.lab.box_ns().ip_batch(&lines)?;
        self.lab.box_ns().wait_running(&[interface])
    }

    fn trunk(&self) -> Result<RawPort> {
        RawPort::open(self.lab.host("switch"), "eth0")
    }

    fn internet(&self) -> Result<RawPort> {
        RawPort::open(self.lab.host(INTERNET), "eth0")
    }

    /// A frame by way of this router.
    fn through(&self, frame: Frame) -> Result<Frame> {
        Ok(frame.to(mac_of(self.lab.box_ns(), "eth0")?))
    }

    /// Checks that a bystander gets out, tagged so, and a camera does not.
    fn check_outbound(&self, tagged: impl Fn(Frame) -> Frame) -> Result<()> {
        let (trunk, internet) = (self.trunk()?, self.internet()?);
        trunk.send(&tagged(self.through(calling_home(PHONE, PHONE4))?).build())?;
        ensure!(hears(&internet, SOON)?, "a bystander does not get out");
        trunk.send(&tagged(self.through(calling_home(CAM, CAM4))?).build())?;
        ensure!(!hears(&internet, QUIET)?, "the camera gets out");
        Ok(())
    }

    /// Sends a packet from outside to an address behind the VLAN.
    fn send_from_outside(&self, to: &str) -> Result<()> {
        let wan = mac_of(self.lab.box_ns(), "wan")?;
        let from = mac_of(self.lab.host(INTERNET), "eth0")?;
        let frame = Frame::from(from).to(wan).ipv4(VENDOR4, to).udp(10_240, 5000).payload(WORD);
        self.internet()?.send(&frame.build())
    }
}

fn vlan20(frame: Frame) -> Frame {
    frame.vlan(20)
}

fn a_vlan_is_fenced_both_ways() -> Result<()> {
    let router = Router::new(VLAN, &[MAKE])?;
    let fence = fence(&router.lab, &router.bpffs, &[VLAN], "auto")?;
    fence.run(["up"])?.success()?;
    let shown = port(&fence, VLAN)?;
    assert_eq!((&shown["outbound"]["hook"], &shown["enforcing"]), (&json!("tc"), &json!(true)));
    router.check_outbound(vlan20)?;
    assert_eq!(counted(&fence, "outbound")?, [0, 1]);

    let trunk = router.trunk()?;
    let home = Frame::from(CAM).ipv4(CAM4, BOX4).udp(5000, 554).payload(b"to the box");
    trunk.send(&router.through(home)?.vlan(20).build())?;
    router.send_from_outside(PHONE4)?;
    ensure!(hears(&trunk, SOON)?, "nothing reaches a bystander from outside");
    router.send_from_outside(CAM4)?;
    ensure!(!hears(&trunk, QUIET)?, "the camera is reached from outside");
    assert_eq!(counted(&fence, "outbound")?, [1, 1]);
    // One passed: the box says that nobody listens on its port.
    assert_eq!(counted(&fence, "inbound")?, [1, 1]);

    fence.run(["down"])?.success()?;
    let internet = router.internet()?;
    trunk.send(&router.through(calling_home(CAM, CAM4))?.vlan(20).build())?;
    ensure!(hears(&internet, SOON)?, "without a fence it gets out");
    Ok(())
}

fn generic_xdp_fences_a_vlan() -> Result<()> {
    let router = Router::new(VLAN, &[MAKE])?;
    let fence = fence(&router.lab, &router.bpffs, &[VLAN], "xdp-generic")?;
    fence.run(["up"])?.success()?;
    let shown = port(&fence, VLAN)?;
    assert_eq!(shown["outbound"], json!({"hook": "xdp", "mode": "generic"}));
    router.check_outbound(vlan20)?;
    assert_eq!(counted(&fence, "outbound")?, [0, 1]);
    Ok(())
}

fn native_xdp_on_a_vlan_is_refused_with_the_reason() -> Result<()> {
    let router = Router::new(VLAN, &[MAKE])?;
    let fence = fence(&router.lab, &router.bpffs, &[VLAN], "xdp")?;
    let outcome = fence.run(["up"])?;
    // Refused, or put at TC with a notice: never silently somewhere else.
    let said = format!("{}{}", outcome.stdout, outcome.stderr);
    ensure!(said.contains(VLAN) && said.contains("native XDP"), "{outcome:?}");
    if outcome.code == Some(0) {
        assert_eq!(port(&fence, VLAN)?["outbound"]["hook"], "tc");
        router.check_outbound(vlan20)?;
    }
    Ok(())
}

fn a_vlan_that_was_made_again_is_fenced_again() -> Result<()> {
    let router = Router::new(VLAN, &[MAKE])?;
    let fence = fence(&router.lab, &router.bpffs, &[VLAN], "auto")?;
    fence.run(["up"])?.success()?;
    router.check_outbound(vlan20)?;
    router.lab.box_ns().ip("link del eth0.20")?;
    assert_eq!(port(&fence, VLAN)?["enforcing"], false);
    router.make(VLAN, &[MAKE])?;
    assert_eq!(port(&fence, VLAN)?["enforcing"], false, "a new interface of the old name");
    fence.run(["reload"])?.success()?;
    assert_eq!(port(&fence, VLAN)?["enforcing"], true);
    router.check_outbound(vlan20)?;
    assert_eq!(counted(&fence, "outbound")?, [0, 2], "counters are kept");
    Ok(())
}

fn a_vlan_in_a_vlan_is_fenced() -> Result<()> {
    const INNER: &str = "eth0.100.20";
    let make = [
        "link add link eth0 name eth0.100 type vlan proto 802.1ad id 100",
        "link set eth0.100 up",
        "link add link eth0.100 name eth0.100.20 type vlan id 20",
    ];
    let router = Router::new(INNER, &make)?;
    for interface in [INNER, "eth0"] {
        let bpffs = BpffsRoot::new()?;
        let fence = fence(&router.lab, &bpffs, &[interface], "auto")?;
        fence.run(["up"])?.success()?;
        router.check_outbound(|frame| frame.qinq(100, 20))?;
        assert_eq!(counted(&fence, "outbound")?, [0, 1], "{interface}");
        fence.run(["down"])?.success()?;
    }
    Ok(())
}
