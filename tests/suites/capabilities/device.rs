//! Interfaces of each kind, one at a time in a namespace.

use anyhow::Result;
use camfence_tests::{Netns, kernel};

/// A kind of interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Device {
    Veth,
    /// A veth on a bridge.
    BridgePort,
    /// A bridge that sorts by VLAN.
    Bridge,
    /// A VLAN of a veth.
    Vlan,
    /// A VLAN of a bridge.
    VlanOfBridge,
    Dummy,
    /// A bond without ports.
    Bond,
    Loopback,
}

const VETH: &str = "v0";
const PEER: &str = "v1";

impl Device {
    /// The interface.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Veth | Self::BridgePort => VETH,
            Self::Bridge => "br0",
            Self::Vlan => "v0.20",
            Self::VlanOfBridge => "br0.20",
            Self::Dummy => "d0",
            Self::Bond => "bond0",
            Self::Loopback => "lo",
        }
    }

    /// Makes it; or gives the kernel's answer, if it has not the kind.
    pub(crate) fn make(self, netns: &Netns) -> Result<Option<String>> {
        let veth = format!("link add {VETH} up type veth peer name {PEER}");
        let bridge = "link add br0 up type bridge vlan_filtering 1".to_owned();
        let commands = match self {
            Self::Veth => vec![veth],
            Self::BridgePort => vec![veth, bridge, format!("link set {VETH} master br0")],
            Self::Bridge => vec![bridge],
            Self::Vlan => vec![veth, format!("link add link {VETH} name v0.20 type vlan id 20")],
            Self::VlanOfBridge => {
                vec![bridge, "link add link br0 name br0.20 type vlan id 20".to_owned()]
            }
            Self::Dummy => vec!["link add d0 type dummy".to_owned()],
            Self::Bond => vec!["link add bond0 type bond mode active-backup".to_owned()],
            Self::Loopback => vec![],
        };
        let made = commands.iter().try_for_each(|command| netns.ip(command).map(drop));
        let up = format!("link set {} up", self.name());
        kernel::refusal(made.and_then(|()| netns.ip(&up).map(drop)))
    }

    /// Gives a veth and its peer an MTU beyond a page.
    pub(crate) fn enlarge(self, netns: &Netns) -> Result<()> {
        for end in [PEER, self.name()] {
            netns.ip(&format!("link set {end} mtu 9000"))?;
        }
        Ok(())
    }
}
