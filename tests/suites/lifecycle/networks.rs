//! `local = ["auto"]` follows the addresses.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use camfence_tests::Frame;

use crate::fixture::{CAM, Fence, Home, SOON};

#[test]
fn auto_follows_the_networks_on_the_link() -> Result<()> {
    let home = Home::new()?;
    let fence = home.run(&["br-cam"], "local = [\"auto\"]", "")?;
    for (network, address) in
        [("100.70.1.2/24", "100.70.1.10"), ("2001:db8:70::2/64", "2001:db8:70::10")]
    {
        reaches(&fence, address, false)?;
        home.ip(&format!("addr add {network} dev br-cam"))?;
        reaches(&fence, address, true)?;
        home.ip(&format!("addr del {network} dev br-cam"))?;
        reaches(&fence, address, false)?;
    }
    Ok(())
}

/// Waits until the camera's frames to an address arrive, or no longer do.
fn reaches(fence: &Fence<'_>, address: &str, wanted: bool) -> Result<()> {
    let (camera, gw) = (fence.home.wire("driveway")?, fence.home.wire("gw")?);
    let frame = if address.contains(':') {
        Frame::from(CAM).ipv6("2001:db8:70::31", address).udp(1, 2).build()
    } else {
        Frame::from(CAM).ipv4("100.70.1.31", address).udp(1, 2).build()
    };
    let deadline = Instant::now() + SOON;
    loop {
        camera.send(&frame)?;
        let arrived = gw.capture_matching(Duration::from_millis(20), |other| other == frame)?;
        if arrived.is_some() == wanted {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{address} {wanted}: {}", fence.daemon.log()?);
        thread::sleep(Duration::from_millis(10));
    }
}
