//! The configuration against what the kernel holds.

use std::fs;

use anyhow::Result;

use crate::home::{CAM, GOOD, Home, SPARE, finds, informs, is_well};

/// The configuration with another camera.
fn with_spare(more: &str) -> String {
    format!("{GOOD}\n[[camera]]\nmac = \"{SPARE}\"\nname = \"spare\"\n{more}")
}

#[test]
fn a_camera_that_is_not_in_the_fence_is_a_failure() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    camfence.configure(&with_spare(""))?;
    finds(&camfence, &["failure camera-missing spare"])?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)?;
    camfence.configure(GOOD)?;
    finds(&camfence, &[&format!("warning camera-left {SPARE}")])?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)
}

#[test]
fn a_policy_that_was_not_reloaded_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let changes = [
        GOOD.replace("ntp to any", "udp/124 to any\", \"ntp to any"),
        GOOD.replace("[[camera]]", "[[camera]]\naddresses = [\"192.168.1.31\"]"),
        GOOD.replace("[fence]", "[fence]\nlocal = [\"192.168.1.0/24\", \"fd00::/8\"]"),
        format!("{GOOD}\n[interface.port-nvr]\nunknown = \"drop\"\n"),
    ];
    for change in changes {
        camfence.configure(&change)?;
        finds(&camfence, &["warning policy-differs"])?;
        camfence.run(["reload"])?.success()?;
        finds(&camfence, &[])?;
        camfence.configure(GOOD)?;
        camfence.run(["reload"])?.success()?;
        is_well(&camfence)?;
    }
    Ok(())
}

/// What "auto" stands for changes with the addresses.
#[test]
fn a_policy_of_yesterdays_networks_is_told() -> Result<()> {
    let home = Home::new()?;
    let auto = "[fence]\nlocal = [\"192.168.0.0/16\", \"auto\"]";
    let camfence = home.camfence(&GOOD.replace("[fence]", auto))?;
    camfence.run(["up"])?.success()?;
    is_well(&camfence)?;
    home.ip("address add 10.9.0.1/16 dev br-cam")?;
    finds(&camfence, &["warning policy-differs"])?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)
}

#[test]
fn room_that_was_changed_or_is_nearly_taken_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    camfence.configure(&GOOD.replace("= 64", "= 65"))?;
    finds(&camfence, &["warning room"])?;
    camfence.configure(&format!("{GOOD}\n[ledger]\nentries = 2048\n"))?;
    finds(&camfence, &["warning room"])?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)?;
    camfence.configure(GOOD)?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)?;
    camfence.run(["down"])?.success()?;
    camfence.configure(&GOOD.replace("= 64", "= 1"))?;
    camfence.run(["up"])?.success()?;
    let diagnosis = finds(&camfence, &["warning room"])?;
    assert_eq!(diagnosis.of("room")[0]["seen"], "1 of 1 places are taken");
    Ok(())
}

#[test]
fn audit_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let of_fence = GOOD.replace("[fence]", "[fence]\nmode = \"audit\"");
    let of_camera = GOOD.replace("[[camera]]", "[[camera]]\nmode = \"audit\"");
    for (text, trouble) in [(of_fence, "warning audit"), (of_camera, "warning audit driveway")] {
        camfence.configure(&text)?;
        finds(&camfence, &[trouble, "warning policy-differs"])?;
        camfence.run(["reload"])?.success()?;
        finds(&camfence, &[trouble])?;
        camfence.configure(GOOD)?;
        // The kernel has it still.
        finds(&camfence, &["warning audit driveway", "warning policy-differs"])?;
        camfence.run(["reload"])?.success()?;
        is_well(&camfence)?;
    }
    Ok(())
}

#[test]
fn an_opened_camera_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    camfence.run(["open", "driveway", "--for", "10m"])?.success()?;
    let diagnosis = finds(&camfence, &["warning opened driveway"])?;
    let seen = diagnosis.of("opened")[0]["seen"].to_string();
    assert!(seen.contains("9m"), "{seen}");
    // Who it is, is known without a configuration as far as its MAC.
    fs::rename(camfence.config_path(), camfence.dir().join("aside"))?;
    let mac = format!("warning opened {CAM}");
    finds(&camfence, &["failure configuration", &mac])?;
    fs::rename(camfence.dir().join("aside"), camfence.config_path())?;
    camfence.run(["close", "driveway"])?.success()?;
    is_well(&camfence)
}

#[test]
fn local_networks_that_hold_the_internet_are_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let cases = [
        ("0.0.0.0/0", "failure"),
        ("::/0", "failure"),
        ("2000::/3", "failure"),
        ("192.0.0.0/8", "failure"),
        ("128.0.0.0/1", "failure"),
        ("192.160.0.0/11", "warning"),
        ("8.8.8.0/24", "warning"),
        ("2001:4860::/32", "warning"),
    ];
    for (network, level) in cases {
        let local =
            format!("max_cameras = 64\nlocal = [\"192.168.1.0/24\", \"fd00::/8\", \"{network}\"]");
        camfence.configure(&GOOD.replace("max_cameras = 64", &local))?;
        camfence.run(["reload"])?.success()?;
        let trouble = format!("{level} local-too-wide default");
        let diagnosis = finds(&camfence, &[&trouble])?;
        let seen = diagnosis.of("local-too-wide")[0]["seen"].to_string();
        assert!(seen.contains(network), "{seen}");
    }
    // A public network that is the home's own is home.
    let local = "max_cameras = 64\nlocal = [\"192.168.1.0/24\", \"fd00::/8\", \"8.8.8.0/24\"]";
    camfence.configure(&GOOD.replace("max_cameras = 64", local))?;
    camfence.run(["reload"])?.success()?;
    home.ip("address add 8.8.8.1/24 dev lan0")?;
    is_well(&camfence)?;
    home.ip("address del 8.8.8.1/24 dev lan0")?;
    camfence.configure(GOOD)?;
    camfence.run(["reload"])?.success()?;
    is_well(&camfence)
}

#[test]
fn what_is_worth_knowing_is_told() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.fenced()?;
    let without_time = GOOD.replace("ntp to any", "tcp/25 to any");
    let open = format!("{without_time}\n[metrics]\nlisten = \"0.0.0.0:9477\"\n");
    camfence.configure(&open)?;
    camfence.run(["reload"])?.success()?;
    informs(&finds(&camfence, &[])?, &["camera-time default", "metrics-open"]);
    camfence.configure(&format!("{GOOD}\n[metrics]\nlisten = \"[::1]:9477\"\n"))?;
    camfence.run(["reload"])?.success()?;
    informs(&finds(&camfence, &[])?, &[]);
    is_well(&camfence)
}
