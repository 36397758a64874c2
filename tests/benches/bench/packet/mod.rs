//! What the programs take for one frame, without an interface: a fence that the released program put
//! up, and xdp-filter, both with the same frames.

mod bpftool;
mod case;
mod fences;

use std::rc::Rc;

use anyhow::Result;
use camfence_tests::Netns;
use camfence_tests::measure::{Series, frames, measure, own};

use self::case::{Case, Group};
use crate::Plan;
use crate::peers::{
    self,
    xdp_filter::{self, XdpFilter},
};
use crate::report::{Part, Row, Table};

/// Names of rows that others are held against.
pub(crate) const MISS: &str = "xdp-filter miss";
pub(crate) const HIT: &str = "xdp-filter hit";
/// The column of ratios to the same frame and the fence of one camera.
pub(crate) const PLAIN: &str = "one camera";

/// Measures it.
pub(crate) fn run(plan: &Plan) -> Result<Part> {
    let mut part = Part::new("packet");
    let filters = if XdpFilter::is_here() {
        Some(Filters::new()?)
    } else {
        part.notes.push(XdpFilter::missing());
        None
    };
    let fences = fences::Fences::new(|what| plan.tell(&format!("packet: {what}")))?;
    let mut groups = vec![bases(filters.as_ref())?];
    groups.extend(fences.groups()?);

    let all = groups.iter().flat_map(|group| &group.cases).map(|case| case.measurement(plan));
    let told = |round| plan.tell(&format!("packet: round {round} of {}", plan.rounds));
    let series = measure(all.collect(), plan.rounds, told)?;
    let mut rest = &series[..];
    for group in &groups {
        let (own, others) = rest.split_at(group.cases.len());
        rest = others;
        part.tables.push(table(group, own, &series));
    }
    if peers::is_here("bpftool") {
        part.tables.push(bpftool::table(plan, &fences, filters.as_ref())?);
    } else {
        part.notes.push(peers::missing("bpftool", "bpftool"));
    }
    Ok(part)
}

/// xdp-filter with one address, and with as many as it takes.
struct Filters {
    one: XdpFilter,
    many: XdpFilter,
    _netns: Netns,
}

impl Filters {
    fn new() -> Result<Self> {
        let netns = Netns::new("xdp-filter")?;
        let sources: Vec<_> = (0..xdp_filter::ROOM).map(frames::camera).collect();
        for end in ["x", "y"] {
            netns.ip(&format!("link add {end}0 up type veth peer name {end}1"))?;
        }
        let one = XdpFilter::new(&netns, "x0", &sources[..1])?;
        let many = XdpFilter::new(&netns, "y0", &sources)?;
        Ok(Self { one, many, _netns: netns })
    }
}

/// The empty program and xdp-filter.
fn bases(filters: Option<&Filters>) -> Result<Group> {
    let hit = case::from_cameras(1);
    let mut cases = vec![Case::new("empty program", own::drop()?.into(), hit.clone())];
    if let Some(Filters { one, many, .. }) = filters {
        let filter = Rc::new(one.program()?);
        cases.push(Case::new(MISS, filter.clone(), case::from_bystanders()).passed());
        cases.push(Case::new(HIT, filter, hit));
        let filter = Rc::new(many.program()?);
        let name = |base: &str| format!("{base}, 10,000 addresses");
        cases.push(Case::new(name(MISS), filter.clone(), case::from_bystanders()).passed());
        cases.push(Case::new(name(HIT), filter, case::from_cameras(xdp_filter::ROOM)));
    }
    Ok(Group { title: "what others take", cases })
}

fn table(group: &Group, own: &[Series], all: &[Series]) -> Table {
    let row = |(case, series): (&Case, &Series)| {
        let named = |(label, name): &(&'static str, String)| {
            all.iter().find(|series| series.name == *name).map(|series| (*label, series))
        };
        let bases: Vec<_> = case.bases.iter().filter_map(named).collect();
        Row::new(series, &bases)
    };
    Table::new(group.title, group.cases.iter().zip(own).map(row).collect())
}
