//! Profiles that camfence and the model judge the captures under.

use camfence_tests::{Mac, mac};

use crate::{DAYCAM, DLINK, EDIMAX, EDNET};

/// Routers, one of which gives addresses out. Registered, they stand for cameras that do so.
const ROUTER: Mac = mac("28:b2:bd:c3:41:79");
const DHCP_SERVER: Mac = mac("00:b5:6d:06:08:ba");

/// A policy for all cameras of all captures.
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    pub(crate) text: String,
    /// Reasons that it has to give to frames.
    pub(crate) gives: &'static [&'static str],
}

/// The default profile, and what the others are compared with.
pub(crate) fn default() -> Policy {
    let gives = &["link", "on-link", "local", "not-local", "inbound", "rogue"];
    Policy { name: "default", text: everybody("", |_| ""), gives }
}

/// The five others.
pub(crate) fn others() -> Vec<Policy> {
    let profile = |keys| everybody(keys, |_| "profile = \"own\"");
    vec![
        Policy {
            name: "recorder only, with allowances",
            text: profile(RECORDER),
            gives: &["local", "allowed", "not-local", "inbound", "rogue"],
        },
        Policy {
            name: "listed names, no port mapping",
            text: profile(NAMES),
            gives: &["dns", "port-mapping", "local"],
        },
        Policy {
            name: "no names, rogue passes, allowances without ports",
            text: profile(DENIED),
            gives: &["dns", "local", "allowed", "not-local", "on-link"],
        },
        Policy {
            name: "bound, two of them to others' addresses",
            text: bound(["10.10.10.37", "10.10.10.59", "10.10.10.51", "10.10.10.187"]),
            gives: &["spoof", "link", "on-link"],
        },
        Policy {
            name: "bound, the other two to others' addresses",
            text: bound(["10.10.10.38", "10.10.10.58", "10.10.10.52", "10.10.10.186"]),
            gives: &["spoof", "link", "on-link"],
        },
    ]
}

/// The recorder stands where the D-Link camera's viewer was. Of the vendor's servers two are
/// allowed and one is not; the Ednet camera's TFTP is in a range.
const RECORDER: &str = r#"
[profile.own]
local = ["10.10.10.28/32"]
allow = [
    "ntp to 54.86.11.193", "dns to 10.10.10.1", "smtp to any", "tcp/440-450 to 54.229.64.81",
    "tcp/443-8443 to 52.8.178.58", "udp/60-70 to 192.168.1.0/24", "udp/67-68 to 10.10.10.1",
]
"#;

/// Two of three names that the D-Link camera asks for.
const NAMES: &str = r#"
[profile.own]
dns = ["ntp1.dlink.com", "*.auto.mydlink.com"]
port-mapping = "deny"
"#;

const DENIED: &str = r#"
[profile.own]
local = ["10.10.10.28/32", "192.168.1.13/32"]
allow = ["udp to 54.86.11.193", "tcp to 54.194.162.61", "icmp to any", "udp to 10.10.10.186"]
dns = "deny"
rogue = "pass"
"#;

const STRANGERS: &str = r#"
[fence]
unknown = "own"
[profile.own]
local = ["10.10.10.0/24"]
"#;

/// Everybody is a camera, some keys each.
fn everybody(before: &str, keys: impl Fn(Mac) -> &'static str) -> String {
    let macs = [DLINK, DAYCAM, EDIMAX, EDNET, ROUTER, DHCP_SERVER];
    macs.iter().fold(before.to_owned(), |text, &mac| text + &camera(mac, keys(mac)))
}

/// The four are bound to an address each, and others are judged like cameras.
fn bound(addresses: [&str; 4]) -> String {
    let cameras = [DLINK, DAYCAM, EDIMAX, EDNET].into_iter().zip(addresses);
    cameras.fold(STRANGERS.to_owned(), |text, (mac, address)| {
        text + &camera(mac, &format!("addresses = [\"{address}\"]"))
    })
}

fn camera(mac: Mac, keys: &str) -> String {
    format!("\n[[camera]]\nmac = \"{mac}\"\nname = \"camera {mac}\"\n{keys}\n")
}
