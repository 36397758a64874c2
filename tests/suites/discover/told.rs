//! Each device is told for what it is.

use anyhow::Result;
use camfence_tests::{
    Frame,
    traffic::{UdpEcho, udp_request},
};
use serde_json::json;

use crate::home::{BOX, Home, NAMED, ONVIF, PHONE, RTSP, RtspServer, chatter, of};

#[test]
fn each_is_told_for_what_it_says() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let arguments = ["discover", "--interface", "br-cam", "--for", "2s"];
    let found = home.amid(&chatter(), || camfence.json(arguments))?;
    assert_eq!(found["probed"], false);
    assert_eq!(found["listened_seconds"], 2);
    assert_eq!((&found["lost"], &found["left_out"]), (&json!(0), &json!(0)));

    let onvif = of(&found, ONVIF)?;
    assert_eq!(onvif["likeness"], "camera");
    assert_eq!(onvif["signs"], json!(["ONVIF", "cloud port"]));
    assert_eq!(onvif["onvif"], json!({"name": "Front Door", "hardware": "IPC-3000"}));
    assert_eq!(onvif["interfaces"], json!(["port-onvif"]));
    assert_eq!(onvif["addresses"], json!(["192.168.1.31"]));
    assert_eq!(onvif["suggested_name"], "front-door");
    assert_eq!(onvif["camera"], json!(null));
    let peer = &onvif["peers"][0];
    assert_eq!((&peer["peer"], &peer["port"]), (&json!("203.0.113.7"), &json!(10_240)));
    assert_eq!(peer["bytes"].as_u64(), peer["packets"].as_u64().map(|packets| packets * 142));
    assert_eq!(onvif["peers"].as_array().map(Vec::len), Some(1), "groups are no peers");

    let named = of(&found, NAMED)?;
    assert_eq!(named["likeness"], "camera");
    assert_eq!(named["signs"], json!(["vendor", "hostname"]));
    assert_eq!(named["vendor"], "Hangzhou Hikvision Digital Technology Co.,Ltd.");
    assert_eq!(named["hostnames"], json!(["ipcam-7"]));
    assert_eq!(named["software"], json!(["generic"]));
    assert_eq!(named["addresses"], json!(["192.168.1.33"]));

    let phone = of(&found, PHONE)?;
    assert_eq!((&phone["private"], &phone["likeness"]), (&json!(true), &json!("no")));
    assert_eq!(phone["hostnames"], json!(["pixel"]));

    let rtsp = of(&found, RTSP)?;
    assert_eq!((&rtsp["likeness"], &rtsp["signs"]), (&json!("no"), &json!([])), "nobody asked");
    Ok(())
}

#[test]
fn who_is_asked_tells_more() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let _server = RtspServer::open(&home, "rtsp", 554)?;
    let arguments = ["discover", "--interface", "br-cam", "--for", "1s", "--probe"];
    let found = home.amid(&chatter(), || camfence.json(arguments))?;
    assert_eq!(found["probed"], true);
    let rtsp = of(&found, RTSP)?;
    assert_eq!((&rtsp["likeness"], &rtsp["signs"]), (&json!("likely"), &json!(["RTSP"])));
    assert_eq!(rtsp["software"], json!(["Tiny/1.0"]));
    Ok(())
}

#[test]
fn people_get_a_table_and_the_commands() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let arguments = ["discover", "--interface", "br-cam", "--for", "1s"];
    let outcome = home.amid(&chatter(), || camfence.run(arguments))?;
    assert_eq!(outcome.stderr, "", "no progress in a pipe");
    let text = outcome.success()?;
    for expected in [
        "CAMERA?",
        "camera: ONVIF, cloud port",
        "camera: vendor, hostname",
        "private (randomised)",
        "203.0.113.7 udp/10240",
        &format!("camfence add {ONVIF} --name front-door --config "),
        &format!("camfence add {NAMED} --name ipcam-7 --config "),
    ] {
        assert!(text.contains(expected), "no {expected:?} in {text}");
    }
    assert!(!text.contains(&format!("camfence add {PHONE}")), "{text}");
    Ok(())
}

/// A silent device: its address is in the neighbours' table, its port in the bridge's.
#[test]
fn what_the_kernel_knows_takes_no_frame() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let arguments = ["discover", "--interface", "br-cam", "--for", "1s"];
    let found = camfence.json(arguments)?;
    assert_eq!(found["sources"], json!([]), "{found:#}");
    home.lab.host("phone").ip("neigh add 192.168.1.1 lladdr 02:cf:0b:00:00:00 dev eth0")?;
    let echo = UdpEcho::open(home.lab.host("phone"), 7)?;
    udp_request(home.lab.box_ns(), "192.168.1.40:7".parse()?, b"hello")?;
    drop(echo);
    let found = camfence.json(arguments)?;
    assert_eq!(found["frames"], 0, "{found:#}");
    let phone = of(&found, PHONE)?;
    assert_eq!(phone["addresses"], json!(["192.168.1.40"]));
    assert_eq!(phone["interfaces"], json!(["port-phone"]));
    Ok(())
}

/// XDP drops before anybody hears it: then it is the fence that tells.
#[test]
fn a_fence_tells_of_those_that_nobody_hears() -> Result<()> {
    let home = Home::new()?;
    let config = format!(
        "[fence]\ninterfaces = [\"port-phone\", \"port-named\"]\nhook = \"xdp\"\nunknown = \"drop\"\n\
         [[camera]]\nmac = \"{NAMED}\"\nname = \"driveway\"\n"
    );
    let camfence = home.configured(&config)?;
    camfence.run(["up"])?.success()?;
    let outward = |mac, ip| Frame::from(mac).to(BOX).ipv4(ip, "203.0.113.7").udp(5, 10_240).build();
    home.wire("phone")?.send(&outward(PHONE, "192.168.1.40"))?;
    home.wire("named")?.send(&outward(NAMED, "192.168.1.33"))?;
    let found = camfence.json(["discover", "--for", "1s"])?;
    assert_eq!(found["frames"], 0, "{found:#}");
    assert_eq!(of(&found, PHONE)?["interfaces"], json!(["port-phone"]));
    let named = of(&found, NAMED)?;
    assert_eq!(named["camera"], "driveway");
    let peer = json!({"peer": "203.0.113.7", "protocol": "udp", "port": 10_240, "packets": 1,
        "bytes": 42, "verdict": "drop", "near": false});
    assert_eq!(named["peers"], json!([peer]));
    assert_eq!(named["signs"], json!(["vendor", "cloud port"]));
    Ok(())
}

#[test]
fn without_an_interface_it_says_what_to_do() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.unconfigured()?;
    let outcome = camfence.run(["discover", "--for", "1s"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stderr.contains("--interface br-cam"), "{outcome:?}");
    let outcome = camfence.run(["discover", "--for", "1s", "--interface", "br-none"])?;
    assert!(outcome.stderr.contains("br-none: there is no such interface"), "{outcome:?}");
    for time in ["0s", "2h", "soon", "100000years"] {
        let outcome = camfence.run(["discover", "--for", time])?;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
    }
    let outcome = camfence.run(["discover", "--add"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(outcome.stderr.contains("no terminal"), "{outcome:?}");
    Ok(())
}
