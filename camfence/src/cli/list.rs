//! `camfence list`

use std::process::ExitCode;

use serde_json::json;

use super::{Options, output};

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let config = options.load()?;
    if options.json {
        let cameras: Vec<_> = config
            .cameras
            .iter()
            .map(|camera| {
                json!({
                    "name": camera.name,
                    "mac": camera.mac.to_string(),
                    "profile": config.profile_of(camera).name,
                })
            })
            .collect();
        output::json(&json!({ "cameras": cameras }))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = config.cameras.iter().map(|camera| {
        vec![camera.name.clone(), camera.mac.to_string(), config.profile_of(camera).name.clone()]
    });
    output::table(&["NAME", "MAC", "PROFILE"], 3, rows.collect());
    Ok(ExitCode::SUCCESS)
}
