//! What the verbs that change something have in common: what came of it.

use camfence::daemon::{
    client,
    protocol::{Request, Response, Summary},
};

use super::{Options, output};

/// Has the daemon make a change; none if there is no daemon, and the change is this process's.
pub(crate) async fn ask(options: &Options, request: &Request) -> anyhow::Result<Option<Summary>> {
    match client::request(&options.bpffs, &options.config, request).await? {
        None => Ok(None),
        Some(Response::Ok(summary)) => Ok(Some(summary)),
        Some(Response::Error(failure)) => Err(failure.into()),
    }
}

/// Prints what a change did, after a line that says what was done.
pub(crate) fn print(summary: &Summary, done: &str, json: bool) -> anyhow::Result<()> {
    for notice in &summary.notices {
        eprintln!("notice: {notice}");
    }
    if json {
        return output::json(summary);
    }
    output::line(done);
    for (what, ports) in [("fenced", &summary.attached), ("no longer fenced", &summary.detached)] {
        if !ports.is_empty() {
            output::line(&format!("{what}: {}", ports.join(", ")));
        }
    }
    if !summary.live {
        output::line("the fence is down; `camfence up` puts it up");
    }
    Ok(())
}
