//! Ways around the fence: where cameras are, and which interfaces are named.

use anyhow::Result;
use camfence_tests::{Frame, RawPort};

use crate::home::{CAM, GOOD, Home, finds, informs, is_well};

/// A bridge that nobody named, with the port `lan0`, has a frame of the camera.
#[test]
fn a_camera_behind_a_bridge_port_that_is_not_fenced_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    for line in ["link add name br-lan type bridge", "link set br-lan up"] {
        home.ip(line)?;
    }
    home.ip("link set lan0 master br-lan")?;
    home.lab.box_ns().wait_running(&["br-lan"])?;
    is_well(&camfence)?;
    let frame = Frame::from(CAM).ipv4("192.168.1.31", "203.0.113.7").udp(5000, 443).build();
    RawPort::open(home.lab.box_ns(), "lan1")?.send(&frame)?;
    let outside = "failure camera-outside driveway lan0";
    let diagnosis = finds(&camfence, &[outside])?;
    let todo = diagnosis.of("camera-outside")[0]["do"].to_string();
    assert!(todo.contains("br-lan"), "{todo}");
    // It is named, and so it is fenced.
    camfence.configure(&GOOD.replace("\"br-cam\"", "\"br-cam\", \"br-lan\""))?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)?;
    // Seen behind both, nobody can tell which is the detour.
    camfence.configure(GOOD)?;
    camfence.run(["reload"])?.success()?;
    finds(&camfence, &[outside])?;
    // (A frame that the fence drops teaches its bridge nothing.)
    let local = Frame::from(CAM).ipv4("192.168.1.31", "192.168.1.1").udp(5000, 53).build();
    RawPort::open(home.lab.host("driveway"), "eth0")?.send(&local)?;
    finds(&camfence, &["warning camera-outside driveway lan0"])?;
    home.lab.box_ns().bridge(&format!("fdb del {CAM} dev lan0 master"))?;
    is_well(&camfence)
}

#[test]
fn a_port_of_a_bridge_that_is_not_named_is_told_of_and_a_camera_there_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence(&GOOD.replace("br-cam", "port-driveway"))?;
    camfence.run(["up"])?.success()?;
    informs(&finds(&camfence, &[])?, &["bridge-partly port-nvr"]);
    let frame = Frame::from(CAM).ipv4("192.168.1.31", "192.168.1.1").udp(5000, 53).build();
    RawPort::open(home.lab.host("nvr"), "eth0")?.send(&frame)?;
    finds(&camfence, &["failure camera-outside driveway port-nvr"])?;
    // The camera is plugged in where it belongs.
    RawPort::open(home.lab.host("driveway"), "eth0")?.send(&frame)?;
    finds(&camfence, &[])?;
    Ok(())
}

#[test]
fn a_camera_that_this_host_talks_to_elsewhere_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let neighbour = |state: &str| {
        let line = format!("neigh replace 10.0.7.31 lladdr {CAM} dev lan0 nud {state}");
        home.ip(&line)
    };
    neighbour("reachable")?;
    let diagnosis = finds(&camfence, &["failure camera-outside driveway lan0"])?;
    let seen = diagnosis.of("camera-outside")[0]["seen"].to_string();
    assert!(seen.contains("10.0.7.31"), "{seen}");
    neighbour("stale")?;
    finds(&camfence, &["warning camera-outside driveway lan0"])?;
    // In IPv6, twice: one camera, one interface, one line.
    for address in ["fe80::31", "fd00:7::31"] {
        home.ip(&format!("neigh replace {address} lladdr {CAM} dev lan0 nud reachable"))?;
    }
    let diagnosis = finds(&camfence, &["failure camera-outside driveway lan0"])?;
    assert_eq!(diagnosis.of("camera-outside").len(), 1);
    home.ip("neigh flush dev lan0")?;
    is_well(&camfence)?;
    // Inside, it is as it should be.
    home.ip(&format!("neigh replace 192.168.1.31 lladdr {CAM} dev br-cam nud reachable"))?;
    is_well(&camfence)
}

/// A macvlan stands in for a VLAN, which not every kernel has: both are on top of the bridge.
#[test]
fn an_interface_on_top_of_a_bridge_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    home.ip("link add link br-cam name cam-host type macvlan")?;
    home.ip("link set cam-host up")?;
    let camfence = home.camfence(&GOOD.replace("br-cam", "cam-host"))?;
    camfence.run(["up"])?.success()?;
    let diagnosis = finds(&camfence, &["failure bridged-past cam-host"])?;
    let seen = diagnosis.of("bridged-past")[0]["seen"].to_string();
    assert!(seen.contains("br-cam"), "{seen}");
    // With one port, the bridge has nowhere to forward to.
    home.ip("link set port-nvr nomaster")?;
    finds(&camfence, &[])?;
    home.ip("link set port-nvr master br-cam")?;
    finds(&camfence, &["failure bridged-past cam-host"])?;
    camfence.configure(GOOD)?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)
}

#[test]
fn a_mac_of_the_host_itself_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    home.ip(&format!("link set dev lan1 address {CAM}"))?;
    finds(&camfence, &["failure own-mac driveway lan1"])?;
    home.ip("link set dev lan1 address 02:cf:00:00:77:01")?;
    is_well(&camfence)
}

#[test]
fn a_network_at_the_ports_that_is_not_local_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    for (address, dev) in [("2001:db8:5::1/64", "br-cam"), ("198.51.100.1/24", "port-nvr")] {
        home.ip(&format!("address add {address} dev {dev}"))?;
        let trouble = format!("warning on-link-not-local default {dev}");
        finds(&camfence, &[&trouble])?;
        home.ip(&format!("address del {address} dev {dev}"))?;
        is_well(&camfence)?;
    }
    home.ip("address add 2001:db8:5::1/64 dev br-cam")?;
    let local = "max_cameras = 64\nlocal = [\"192.168.0.0/16\", \"fd00::/8\", \"auto\"]";
    camfence.configure(&GOOD.replace("max_cameras = 64", local))?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)?;
    // On another interface it is none of the cameras' business.
    camfence.configure(GOOD)?;
    camfence.run(["reload"])?.success()?;
    home.ip("address del 2001:db8:5::1/64 dev br-cam")?;
    home.ip("address add 2001:db8:6::1/64 dev lan0")?;
    is_well(&camfence)
}
