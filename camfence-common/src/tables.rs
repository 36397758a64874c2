//! What a verdict looks up.

use crate::{
    abi::{Camera, Prefix4, Prefix6, Profile},
    limits::MAX_ALLOWANCES,
    mac::Mac,
    verifier::{Unknown, forget, low8, low16, settle},
    wire::{Parsed, dns::Name},
};

/// The tables that userspace fills: BPF maps in the kernel, plain memory in a test.
pub trait Tables {
    /// The camera registered under a MAC, or else what stands for unknown sources on the port, whose
    /// interface index is asked for only if some port has such an entry. Both are of one policy.
    /// `None` for a bystander.
    fn camera(&self, mac: Mac, port: impl FnOnce() -> u32) -> Option<&Camera>;

    /// A profile that was written; `None` otherwise.
    fn profile(&self, index: u32) -> Option<&Profile>;

    /// Whether a profile lists a name, which `read` puts down and says the length of.
    fn lists_name(&self, profile: u32, read: impl FnOnce(&mut Name) -> Parsed<usize>) -> bool;

    /// Until when the camera of a slot is opened, in nanoseconds since boot; 0 if it is not.
    fn deadline(&self, slot: u32) -> u64;

    /// Nanoseconds since boot, suspension included.
    fn now(&self) -> u64;
}

impl Prefix4 {
    /// Whether an address (wire order) is in the prefix.
    #[inline(always)]
    pub const fn contains(&self, address: u32) -> bool {
        address & self.mask == self.network
    }
}

impl Prefix6 {
    /// Whether an address (wire order) is in the prefix.
    ///
    /// Without a branch between the halves: with one, LLVM lays a loop over prefixes out so that
    /// it falls into its head from above, which 5.10 and 6.1 refuse ("back-edge"; 6.12 does not).
    #[inline(always)]
    pub const fn contains(&self, address: [u64; 2]) -> bool {
        let high = (address[0] & self.mask[0]) ^ self.network[0];
        let low = (address[1] & self.mask[1]) ^ self.network[1];
        high | low == 0
    }
}

impl Camera {
    /// Whether an IPv4 address (wire order) is bound to the camera.
    #[inline(always)]
    pub fn has_bound4(&self, address: u32, unknown: Unknown) -> bool {
        let found = self.bound4.iter().any(|prefix| prefix.contains(address));
        settle(found, unknown)
    }

    /// Whether an IPv6 address (wire order) is bound to the camera.
    #[inline(always)]
    pub fn has_bound6(&self, address: [u64; 2], unknown: Unknown) -> bool {
        let found = self.bound6.iter().any(|prefix| prefix.contains(address));
        settle(found, unknown)
    }
}

impl Profile {
    /// Whether an IPv4 address (wire order) is local.
    #[inline(always)]
    pub fn is_local4(&self, address: u32, unknown: Unknown) -> bool {
        let len = usize::from(self.local4_len);
        let found = self.local4.iter().take(len).any(|prefix| prefix.contains(address));
        settle(found, unknown)
    }

    /// Whether an IPv6 address (wire order) is local.
    #[inline(always)]
    pub fn is_local6(&self, address: [u64; 2], unknown: Unknown) -> bool {
        let len = usize::from(self.local6_len);
        let found = self.local6.iter().take(len).any(|prefix| prefix.contains(address));
        settle(found, unknown)
    }

    /// The allowances whose destination an IPv4 address (wire order) is in.
    #[inline(always)]
    pub fn allowances4(&self, address: u32, unknown: Unknown) -> Allowances {
        let fits = |index: usize| self.to4.get(index).is_some_and(|to| to.contains(address));
        self.allowances(fits, unknown)
    }

    /// The allowances whose destination an IPv6 address (wire order) is in.
    #[inline(always)]
    pub fn allowances6(&self, address: [u64; 2], unknown: Unknown) -> Allowances {
        let fits = |index: usize| self.to6.get(index).is_some_and(|to| to.contains(address));
        self.allowances(fits, unknown)
    }

    #[inline(always)]
    fn allowances(&self, fits: impl Fn(usize) -> bool, unknown: Unknown) -> Allowances {
        let mut set = 0;
        for index in 0..usize::from(self.allow_len).min(MAX_ALLOWANCES) {
            set = forget(set | usize::from(fits(index)) << index, unknown);
        }
        Allowances(set)
    }

    /// What those allowances say of a packet.
    #[inline(always)]
    pub fn allows(&self, Allowances(set): Allowances, what: Carried, unknown: Unknown) -> Allowed {
        let what = what.settle(unknown);
        let (port, is_known) = (what.port.unwrap_or(0), what.port.is_some());
        let mut found = 0;
        for index in 0..usize::from(self.allow_len).min(MAX_ALLOWANCES) {
            let Some(service) = self.services.get(index) else { break };
            if set >> index & 1 != 0 && service.protocol[what.column] == what.protocol {
                if service.has_ports == 0 {
                    found |= YES;
                } else if !is_known {
                    found |= PORT_UNKNOWN;
                } else if service.first_port <= port && port <= service.last_port {
                    found |= YES;
                }
            }
            found = forget(found, unknown) & (YES | PORT_UNKNOWN);
        }
        match found {
            0 => Allowed::No,
            PORT_UNKNOWN => Allowed::PortUnknown,
            _ => Allowed::Yes,
        }
    }
}

/// What was found so far.
const YES: usize = 1;
const PORT_UNKNOWN: usize = 2;

/// What a packet carries, as allowances see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// The column of its family in [`Service::protocol`](crate::abi::Service::protocol).
    pub column: usize,
    /// The protocol's number.
    pub protocol: u8,
    /// The peer's port, if there is one and it is here.
    pub port: Option<u16>,
}

impl Carried {
    /// Has it settled; see [`crate::verifier`].
    #[inline(always)]
    fn settle(self, unknown: Unknown) -> Self {
        const COLUMN: u32 = 8;
        const KNOWN: u32 = 9;
        const PORT: u32 = 16;
        let found = forget(
            usize::from(self.protocol)
                | self.column << COLUMN
                | usize::from(self.port.is_some()) << KNOWN
                | usize::from(self.port.unwrap_or(0)) << PORT,
            unknown,
        );
        Self {
            column: found >> COLUMN & 1,
            protocol: low8(found),
            port: (found >> KNOWN & 1 != 0).then_some(low16(found >> PORT)),
        }
    }
}

/// A set of a profile's allowances: a bit for each, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowances(usize);
const _: () = assert!(MAX_ALLOWANCES <= 64 && size_of::<usize>() == 8);

impl Allowances {
    /// None.
    pub const NONE: Self = Self(0);

    /// Has it settled; see [`crate::verifier`].
    #[inline(always)]
    #[must_use]
    pub fn settle(self, unknown: Unknown) -> Self {
        Self(forget(self.0, unknown))
    }
}

/// What allowances say of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// One allows it.
    Yes,
    /// One would if the packet's port were known.
    PortUnknown,
    /// None does.
    No,
}
