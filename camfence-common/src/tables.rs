//! What a verdict looks up.

use crate::{
    abi::{Camera, Prefix4, Prefix6, Profile},
    mac::Mac,
    verifier::settle,
};

/// The tables that userspace fills: BPF maps in the kernel, plain memory in a test.
pub trait Tables {
    /// The camera registered under a MAC; `None` for a bystander.
    fn camera(&self, mac: Mac) -> Option<Camera>;

    /// A profile that was written; `None` otherwise.
    fn profile(&self, index: u32) -> Option<&Profile>;
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

impl Profile {
    /// Whether an IPv4 address (wire order) is local.
    #[inline(always)]
    pub fn is_local4(&self, address: u32) -> bool {
        let len = usize::from(self.local4_len);
        let found = self.local4.iter().take(len).any(|prefix| prefix.contains(address));
        settle(found, u64::from(address))
    }

    /// Whether an IPv6 address (wire order) is local.
    #[inline(always)]
    pub fn is_local6(&self, address: [u64; 2]) -> bool {
        let len = usize::from(self.local6_len);
        let found = self.local6.iter().take(len).any(|prefix| prefix.contains(address));
        settle(found, address[0])
    }
}
