//! What NICs do by themselves, and which interfaces are Wi-Fi: generic netlink.

use ethtool::{EthtoolAttr, EthtoolError, EthtoolFeatureAttr};
use futures_util::TryStreamExt as _;
use netlink_packet_core::ErrorMessage;
use rustix::io::Errno;
use wl_nl80211::{Nl80211Attr, Nl80211Error, Nl80211InterfaceType};

use super::{
    error::{KernelError, Result, Tried as _},
    features::isolation,
};
use crate::{
    doctor::seen::{Offloads, Wireless},
    policy::topology::Link,
};

/// The features of a port's NIC that are on. Needs a tokio runtime.
pub async fn features(port: &Link) -> Result<Offloads> {
    let what = || format!("{}: asking for the NIC's features", port.name);
    let (connection, mut handle, _) = ethtool::new_connection().tried(what)?;
    tokio::spawn(connection);
    let told = |error: EthtoolError| {
        let code = match &error {
            EthtoolError::NetlinkError(message) => Some(message),
            _ => None,
        };
        failed(what(), code, &error)
    };
    let answers = handle.feature().get(Some(&port.name)).execute().await.map_err(told)?;
    let answers: Vec<_> = answers.try_collect().await.map_err(told)?;
    let attributes = answers.into_iter().flat_map(|answer| answer.payload.nlas);
    let active = attributes.filter_map(|attribute| match attribute {
        EthtoolAttr::Feature(EthtoolFeatureAttr::Active(bits)) => Some(bits),
        _ => None,
    });
    let on = active.flatten().filter(|bit| bit.value).map(|bit| bit.name).collect();
    Ok(Offloads { ifindex: port.index, on })
}

/// The Wi-Fi interfaces. None on a kernel without Wi-Fi. Needs a tokio runtime.
pub async fn wireless() -> Result<Vec<Wireless>> {
    let what = || "asking for Wi-Fi interfaces".to_string();
    let (connection, handle, _) = wl_nl80211::new_connection().tried(what)?;
    tokio::spawn(connection);
    let answers = handle.interface().get(Vec::new()).execute().await.try_collect::<Vec<_>>().await;
    let answers = match answers {
        Ok(answers) => answers,
        Err(error) => {
            // The kernel knows no such family, which genetlink's resolver tells only in words.
            if error.to_string().contains("request failed") || errno(&error) == Some(Errno::NOENT) {
                return Ok(Vec::new());
            }
            return Err(failed(what(), message(&error), &error));
        }
    };
    Ok(answers.iter().filter_map(|answer| radio(&answer.payload.attributes)).collect())
}

const fn message(error: &Nl80211Error) -> Option<&ErrorMessage> {
    match error {
        Nl80211Error::NetlinkError(message) => Some(message),
        _ => None,
    }
}

fn errno(error: &Nl80211Error) -> Option<Errno> {
    message(error).map(|message| Errno::from_raw_os_error(message.raw_code().abs()))
}

fn radio(attributes: &[Nl80211Attr]) -> Option<Wireless> {
    let ifindex = attributes.iter().find_map(|attribute| match attribute {
        Nl80211Attr::IfIndex(index) => Some(*index),
        _ => None,
    })?;
    let name = attributes.iter().find_map(|attribute| match attribute {
        Nl80211Attr::IfName(name) => Some(name.as_str()),
        _ => None,
    });
    let access_point = attributes.iter().any(|attribute| {
        matches!(
            attribute,
            Nl80211Attr::IfType(Nl80211InterfaceType::Ap | Nl80211InterfaceType::ApVlan)
        )
    });
    Some(Wireless { ifindex, access_point, isolated: name.and_then(isolation) })
}

fn failed(
    what: String,
    message: Option<&ErrorMessage>,
    error: &dyn std::error::Error,
) -> KernelError {
    let errno = message.map(|message| message.raw_code().abs());
    KernelError::Failed { what, reason: error.to_string(), errno }
}
