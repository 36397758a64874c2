//! The configuration: TOML text, then keys and values, then a [`Config`] that means something.
//! Changing the file from the command line is [`edit`]; writing it safely, [`mod@write`].

mod display;
pub mod edit;
mod error;
mod presets;
mod raw;
mod suggest;
mod validate;
pub mod write;

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, Read},
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
    path::{Path, PathBuf},
    time::Duration,
};

use camfence_common::{limits::DEFAULT_LEDGER_ENTRIES, mac::Mac};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use self::error::Lines;
pub(crate) use self::{display::network, error::quoted, validate::suggestion};
pub use self::{
    error::{ConfigError, Problem},
    presets::{PRESETS, Preset},
    validate::{NAME_MAX_BYTES, check_mac, check_name, read_name, read_traffic},
};

/// Where the configuration is unless the command line says otherwise.
pub const DEFAULT_PATH: &str = "/etc/camfence/camfence.toml";

/// The profile that exists without being written, and is always the first.
pub const DEFAULT_PROFILE: &str = "default";

/// Largest file that is read, so that naming a device or a capture by mistake does no harm. Room
/// for more cameras than a fence can have.
pub const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// Shortest time that the history can be kept.
pub const MIN_KEEP: Duration = Duration::from_hours(24);

/// Longest time that the history can be kept: ten years.
pub const MAX_KEEP: Duration = Duration::from_hours(24 * 3653);

/// How long it is kept if the configuration does not say: this month and the same one a year ago.
pub const DEFAULT_KEEP: Duration = Duration::from_hours(24 * 400);

/// Least bytes that the history can be given.
pub const MIN_HISTORY_BYTES: u64 = 16 * 1024 * 1024;

/// Most bytes that the history can be given.
pub const MAX_HISTORY_BYTES: u64 = 64 * 1024 * 1024 * 1024;

/// How many bytes it may have if the configuration does not say.
pub const DEFAULT_HISTORY_BYTES: u64 = 256 * 1024 * 1024;

/// A configuration without mistakes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from.
    pub path: PathBuf,
    /// `[fence]`.
    pub fence: Fence,
    /// `[profile.NAME]`, [`DEFAULT_PROFILE`] first and the others by name, so that moving tables
    /// about in the file changes nothing.
    pub profiles: Vec<Profile>,
    /// `[[camera]]`, in the order of the file.
    pub cameras: Vec<Camera>,
    /// `[interface.NAME]`, by name: what differs on a port, or on all ports of a bridge.
    pub interfaces: BTreeMap<String, Interface>,
    /// `[ledger]`.
    pub ledger: Ledger,
    /// `[history]`.
    pub history: History,
    /// `[networks]`.
    pub networks: Networks,
    /// `[log]`; without it what is dropped is not logged.
    pub log: Option<DenyLog>,
    /// `[metrics]`; without it nothing listens.
    pub metrics: Option<Metrics>,
    /// `[page]`; without it there is none.
    pub page: Option<Page>,
}

impl Profile {
    /// A profile with its local networks and nothing else said.
    pub fn new(name: impl Into<String>, local: Local) -> Self {
        Self {
            name: name.into(),
            local,
            allow: Vec::new(),
            dns: Dns::Pass,
            port_mapping: Guard::Pass,
            rogue: Guard::Deny,
        }
    }
}

/// What holds for the fence as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// Interfaces to stand on; a bridge means its ports. May be empty: `replay` and `check` need
    /// none.
    pub interfaces: Vec<String>,
    /// Where in the kernel to attach.
    pub hook: Hook,
    /// What happens to frames of devices that are not registered.
    pub unknown: Unknown,
    /// Whether verdicts are carried out.
    pub mode: Mode,
    /// Cameras the kernel's tables have room for, 1 to
    /// [`MAX_CAMERAS`](camfence_common::limits::MAX_CAMERAS).
    pub max_cameras: u32,
}

/// Where in the kernel the fence attaches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hook {
    /// Native XDP on hardware, TC on virtual interfaces.
    #[default]
    Auto,
    /// Native XDP, or an error.
    Xdp,
    /// TC.
    Tc,
    /// Generic XDP, which is never chosen unasked.
    XdpGeneric,
}

impl Hook {
    /// Every hook, in the order the documentation lists them.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Xdp, Self::Tc, Self::XdpGeneric];

    /// The word the configuration uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Xdp => "xdp",
            Self::Tc => "tc",
            Self::XdpGeneric => "xdp-generic",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What happens to frames of devices that are not registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// They pass.
    #[default]
    Pass,
    /// They are dropped: the port is sealed.
    Drop,
    /// They are judged as a camera's, by the profile at this place in [`Config::profiles`].
    Profile(usize),
}

/// What differs on an interface from what `[fence]` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interface {
    /// Where in the kernel to attach.
    pub hook: Option<Hook>,
    /// What happens to frames of devices that are not registered.
    pub unknown: Option<Unknown>,
}

/// Whether verdicts are carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// They are.
    #[default]
    Enforce,
    /// They are counted, and every frame passes.
    Audit,
}

impl Mode {
    /// Every mode, in the order the documentation lists them.
    pub const ALL: [Self; 2] = [Self::Enforce, Self::Audit];

    /// The name in the configuration and in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enforce => "enforce",
            Self::Audit => "audit",
        }
    }
}

/// A named policy that cameras share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Unique among profiles.
    pub name: String,
    /// What its cameras may reach.
    pub local: Local,
    /// What else they may reach, presets written out, at most
    /// [`MAX_ALLOWANCES`](camfence_common::limits::MAX_ALLOWANCES).
    pub allow: Vec<Allowance>,
    /// Which names they may ask DNS servers for.
    pub dns: Dns,
    /// Whether they may ask a router to open a port.
    pub port_mapping: Guard,
    /// Whether they may act as a router or a DHCP server.
    pub rogue: Guard,
}

/// An exception for a destination, protocol and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The entry it comes from, as it is written.
    pub text: String,
    /// The protocol.
    pub protocol: Protocol,
    /// Ports of the peer; none for all, and for protocols without ports.
    pub ports: Option<RangeInclusive<u16>>,
    /// The peer; none for any.
    pub to: Option<IpNet>,
}

/// The protocol of an allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP in IPv4, ICMPv6 in IPv6.
    Icmp,
    /// Another, by its number.
    Number(u8),
}

/// Whether a guard lets its frames on to the other rules or drops them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// They are judged like others.
    Pass,
    /// They are dropped wherever they go.
    Deny,
}

/// Which names a camera may ask DNS servers for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Dns {
    /// Any; queries are judged like other frames.
    #[default]
    Pass,
    /// None.
    Deny,
    /// Those of a list, at most [`MAX_DNS_NAMES`](camfence_common::limits::MAX_DNS_NAMES), over UDP.
    Only(Vec<DnsName>),
}

/// A name, or all names below one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DnsName {
    /// The name, in lower case, labels parted by dots, without one at the end. Labels consist of
    /// letters, digits, `-` and `_`.
    pub name: String,
    /// Whether what is meant are the names below it (`*.`), and not itself.
    pub below: bool,
}

/// Destinations a profile treats as home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Local {
    /// Networks, in the order written, without host bits.
    pub prefixes: Vec<IpNet>,
    /// Whether the networks of the port's own bridge or VLAN are added, as they change.
    pub auto: bool,
}

impl Default for Local {
    /// The private networks of RFC 1918 and RFC 4193.
    fn default() -> Self {
        let v4 = |a, b, len| IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, 0, 0), len));
        let unique_local = Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0);
        let v6 = IpNet::V6(Ipv6Net::new_assert(unique_local, 7));
        Self { prefixes: vec![v4(10, 0, 8), v4(172, 16, 12), v4(192, 168, 16), v6], auto: false }
    }
}

/// A registered camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Camera {
    /// Unique among cameras.
    pub mac: Mac,
    /// Unique among cameras, and never something that reads as a MAC.
    pub name: String,
    /// Its place in [`Config::profiles`].
    pub profile: usize,
    /// Addresses, as networks of one, and networks it may send from; empty for any. At most
    /// [`MAX_BOUND`](camfence_common::limits::MAX_BOUND) of each family.
    pub addresses: Vec<IpNet>,
    /// Whether its verdicts are carried out; [`Mode::Audit`] if that is the fence's mode.
    pub mode: Mode,
}

/// How much is remembered of whom cameras talk to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// Flows the kernel's table has room for,
    /// [`MIN_LEDGER_ENTRIES`](camfence_common::limits::MIN_LEDGER_ENTRIES) to
    /// [`MAX_LEDGER_ENTRIES`](camfence_common::limits::MAX_LEDGER_ENTRIES).
    pub entries: u32,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { entries: DEFAULT_LEDGER_ENTRIES }
    }
}

/// What is kept of what was counted, over restarts and reboots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Whether anything is.
    pub enabled: bool,
    /// The database; none for the usual one.
    pub path: Option<PathBuf>,
    /// For how long: a whole number of seconds, [`MIN_KEEP`] to [`MAX_KEEP`].
    pub keep: Duration,
    /// How many bytes the database may have, [`MIN_HISTORY_BYTES`] to [`MAX_HISTORY_BYTES`].
    pub max_size: u64,
}

impl Default for History {
    fn default() -> Self {
        Self { enabled: true, path: None, keep: DEFAULT_KEEP, max_size: DEFAULT_HISTORY_BYTES }
    }
}

/// Databases in MaxMind's format that tell of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// In which country they are.
    pub country: Option<PathBuf>,
    /// Whose network they are in.
    pub network: Option<PathBuf>,
}

/// Bytes that a log file may have when the configuration says nothing.
pub const DEFAULT_LOG_BYTES: u64 = 16 * 1024 * 1024;

/// Fewest bytes that a log file may have.
pub const MIN_LOG_BYTES: u64 = 64 * 1024;

/// Most bytes that a log file may have.
pub const MAX_LOG_BYTES: u64 = 16 * 1024 * 1024 * 1024;

/// The log of what is dropped, second by second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DenyLog {
    /// Where it goes.
    pub deny: Sink,
    /// How a line is written.
    pub format: Format,
    /// Bytes that a file has at the most, [`MIN_LOG_BYTES`] to [`MAX_LOG_BYTES`].
    pub max_size: u64,
}

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    /// Standard output.
    Stdout,
    /// systemd's journal.
    Journal,
    /// A file, by its whole path.
    File(PathBuf),
}

/// How a line of a log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Keys and values.
    #[default]
    Logfmt,
    /// One object.
    Json,
}

impl Format {
    /// Every format, in the order the documentation lists them.
    pub const ALL: [Self; 2] = [Self::Logfmt, Self::Json];

    /// The word the configuration uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Logfmt => "logfmt",
            Self::Json => "json",
        }
    }
}

/// The metrics endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where it listens.
    pub listen: SocketAddr,
}

/// The page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file with the token that opens it, an absolute path. Without one the address is loopback.
    pub token_file: Option<PathBuf>,
    /// Whether the fence can be changed on it.
    pub changes: bool,
}

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(path, &read(path)?)
    }

    /// Checks the text of a file; the path is only for error messages and [`Config::path`].
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let lines = Lines::new(text);
        let raw = raw::parse(text, &lines).map_err(|problem| ConfigError::one(path, problem))?;
        Self::check(path, raw, &lines)
    }

    /// Checks what was read of a file.
    fn check(path: &Path, raw: raw::RawConfig, lines: &Lines) -> Result<Self, ConfigError> {
        validate::validate(path, raw, lines)
            .map_err(|problems| ConfigError { path: path.to_owned(), problems })
    }

    /// The profile of a camera of this configuration.
    pub fn profile_of(&self, camera: &Camera) -> &Profile {
        &self.profiles[camera.profile]
    }
}

/// The text of a configuration file, which may be at most [`MAX_FILE_BYTES`] long.
pub fn read(path: &Path) -> Result<String, ConfigError> {
    let refuse = |problem| ConfigError::one(path, problem);
    let bytes = read_bounded(path).map_err(|error| refuse(unreadable(&error)))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        let what = format!("this file is larger than {MAX_FILE_BYTES} bytes");
        return Err(refuse(Problem::new(what, "check that it is the file you meant")));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.split(|&byte| byte == b'\n').count();
        let problem = Problem::new("this is not UTF-8 text", "save the file as UTF-8");
        refuse(Problem { line: Some(line), ..problem })
    })
}

/// Reads one byte more than is allowed, so that the caller can tell.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(error: &io::Error) -> Problem {
    let (what, hint) = match error.kind() {
        io::ErrorKind::NotFound => {
            ("there is no such file", "create it, or name another with --config")
        }
        io::ErrorKind::PermissionDenied => {
            ("no permission to read this file", "run as root, or change the file's permissions")
        }
        io::ErrorKind::IsADirectory => {
            ("this is a directory, not a file", "name the file in it with --config")
        }
        _ => {
            return Problem::new(
                format!("cannot read this file: {error}"),
                "check the path, or name another file with --config",
            );
        }
    };
    Problem::new(what, hint)
}

#[cfg(test)]
mod tests;
