//! Sizes that kernel and userspace agree on.

/// Most cameras one fence can hold, whatever the configuration asks for.
pub const MAX_CAMERAS: u32 = 65_536;

/// Cameras the maps are made for when the configuration says nothing.
pub const DEFAULT_MAX_CAMERAS: u32 = 1_024;

/// Most profiles, the one named `default` included.
pub const MAX_PROFILES: usize = 256;

/// Most local prefixes of one profile, counted separately for IPv4 and IPv6.
pub const MAX_LOCAL_PREFIXES: usize = 64;

/// Most allowances of one profile, presets counted as what they stand for.
pub const MAX_ALLOWANCES: usize = 64;

/// Most names that one profile lets DNS queries ask for.
pub const MAX_DNS_NAMES: usize = 64;

/// Most addresses or networks bound to one camera, counted separately for IPv4 and IPv6.
pub const MAX_BOUND: usize = 4;

/// Most ports that have a policy for unknown sources other than to let them pass.
pub const MAX_STRANGER_PORTS: u32 = 128;

/// Unknown sources that are remembered; of more, those seen last.
pub const MAX_SIGHTINGS: u32 = 1_024;

/// Fewest entries of the ledger that a configuration can ask for.
pub const MIN_LEDGER_ENTRIES: u32 = 1_024;

/// Entries of the ledger when the configuration says nothing.
pub const DEFAULT_LEDGER_ENTRIES: u32 = 16_384;

/// Most entries of the ledger that a configuration can ask for.
pub const MAX_LEDGER_ENTRIES: u32 = 1_048_576;

/// First contacts that each CPU tells in a second.
pub const MAX_TOLD_CONTACTS: u32 = 1_000;

/// New unknown sources that each CPU tells in a second.
pub const MAX_TOLD_STRANGERS: u32 = 256;

/// DNS answers that each CPU tells in a second.
pub const MAX_TOLD_ANSWERS: u32 = 256;

const _: () = assert!(DEFAULT_MAX_CAMERAS <= MAX_CAMERAS);
const _: () = assert!(MIN_LEDGER_ENTRIES <= DEFAULT_LEDGER_ENTRIES);
const _: () = assert!(DEFAULT_LEDGER_ENTRIES <= MAX_LEDGER_ENTRIES);
