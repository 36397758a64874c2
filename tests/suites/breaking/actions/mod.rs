//! What is done to the fence. Each action leaves it whole, says what has to hold for the counters,
//! and opens windows where frames may pass.

mod attachments;
mod daemon;
mod files;
mod policy;
mod ports;

use anyhow::Result;

use crate::books::Expect;
use crate::scene::Scene;

/// What may be done.
#[derive(Clone, Copy)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&mut Scene<'_>) -> Result<[Expect; 3]>,
}

macro_rules! actions {
    ($($module:ident: $($name:ident),+;)+) => {
        /// All of them.
        pub(crate) const ALL: &[Action] =
            &[$($(Action { name: stringify!($name), run: $module::$name }),+),+];
    };
}

actions! {
    daemon: kill_and_restart, stop_and_restart, upgrade, exhaust_descriptors, up_without_daemon;
    policy: reload, hang_up, add_and_remove, remove_and_add_again, open_and_close;
    files: corrupt_configuration, restart_with_corrupt_configuration, fill_disk;
    ports: remake_port, remake_port_without_daemon, move_to_fenced_bridge,
        move_to_other_bridge_and_back, rename_port, change_mtu, port_down_and_up;
    attachments: detach_behind_its_back, delete_link_pins, delete_program_pins, delete_map_pins,
        delete_root;
}
