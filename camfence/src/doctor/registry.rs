//! The registry of checks. This is the one place an id is spelled: the JSON, the page and the
//! documentation all come from it.

use serde::{Serialize, Serializer};

use super::{
    checks::{cameras, configuration, coverage, fence, hooks, offload, system},
    finding::Outcome,
    seen::{Looked, Seen},
};

impl Serialize for Check {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

macro_rules! checks {
    ($($(#[doc = $doc:literal])+ $variant:ident = $id:literal, $make:path;)+) => {
        /// A thing that is looked at.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Check {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Check {
            /// Every check, in the order of the page.
            pub const ALL: [Self; [$($id),+].len()] = [$(Self::$variant),+];

            /// Its name in JSON and in the documentation. Stable.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$variant => $id,)+ }
            }

            /// What it looks at, and how bad what it finds is.
            pub const fn about(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }

            /// Makes it; an error says why nobody could look.
            pub(super) fn make(self, seen: &Seen) -> Looked<Outcome> {
                match self { $(Self::$variant => $make(seen),)+ }
            }
        }
    };
}

checks! {
    /// The configuration can be read and has no mistakes. Failure.
    Configuration = "configuration", configuration::readable;
    /// Not everybody may write to the configuration or its directory. Failure.
    ConfigurationWritable = "configuration-writable", configuration::writable;
    /// Linux 5.10 or later. Failure.
    Kernel = "kernel", system::kernel;
    /// The kernel takes this version's programs: they are loaded, attached to nothing, and let go.
    /// Failure.
    Programs = "programs", system::programs;
    /// The kernel describes its types. Info: the programs do not need it.
    Btf = "btf", system::btf;
    /// Programs run as machine code. Warning: without, they are slow.
    Jit = "jit", system::jit;
    /// Only the privileged may load programs. Info.
    UnprivilegedBpf = "unprivileged-bpf", system::unprivileged_bpf;
    /// The pin root is on a BPF file system. Failure.
    Bpffs = "bpffs", system::bpffs;
    /// This user may look at the fence: `CAP_BPF`, `CAP_NET_ADMIN` and `CAP_PERFMON`. Unknown.
    Privileges = "privileges", system::privileges;
    /// The clock is not years behind. Warning: the times of logs are wrong, and so are those of
    /// cameras that ask this host.
    Clock = "clock", system::clock;
    /// A fence stands. Failure.
    Fence = "fence", fence::stands;
    /// What stands is of this version. Failure: it cannot be read or changed.
    OtherVersion = "other-version", fence::other_version;
    /// The interfaces that are named are there. Failure.
    InterfaceMissing = "interface-missing", coverage::missing;
    /// A bridge that is named has ports. Failure.
    BridgeEmpty = "bridge-empty", coverage::empty;
    /// What is named can be fenced: some interface is, all are Ethernet, none is stacked on another.
    /// Failure.
    Interfaces = "interfaces", coverage::refused;
    /// Each port judges frames in both directions and carries verdicts out. Failure.
    NotEnforcing = "not-enforcing", fence::enforcing;
    /// Each port has the hook that is asked for. Warning; info where `auto` got the second best.
    Hook = "hook", fence::hook;
    /// The loaded programs are those of this version. Warning: an upgrade was not finished.
    ProgramsOutdated = "programs-outdated", fence::outdated;
    /// Nothing is left pinned of interfaces that are gone. Warning.
    StaleLinks = "stale-links", fence::stale_links;
    /// Every camera of the configuration is in the fence. Failure.
    CameraMissing = "camera-missing", cameras::missing;
    /// Every camera in the fence is in the configuration. Warning: the next reload lets it out.
    CameraLeft = "camera-left", cameras::left;
    /// The kernel's policy is the configuration's. Warning.
    PolicyDiffers = "policy-differs", cameras::policy;
    /// There is room for more cameras, and for flows in the ledger, as much as is configured. Warning.
    Room = "room", cameras::room;
    /// Verdicts are carried out. Warning: in audit nothing is dropped.
    Audit = "audit", cameras::audit;
    /// The fence is not open for a camera now. Warning.
    Opened = "opened", cameras::opened;
    /// `camfence run` runs. Warning: without it nobody follows interfaces that come and go.
    Daemon = "daemon", fence::daemon;
    /// No camera has been seen where there is no fence, by bridges or by this host. Failure; warning
    /// if it was long ago, or the camera was seen inside, too.
    CameraOutside = "camera-outside", coverage::outside;
    /// No port is stacked on a bridge that forwards frames past it. Failure.
    BridgedPast = "bridged-past", coverage::bridged_past;
    /// All ports of a bridge with a fenced port are fenced. Info.
    BridgePartly = "bridge-partly", coverage::partly;
    /// The interface below a fenced VLAN is fenced, or carries nothing else. Info.
    VlanParent = "vlan-parent", coverage::vlan_parent;
    /// No port is one of several of a bond or a team. Warning: name the bond.
    BondPort = "bond-port", coverage::bond_port;
    /// No TC program or filter is ahead of the fence's. Warning: what it lets pass is not judged.
    TcAhead = "tc-ahead", hooks::tc_ahead;
    /// No other XDP program is ahead of the fence's. Warning: what it redirects is not judged.
    XdpAhead = "xdp-ahead", hooks::xdp_ahead;
    /// No hardware switch forwards frames between ports by itself. Warning.
    HardwareSwitch = "hardware-switch", offload::hardware_switch;
    /// No flowtable has NICs forward connections by themselves. Warning; info if it is software's.
    Flowtable = "flowtable", offload::flowtable;
    /// NICs run no TC filters by themselves. Info.
    TcOffload = "tc-offload", offload::tc_offload;
    /// NICs do not merge frames (LRO) where XDP is asked for, which excludes it. Warning.
    Lro = "lro", offload::lro;
    /// NICs leave VLAN tags on frames that XDP judges. Info: verdicts do not depend on tags.
    VlanStripped = "vlan-stripped", offload::vlan_stripped;
    /// XDP takes frames as long as the MTU allows. Warning.
    Mtu = "mtu", offload::mtu;
    /// Stations of an access point cannot talk to each other past the fence. Warning.
    Wifi = "wifi", offload::wifi;
    /// `local` does not hold the internet. Failure from a /8 (IPv6: a /16) on, else warning.
    LocalTooWide = "local-too-wide", configuration::too_wide;
    /// The networks of the ports' own addresses are `local`. Warning: cameras cannot talk there.
    OnLinkNotLocal = "on-link-not-local", configuration::on_link;
    /// No camera has the MAC of this host. Failure: the host itself is fenced.
    OwnMac = "own-mac", configuration::own_mac;
    /// Cameras can get the time. Info: if no host at home serves it, their clocks drift.
    CameraTime = "camera-time", configuration::camera_time;
    /// Metrics are served on loopback. Info.
    MetricsOpen = "metrics-open", configuration::metrics;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn ids_are_unique_and_in_kebab_case() {
        let ids: BTreeSet<_> = Check::ALL.into_iter().map(Check::id).collect();
        assert_eq!(ids.len(), Check::ALL.len());
        for id in ids {
            assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{id}");
        }
    }

    #[test]
    fn each_says_what_it_looks_at_and_how_bad_it_is() {
        for check in Check::ALL {
            let about = check.about();
            let levels = ["ailure", "arning", "nfo", "nknown"];
            assert!(levels.iter().any(|level| about.contains(level)), "{about}");
            assert!(!about.contains('|'), "a table's cell: {about}");
        }
    }
}
