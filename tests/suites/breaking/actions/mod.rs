//! What is done to the fence. Each action leaves it whole, says what has to hold for the counters,
//! and opens windows where frames may pass.

mod attachments;
mod daemon;
mod files;
mod policy;
mod ports;

use std::time::Duration;

use anyhow::Result;

use crate::books::Expect;
use crate::scene::Scene;

/// What may be done.
#[derive(Clone, Copy)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) bound: Bound,
    pub(crate) run: fn(&mut Scene<'_>) -> Result<[Expect; 3]>,
}

/// For how long at most the action may leave a port without its fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// Not at all.
    None,
    /// Until the daemon has heard of it from the kernel.
    Heard,
    /// Until the daemon looks, as it does every few seconds, since the kernel tells nobody.
    Looked,
}

impl Bound {
    /// Half of the times are not above the first, and none above the second. In a short run, on a
    /// machine that builds and tests at once, a single one may take longer.
    pub(crate) const fn limits(self, long: bool) -> [Duration; 2] {
        let [half, all] = match (self, long) {
            (Self::None, _) => [0, 0],
            (Self::Heard, true) => [100, 100],
            (Self::Heard, false) => [100, 1000],
            (Self::Looked, _) => [8000, 15_000],
        };
        [Duration::from_millis(half), Duration::from_millis(all)]
    }
}

macro_rules! actions {
    ($($module:ident, $bound:ident: $($name:ident),+;)+) => {
        /// All of them.
        pub(crate) const ALL: &[Action] = &[$($(Action {
            name: stringify!($name),
            bound: Bound::$bound,
            run: $module::$name,
        }),+),+];
    };
}

actions! {
    daemon, None: kill_and_restart, stop_and_restart, upgrade, resize, exhaust_descriptors,
        up_without_daemon;
    policy, None: reload, hang_up, add_and_remove, remove_and_add_again, open_and_close;
    files, None: corrupt_configuration, restart_with_corrupt_configuration, fill_disk;
    ports, None: remake_port_without_daemon, move_to_fenced_bridge, rename_port, change_mtu;
    ports, Heard: remake_port, move_to_other_bridge_and_back, port_down_and_up;
    attachments, None: delete_program_pins, delete_map_pins;
    attachments, Looked: detach_behind_its_back, delete_link_pins, delete_root;
}

/// Those that take seconds, as nobody hears of them, and how programs are attached where a short run
/// has time for them.
pub(crate) const SLOW: [(&str, bool); 6] = [
    ("detach_behind_its_back", true),
    ("detach_behind_its_back", false),
    ("delete_link_pins", true),
    ("delete_map_pins", true),
    ("delete_program_pins", false),
    ("delete_root", false),
];

/// The actions of a run.
pub(crate) fn of_run(tcx: bool, long: bool) -> Vec<Action> {
    let is_slow = |name| SLOW.iter().any(|(slow, _)| *slow == name);
    let fits = |name| long || !is_slow(name) || SLOW.contains(&(name, tcx));
    let fitting = ALL.iter().filter(|action| fits(action.name));
    // What times are asserted of is done more often.
    let times = |action: &&Action| if action.bound == Bound::Heard { 2 } else { 1 };
    fitting.flat_map(|action| std::iter::repeat_n(*action, times(&action))).collect()
}
