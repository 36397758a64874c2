//! Named network namespaces that clean up after themselves.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, panic, thread};

use anyhow::{Context as _, Result, bail, ensure};
use nix::net::if_::if_nametoindex;
use nix::sched::{CloneFlags, setns};

use crate::ethtool;
use crate::leftovers::{self, NETNS_DIR};

/// How long an interface may take to come up.
const LINK_TIMEOUT: Duration = Duration::from_secs(3);

/// What makes a namespace usable at once and quiet: IPv6 addresses without duplicate address
/// detection, no router solicitations, no reverse path filter.
const SYSCTLS: [(&str, &str); 9] = [
    ("net/ipv6/conf/all/accept_dad", "0"),
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv6/conf/all/dad_transmits", "0"),
    ("net/ipv6/conf/default/dad_transmits", "0"),
    ("net/ipv6/conf/all/router_solicitations", "0"),
    ("net/ipv6/conf/default/router_solicitations", "0"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    // A test that floods must not be told to slow down.
    ("net/ipv4/icmp_ratelimit", "0"),
];

/// A network namespace of its own, with the loopback up. Dropping it takes its name away;
/// the kernel removes it, with the interfaces in it, after its last socket and process.
#[derive(Debug)]
pub struct Netns {
    name: String,
    file: File,
}

impl Netns {
    /// Makes the namespace `cf-LABEL-PID-HEX`. Removes what killed runs left, first.
    pub fn new(label: &str) -> Result<Self> {
        leftovers::sweep();
        let name = leftovers::unique_name(label);
        finish(Command::new("ip").args(["netns", "add", &name]), "")?;
        let path = Path::new(NETNS_DIR).join(&name);
        let file = File::open(&path).inspect_err(|_| leftovers::unname(&path))?;
        let namespace = Self { name, file };
        for (key, value) in SYSCTLS {
            namespace.sysctl(key, value)?;
        }
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// The name that `ip netns` lists.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for the namespace.
    pub fn path(&self) -> PathBuf {
        Path::new(NETNS_DIR).join(&self.name)
    }

    /// Runs `work` on a fresh thread inside the namespace. What it makes there, a socket for
    /// one, stays in the namespace wherever it is used later; a process it starts runs there.
    ///
    /// # Panics
    /// When `work` does, with the same message; or when the namespace cannot be entered.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            setns(&self.file, CloneFlags::CLONE_NEWNET).expect("entering a namespace needs root");
            work()
        };
        let result = thread::scope(|scope| scope.spawn(inside).join());
        result.unwrap_or_else(|panic| panic::resume_unwind(panic))
    }

    /// A command that will run inside the namespace but with this process's mounts, so that
    /// `/sys/fs/bpf` and temporary directories stay visible (`ip netns exec` hides them). Its
    /// `/sys/class/net` is therefore not the namespace's; netlink is.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display())).arg("--").arg(program);
        command
    }

    /// Runs a program in the namespace to its end with `input` on its standard input; gives what it
    /// printed.
    pub fn output(&self, program: &str, arguments: &[&str], input: &str) -> Result<String> {
        self.run(|| finish(Command::new(program).args(arguments), input))
    }

    /// Has an interface join received frames that belong together, as a NIC's driver does. A veth
    /// without an XDP program takes frames that a program redirected to its other end only then.
    pub fn enable_gro(&self, interface: &str) -> Result<()> {
        self.run(|| ethtool::enable_gro(interface))
    }

    /// Runs one command of `ip`, such as `"link set eth0 down"`; gives its output.
    pub fn ip(&self, arguments: &str) -> Result<String> {
        self.run(|| finish(Command::new("ip").args(arguments.split_whitespace()), ""))
    }

    /// Runs one command of `bridge`, such as `"vlan add dev port-driveway vid 20"`.
    pub fn bridge(&self, arguments: &str) -> Result<String> {
        self.run(|| finish(Command::new("bridge").args(arguments.split_whitespace()), ""))
    }

    /// Runs many commands of `ip` in one process; stops at the first that fails.
    pub fn ip_batch(&self, lines: &[String]) -> Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let script = lines.join("\n") + "\n";
        self.run(|| finish(Command::new("ip").args(["-batch", "-"]), &script))
            .with_context(|| format!("in namespace {}, of\n{script}", self.name))?;
        Ok(())
    }

    /// Sets a sysctl of the namespace, its name written with slashes: `net/ipv4/ip_forward`.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = Path::new("/proc/sys").join(key);
        self.run(|| fs::write(&path, value)).with_context(|| format!("sysctl {key}={value}"))
    }

    /// The index of an interface.
    pub fn ifindex(&self, interface: &str) -> Result<u32> {
        self.run(|| if_nametoindex(interface))
            .with_context(|| format!("no interface {interface} in {}", self.name))
    }

    /// The counters that the kernel keeps for an interface: the object `stats64` of
    /// `ip -s -j link`, with `rx` and `tx`, each with `packets`, `bytes`, `dropped`.
    pub fn link_stats(&self, interface: &str) -> Result<serde_json::Value> {
        let text = self.ip(&format!("-s -j link show dev {interface}"))?;
        let mut links: serde_json::Value = serde_json::from_str(&text)?;
        Ok(links[0]["stats64"].take())
    }

    /// Waits until the interfaces carry frames and the addresses answer, which they may not do
    /// yet right after `ip link set … up` and `ip addr add`: the kernel finishes both later.
    pub fn wait_running(&self, interfaces: &[&str]) -> Result<()> {
        let deadline = Instant::now() + LINK_TIMEOUT;
        self.run(|| {
            while !is_settled(interfaces)? {
                ensure!(Instant::now() < deadline, "{interfaces:?} did not come up");
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        })
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        leftovers::unname(&self.path());
    }
}

fn is_settled(interfaces: &[&str]) -> Result<bool> {
    for interface in interfaces {
        if !ethtool::has_link(interface)? {
            return Ok(false);
        }
    }
    // Also without duplicate address detection an address is tentative at first.
    let addresses = fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap_or_default();
    Ok(!addresses.lines().any(is_tentative))
}

/// Whether a line of `if_inet6` (address, index, prefix, scope, flags, name) says so.
fn is_tentative(line: &str) -> bool {
    const IFA_F_TENTATIVE: u32 = 0x40;
    let flags = line.split_whitespace().nth(4).map(|flags| u32::from_str_radix(flags, 16));
    flags.is_some_and(|flags| flags.is_ok_and(|flags| flags & IFA_F_TENTATIVE != 0))
}

/// Runs `command` to its end with `input` on its standard input; gives what it printed.
fn finish(command: &mut Command, input: &str) -> Result<String> {
    let shown = format!("{command:?}");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("starting {shown}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A child that ended early says why on its standard error.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{shown}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
