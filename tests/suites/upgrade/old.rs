//! A fence as an earlier version left it: its programs, its shapes, its places of pins.

use std::{
    fs, mem,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result};
use aya::{
    Ebpf, EbpfLoader,
    maps::{Array, ArrayOfMaps, HashMap, MapData},
    programs::{
        LinkOrder, SchedClassifier, TcAttachType, Xdp,
        links::FdLink,
        tc::{self, NlOptions, TcAttachOptions, TcHandle},
        xdp::XdpMode,
    },
};
use bytemuck::bytes_of;
use camfence::{
    config::{Config, Unknown},
    kernel::clock::since_boot,
    policy::compile::{CompiledPolicy, Surroundings, compile},
};
use camfence_common::abi::{Camera, Prefix4, Profile, Subject};
use camfence_tests::Mac;

use crate::fixture::{Attachment, Fence};

/// An earlier version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    pub(crate) abi: u32,
    object: &'static [u8],
    /// Slots beside those of cameras: for unknown sources of ports, and for the canary if it has one.
    spare_slots: u32,
}

pub(crate) const ABI_2: Version =
    Version { abi: 2, object: include_bytes!("../../fixtures/abi2.bpf.o"), spare_slots: 128 };

pub(crate) const ABI_3: Version =
    Version { abi: 3, object: include_bytes!("../../fixtures/abi3.bpf.o"), spare_slots: 129 };

pub(crate) const ABI_4: Version =
    Version { abi: 4, object: include_bytes!("../../fixtures/abi4.bpf.o"), spare_slots: 129 };

pub(crate) const ABI_5: Version =
    Version { abi: 5, object: include_bytes!("../../fixtures/abi5.bpf.o"), spare_slots: 129 };

pub(crate) const ABI_6: Version =
    Version { abi: 6, object: include_bytes!("../../fixtures/abi6.bpf.o"), spare_slots: 129 };

const MAX_CAMERAS: u32 = 1_024;
const MAX_SIGHTINGS: u32 = 1_024;
const MAPS: [&str; 7] =
    ["STATE", "CAMERAS", "PROFILES", "NAMES", "DEADLINES", "COUNTERS", "SIGHTINGS"];
const LEDGER_MAPS: [&str; 3] = ["LEDGER", "RECENT", "FLUSHED"];
const LAST_SEEN_MAPS: [&str; 3] = ["LAST_SEEN", "EVENTS", "TOLD"];
const LEDGER_ENTRIES: u32 = 16_384;
const HOSTS: [&str; 4] = ["driveway", "garage", "nvr", "gw"];
/// Slots begin somewhere else than a new fence's.
const FIRST_SLOT: u32 = 40;

/// Keys and values of the maps, as bytes.
type CameraMap<const CAMERA: usize> = HashMap<MapData, [u8; 8], [u8; CAMERA]>;
type CarriedMap = HashMap<MapData, u32, [u8; 2 * 18 * 16]>;
type SeenMap = HashMap<MapData, [u8; 12], [u8; 32]>;
type KeptMap = HashMap<MapData, [u8; 32], [u8; 32]>;
type MissedMap = HashMap<MapData, u32, [u8; 40]>;
type LastCarriedMap = HashMap<MapData, u32, u64>;
const EARLIER_PROFILE: usize = 16 + 2 * (64 * 8 + 64 * 32) + 64 * 8;
/// The filter's parts, and the words of each, the hint about unknown sources included.
const FILTER_PARTS: u32 = 128;
const FILTER_WORDS: usize = 129;

impl Version {
    const fn slots(self) -> u32 {
        MAX_CAMERAS + self.spare_slots
    }

    /// Whether maps and programs are a generation, with maps for what was carried over.
    const fn has_generations(self) -> bool {
        self.abi >= 3
    }

    const fn has_ledger(self) -> bool {
        self.abi >= 4
    }

    /// Whether it notes when cameras were seen.
    const fn has_last_seen(self) -> bool {
        self.abi >= 5
    }

    /// Whether a filter is in front of the camera map, and there is an XDP program for frames in one buffer.
    const fn has_filter(self) -> bool {
        self.abi >= 6
    }

    /// The map with the hint about unknown sources.
    const fn strangers(self) -> &'static str {
        if self.has_filter() { "AHEAD" } else { "STRANGERS" }
    }

    /// Its XDP program for a port that takes every one.
    const fn xdp(self) -> &'static str {
        if self.has_filter() { "outbound_xdp" } else { "outbound_xdp_frags" }
    }

    /// Where its maps and programs are.
    fn directory(self, root: &Path) -> PathBuf {
        if self.has_generations() { root.join("g1") } else { root.into() }
    }
}

/// Puts up a fence of a version with the configuration of `fence`, the unknown sources of the
/// driveway's port sealed out, and a camera opened for so many seconds.
pub(crate) fn stand(
    version: Version,
    fence: &Fence<'_>,
    attachment: Attachment,
    opened: Mac,
    seconds: u64,
) -> Result<()> {
    let root = fence.bpffs.path();
    let directory = version.directory(root);
    let (maps, programs) = (directory.join("maps"), directory.join("programs"));
    fs::create_dir_all(&maps)?;
    fs::create_dir_all(&programs)?;
    let mut loader = EbpfLoader::new();
    loader.map_max_entries("COUNTERS", version.slots());
    loader.map_max_entries("DEADLINES", version.slots());
    if version.has_last_seen() {
        loader.map_max_entries("LAST_SEEN", version.slots());
    }
    let ledger = if version.has_ledger() { &LEDGER_MAPS[..] } else { &[] };
    let last_seen = if version.has_last_seen() { &LAST_SEEN_MAPS[..] } else { &[] };
    for name in MAPS.iter().chain(&[version.strangers()]).chain(ledger).chain(last_seen) {
        loader.map_pin_path(name, maps.join(name));
    }
    let mut object = loader.load(version.object)?;
    let text = fs::read_to_string(fence.camfence.config_path())?;
    let config = Config::parse(&fence.camfence.config_path(), &text)?;
    let ports = vec![(fence.ifindex("driveway")?, Unknown::Drop)];
    let policy = compile(&config, &Surroundings { ports, ..Surroundings::default() })?;
    write(version, &mut object, &maps, &policy, opened, seconds)?;
    for (program, pin) in [
        (version.xdp(), "outbound_xdp"),
        ("outbound_tc", "outbound_tc"),
        ("inbound_tc", "inbound_tc"),
    ] {
        let program = object.program_mut(program).context("the program")?;
        let pin = programs.join(pin);
        match program {
            aya::programs::Program::Xdp(xdp) => {
                xdp.load()?;
                xdp.pin(pin)?;
            }
            aya::programs::Program::SchedClassifier(tc) => {
                tc.load()?;
                tc.pin(pin)?;
            }
            _ => anyhow::bail!("a program of another kind"),
        }
    }
    for host in HOSTS {
        let (port, ifindex) = (fence.lab.port(host), fence.ifindex(host)?);
        let links = root.join("links").join(ifindex.to_string());
        fs::create_dir_all(&links)?;
        fence.lab.box_ns().run(|| attach(version, &mut object, attachment, port, &links))?;
    }
    if version.has_generations() {
        symlink("g1", root.join("current"))?;
    }
    Ok(())
}

fn write(
    version: Version,
    object: &mut Ebpf,
    maps: &Path,
    policy: &CompiledPolicy,
    opened: Mac,
    seconds: u64,
) -> Result<()> {
    if version.has_filter() {
        write_profiles(object, policy, profile)?;
        let mut ahead: Array<_, [u64; FILTER_WORDS]> =
            Array::try_from(object.map_mut("AHEAD").context("AHEAD")?)?;
        // All bits: every source is looked up.
        (0..FILTER_PARTS).try_for_each(|part| ahead.set(part, [u64::MAX; FILTER_WORDS], 0))?;
        write_cameras(version, object, maps, policy, camera)?;
    } else {
        write_profiles(object, policy, earlier_profile)?;
        let mut strangers: Array<_, u32> =
            Array::try_from(object.map_mut("STRANGERS").context("STRANGERS")?)?;
        strangers.set(0, 1, 0)?;
        write_cameras(version, object, maps, policy, earlier_camera)?;
    }
    if let Some(slot) = slots(policy).find_map(|(subject, slot)| {
        (subject == Subject::Camera(camfence_common::mac::Mac(opened.0))).then_some(slot)
    }) {
        let mut deadlines: Array<_, u64> =
            Array::try_from(object.map_mut("DEADLINES").context("DEADLINES")?)?;
        let until = since_boot() + Duration::from_secs(seconds);
        deadlines.set(slot, u64::try_from(until.as_nanos())?, 0)?;
    }
    if version.has_generations() {
        CarriedMap::create(version.slots(), 1)?.pin(maps.join("CARRIED"))?;
        SeenMap::create(MAX_SIGHTINGS, 1)?.pin(maps.join("SEEN"))?;
    }
    if version.has_ledger() {
        KeptMap::create(LEDGER_ENTRIES, 1)?.pin(maps.join("KEPT"))?;
        MissedMap::create(1, 1)?.pin(maps.join("MISSED"))?;
    }
    if version.has_last_seen() {
        LastCarriedMap::create(version.slots(), 1)?.pin(maps.join("LAST_CARRIED"))?;
    }
    let mut state: Array<_, [u32; 2]> = Array::try_from(object.map_mut("STATE").context("STATE")?)?;
    state.set(0, [version.abi, MAX_CAMERAS], 0)?;
    Ok(())
}

const CAMERA: usize = size_of::<Camera>();
const PROFILE: usize = size_of::<Profile>();
const EARLIER_CAMERA: usize = CAMERA - size_of::<u64>();

/// Whose the slots are.
fn slots(policy: &CompiledPolicy) -> impl Iterator<Item = (Subject, u32)> {
    policy.cameras.keys().copied().zip(FIRST_SLOT..)
}

fn write_profiles<const SIZE: usize>(
    object: &mut Ebpf,
    policy: &CompiledPolicy,
    table: impl Fn(&Profile) -> Result<[u8; SIZE]>,
) -> Result<()> {
    let mut profiles: Array<_, [u8; SIZE]> =
        Array::try_from(object.map_mut("PROFILES").context("PROFILES")?)?;
    for (index, profile) in policy.profiles.iter().enumerate() {
        profiles.set(u32::try_from(index)?, table(&profile.table)?, 0)?;
    }
    Ok(())
}

fn write_cameras<const SIZE: usize>(
    version: Version,
    object: &mut Ebpf,
    maps: &Path,
    policy: &CompiledPolicy,
    value: impl Fn(&Camera) -> Result<[u8; SIZE]>,
) -> Result<()> {
    let mut live = CameraMap::<SIZE>::create(version.slots(), 0)?;
    for (subject, slot) in slots(policy) {
        let camera = Camera { slot, ..policy.cameras[&subject] };
        live.insert(<[u8; 8]>::try_from(bytes_of(&subject.key()))?, value(&camera)?, 0)?;
    }
    let mut cameras: ArrayOfMaps<_, CameraMap<SIZE>> =
        ArrayOfMaps::try_from(object.map_mut("CAMERAS").context("CAMERAS")?)?;
    cameras.set(0, &live, 0)?;
    live.pin(maps.join("live"))?;
    Ok(())
}

/// A profile as versions since ABI 6 have it.
fn profile(profile: &Profile) -> Result<[u8; PROFILE]> {
    Ok(bytes_of(profile).try_into()?)
}

/// A camera as versions since ABI 6 have it.
fn camera(camera: &Camera) -> Result<[u8; CAMERA]> {
    Ok(bytes_of(camera).try_into()?)
}

/// A profile without allowances as versions up to ABI 5 have it: with room for more networks in its lists.
fn earlier_profile(profile: &Profile) -> Result<[u8; EARLIER_PROFILE]> {
    const LIST: usize = 64;
    let mut bytes = bytes_of(profile)[..mem::offset_of!(Profile, local4)].to_vec();
    bytes.extend(bytes_of(&profile.local4));
    bytes.resize(bytes.len() + (LIST - profile.local4.len()) * size_of::<Prefix4>(), 0);
    bytes.extend(bytes_of(&profile.local6));
    bytes.resize(EARLIER_PROFILE, 0);
    Ok(bytes.as_slice().try_into()?)
}

/// A camera as versions up to ABI 5 have it: without the zero behind its flags.
fn earlier_camera(camera: &Camera) -> Result<[u8; EARLIER_CAMERA]> {
    let bytes = bytes_of(camera);
    let at = mem::offset_of!(Camera, zero);
    Ok([&bytes[..at], &bytes[at + 8..]].concat().as_slice().try_into()?)
}

fn attach(
    version: Version,
    object: &mut Ebpf,
    attachment: Attachment,
    port: &str,
    links: &Path,
) -> Result<()> {
    let mode = match attachment {
        Attachment::XdpNative => Some(XdpMode::Driver),
        Attachment::XdpGeneric => Some(XdpMode::Skb),
        Attachment::Tcx | Attachment::Clsact => None,
    };
    if let Some(mode) = mode {
        let program = object.program_mut(version.xdp()).context("the XDP program")?;
        let program: &mut Xdp = program.try_into()?;
        let id = program.attach(port, mode)?;
        FdLink::try_from(program.take_link(id)?)?.pin(links.join("outbound_xdp"))?;
    }
    for (name, at) in [("outbound_tc", TcAttachType::Ingress), ("inbound_tc", TcAttachType::Egress)]
    {
        if mode.is_some() && at == TcAttachType::Ingress {
            continue;
        }
        let program = object.program_mut(name).context("the TC program")?;
        let program: &mut SchedClassifier = program.try_into()?;
        if attachment == Attachment::Clsact {
            let _ = tc::qdisc_add_clsact(port);
            let handle = TcHandle::new(0, 0xcf);
            let options = NlOptions { priority: 1, handle, classid: None };
            let options = TcAttachOptions::Netlink(options);
            let id = program.attach_with_options(port, at, options)?;
            mem::forget(program.take_link(id)?);
        } else {
            let order = TcAttachOptions::TcxOrder(LinkOrder::first());
            let id = program.attach_with_options(port, at, order)?;
            FdLink::try_from(program.take_link(id)?)?.pin(links.join(name))?;
        }
    }
    Ok(())
}
