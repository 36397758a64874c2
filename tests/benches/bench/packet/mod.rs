//! What the programs take for one frame, without an interface: a fence that the released program put
//! up, and xdp-filter, both with the same frames.

mod bpftool;
mod case;
mod fences;

use std::iter;
use std::rc::Rc;

use anyhow::Result;
use camfence_tests::Netns;
use camfence_tests::measure::{Measurement, Series, frames, measure_together, own};

use self::case::{Case, Group, PARTS};
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

    let cases: Vec<&Case> = groups.iter().flat_map(|group| &group.cases).collect();
    let all = cases.iter().map(|case| together(case, &cases, plan)).collect();
    let told = |round| plan.tell(&format!("packet: round {round} of {}", plan.rounds));
    let series = measure_together(all, PARTS as usize, plan.rounds, told)?;
    let mut rows = cases.iter().zip(&series).map(|(case, series)| row(case, &cases, series));
    for group in &groups {
        part.tables.push(Table::new(group.title, rows.by_ref().take(group.cases.len()).collect()));
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

/// What a case is held against, as far as it is measured.
fn bases_of<'a>(case: &Case, cases: &[&'a Case]) -> Vec<(&'static str, &'a Case)> {
    let named = |(label, name): &(&'static str, String)| {
        cases.iter().find(|case| case.name == *name).map(|case| (*label, *case))
    };
    case.bases.iter().filter_map(named).collect()
}

/// A case, and beside it what it is held against.
fn together<'a>(case: &'a Case, cases: &[&'a Case], plan: &Plan) -> Vec<Measurement<'a>> {
    let beside = bases_of(case, cases).into_iter().map(|(_, base)| base);
    iter::once(case).chain(beside).map(|case| case.measurement(plan)).collect()
}

/// Its samples, and those of its bases that were taken beside them.
fn row(case: &Case, cases: &[&Case], series: &[Series]) -> Row {
    let labels = bases_of(case, cases).into_iter().map(|(label, _)| label);
    Row::new(&series[0], &labels.zip(&series[1..]).collect::<Vec<_>>())
}
