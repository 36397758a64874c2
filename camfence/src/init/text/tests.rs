use std::collections::BTreeMap;

use camfence_common::mac::Mac;
use proptest::prelude::*;

use super::*;
use crate::{
    discover::{
        fact::{Fact, Onvif, text},
        heard::{Heard, Surroundings},
        report::Material,
    },
    init::place::Sort,
    policy::topology::{Kind, Link},
};

const CAM: Mac = Mac([0x44, 0x19, 0xb6, 0x25, 0x5b, 0x0e]);
const PHONE: Mac = Mac([0xda, 0xa1, 0x19, 0, 0, 1]);
const PRINTER: Mac = Mac([0, 0x22, 0x72, 0, 0, 1]);

fn link(index: u32, name: &str, kind: Kind, master: Option<u32>) -> Link {
    Link { index, name: name.into(), kind, ethernet: true, master, lower: None, xdp: None }
}

fn bridge() -> Candidate {
    let ports = vec![link(2, "port-a", Kind::Hardware, Some(1))];
    Candidate { name: "br-cam".into(), sort: Sort::Bridge, uplink: false, ports }
}

/// A network on the port itself: who owns an address makes no difference here.
fn site() -> Site {
    let nets = ["192.168.1.0/24", "fd00:1::/64"].map(|net| net.parse().unwrap());
    Site { prefixes: BTreeMap::from([(2, nets.to_vec())]), ..Site::default() }
}

fn discovery(told: Vec<(Mac, Vec<Fact>)>) -> Discovery {
    let mut heard = Heard::new(Surroundings::default());
    for (mac, facts) in told {
        heard.hear(2, mac, facts, 60);
    }
    let site = Site::default();
    let vendors = Path::new("/nonexistent");
    Discovery::new(&Material { heard: &heard, site: &site, config: None, ledger: None, vendors })
}

fn written(site: &Site, discovery: &Discovery) -> (String, Config) {
    let path = Path::new("camfence.toml");
    let text = configuration(path, site, &[&bridge()], discovery).unwrap();
    let config = Config::parse(path, &text).unwrap();
    (text, config)
}

#[test]
fn likely_cameras_are_written_and_others_are_comments() {
    let told = vec![
        (CAM, vec![Fact::Hostname("ipcam".into()), Fact::Address([192, 168, 1, 31].into())]),
        (PHONE, vec![Fact::Hostname("phone".into())]),
        (PRINTER, vec![]),
    ];
    let (text, config) = written(&site(), &discovery(told));
    let expected = r#"# The configuration of camfence, as `camfence init` found things.
# Every key is in the README and in docs/policy.md.
# After a change: `camfence check`, then `camfence reload`.
#
[fence]
# br-cam is a bridge; its ports are fenced, now port-a
interfaces = ["br-cam"]
# What cameras may talk to. "auto" is the networks that these interfaces have, as they change.
local = ["192.168.1.0/24", "fd00:1::/64", "auto"]

# camera (vendor, hostname), Hangzhou Hikvision Digital Technology Co.,Ltd., 192.168.1.31, ipcam
[[camera]]
mac = "44:19:b6:25:5b:0e"
name = "ipcam"

# Also found. They pass as before; `camfence add MAC --name NAME` makes one a camera:
#     00:22:72:00:00:01 no camera by what is known
#     da:a1:19:00:00:01 no camera by what is known, private (randomised) MAC, phone
#
# To serve metrics for Prometheus:
#     [metrics]
#     listen = "127.0.0.1:9477"
"#;
    assert_eq!(text, expected);
    assert_eq!(config.cameras.len(), 1);
    assert_eq!(config.fence.interfaces, ["br-cam"]);
}

#[test]
fn without_networks_the_default_holds() {
    let (text, config) = written(&Site::default(), &discovery(vec![]));
    assert!(!text.contains("\nlocal") && text.contains("# No network"), "{text}");
    assert!(text.contains("# Nothing looked like a camera"), "{text}");
    assert_eq!(config.profiles[0].local, crate::config::Local::default());
    assert!(config.cameras.is_empty());
}

#[test]
fn made_up_cameras_are_bounded() {
    let told = (0..2_000_u32).map(|number| {
        let [_, _, a, b] = number.to_be_bytes();
        let onvif = Onvif { name: text(b"cam"), ..Onvif::default() };
        (Mac([2, 0, 0, 0, a, b]), vec![Fact::Onvif(onvif)])
    });
    let (text, config) = written(&site(), &discovery(told.collect()));
    assert_eq!(config.cameras.len(), MAX_CAMERAS);
    assert!(text.lines().count() < 1_000, "{}", text.lines().count());
    assert!(text.contains(" more; `camfence discover --json`"), "{text}");
}

#[test]
fn names_of_interfaces_do_no_harm() {
    let name = "br\u{1b}[2J\"#".to_string();
    let candidate = Candidate { name: name.clone(), ..bridge() };
    let path = Path::new("x");
    let text = configuration(path, &site(), &[&candidate], &discovery(vec![])).unwrap();
    assert!(!text.contains('\u{1b}'), "{text:?}");
    assert_eq!(Config::parse(path, &text).unwrap().fence.interfaces, [name]);
}

proptest! {
    #[test]
    fn whatever_devices_say_it_is_a_configuration(
        said in prop::collection::vec((any::<[u8; 6]>(), any::<Vec<u8>>(), any::<Vec<u8>>()), 0..20)
    ) {
        let told = said.into_iter().map(|(mac, name, hardware)| {
            let onvif = Onvif { name: text(&name), hardware: text(&hardware), location: None };
            let mut facts = vec![Fact::Onvif(onvif)];
            facts.extend(text(&name).map(Fact::Hostname));
            (Mac(mac), facts)
        });
        let discovery = discovery(told.collect());
        let (text, config) = written(&site(), &discovery);
        prop_assert_eq!(config.cameras.len(), discovery.sources.len());
        prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
    }
}
