//! A fence that was taken down on request stays down.

use std::{thread, time::Duration};

use anyhow::{Result, ensure};

use crate::fixture::{Home, SOON};

#[test]
fn down_stays_down_until_up() -> Result<()> {
    let home = Home::new()?;
    let fence = home.run(&["br-cam"], "", "")?;
    fence.holds("driveway")?;
    let said = fence.camfence.run(["down"])?.success()?;
    ensure!(said == "the fence is down: cameras can talk to anyone\n", "{said}");
    // Neither an interface that changes nor the next look puts it up.
    home.lab.unplug("driveway")?;
    home.lab.plug("driveway")?;
    thread::sleep(Duration::from_secs(6));
    ensure!(fence.leaks_until_fenced("driveway", Duration::from_secs(1)).is_err());
    let said = fence.camfence.run(["down"])?.success()?;
    ensure!(said == "there was no fence\n", "{said}");
    fence.camfence.run(["up"])?.success()?;
    fence.holds("driveway")?;
    home.lab.unplug("driveway")?;
    home.lab.plug("driveway")?;
    fence.leaks_until_fenced("driveway", SOON)?;
    Ok(())
}
