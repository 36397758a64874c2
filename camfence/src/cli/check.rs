//! `camfence check`

use std::process::ExitCode;

use camfence::{
    config::{Config, ConfigError, Mode},
    policy::compile::{Surroundings, compile},
};
use serde_json::{Value, json};

use super::{Options, failure, output, output::counted};

pub(crate) fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let config = match Config::load(&options.config) {
        Ok(config) => config,
        Err(error) if options.json => {
            output::json(&json!({ "ok": false, "problems": problems(&error) }))?;
            failure::print(&error.into());
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    compile(&config, &Surroundings::default())?;
    if options.json {
        output::json(&json!({
            "ok": true,
            "cameras": config.cameras.len(),
            "profiles": config.profiles.len(),
            "interfaces": config.fence.interfaces,
            "unknown": config.word_for(config.fence.unknown),
            "mode": config.fence.mode.as_str(),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(&format!(
        "{} is good: {}, {}, interfaces: {}{}",
        config.path.display(),
        counted(config.cameras.len(), "camera"),
        counted(config.profiles.len(), "profile"),
        match config.fence.interfaces.as_slice() {
            [] => "none".to_string(),
            interfaces => interfaces.join(", "),
        },
        match config.fence.mode {
            Mode::Enforce => "",
            Mode::Audit => ", nothing is dropped: mode = \"audit\"",
        },
    ));
    Ok(ExitCode::SUCCESS)
}

fn problems(error: &ConfigError) -> Vec<Value> {
    let problems = error.problems.iter();
    problems
        .map(|problem| json!({ "line": problem.line, "what": problem.what, "hint": problem.hint }))
        .collect()
}
