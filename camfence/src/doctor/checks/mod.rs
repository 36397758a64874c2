//! The checks: functions of what was seen, and of nothing else.

pub(super) mod cameras;
pub(super) mod configuration;
pub(super) mod coverage;
pub(super) mod fence;
pub(super) mod hooks;
pub(super) mod offload;
pub(super) mod system;
#[cfg(test)]
mod tests;

/// "1 camera", "2 cameras".
fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}
