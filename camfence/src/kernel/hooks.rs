//! What runs at a port's TC hooks, the fence's own and others'.

use camfence_common::reason::Direction;
use futures_util::TryStreamExt as _;
use netlink_packet_route::tc::{TcAttribute, TcFilterBpfOption, TcMessage, TcOption};

use super::{
    error::{Result, Tried as _},
    netlink::Netlink,
    query::tcx_programs,
};
use crate::{
    doctor::seen::{Filter, Hooks},
    policy::topology::Link,
};

impl Netlink {
    /// What runs at a port's TC hooks.
    pub async fn hooks(&self, port: &Link) -> Hooks {
        let words = |error: super::KernelError| error.to_string();
        let tcx = Direction::ALL.map(|direction| tcx_programs(port, direction));
        let [outbound, inbound] = tcx;
        let tcx = outbound.and_then(|outbound| Ok([outbound, inbound?])).map_err(words);
        Hooks { ifindex: port.index, tcx, filters: self.filters(port).await.map_err(words) }
    }

    async fn filters(&self, port: &Link) -> Result<[Vec<Filter>; 2]> {
        let index = i32::try_from(port.index).unwrap_or_default();
        let ask = || self.handle().traffic_filter(index).get();
        let mut filters = [Vec::new(), Vec::new()];
        for (side, ask) in filters.iter_mut().zip([ask().ingress(), ask().egress()]) {
            let messages: Vec<TcMessage> = match ask.execute().try_collect().await {
                Ok(messages) => messages,
                // What the kernel answers when there is no clsact qdisc.
                Err(rtnetlink::Error::NetlinkError(error)) if error.raw_code() == -22 => Vec::new(),
                Err(error) => return Err(error).tried(|| "listing filters".into()),
            };
            side.extend(messages.iter().filter_map(filter));
        }
        Ok(filters)
    }
}

/// A filter that does something. A priority's head comes without a handle, and is none.
fn filter(message: &TcMessage) -> Option<Filter> {
    if u32::from(message.header.handle) == 0 {
        return None;
    }
    let kind = message.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Kind(kind) => Some(kind.clone()),
        _ => None,
    })?;
    let program = message.attributes.iter().find_map(|attribute| match attribute {
        TcAttribute::Options(options) => options.iter().find_map(|option| match option {
            TcOption::Bpf(TcFilterBpfOption::ProgId(id)) => Some(*id),
            _ => None,
        }),
        _ => None,
    });
    let priority = u16::try_from(message.header.info >> 16).unwrap_or_default();
    Some(Filter { kind, priority, program })
}
