//! A bridge that sorts by VLAN: the camera's port is an untagged member of VLAN 20, others are of it
//! or of another, and the box has an interface in it.

use anyhow::{Result, ensure};
use camfence_tests::{BpffsRoot, Bridge, Frame, Host, Lab, RawPort};

use crate::{
    BOX4, CAM, CAM4, PHONE, PHONE4, QUIET, SOON, WORD, calling_home, counted, fence, hears, mac_of,
    on_vlans, port,
};

on_vlans!(
    the_ports_of_a_bridge_with_vlans_are_fenced,
    the_box_s_interface_in_a_bridge_s_vlan_is_fenced,
);

/// The camera and a phone in VLAN 20, a trunk with it, and a port of VLAN 30.
fn town() -> Result<Lab> {
    let lab = Lab::builder()
        .bridge(Bridge::new("br-cam").vlan_filtering())
        .host(Host::new("camera").mac(CAM).silent().access_vlan(20))
        .host(Host::new("phone").mac(PHONE).silent().access_vlan(20))
        .host(Host::new("trunk").silent().trunk_vlan(20))
        .host(Host::new("guest").silent().access_vlan(30))
        .build()?;
    lab.box_ns().bridge("vlan add dev br-cam vid 20 self")?;
    lab.box_ns().ip_batch(&[
        "link add link br-cam name br-cam.20 type vlan id 20".to_owned(),
        format!("addr add {BOX4}/24 dev br-cam.20"),
        "link set br-cam.20 up".to_owned(),
        format!("neigh add {CAM4} lladdr {CAM} dev br-cam.20"),
    ])?;
    lab.box_ns().wait_running(&["br-cam.20"])?;
    Ok(lab)
}

fn wire(lab: &Lab, host: &str) -> Result<RawPort> {
    RawPort::open(lab.host(host), "eth0")
}

fn the_ports_of_a_bridge_with_vlans_are_fenced() -> Result<()> {
    for hook in ["tc", "xdp"] {
        let lab = town()?;
        let bpffs = BpffsRoot::new()?;
        let fence = fence(&lab, &bpffs, &["br-cam"], hook)?;
        fence.run(["up"])?.success()?;
        for host in ["camera", "phone", "trunk", "guest"] {
            assert_eq!(port(&fence, lab.port(host))?["enforcing"], true, "{hook} {host}");
        }
        let (camera, phone) = (wire(&lab, "camera")?, wire(&lab, "phone")?);
        let (trunk, guest) = (wire(&lab, "trunk")?, wire(&lab, "guest")?);
        phone.send(&calling_home(PHONE, PHONE4).build())?;
        ensure!(hears(&trunk, SOON)?, "{hook}: a bystander does not get out");
        ensure!(!hears(&guest, QUIET)?, "{hook}: the bridge does not sort");
        camera.discard()?;
        phone.discard()?;

        camera.send(&calling_home(CAM, CAM4).build())?;
        for port in [&phone, &trunk, &guest] {
            ensure!(!hears(port, QUIET)?, "{hook}: the camera gets out on {port:?}");
        }
        // At home, it arrives; with a tag where frames have one.
        let home = Frame::from(CAM).ipv4(CAM4, "192.168.20.10").udp(5000, 554).payload(WORD);
        camera.send(&home.build())?;
        assert_eq!(phone.capture(SOON)?, Some(home.build()), "{hook}");
        assert_eq!(trunk.capture(SOON)?, Some(home.vlan(20).build()), "{hook}");
        assert_eq!(counted(&fence, "outbound")?, [1, 1], "{hook}");

        // The same camera from behind the trunk, tagged.
        trunk.send(&calling_home(CAM, CAM4).vlan(20).build())?;
        ensure!(!hears(&phone, QUIET)?, "{hook}: the camera gets out from the trunk");
        assert_eq!(counted(&fence, "outbound")?, [1, 2], "{hook}");
    }
    Ok(())
}

fn the_box_s_interface_in_a_bridge_s_vlan_is_fenced() -> Result<()> {
    let lab = town()?;
    let bpffs = BpffsRoot::new()?;
    let fence = fence(&lab, &bpffs, &["br-cam.20"], "auto")?;
    fence.run(["up"])?.success()?;
    assert_eq!(port(&fence, "br-cam.20")?["outbound"]["hook"], "tc");
    let to_box = mac_of(lab.box_ns(), "br-cam.20")?;
    let camera = wire(&lab, "camera")?;
    camera.send(&calling_home(CAM, CAM4).to(to_box).build())?;
    let home = Frame::from(CAM).to(to_box).ipv4(CAM4, BOX4).udp(5000, 554).payload(WORD);
    camera.send(&home.build())?;
    // The box answers that nobody listens there: the packet came through, and the answer back.
    ensure!(hears(&camera, SOON)?, "the box does not hear the camera");
    assert_eq!(counted(&fence, "outbound")?, [1, 1]);
    assert_eq!(counted(&fence, "inbound")?, [1, 0]);
    Ok(())
}
