//! What cannot be set up in a namespace, or not on every kernel. `tests/suites/doctor` has the rest.

use camfence_common::mac::Mac;

use crate::{
    config::Config,
    doctor::{
        Check, Level, Report,
        seen::{
            ConfigurationFile, Daemon, Fence, Flowtable, Forwarding, Interface, Network, Offloads,
            PinRoot, Port, Programs, Seen, System, Up, Wireless,
        },
    },
    policy::topology::{Attached, Hook, Kind, Link, Mode},
};

const LAN1: u32 = 3;
const LAN2: u32 = 4;

fn interface(index: u32, name: &str, kind: Kind, master: Option<u32>) -> Interface {
    let link =
        Link { index, name: name.into(), kind, ethernet: true, master, lower: None, xdp: None };
    let kind = if kind == Kind::Bridge { "bridge" } else { "" };
    Interface { link, kind: kind.into(), mac: None, mtu: 1500, switch: None }
}

fn config(text: &str) -> Config {
    Config::parse("camfence.toml".as_ref(), text).unwrap()
}

/// A bridge of two NICs, both fenced at TC, and one without a part in it.
fn sound() -> Seen {
    let text = "[fence]\ninterfaces = [\"br-cam\"]\nhook = \"tc\"\n";
    let camera = "[[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = \"driveway\"\n";
    let profile = "[profile.default]\nallow = [\"ntp to any\"]\n";
    let attached = Some(Attached { hook: Hook::Tc, mode: Mode::Clsact });
    let port = |name: &str, index| Port {
        name: name.into(),
        ifindex: Some(index),
        attached: [attached; 2],
        doubt: [None, None],
    };
    Seen {
        system: System {
            release: "6.12.1-amd64".into(),
            btf: true,
            jit_setting: Some(1),
            unprivileged_bpf_disabled: Some(2),
            capabilities: Ok(u64::MAX),
            wall_clock: 1_800_000_000,
            programs: Ok(Programs::Taken { jit: true, pinned: Some(true) }),
        },
        root: PinRoot { path: "/sys/fs/bpf/camfence".into(), bpffs: Ok(true) },
        configuration: ConfigurationFile {
            path: "camfence.toml".into(),
            content: Ok(config(&format!("{text}{profile}{camera}"))),
            open_to_all: Ok(Vec::new()),
        },
        fence: Ok(Fence::Up(Box::new(Up {
            cameras: vec![crate::doctor::seen::LiveCamera {
                mac: Mac([0xb0, 0xc5, 0x54, 0x25, 0x5b, 0x0e]),
                mode: crate::config::Mode::Enforce,
                opened: None,
            }],
            ports: vec![port("lan1", LAN1), port("lan2", LAN2)],
            max_cameras: 1024,
            ledger_entries: 16_384,
            policy_is_current: Ok(true),
            linked: vec![LAN1, LAN2],
            own_programs: vec![1, 2, 3],
        }))),
        network: Ok(Network {
            interfaces: vec![
                interface(2, "br-cam", Kind::Bridge, None),
                interface(LAN1, "lan1", Kind::Hardware, Some(2)),
                interface(LAN2, "lan2", Kind::Hardware, Some(2)),
                interface(5, "eth0", Kind::Hardware, None),
            ],
            prefixes: Vec::new(),
            forwarding: Ok(Vec::new()),
            neighbours: Ok(Vec::new()),
            flowtables: Ok(Vec::new()),
            wireless: Ok(Vec::new()),
            hooks: Vec::new(),
            offloads: Ok(Vec::new()),
        }),
        daemon: Ok(Daemon::Runs),
    }
}

impl Seen {
    fn net(&mut self) -> &mut Network {
        self.network.as_mut().unwrap()
    }

    fn lan1(&mut self) -> &mut Interface {
        &mut self.net().interfaces[1]
    }

    fn configure(&mut self, text: &str) {
        self.configuration.content = Ok(config(text));
    }
}

/// All that is not well: level, check, and interface if it is about one.
fn found(seen: &Seen) -> Vec<(Level, &'static str, String)> {
    let report = Report::new(seen);
    let findings = report.findings.iter().filter(|finding| finding.level != Level::Ok);
    findings
        .map(|found| {
            (found.level, found.check.id(), found.subject.interface.clone().unwrap_or_default())
        })
        .collect()
}

/// Checks that breaking something is found as this, and as nothing else.
#[track_caller]
fn finds(wanted: (Level, Check, &str), broken: impl FnOnce(&mut Seen)) {
    let mut seen = sound();
    broken(&mut seen);
    let (level, check, interface) = wanted;
    assert_eq!(found(&seen), [(level, check.id(), interface.to_string())]);
}

#[test]
fn a_sound_machine_has_nothing_but_what_is_well() {
    let report = Report::new(&sound());
    assert_eq!(found(&sound()), []);
    assert!(report.ok);
    assert_eq!(report.level, Level::Ok);
    assert_eq!(report.findings.len(), Check::ALL.len());
}

#[test]
fn json_has_the_keys_that_others_parse() {
    let mut seen = sound();
    seen.lan1().switch = Some(vec![1]);
    seen.net().interfaces[2].switch = Some(vec![1]);
    seen.daemon = Err("why".into());
    let json = serde_json::to_value(Report::new(&seen)).unwrap();
    assert_eq!((&json["ok"], &json["level"]), (&false.into(), &"unknown".into()));
    let keys = |index: usize| {
        let keys: Vec<_> = json["findings"][index].as_object().unwrap().keys().cloned().collect();
        keys
    };
    assert_eq!(keys(0), ["id", "level", "seen"]);
    assert_eq!(keys(1), ["do", "id", "interface", "level", "seen"]);
    assert_eq!(json["findings"][1]["id"], "hardware-switch");
}

#[test]
fn the_kernel() {
    finds((Level::Failure, Check::Kernel, ""), |seen| seen.system.release = "5.4.0-1".into());
    finds((Level::Unknown, Check::Kernel, ""), |seen| seen.system.release = "plan 9".into());
    finds((Level::Info, Check::Btf, ""), |seen| seen.system.btf = false);
    finds((Level::Info, Check::UnprivilegedBpf, ""), |seen| {
        seen.system.unprivileged_bpf_disabled = Some(0);
    });
    finds((Level::Unknown, Check::UnprivilegedBpf, ""), |seen| {
        seen.system.unprivileged_bpf_disabled = None;
    });
    let mut seen = sound();
    seen.system.programs = Ok(Programs::Refused { why: "back-edge".into() });
    let refused = [
        (Level::Failure, "programs", String::new()),
        (Level::Unknown, "programs-outdated", String::new()),
    ];
    assert_eq!(found(&seen), refused, "the setting still tells of the JIT");
}

#[test]
fn the_jit_is_what_the_kernel_made_of_the_programs() {
    finds((Level::Warning, Check::Jit, ""), |seen| {
        seen.system.programs = Ok(Programs::Taken { jit: false, pinned: Some(true) });
    });
    let mut seen = sound();
    seen.system.programs = Err("not permitted".into());
    let jit = |seen: &Seen| {
        let of_jit = found(seen).into_iter().find(|(_, id, _)| *id == "jit");
        of_jit.map(|(level, ..)| level)
    };
    assert_eq!(jit(&seen), None, "by the setting");
    seen.system.jit_setting = Some(0);
    assert_eq!(jit(&seen), Some(Level::Warning));
    seen.system.jit_setting = None;
    assert_eq!(jit(&seen), Some(Level::Unknown));
}

#[test]
fn privileges_and_the_clock() {
    let (net_admin, perfmon, bpf, sys_admin) = (1_u64 << 12, 1 << 38, 1 << 39, 1 << 21);
    for enough in [net_admin | perfmon | bpf, net_admin | sys_admin] {
        let mut seen = sound();
        seen.system.capabilities = Ok(enough);
        assert_eq!(found(&seen), []);
    }
    for little in [0, net_admin, perfmon | bpf, sys_admin, net_admin | bpf] {
        finds((Level::Unknown, Check::Privileges, ""), |seen| {
            seen.system.capabilities = Ok(little);
        });
    }
    for early in [0, 1_600_000_000] {
        finds((Level::Warning, Check::Clock, ""), |seen| seen.system.wall_clock = early);
    }
}

#[test]
fn programs_of_another_build() {
    finds((Level::Warning, Check::ProgramsOutdated, ""), |seen| {
        seen.system.programs = Ok(Programs::Taken { jit: true, pinned: Some(false) });
    });
}

#[test]
fn a_vlan_without_its_parent() {
    finds((Level::Info, Check::VlanParent, "eth0"), |seen| {
        let mut vlan = interface(6, "eth0.20", Kind::Virtual, None);
        vlan.kind = "vlan".into();
        vlan.link.lower = Some(5);
        seen.net().interfaces.push(vlan);
        let content = seen.configuration.content.as_mut().unwrap();
        content.fence.interfaces = vec!["br-cam".into(), "eth0.20".into()];
    });
}

#[test]
fn a_vlan_of_a_bridge_that_is_not_fenced() {
    let mut seen = sound();
    let mut vlan = interface(6, "br-cam.20", Kind::Virtual, None);
    vlan.kind = "vlan".into();
    vlan.link.lower = Some(2);
    seen.net().interfaces.push(vlan);
    seen.configuration.content.as_mut().unwrap().fence.interfaces = vec!["br-cam.20".into()];
    assert_eq!(found(&seen), [(Level::Failure, "bridged-past", "br-cam.20".into())]);
}

#[test]
fn a_port_of_a_bond() {
    for kind in ["bond", "team"] {
        finds((Level::Warning, Check::BondPort, "eth0"), |seen| {
            let mut bond = interface(6, "bond0", Kind::Virtual, None);
            bond.kind = kind.into();
            seen.net().interfaces.push(bond);
            seen.net().interfaces[3].link.master = Some(6);
            let content = seen.configuration.content.as_mut().unwrap();
            content.fence.interfaces.push("eth0".into());
        });
    }
}

#[test]
fn ports_of_one_hardware_switch() {
    let mut seen = sound();
    for port in [1, 2] {
        seen.net().interfaces[port].switch = Some(vec![0, 1]);
    }
    let each = |name: &str| (Level::Warning, "hardware-switch", name.to_string());
    assert_eq!(found(&seen), [each("lan1"), each("lan2")]);
    seen.net().interfaces[2].switch = Some(vec![0, 2]);
    assert_eq!(found(&seen), [], "of two switches");
    finds((Level::Warning, Check::HardwareSwitch, "lan2"), |seen| {
        let mac = Mac([2, 0, 0, 0, 0, 9]);
        let line = Forwarding { mac, ifindex: LAN2, foreign: true, offloaded: true };
        seen.net().forwarding = Ok(vec![line]);
    });
}

fn table(devices: &[&str], hardware: bool) -> Flowtable {
    let devices = devices.iter().map(ToString::to_string).collect();
    Flowtable { name: "filter ft".into(), devices, hardware }
}

#[test]
fn flowtables() {
    finds((Level::Info, Check::Flowtable, "lan1"), |seen| {
        seen.net().flowtables = Ok(vec![table(&["eth0", "lan1"], false)]);
    });
    finds((Level::Warning, Check::Flowtable, "lan1"), |seen| {
        seen.net().flowtables = Ok(vec![table(&["eth0", "lan1"], true)]);
    });
    finds((Level::Warning, Check::Flowtable, "br-cam"), |seen| {
        seen.net().flowtables = Ok(vec![table(&["br-cam"], true)]);
    });
    let mut seen = sound();
    seen.net().flowtables = Ok(vec![table(&["eth0", "ppp0"], true)]);
    assert_eq!(found(&seen), [], "elsewhere");
}

/// On what the port is stacked on, a flowtable in software forwards past it, too.
#[test]
fn a_flowtable_below_a_port() {
    let mut seen = sound();
    let mut vlan = interface(6, "eth0.20", Kind::Virtual, None);
    vlan.link.lower = Some(5);
    seen.net().interfaces.push(vlan);
    seen.configuration.content.as_mut().unwrap().fence.interfaces = vec!["eth0.20".into()];
    seen.net().flowtables = Ok(vec![table(&["eth0"], false)]);
    assert_eq!(found(&seen), [(Level::Warning, "flowtable", "eth0".into())]);
}

#[test]
fn what_nics_do_by_themselves() {
    let with = |seen: &mut Seen, feature: &str| {
        let on = vec!["tx-checksum-ipv4".to_string(), feature.to_string()];
        seen.net().offloads = Ok(vec![Offloads { ifindex: LAN1, on }]);
    };
    finds((Level::Info, Check::TcOffload, "lan1"), |seen| with(seen, "hw-tc-offload"));
    for feature in ["rx-lro", "rx-gro-hw", "rx-vlan-hw-parse"] {
        let mut seen = sound();
        with(&mut seen, feature);
        assert_eq!(found(&seen), [], "TC takes it as it is");
    }
    // `auto` tries XDP on hardware; it got TC here.
    let auto = |seen: &mut Seen| {
        seen.configuration.content.as_mut().unwrap().fence.hook = crate::config::Hook::Auto;
    };
    let second_best = [(Level::Info, "hook", "lan1".into()), (Level::Info, "hook", "lan2".into())];
    for (feature, level, id) in [
        ("rx-lro", Level::Warning, "lro"),
        ("rx-gro-hw", Level::Warning, "lro"),
        ("rx-vlan-hw-parse", Level::Info, "vlan-stripped"),
    ] {
        let mut seen = sound();
        auto(&mut seen);
        assert_eq!(found(&seen), second_best);
        with(&mut seen, feature);
        assert!(found(&seen).contains(&(level, id, "lan1".into())), "{feature}");
        assert_eq!(found(&seen).len(), 3);
    }
}

#[test]
fn jumbo_frames_and_xdp() {
    let jumbo = |release: &str, hook| {
        let mut seen = sound();
        seen.system.release = release.into();
        seen.lan1().mtu = 9000;
        seen.configuration.content.as_mut().unwrap().fence.hook = hook;
        found(&seen).into_iter().filter(|(_, id, _)| *id == "mtu").collect::<Vec<_>>()
    };
    let told = [(Level::Warning, "mtu", "lan1".to_string())];
    assert_eq!(jumbo("5.10.0", crate::config::Hook::Xdp), told);
    assert_eq!(jumbo("5.10.0", crate::config::Hook::Tc), []);
    assert_eq!(jumbo("5.18.0", crate::config::Hook::Xdp), []);
}

#[test]
fn access_points() {
    let radio = |access_point, isolated| {
        move |seen: &mut Seen| {
            let radio = Wireless { ifindex: LAN1, access_point, isolated };
            seen.net().wireless = Ok(vec![radio]);
        }
    };
    finds((Level::Warning, Check::Wifi, "lan1"), radio(true, Some(false)));
    finds((Level::Warning, Check::Wifi, "lan1"), radio(true, None));
    finds((Level::Info, Check::Wifi, "lan1"), radio(false, None));
    let mut seen = sound();
    radio(true, Some(true))(&mut seen);
    assert_eq!(found(&seen), []);
}

/// What cannot be looked at is unknown, each by itself, and the report is not well.
#[test]
fn what_cannot_be_looked_at_is_unknown() {
    let why = || "not permitted".to_string();
    finds((Level::Unknown, Check::Flowtable, ""), |seen| seen.net().flowtables = Err(why()));
    finds((Level::Unknown, Check::Wifi, ""), |seen| seen.net().wireless = Err(why()));
    finds((Level::Unknown, Check::Bpffs, ""), |seen| seen.root.bpffs = Err(why()));
    finds((Level::Unknown, Check::Daemon, ""), |seen| seen.daemon = Err(why()));
    finds((Level::Unknown, Check::CameraOutside, ""), |seen| {
        seen.net().neighbours = Err(why());
    });
    let mut seen = sound();
    seen.network = Err(why());
    seen.fence = Err(why());
    let report = Report::new(&seen);
    assert!(!report.ok);
    assert!(report.of(Level::Unknown).count() > 25);
    assert!(report.of(Level::Failure).count() == 0);
}

/// Interfaces that are not there, or empty, hide no other mistake.
#[test]
fn no_interface_at_all() {
    finds((Level::Failure, Check::Interfaces, ""), |seen| {
        seen.configure(
            "[fence]\nhook = \"tc\"\n[profile.default]\nallow = [\"ntp to any\"]\n\
             [[camera]]\nmac = \"b0:c5:54:25:5b:0e\"\nname = \"driveway\"\n",
        );
    });
    finds((Level::Failure, Check::InterfaceMissing, "wlan7"), |seen| {
        let content = seen.configuration.content.as_mut().unwrap();
        content.fence.interfaces.push("wlan7".into());
    });
}

#[test]
fn many_mistakes_are_counted() {
    let mut seen = sound();
    let text = "[[camera]]\nmac = \"x\"\nname = \"y\"\n".repeat(5).replace('y', "");
    seen.configuration.content = Config::parse("camfence.toml".as_ref(), &text);
    let report = Report::new(&seen);
    let told: Vec<_> = report.of(Level::Failure).map(|finding| finding.seen.as_str()).collect();
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told[0].starts_with("camfence.toml:2: "), "{told:?}");
    assert!(told[3].ends_with(" more mistakes"), "{told:?}");
}

#[test]
fn a_canary_that_was_let_out() {
    finds((Level::Failure, Check::NotEnforcing, "lan2"), |seen| {
        let Ok(Fence::Up(up)) = &mut seen.fence else { panic!("it stands") };
        up.ports[1].doubt[1] = Some("let a canary's frame out".into());
    });
}
