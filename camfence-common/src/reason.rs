//! The registry of reasons: why a frame passed or was dropped.
//!
//! This is the one place a reason is spelled. The kernel's counter index, the metric label, the
//! JSON key and the documentation all come from it.

/// What happens to a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// The frame goes on.
    Pass,
    /// The frame ends here.
    Drop,
}

impl Effect {
    /// The name in JSON keys and metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Drop => "drop",
        }
    }
}

/// Which way a frame goes, as seen from the camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Direction {
    /// From a camera: judged on a port's ingress by source MAC and destination address.
    Outbound = 0,
    /// To a camera: judged on a port's egress by destination MAC and source address.
    Inbound = 1,
}

impl Direction {
    /// Both directions, in the order of their index.
    pub const ALL: [Self; 2] = [Self::Outbound, Self::Inbound];

    /// The name in JSON keys and metric labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Outbound => "outbound",
            Self::Inbound => "inbound",
        }
    }

    /// The index in [`CameraCounters`](crate::abi::CameraCounters).
    pub const fn index(self) -> usize {
        self as usize
    }
}

macro_rules! reasons {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, $effect:ident;)+) => {
        /// Why a frame passed or was dropped.
        ///
        /// The discriminant is the index of the kernel's counters; a new reason, or a new order,
        /// is a new [`ABI`](crate::abi::ABI).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Reason {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Reason {
            /// Every reason, in the order of its index.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The name in JSON keys, metric labels and documentation.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What happens to a frame for this reason.
            pub const fn effect(self) -> Effect {
                match self { $(Self::$variant => Effect::$effect,)+ }
            }

            /// What the reason means, in a sentence.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii(),)+ }
            }
        }
    };
}

reasons! {
    /// The fence was opened for the camera, and its time is not over.
    Opened = "opened", Pass;
    /// From a source that is not registered, on a sealed port.
    Sealed = "sealed", Drop;
    /// Truncated, tagged too deep, or a header length that cannot be.
    Malformed = "malformed", Drop;
    /// ARP, EAPOL, LLDP or 802.11 pre-authentication: a protocol of the link itself.
    Link = "link", Pass;
    /// Neither IPv4, IPv6 nor a protocol of the link.
    EtherType = "ethertype", Drop;
    /// An encapsulation, wherever it goes: what is inside could go anywhere.
    Tunnel = "tunnel", Drop;
    /// An IPv4 source route or an IPv6 routing header: it reaches outside through a local address.
    SourceRoute = "source-route", Drop;
    /// From, or in the name of, an address that is not one of those bound to the camera.
    Spoof = "spoof", Drop;
    /// A DNS query that the profile does not let through.
    Dns = "dns", Drop;
    /// A request to a router to open a port, or a search for one that would.
    PortMapping = "port-mapping", Drop;
    /// A service no camera should offer: router advertisements, redirects, DHCP.
    Rogue = "rogue", Drop;
    /// An address that a router does not forward: link-local, local broadcast or multicast.
    OnLink = "on-link", Pass;
    /// An address in the profile's local networks.
    Local = "local", Pass;
    /// A destination, protocol and port that the profile allows.
    Allowed = "allowed", Pass;
    /// A later fragment of what could be allowed: without its ports, nobody can tell.
    Fragment = "fragment", Drop;
    /// From a camera to an address outside its local networks.
    NotLocal = "not-local", Drop;
    /// To a camera from an address outside its local networks.
    Inbound = "inbound", Drop;
    /// The camera's profile is not in the kernel's table: nothing can be called local.
    NoPolicy = "no-policy", Drop;
}

impl Reason {
    /// How many reasons there are.
    pub const COUNT: usize = Self::ALL.len();

    /// The reasons for which frames are dropped: a bit for each, by index.
    pub(crate) const DROPPED: u32 = {
        let (mut set, mut index) = (0, 0);
        while index < Self::COUNT {
            if matches!(Self::ALL[index].effect(), Effect::Drop) {
                set |= 1 << index;
            }
            index += 1;
        }
        set
    };

    /// The index in [`CameraCounters`](crate::abi::CameraCounters).
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn indices_are_dense_and_names_unique() {
        for (index, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason.index(), index);
            assert!(!reason.description().is_empty());
        }
        let names: BTreeSet<_> = Reason::ALL.into_iter().map(Reason::name).collect();
        assert_eq!(names.len(), Reason::COUNT);
    }
}
