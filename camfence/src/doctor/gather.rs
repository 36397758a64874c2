//! Looks at the machine. Judges nothing, changes nothing, and goes on where it may not look.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use camfence_common::reason::Direction;

use super::seen::{
    ConfigurationFile, Daemon, Fence as SeenFence, LiveCamera, Looked, Network, Port, Seen, Up,
};
use crate::{
    config::Config,
    daemon::{
        client,
        protocol::{Request, Response},
    },
    fence::{Fence, FenceError, Standing},
    kernel::{
        KernelError, features, flowtables::flowtables, links::own_programs, netlink::Netlink,
        offload, root::Root,
    },
    policy::topology::Link,
};

/// May be written to by anybody, and: only owners may remove files (`linux/stat.h`).
const WRITABLE_BY_ALL: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// What is to be looked at.
#[derive(Debug)]
pub struct Place<'a> {
    /// The configuration file.
    pub config: &'a Path,
    /// The pin root.
    pub root: &'a Root,
    /// The fence under it.
    pub fence: &'a Fence,
}

/// Looks at everything. Needs a tokio runtime.
pub async fn look(place: &Place<'_>) -> Seen {
    let configuration = configuration(place.config);
    let content = configuration.content.as_ref().ok();
    let network = network(content).await.map_err(in_words);
    let fence = fence(place, content).await;
    Seen {
        system: features::system(place.root),
        root: features::pin_root(place.root.path()),
        fence,
        network,
        daemon: daemon(place).await,
        configuration,
    }
}

fn in_words(error: impl std::error::Error) -> String {
    error.to_string()
}

fn configuration(path: &Path) -> ConfigurationFile {
    ConfigurationFile {
        path: path.into(),
        content: Config::load(path),
        open_to_all: open_to_all(path).map_err(in_words),
    }
}

/// The file and its directory, where everybody may write to them.
fn open_to_all(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    let file = path.canonicalize()?;
    let mut open = Vec::new();
    for path in [Some(file.as_path()), file.parent()].into_iter().flatten() {
        let mode = fs::metadata(path)?.mode();
        // In a sticky directory others' files cannot be replaced.
        if mode & WRITABLE_BY_ALL != 0 && mode & STICKY == 0 {
            open.push(path.to_path_buf());
        }
    }
    Ok(open)
}

async fn network(config: Option<&Config>) -> Result<Network, KernelError> {
    let netlink = Netlink::connect()?;
    let interfaces = netlink.interfaces().await?;
    let links: Vec<Link> = interfaces.iter().map(|interface| interface.link.clone()).collect();
    let mut network = Network {
        interfaces,
        prefixes: netlink.prefixes().await?,
        forwarding: netlink.forwarding().await.map_err(in_words),
        neighbours: netlink.neighbours().await.map_err(in_words),
        flowtables: flowtables().map_err(in_words),
        wireless: offload::wireless().await.map_err(in_words),
        hooks: Vec::new(),
        offloads: Ok(Vec::new()),
    };
    for port in config.map(|config| network.fenced(config)).unwrap_or_default() {
        let Some(port) = links.iter().find(|link| link.index == port) else { continue };
        network.hooks.push(netlink.hooks(port).await);
        let features = offload::features(port).await.map_err(in_words);
        network.offloads = network.offloads.and_then(|mut all| {
            all.push(features?);
            Ok(all)
        });
    }
    Ok(network)
}

async fn fence(place: &Place<'_>, config: Option<&Config>) -> Looked<SeenFence> {
    // Without a configuration there are no ports to ask about; the cameras are in the kernel.
    let nothing = Config::parse(place.config, "").map_err(in_words)?;
    let standing = match place.fence.read(config.unwrap_or(&nothing)).await {
        Ok(standing) => standing,
        Err(FenceError::Kernel(KernelError::Down { .. })) => return Ok(SeenFence::Down),
        Err(FenceError::Kernel(error @ KernelError::OtherAbi { .. })) => {
            return Ok(SeenFence::OtherVersion { what: error.to_string() });
        }
        Err(error) => return Err(error.to_string()),
    };
    let differences = match config {
        Some(config) => place.fence.differences(config).await.map_err(in_words),
        None => Err("there is no usable configuration".into()),
    };
    let own = own_programs(place.root).map_err(in_words)?;
    Ok(SeenFence::Up(Box::new(Up {
        cameras: cameras(&standing),
        ports: ports(&standing),
        max_cameras: differences.as_ref().map_or(0, |found| found.room.cameras),
        ledger_entries: differences.as_ref().map_or(0, |found| found.room.flows),
        policy_is_current: differences.map(|found| !found.policy),
        linked: place.root.linked().map_err(in_words)?,
        own_programs: own,
    })))
}

fn cameras(standing: &Standing) -> Vec<LiveCamera> {
    let cameras = standing.cameras.iter();
    cameras
        .map(|(mac, live)| LiveCamera { mac: *mac, mode: live.mode, opened: live.opened })
        .collect()
}

fn ports(standing: &Standing) -> Vec<Port> {
    let ports = standing.ports.iter();
    ports
        .map(|port| Port {
            name: port.name.clone(),
            ifindex: port.ifindex,
            attached: Direction::ALL.map(|direction| port.attached(direction)),
            doubt: Direction::ALL.map(|direction| port.side(direction).doubt.clone()),
        })
        .collect()
}

async fn daemon(place: &Place<'_>) -> Looked<Daemon> {
    match client::request(place.root.path(), place.config, &Request::Ping).await {
        Ok(None) => Ok(Daemon::Absent),
        Ok(Some(Response::Ok(_))) => Ok(Daemon::Runs),
        Ok(Some(Response::Error(failure))) => Ok(Daemon::Refuses { why: failure.message }),
        Err(error) => Err(error.to_string()),
    }
}
