//! Adds sources that were discovered, as somebody on a terminal says.

use std::process::ExitCode;

use camfence::{
    config::{check_name, edit::NewCamera},
    discover::{Discovery, report::Found},
};

use super::{Options, add, failure, prompt};

/// Asks which to add, until the answer is empty.
pub(super) async fn ask(options: &Options, discovery: &Discovery) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    while let Some(answer) = prompt::ask("add which (number or MAC; nothing to end)?")? {
        if answer.is_empty() {
            break;
        }
        let Some(found) = chosen(discovery, &answer) else {
            eprintln!("there is no such line");
            continue;
        };
        if let Some(name) = &found.camera {
            eprintln!("it is registered already: {name}");
            continue;
        }
        let Some(name) = name(found)? else { break };
        let camera = NewCamera { mac: found.mac, name, profile: None };
        // What is wrong with one does not keep another from being added.
        if let Err(error) = add::add(options, &camera).await {
            failure::print(&error);
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn chosen<'a>(discovery: &'a Discovery, answer: &str) -> Option<&'a Found> {
    if let Ok(mac) = answer.parse() {
        return discovery.sources.iter().find(|found| found.mac == mac);
    }
    let number: usize = answer.parse().ok()?;
    discovery.sources.get(number.checked_sub(1)?)
}

/// The name it is to have; none at the end of input.
fn name(found: &Found) -> anyhow::Result<Option<String>> {
    let suggested = found.suggested_name.as_deref().unwrap_or_default();
    loop {
        let Some(answer) = prompt::ask(&format!("name [{suggested}]?"))? else { return Ok(None) };
        let name = if answer.is_empty() { suggested } else { &answer };
        match check_name(name) {
            Ok(()) => return Ok(Some(name.to_string())),
            Err(problem) => eprintln!("{}; {}", problem.what, problem.hint),
        }
    }
}
