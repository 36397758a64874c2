//! What has not changed is not written: the kernel refuses every write to the fence's maps.

use std::process::Command;

use anyhow::Result;
use camfence_tests::kernel;

use crate::bench::{Bench, fails};

const POLICY: &str = r#"[fence]
interfaces = ["p0"]
hook = "tc"
unknown = "drop"

[profile.strict]
local = ["192.168.1.0/24", "auto"]
allow = ["ntp to any"]
dns = ["pool.ntp.org"]

[[camera]]
mac = "b0:c5:54:25:5b:0e"
name = "driveway"
profile = "strict"
addresses = ["192.168.1.31"]

[[camera]]
mac = "b0:c5:54:25:5b:1f"
name = "garage"
mode = "audit"
"#;

#[test]
fn a_reload_of_what_has_not_changed_writes_nothing() -> Result<()> {
    if Command::new("bpftool").arg("version").output().is_err() {
        kernel::skip("bpftool, which freezes maps, is missing");
        return Ok(());
    }
    let bench = Bench::new()?;
    let camfence = bench.camfence(POLICY)?;
    camfence.run(["up"])?.success()?;
    assert!(bench.bpffs.freeze_maps("current/maps")? > 10);
    camfence.run(["reload"])?.success()?;
    // What has changed cannot be written.
    let removed = POLICY.replace("mode = \"audit\"\n", "");
    camfence.configure(&removed)?;
    fails(&camfence.run(["reload"])?, &["not permitted"], Some("as root"));
    Ok(())
}
