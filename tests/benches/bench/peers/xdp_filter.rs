//! xdp-filter with its `ethernet` filter: addresses to drop, at XDP.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use aya::maps::{Map, MapData, PerCpuHashMap, PerCpuValues};
use camfence_tests::measure::Program;
use camfence_tests::{BpffsRoot, Mac, Netns};

/// How many addresses its map has room for.
pub(crate) const ROOM: usize = 10_000;

/// xdp-filter on an interface.
#[derive(Debug)]
pub(crate) struct XdpFilter {
    id: u32,
    _pins: BpffsRoot,
}

impl XdpFilter {
    /// Whether it is installed.
    pub(crate) fn is_here() -> bool {
        super::is_here("xdp-filter")
    }

    /// What to tell if it is not.
    pub(crate) fn missing() -> String {
        super::missing("xdp-filter", "xdp-tools")
    }

    /// Puts it on an interface, in the driver, to drop what is from these sources. It goes with the
    /// interface.
    pub(crate) fn new(netns: &Netns, interface: &str, sources: &[Mac]) -> Result<Self> {
        ensure!(sources.len() <= ROOM, "xdp-filter has room for {ROOM} addresses");
        let bpffs = BpffsRoot::new()?;
        let run = |arguments: &str| run(netns, &bpffs, arguments);
        run(&format!("load {interface} -m native -f ethernet"))?;
        let first = sources.first().context("no source")?;
        run(&format!("ether {first} -m src"))?;
        fill(&bpffs, *first, sources)?;
        let links: serde_json::Value =
            serde_json::from_str(&netns.ip(&format!("-j -d link show dev {interface}"))?)?;
        let id = links[0]["xdp"]["prog"]["id"].as_u64().context("no program at the interface")?;
        Ok(Self { id: u32::try_from(id)?, _pins: bpffs })
    }

    /// What the interface runs: the filter itself or, where the kernel can, libxdp's dispatcher in
    /// front of it.
    pub(crate) fn program(&self) -> Result<Program> {
        Program::numbered(self.id)
    }

    /// That program's id.
    pub(crate) const fn id(&self) -> u32 {
        self.id
    }
}

/// Runs xdp-filter, which knows one place for its pins, with another file system there.
fn run(netns: &Netns, bpffs: &BpffsRoot, arguments: &str) -> Result<()> {
    const SCRIPT: &str = r#"mount --bind "$0" /sys/fs/bpf && exec xdp-filter "$@""#;
    let mut command: Command = netns.command("unshare");
    command.args(["--mount", "sh", "-c", SCRIPT]).arg(bpffs.path());
    let output = command.args(arguments.split_whitespace()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "xdp-filter {arguments}: {}", said.trim());
    Ok(())
}

/// Gives every source the entry that xdp-filter made of the first: it takes one process for each.
fn fill(bpffs: &BpffsRoot, first: Mac, sources: &[Mac]) -> Result<()> {
    let map = MapData::from_pin(bpffs.path().join("xdp-filter/filter_ethernet"))?;
    let mut map: PerCpuHashMap<_, [u8; 6], u64> = Map::PerCpuHashMap(map).try_into()?;
    let entry: PerCpuValues<u64> = map.get(&first.0, 0).context("its first entry")?;
    for source in &sources[1..] {
        let entry = PerCpuValues::try_from(entry.to_vec())?;
        map.insert(source.0, entry, 0)?;
    }
    Ok(())
}
