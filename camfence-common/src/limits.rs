//! Sizes that kernel and userspace agree on.

/// Most cameras one fence can hold, whatever the configuration asks for.
pub const MAX_CAMERAS: u32 = 65_536;

/// Cameras the maps are made for when the configuration says nothing.
pub const DEFAULT_MAX_CAMERAS: u32 = 1_024;

/// Most profiles, the one named `default` included.
pub const MAX_PROFILES: usize = 256;

/// Most local prefixes of one profile, counted separately for IPv4 and IPv6.
pub const MAX_LOCAL_PREFIXES: usize = 64;

const _: () = assert!(DEFAULT_MAX_CAMERAS <= MAX_CAMERAS);
