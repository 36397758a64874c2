//! What people are told.

use anyhow::{Context as _, Result, ensure};
use camfence_tests::home::get;

use crate::fixture::{CAM, Home, OFTEN, VENDORS, await_sums, config, run, told};

#[test]
fn history_and_ledger_tell_of_what_was_sent() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    let _daemon = run(&camfence, OFTEN)?;
    let sum = home.send(CAM, 40)?;
    await_sums(&camfence, sum)?;
    let report = camfence.json(["history", "driveway", "--since", "1h"])?;
    ensure!(report["by"] == "5min", "{report}");
    let bucket = &report["buckets"][0];
    ensure!(bucket["camera"] == "driveway" && bucket["mac"] == CAM.to_string(), "{report}");
    let start = bucket["start"].as_str().context("start")?;
    ensure!(start.ends_with("0:00.000Z") || start.ends_with("5:00.000Z"), "{report}");
    ensure!(bucket["outbound"]["reasons"]["not-local"]["packets"] == sum, "{report}");
    let text = camfence.run(["history"])?.success()?;
    ensure!(text.starts_with("BEGIN (UTC)") && text.contains("driveway"), "{text}");
    ensure!(!text.contains('█'), "no bars where nobody looks: {text}");

    let text = camfence.run(["ledger", "--since", "1h", "--top", "1"])?.success()?;
    ensure!(VENDORS.iter().filter(|vendor| text.contains(**vendor)).count() == 1, "{text}");
    ensure!(told(&camfence, &["--live"])? == sum);
    for wrong in [&["history", "--by", "week"][..], &["history", "--since", "long"]] {
        ensure!(camfence.run(wrong)?.code == Some(2));
    }
    let nobody = camfence.run(["history", "nobody"])?;
    ensure!(
        nobody.code == Some(1) && nobody.stderr.contains("no camera has the name"),
        "{nobody:?}"
    );
    Ok(())
}

#[test]
fn metrics_tell_that_it_is_written() -> Result<()> {
    let home = Home::new()?;
    let camfence = home.camfence()?;
    camfence.configure(&config(""))?;
    let _daemon = run(&camfence, OFTEN)?;
    let sum = home.send(CAM, 1)?;
    await_sums(&camfence, sum)?;
    let value = |name: &str| -> Result<f64> {
        for _ in 0..100 {
            let text = get(home.lab.box_ns(), "/metrics")?;
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            if let Some(value) = line {
                return Ok(value.parse()?);
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        anyhow::bail!("no {name}")
    };
    let written = value("camfence_history_written_timestamp_seconds")?;
    let now = std::time::UNIX_EPOCH.elapsed()?.as_secs_f64();
    ensure!((now - 20.0..=now).contains(&written), "{written}");
    ensure!(value("camfence_history_bytes")? > 4096.0);
    ensure!(value("camfence_history_errors_total")? < 1.0);
    let text = get(home.lab.box_ns(), "/metrics")?;
    ensure!(!text.contains("countries") && !text.contains("networks"), "{text}");
    Ok(())
}
