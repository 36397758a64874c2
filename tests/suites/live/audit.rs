//! Verdicts that are counted and not carried out.

use anyhow::Result;
use camfence_tests::{Frame, RawPort};

use crate::fixture::{
    Attachment, CAM, CAM2, Fence, GW, Home, arrives, calling_home, nothing_arrives,
    over_tc_and_xdp, recording,
};
use crate::ledger::Ledger;

over_tc_and_xdp!(
    an_audited_camera_is_counted_as_if_it_were_fenced_in,
    a_fence_in_audit_drops_nothing_and_says_so,
    strangers_on_a_port_in_audit_are_seen_and_let_through,
);

/// A camera's frames that are dropped unless it is audited, and one that is not; each is counted.
fn spend(camera: &RawPort, gw: &RawPort, ledger: &mut Ledger, audited: bool) -> Result<()> {
    let tunnel = Frame::from(CAM2)
        .to(GW)
        .ipv4("192.168.1.32", "192.168.1.1")
        .ip_in_ip(&Frame::from(CAM2).ipv4("192.168.1.32", "203.0.113.7").udp(5, 9));
    let cases = [
        ("not-local", calling_home(CAM2).to(GW), audited),
        ("tunnel", tunnel, audited),
        ("local", recording(CAM2).to(GW), true),
    ];
    let mut passing = Vec::new();
    for (reason, frame, passes) in cases {
        let frame = frame.build();
        camera.send(&frame)?;
        ledger.outbound(CAM2, reason, &frame);
        if passes {
            passing.push(frame);
        }
    }
    arrives(gw, &passing)?;
    // By now the bridge knows where the camera is.
    let inward = Frame::from(GW).to(CAM2).ipv4("203.0.113.7", "192.168.1.32").udp(443, 9).build();
    gw.send(&inward)?;
    ledger.inbound(CAM2, "inbound", &inward);
    arrives(camera, if audited { std::slice::from_ref(&inward) } else { &[] })
}

fn status(fence: &Fence<'_>) -> Result<String> {
    fence.camfence.run(["status"])?.success()
}

fn an_audited_camera_is_counted_as_if_it_were_fenced_in(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    // The garage's, which is the last camera.
    let fence = home.fence_with("", &[CAM, CAM2], "mode = \"audit\"\n")?;
    fence.up()?;
    let (driveway, garage) = (home.wire("driveway")?, home.wire("garage")?);
    let gw = home.wire("gw")?;
    let mut ledger = Ledger::default();
    spend(&garage, &gw, &mut ledger, true)?;
    ledger.check(&fence, CAM2)?;
    assert_eq!(fence.camera(CAM2)?["mode"], "audit");
    assert_eq!(fence.camera(CAM)?["mode"], "enforce");
    assert_eq!(fence.port("garage")?["enforcing"], true, "for the other");
    let text = status(&fence)?;
    let row = text.lines().find(|line| line.contains("tunnel")).unwrap_or_default();
    assert!(row.starts_with("garage ") && row.contains(" would drop "), "{text}");
    assert!(text.contains("\naudit: garage\n") && !text.contains("NO: audit"), "{text}");
    driveway.send(&calling_home(CAM).build())?;
    nothing_arrives(&gw)?;

    fence.camfence.configure(&home.config_with("", &[CAM, CAM2], ""))?;
    fence.verb(&["reload"])?;
    garage.discard()?;
    spend(&garage, &gw, &mut ledger, false)?;
    ledger.check(&fence, CAM2)?;
    assert!(!status(&fence)?.contains("audit"));
    Ok(())
}

fn a_fence_in_audit_drops_nothing_and_says_so(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let fence = home.fence_with("mode = \"audit\"", &[CAM, CAM2], "")?;
    fence.up()?;
    let (driveway, garage) = (home.wire("driveway")?, home.wire("garage")?);
    let gw = home.wire("gw")?;
    let mut ledger = Ledger::default();
    spend(&garage, &gw, &mut ledger, true)?;
    ledger.check(&fence, CAM2)?;
    driveway.send(&calling_home(CAM).build())?;
    arrives(&gw, &[calling_home(CAM).build()])?;
    assert_eq!(fence.outbound(CAM)?, [0, 1], "counted as its verdict");
    for host in ["driveway", "gw"] {
        let port = fence.port(host)?;
        assert_eq!(port["enforcing"], false, "{port}");
        assert_eq!(port["outbound"]["hook"], attachment.shown()[0].0, "{port}");
    }
    let text = status(&fence)?;
    assert_eq!(text.matches("NO: audit").count(), 4, "{text}");
    assert!(!text.contains(" dropped "), "{text}");

    fence.camfence.configure(&home.config_with("mode = \"enforce\"", &[CAM, CAM2], ""))?;
    fence.verb(&["reload"])?;
    garage.discard()?;
    spend(&garage, &gw, &mut ledger, false)?;
    ledger.check(&fence, CAM2)?;
    assert_eq!(fence.port("gw")?["enforcing"], true);
    Ok(())
}

fn strangers_on_a_port_in_audit_are_seen_and_let_through(attachment: Attachment) -> Result<()> {
    let home = Home::new(attachment)?;
    let sealed = "[interface.port-driveway]\nunknown = \"drop\"\n";
    let fence = home.fence_with("mode = \"audit\"", &[CAM2], sealed)?;
    fence.up()?;
    let (driveway, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let frame = calling_home(CAM).build();
    driveway.send(&frame)?;
    arrives(&gw, std::slice::from_ref(&frame))?;
    let unknown = &fence.port("driveway")?["unknown"];
    assert_eq!(unknown["mode"], "audit", "{unknown}");
    assert_eq!(unknown["outbound"]["reasons"]["sealed"]["packets"], 1, "{unknown}");
    assert_eq!(fence.verb(&["unknown"])?["unknown"][0]["mac"], CAM.to_string());
    Ok(())
}
