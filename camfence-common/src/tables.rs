//! What a verdict looks up.

use crate::{
    abi::{Camera, MAX_BOUNDS, Prefix4, Prefix6, Profile, SHORT_LIST},
    limits::MAX_ALLOWANCES,
    mac::Mac,
    verifier::{Unknown, forget, forget64, low8, low16, settle},
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
    /// How an IPv4 address (wire order) is treated.
    #[inline(always)]
    pub fn treat4(&self, address: u32, unknown: Unknown) -> Treatment {
        let len = usize::from(self.local4_len);
        if self.allow_len == 0 && len <= SHORT_LIST {
            let local = self.local4.iter().take(len).any(|prefix| prefix.contains(address));
            return Treatment { local: settle(local, unknown), allowances: Allowances::NONE };
        }
        let (zones, address) = (&self.zones4, u32::from_be(address));
        let begins = |bound: usize| zones.bounds.get(bound).is_some_and(|first| *first <= address);
        Treatment::of(search(zones.step, begins, unknown), &zones.local, &zones.allowances)
    }

    /// How an IPv6 address (wire order) is treated.
    #[inline(always)]
    pub fn treat6(&self, address: [u64; 2], unknown: Unknown) -> Treatment {
        let len = usize::from(self.local6_len);
        if self.allow_len == 0 && len <= SHORT_LIST {
            let local = self.local6.iter().take(len).any(|prefix| prefix.contains(address));
            return Treatment { local: settle(local, unknown), allowances: Allowances::NONE };
        }
        let (zones, [high, low]) = (&self.zones6, address.map(u64::from_be));
        let begins = |bound: usize| {
            zones.bounds.get(bound).is_some_and(|[first_high, first_low]| {
                *first_high < high || *first_high == high && *first_low <= low
            })
        };
        Treatment::of(search(zones.step, begins, unknown), &zones.local, &zones.allowances)
    }

    /// What those allowances say of a packet.
    #[inline(always)]
    pub fn allows(&self, Allowances(set): Allowances, what: Carried, unknown: Unknown) -> Allowed {
        let what = what.settle(unknown);
        let set = set & self.of_protocol(what);
        if set == 0 {
            return Allowed::No;
        }
        if set & self.services.portless != 0 {
            return Allowed::Yes;
        }
        let Some(port) = what.port else { return Allowed::PortUnknown };
        if set & self.of_port(port, unknown) == 0 { Allowed::No } else { Allowed::Yes }
    }

    /// The allowances for a packet's protocol.
    #[inline(always)]
    fn of_protocol(&self, what: Carried) -> u64 {
        let services = &self.services;
        let class = services.class_of[what.column & 1][usize::from(what.protocol)];
        services.classes.get(usize::from(class)).copied().unwrap_or(0)
    }

    /// The allowances for a port.
    #[inline(always)]
    fn of_port(&self, port: u16, unknown: Unknown) -> u64 {
        let services = &self.services;
        let begins = |bound: usize| services.bounds.get(bound).is_some_and(|first| *first <= port);
        services.ports.get(search(services.step, begins, unknown)).copied().unwrap_or(0)
    }
}

/// Steps that a search takes at most, and where it can end, as a mask.
const STEPS: u32 = usize::BITS - MAX_BOUNDS.leading_zeros();
const SEARCHED: usize = (1 << STEPS) - 1;

/// How many of some rising bounds are not above what is searched: the zone that it is in. `begins` says
/// whether it is not below the bound of an index; of one that is not there it says no.
#[inline(always)]
fn search(first_step: u16, begins: impl Fn(usize) -> bool, unknown: Unknown) -> usize {
    let (mut zone, mut step) = (0, usize::from(first_step) & SEARCHED);
    for _ in 0..STEPS {
        if step == 0 {
            break;
        }
        let next = zone + step;
        if begins(next - 1) {
            zone = next;
        }
        zone = forget(zone, unknown) & SEARCHED;
        step >>= 1;
    }
    zone
}

/// How a profile treats an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    /// It is in a local network.
    pub local: bool,
    /// The allowances whose destination it is in. Only told of one that is not local.
    pub allowances: Allowances,
}

impl Treatment {
    #[inline(always)]
    fn of(zone: usize, local: &[u64], allowances: &[u64]) -> Self {
        let word = local.get(zone / 64).copied().unwrap_or(0);
        let allowances = allowances.get(zone).copied().unwrap_or(0);
        Self { local: word >> (zone % 64) & 1 != 0, allowances: Allowances(allowances) }
    }
}

/// What a packet carries, as allowances see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// The column of its family in [`Services`](crate::abi::Services).
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
pub struct Allowances(u64);
const _: () = assert!(MAX_ALLOWANCES <= 64);

impl Allowances {
    /// None.
    pub const NONE: Self = Self(0);

    /// Has it settled; see [`crate::verifier`].
    #[inline(always)]
    #[must_use]
    pub fn settle(self, unknown: Unknown) -> Self {
        Self(forget64(self.0, unknown))
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
