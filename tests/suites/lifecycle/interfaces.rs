//! Interfaces that come, go and change.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};
use aya::programs::ProgramInfo;
use camfence_tests::kernel::{self, slowed};
use serde_json::Value;

use crate::fixture::{Home, SOON};

/// A port that is made again may let through what comes before the daemon hears of it; on a machine
/// that is busy with other tests that can take a while.
const AT_ONCE: Duration = Duration::from_secs(1);

/// Somewhat longer than between two looks of the daemon.
const LOOK: Duration = Duration::from_secs(6);

#[test]
fn a_port_made_again_is_fenced_at_once_and_the_time_is_told() -> Result<()> {
    let home = Home::new()?;
    let fence = home.run(&["br-cam"], "", "")?;
    fence.holds("driveway")?;
    for _ in 0..3 {
        home.lab.unplug("driveway")?;
        home.lab.plug("driveway")?;
        let leaks = fence.leaks_until_fenced("driveway", slowed(SOON))?;
        ensure!(leaks.time < slowed(AT_ONCE), "{leaks:?}");
        fence.is_enforcing(home.lab.port("driveway"), true)?;
    }
    let time = fence.unfenced(home.lab.port("driveway"))?;
    ensure!(!time.is_zero() && time < 3 * slowed(AT_ONCE), "{time:?}");
    ensure!(fence.unfenced(home.lab.port("garage"))?.is_zero());
    fence.said("port-driveway is enforcing; it was not for up to ")
}

#[test]
fn a_port_that_joins_the_bridge_is_fenced_and_one_that_leaves_is_not() -> Result<()> {
    let home = Home::new()?;
    let port = home.lab.port("driveway").to_owned();
    home.ip(&format!("link set dev {port} nomaster"))?;
    let fence = home.run(&["br-cam"], "", "")?;
    fence.holds("garage")?;
    home.ip(&format!("link set dev {port} master br-cam"))?;
    fence.leaks_until_fenced("driveway", slowed(SOON))?;
    fence.is_enforcing(&port, true)?;
    home.ip(&format!("link set dev {port} nomaster"))?;
    fence.said(&format!("no longer fenced: {port}"))?;
    let shown = home.ip(&format!("-d link show dev {port}"))?;
    ensure!(!shown.contains("xdp"), "{shown}");
    fence.holds("garage")
}

#[test]
fn an_interface_that_is_not_there_yet_is_waited_for() -> Result<()> {
    let home = Home::new()?;
    let fence = home.run(&["br-cam", "br-late"], "", "")?;
    fence.said("not fenced, and tried again: br-late: there is no such interface")?;
    fence.holds("driveway")?;
    home.ip("link add br-late type bridge forward_delay 0")?;
    fence.said("not fenced, and tried again: br-late: the bridge has no ports to fence")?;
    home.ip("link set dev br-late up")?;
    for host in ["driveway", "gw"] {
        home.ip(&format!("link set dev {} master br-late", home.lab.port(host)))?;
    }
    fence.leaks_until_fenced("driveway", slowed(SOON))?;
    fence.is_enforcing(home.lab.port("driveway"), true)?;
    Ok(())
}

/// Frames of a macvlan cannot be judged by XDP in a driver: there is none.
#[test]
fn a_port_that_cannot_be_fenced_is_tried_again_and_nothing_is_loaded_again() -> Result<()> {
    let home = Home::new()?;
    let fence = home.run(&["br-cam"], "hook = \"xdp\"", "")?;
    home.ip("link add below type veth peer name far")?;
    home.ip("link add link below name soft type macvlan")?;
    home.ip("link set dev soft master br-cam")?;
    fence.said("not fenced, and tried again: soft: its driver has no native XDP")?;
    if kernel::has_long_test_runs() {
        let pin = home.bpffs.path().join("current/programs/outbound_xdp_frags");
        let tried = ProgramInfo::from_pin(&pin)?.id();
        thread::sleep(2 * LOOK);
        ensure!(
            ProgramInfo::from_pin(&pin)?.id() == tried,
            "loaded again: {}",
            fence.daemon.log()?
        );
    }
    ensure!(fence.port("soft")?["enforcing"] == false);
    fence.holds("driveway")
}

#[test]
fn a_renamed_port_stays_fenced_and_sealed() -> Result<()> {
    let home = Home::new()?;
    let port = home.lab.port("driveway").to_owned();
    let ports = [port.as_str(), home.lab.port("garage")];
    let sealed = format!("[interface.{port}]\nunknown = \"drop\"\n");
    let fence = home.run(&ports, "", &sealed)?;
    home.rename(&port, "lan9")?;
    fence
        .said("port-driveway is called lan9 now: it stays fenced until a reload says otherwise")?;
    fence.holds("driveway")?;
    // A stranger there stays locked out, also when the policy was written anew.
    fence.camfence.run(["remove", "garage"])?.success()?;
    fence.said("remove \"garage\"")?;
    thread::sleep(LOOK);
    let (stranger, gw) = (home.wire("driveway")?, home.wire("gw")?);
    let frame = crate::fixture::calling_home(camfence_tests::mac("02:cf:bb:00:00:09")).build();
    stranger.send(&frame)?;
    let arrived = gw.capture_matching(Duration::from_millis(100), |other| other == frame)?;
    ensure!(arrived.is_none(), "{}", fence.daemon.log()?);
    // Told once, however often it is looked.
    ensure!(fence.times_said("port-driveway is called lan9 now")? == 1);
    // Named again, it is a port like any.
    home.rename("lan9", &port)?;
    let shown = fence.is_enforcing(&port, true)?;
    ensure!(shown["unknown"]["sealed"] == true, "{shown}");
    ensure!(fence.unfenced(&port)?.is_zero(), "{}", fence.daemon.log()?);
    Ok(())
}

#[test]
fn a_port_that_was_renamed_is_let_go_by_a_reload() -> Result<()> {
    let home = Home::new()?;
    let port = home.lab.port("driveway").to_owned();
    let fence = home.run(&[port.as_str(), home.lab.port("garage")], "", "")?;
    home.rename(&port, "lan9")?;
    fence.said("port-driveway is called lan9 now")?;
    let summary = fence.camfence.json(["reload"])?;
    ensure!(summary["detached"] == serde_json::json!(["lan9"]), "{summary}");
    let notice = format!("not fenced: {port}: there is no such interface");
    ensure!(summary["notices"] == serde_json::json!([notice]), "{summary}");
    ensure!(fence.port(&port)?["ifindex"] == Value::Null);
    Ok(())
}

#[test]
fn another_mtu_changes_nothing() -> Result<()> {
    let home = Home::new()?;
    let fence = home.run(&["br-cam"], "", "")?;
    for mtu in [1400, 9000, 1500] {
        home.ip(&format!("link set dev {} mtu {mtu}", home.lab.port("driveway")))?;
        fence.holds("driveway")?;
    }
    ensure!(fence.unfenced(home.lab.port("driveway"))?.is_zero());
    Ok(())
}
