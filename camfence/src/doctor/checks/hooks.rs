//! Who else has programs and filters on the ports, and whether they come first.
//!
//! The kernel runs XDP, then TCX, then clsact's filters, and only then netfilter and bridges
//! (`__netif_receive_skb_core`, `sch_handle_ingress` in `net/core/dev.c`). A TCX program that says
//! anything but `TCX_NEXT`, and a filter that accepts, end the list: whoever is behind sees nothing.

use camfence_common::reason::Direction;

use crate::{
    doctor::{
        finding::{Outcome, Trouble},
        seen::{Filter, Hooks, Looked, Port, Seen, Up},
    },
    policy::topology::Mode,
};

pub(in super::super) fn tc_ahead(seen: &Seen) -> Looked<Outcome> {
    let (up, network) = (seen.up()?, seen.network()?);
    let mut troubles = Vec::new();
    for port in &up.ports {
        let Some(hooks) = network.hooks.iter().find(|hooks| Some(hooks.ifindex) == port.ifindex)
        else {
            continue;
        };
        for direction in Direction::ALL {
            let ahead = ahead(up, port, hooks, direction)?;
            if !ahead.is_empty() {
                troubles.push(come_first(&ahead, direction).on(&port.name));
            }
        }
    }
    Outcome::of(troubles, "the fence comes first at TC")
}

fn come_first(ahead: &[String], direction: Direction) -> Trouble {
    let side = match direction {
        Direction::Outbound => "ingress",
        Direction::Inbound => "egress",
    };
    Trouble::warning(
        format!("before the fence at {side}: {}; what it accepts is not judged", ahead.join(", ")),
        "take it off (`bpftool net`, `tc filter show`), or restart camfence after it: `camfence \
         down`, `camfence up`",
    )
}

/// What runs before the fence's program for a direction, in words.
fn ahead(up: &Up, port: &Port, hooks: &Hooks, direction: Direction) -> Looked<Vec<String>> {
    let index = direction.index();
    let own = |program: u32| up.own_programs.contains(&program);
    let tcx = || Ok::<_, String>(hooks.tcx.as_ref().map_err(Clone::clone)?[index].iter().copied());
    let program = |id: u32| format!("TCX program {id}");
    match port.attached[index].map(|attached| attached.mode) {
        Some(Mode::Tcx) => Ok(tcx()?.take_while(|id| !own(*id)).map(program).collect()),
        Some(Mode::Clsact) => {
            let filters = &hooks.filters.as_ref().map_err(Clone::clone)?[index];
            let before = filters.iter().take_while(|filter| !filter.program.is_some_and(own));
            let before = before.map(in_words);
            Ok(tcx()?.filter(|id| !own(*id)).map(program).chain(before).collect())
        }
        _ => Ok(Vec::new()),
    }
}

fn in_words(filter: &Filter) -> String {
    let program = filter.program.map_or_else(String::new, |id| format!(" (program {id})"));
    format!("{} filter of priority {}{program}", filter.kind, filter.priority)
}

pub(in super::super) fn xdp_ahead(seen: &Seen) -> Looked<Outcome> {
    let (up, network) = (seen.up()?, seen.network()?);
    let troubles = up.ports.iter().filter_map(|port| {
        let xdp = network.interface(port.ifindex?)?.link.xdp?;
        let todo = format!(
            "see what it is with `bpftool prog show id {}`; `ip link set dev {} xdp off` takes it \
             off",
            xdp.program, port.name
        );
        let seen = format!(
            "XDP program {} comes before the fence: what it redirects is not judged",
            xdp.program
        );
        let other = !up.own_programs.contains(&xdp.program);
        other.then(|| Trouble::warning(seen, todo).on(&port.name))
    });
    Outcome::of(troubles, "no other XDP program is on a port")
}
