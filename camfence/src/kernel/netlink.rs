//! What rtnetlink says about interfaces. Reads only; aya itself attaches.
//!
//! Netlink rather than /sys: it speaks of the network namespace this process is in, whatever is
//! mounted.

use std::{collections::BTreeMap, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use ipnet::IpNet;
use netlink_packet_route::{
    address::AddressAttribute,
    link::{InfoKind, LinkAttribute, LinkInfo, LinkLayerType, LinkMessage, LinkXdp, XdpAttached},
    tc::{TcAttribute, TcFilterBpfOption, TcMessage, TcOption},
};
use rtnetlink::MulticastGroup;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType};
use tokio::{
    runtime::{self, Runtime},
    sync::Mutex,
    time::sleep,
};
use tracing::warn;

use super::error::{KernelError, Result, Tried as _};
use crate::policy::topology::{Kind, Link, Xdp, XdpMode};

/// Tells when an interface, an address or a TC filter has changed.
#[derive(Default)]
pub struct Watch {
    changes: Option<Changes>,
}

type Changes = Pin<Box<dyn Stream<Item = ()> + Send>>;

/// How long to wait before a connection is tried again.
const RECONNECT: Duration = Duration::from_secs(1);

/// Messages that are one change if they are there at the same time.
const BATCH: usize = 1024;

impl Watch {
    /// One that is not connected yet. Needs a tokio runtime from when it is first waited for.
    pub fn new() -> Self {
        Self::default()
    }

    /// Waits until something has changed; what changed at the same time is one change. A connection
    /// that ends, as when the kernel had more to tell than there was room for, is made again, which
    /// is a change as well. May be cancelled.
    pub async fn changed(&mut self) {
        if let Some(changes) = &mut self.changes {
            if changes.next().await.is_none() {
                self.changes = None;
            }
            return;
        }
        match subscribe() {
            Ok(changes) => self.changes = Some(changes),
            Err(error) => {
                warn!("{error}");
                sleep(RECONNECT).await;
            }
        }
    }
}

fn subscribe() -> Result<Changes> {
    let groups = [
        MulticastGroup::Link,
        MulticastGroup::Tc,
        MulticastGroup::Ipv4Ifaddr,
        MulticastGroup::Ipv6Ifaddr,
    ];
    let connected = rtnetlink::new_multicast_connection(&groups);
    let (connection, _, messages) = connected.tried(|| "following interfaces".into())?;
    tokio::spawn(connection);
    Ok(Box::pin(messages.ready_chunks(BATCH).map(|_| ())))
}

/// A runtime for the calling thread alone.
pub fn runtime() -> Result<Runtime> {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_all().build().tried(|| "making a runtime".into())
}

/// What an interface is called now; none if it is gone.
pub fn interface_name(ifindex: u32) -> Option<String> {
    let flags = SocketFlags::CLOEXEC;
    let socket = net::socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None).ok()?;
    net::netdevice::index_to_name(&socket, ifindex).ok()
}

/// A connection to rtnetlink.
#[derive(Debug, Clone)]
pub struct Netlink {
    handle: rtnetlink::Handle,
    /// Held while a list is read: the kernel refuses (EBUSY) to begin another on the same socket.
    listing: Arc<Mutex<()>>,
}

impl Netlink {
    /// Connects. Needs a tokio runtime, on which the connection lives.
    pub fn connect() -> Result<Self> {
        let (connection, handle, _) =
            rtnetlink::new_connection().tried(|| "connecting to rtnetlink".into())?;
        tokio::spawn(connection);
        Ok(Self { handle, listing: Arc::default() })
    }

    /// For what else is asked.
    pub(super) const fn handle(&self) -> &rtnetlink::Handle {
        &self.handle
    }

    /// All interfaces.
    pub async fn links(&self) -> Result<Vec<Link>> {
        let _listing = self.listing.lock().await;
        let messages: Vec<LinkMessage> = self
            .handle
            .link()
            .get()
            .execute()
            .try_collect()
            .await
            .tried(|| "listing interfaces".into())?;
        Ok(messages.iter().filter_map(link).collect())
    }

    /// The prefixes on the link of each interface: those of its addresses, but for link-local
    /// ones, which always pass.
    pub async fn on_link_prefixes(&self) -> Result<BTreeMap<u32, Vec<IpNet>>> {
        let _listing = self.listing.lock().await;
        let mut addresses = self.handle.address().get().execute();
        let mut prefixes: BTreeMap<u32, Vec<IpNet>> = BTreeMap::new();
        while let Some(message) = addresses.try_next().await.tried(|| "listing addresses".into())? {
            let address = message.attributes.iter().find_map(|attribute| match attribute {
                AddressAttribute::Address(address) => Some(*address),
                _ => None,
            });
            let prefix = address
                .filter(|address| !is_link_local(*address))
                .and_then(|address| IpNet::new(address, message.header.prefix_len).ok());
            if let Some(prefix) = prefix {
                prefixes.entry(message.header.index).or_default().push(prefix.trunc());
            }
        }
        Ok(prefixes)
    }

    /// Takes an XDP program off an interface that was attached without a link.
    pub async fn detach_xdp(&self, ifindex: u32) -> Result<()> {
        let mut message = LinkMessage::default();
        message.header.index = ifindex;
        message.attributes.push(LinkAttribute::Xdp(vec![LinkXdp::Fd(-1)]));
        let request = self.handle.link().set(message).execute();
        request.await.tried(|| "taking an XDP program off".into())
    }

    /// The program ids of the BPF filters on one side of an interface's clsact qdisc, with their
    /// handles. Empty if there is no such qdisc.
    pub async fn clsact_programs(
        &self,
        ifindex: u32,
        side: ClsactSide,
    ) -> Result<Vec<ClsactProgram>> {
        let index = i32::try_from(ifindex).map_err(|_| KernelError::Failed {
            what: "listing filters".into(),
            reason: format!("interface index {ifindex} is out of range"),
            errno: None,
        })?;
        let filters = self.handle.traffic_filter(index).get();
        let filters = match side {
            ClsactSide::Ingress => filters.ingress(),
            ClsactSide::Egress => filters.egress(),
        };
        let _listing = self.listing.lock().await;
        let messages: Vec<TcMessage> = match filters.execute().try_collect().await {
            Ok(messages) => messages,
            // What the kernel answers when the qdisc is not there.
            Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -22 => Vec::new(),
            Err(error) => return Err(error).tried(|| "listing filters".into()),
        };
        Ok(messages.iter().filter_map(clsact_program).collect())
    }
}

/// One side of a clsact qdisc.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClsactSide {
    /// What the interface receives.
    Ingress,
    /// What it sends.
    Egress,
}

/// A BPF filter of a clsact qdisc.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClsactProgram {
    /// The filter's handle.
    pub handle: u32,
    /// The filter's priority.
    pub priority: u16,
    /// The program's id.
    pub program: u32,
    /// The program's name, as whoever attached it gave it.
    pub name: String,
}

pub(super) fn link(message: &LinkMessage) -> Option<Link> {
    let mut link = Link {
        index: message.header.index,
        name: String::new(),
        kind: Kind::Hardware,
        ethernet: message.header.link_layer_type == LinkLayerType::Ether,
        master: None,
        lower: None,
        xdp: None,
    };
    let mut lower_elsewhere = false;
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Controller(index) => link.master = Some(*index),
            LinkAttribute::Link(index) => link.lower = Some(*index),
            LinkAttribute::LinkNetNsId(_) => lower_elsewhere = true,
            LinkAttribute::LinkInfo(infos) => link.kind = kind(infos),
            LinkAttribute::Xdp(attributes) => link.xdp = xdp(attributes),
            _ => {}
        }
    }
    // A veth names its peer as what it is stacked on; it is not, wherever the peer lives.
    if lower_elsewhere || link.kind == Kind::Veth {
        link.lower = None;
    }
    (!link.name.is_empty()).then_some(link)
}

fn kind(infos: &[LinkInfo]) -> Kind {
    let kind = infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    });
    match kind {
        None => Kind::Hardware,
        Some(InfoKind::Bridge) => Kind::Bridge,
        Some(InfoKind::Veth) => Kind::Veth,
        Some(_) => Kind::Virtual,
    }
}

fn xdp(attributes: &[LinkXdp]) -> Option<Xdp> {
    let mode = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::Attached(XdpAttached::Driver | XdpAttached::Multiple) => Some(XdpMode::Native),
        LinkXdp::Attached(XdpAttached::SocketBuffer) => Some(XdpMode::Generic),
        LinkXdp::Attached(XdpAttached::Hardware) => Some(XdpMode::Offloaded),
        _ => None,
    })?;
    let program = attributes.iter().find_map(|attribute| match attribute {
        LinkXdp::ProgId(id) => Some(*id),
        _ => None,
    })?;
    Some(Xdp { program, mode })
}

fn clsact_program(message: &TcMessage) -> Option<ClsactProgram> {
    let (mut program, mut name) = (None, String::new());
    let options = message.attributes.iter().filter_map(|attribute| match attribute {
        TcAttribute::Options(options) => Some(options),
        _ => None,
    });
    for option in options.flatten() {
        match option {
            TcOption::Bpf(TcFilterBpfOption::ProgId(id)) => program = Some(*id),
            TcOption::Bpf(TcFilterBpfOption::ProgName(given)) => name.clone_from(given),
            _ => {}
        }
    }
    let priority = u16::try_from(message.header.info >> 16).unwrap_or_default();
    let handle = message.header.handle.into();
    Some(ClsactProgram { handle, priority, program: program?, name })
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unicast_link_local() || address.is_loopback(),
    }
}
