//! The home, and what its devices say.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result};
use camfence_tests::{BpffsRoot, Bridge, Camfence, Dhcp, Frame, Host, Lab, Mac, RawPort, mac};
use serde_json::Value;

/// Says hello by WS-Discovery, and calls a cloud.
pub(crate) const ONVIF: Mac = mac("00:22:72:00:00:31");
/// Answers by RTSP, and says nothing by itself but who has its address.
pub(crate) const RTSP: Mac = mac("00:22:72:00:00:32");
/// Of a maker of cameras, and calls itself one by DHCP.
pub(crate) const NAMED: Mac = mac("44:19:b6:00:00:33");
/// A phone with a MAC that is made up.
pub(crate) const PHONE: Mac = mac("da:a1:19:00:00:40");
/// Says what it likes.
pub(crate) const HOSTILE: Mac = mac("00:22:72:66:66:66");
/// The box on the bridge.
pub(crate) const BOX: Mac = mac("02:cf:0b:00:00:00");

pub(crate) const WSD_GROUP: Mac = mac("01:00:5e:7f:ff:fa");
pub(crate) const MDNS_GROUP: Mac = mac("01:00:5e:00:00:fb");

/// How often everybody says it again.
const AGAIN: Duration = Duration::from_millis(100);

/// A bridge with the devices, a way to the internet that is no part of it, and a container's bridge.
pub(crate) struct Home {
    pub(crate) lab: Lab,
    pub(crate) bpffs: BpffsRoot,
}

/// Frames, and the host that sends them.
pub(crate) type Chatter = Vec<(&'static str, Vec<Vec<u8>>)>;

impl Home {
    pub(crate) fn new() -> Result<Self> {
        let device = |name, mac, ip| Host::new(name).mac(mac).ip(ip).silent();
        let lab = Lab::builder()
            .bridge(Bridge::new("br-cam").ip("192.168.1.1/24"))
            .host(device("onvif", ONVIF, "192.168.1.31/24"))
            .host(device("rtsp", RTSP, "192.168.1.32/24"))
            .host(device("named", NAMED, "192.168.1.33/24"))
            .host(device("phone", PHONE, "192.168.1.40/24"))
            .host(device("hostile", HOSTILE, "192.168.1.66/24"))
            .host(Host::internet_behind_box())
            .build()?;
        let containers = [
            "link add docker0 type bridge",
            "link set docker0 up",
            "link add veth1a2b3c4 type veth peer name vethother",
            "link set veth1a2b3c4 master docker0",
            "link set veth1a2b3c4 up",
        ];
        lab.box_ns().ip_batch(&containers.map(String::from))?;
        Ok(Self { lab, bpffs: BpffsRoot::new()? })
    }

    /// The command line, where there is no configuration.
    pub(crate) fn unconfigured(&self) -> Result<Camfence<'_>> {
        let camfence = Camfence::new(self.lab.box_ns(), "", &self.bpffs)?;
        let path: PathBuf = camfence.dir().join("etc/camfence.toml");
        Ok(camfence.with_config(path))
    }

    pub(crate) fn configured(&self, config: &str) -> Result<Camfence<'_>> {
        Camfence::new(self.lab.box_ns(), config, &self.bpffs)
    }

    pub(crate) fn wire(&self, host: &str) -> Result<RawPort> {
        RawPort::open(self.lab.host(host), "eth0")
    }

    /// Does something while frames are sent over and over.
    pub(crate) fn amid<T>(&self, chatter: &Chatter, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let wires = chatter
            .iter()
            .map(|(host, frames)| Ok((self.wire(host)?, frames)))
            .collect::<Result<Vec<_>>>()?;
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let talk = scope.spawn(|| -> Result<()> {
                while !done.load(Ordering::Relaxed) {
                    for (wire, frames) in &wires {
                        frames.iter().try_for_each(|frame| wire.send(frame))?;
                    }
                    thread::sleep(AGAIN);
                }
                Ok(())
            });
            let result = work();
            done.store(true, Ordering::Relaxed);
            talk.join().expect("no panic")?;
            result
        })
    }
}

/// What the devices say by themselves.
pub(crate) fn chatter() -> Chatter {
    let announces = |mac: Mac, ip: &str| Frame::from(mac).arp_announcement(ip).build();
    let cloud = Frame::from(ONVIF).to(BOX).ipv4("192.168.1.31", "203.0.113.7").udp(10_000, 10_240);
    let hello = Frame::from(ONVIF)
        .to(WSD_GROUP)
        .ipv4("192.168.1.31", "239.255.255.250")
        .udp(3702, 3702)
        .payload(wsd("Hello", "Front%20Door"));
    let dhcp = Dhcp::discover(NAMED).hostname("ipcam-7").vendor_class("generic");
    let phone = Frame::from(PHONE)
        .to(MDNS_GROUP)
        .ipv4("192.168.1.40", "224.0.0.251")
        .udp(5353, 5353)
        .payload(mdns_address("pixel", [192, 168, 1, 40]));
    vec![
        ("onvif", vec![hello.build(), cloud.payload_of(100).build()]),
        ("rtsp", vec![announces(RTSP, "192.168.1.32")]),
        (
            "named",
            vec![
                announces(NAMED, "192.168.1.33"),
                Frame::from(NAMED).broadcast().dhcp(&dhcp).build(),
            ],
        ),
        ("phone", vec![phone.build()]),
    ]
}

/// A message of WS-Discovery as an ONVIF camera sends it.
pub(crate) fn wsd(kind: &str, name: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" \
         xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\"><s:Body><d:{kind}>\
         <d:Types>dn:NetworkVideoTransmitter</d:Types>\
         <d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/{name} \
         onvif://www.onvif.org/hardware/IPC-3000</d:Scopes>\
         <d:XAddrs>http://192.168.1.31/onvif/device_service</d:XAddrs>\
         </d:{kind}></s:Body></s:Envelope>"
    )
}

/// An answer of mDNS: a name and its address (RFC 6762 §18, RFC 1035 §4.1).
pub(crate) fn mdns_address(label: impl AsRef<[u8]>, address: [u8; 4]) -> Vec<u8> {
    let label = label.as_ref();
    let length = u8::try_from(label.len()).expect("a label's length is one byte");
    let head = [0, 0, 0x84, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    let data = [0, 1, 0x80, 1, 0, 0, 0, 120, 0, 4];
    [&head[..], &[length], label, b"\x05local\0", &data, &address].concat()
}

/// Answers one client after the other as an RTSP server, until it is dropped.
pub(crate) struct RtspServer {
    stop: std::sync::Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl RtspServer {
    pub(crate) fn open(home: &Home, host: &str, port: u16) -> Result<Self> {
        let listener = home.lab.host(host).run(|| TcpListener::bind(("0.0.0.0", port)))?;
        listener.set_nonblocking(true)?;
        let stop = std::sync::Arc::new(AtomicBool::new(false));
        let stopped = std::sync::Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((mut client, _)) => {
                        // A client that goes away needs no answer.
                        let _ = client.set_nonblocking(false);
                        let _ = client.read(&mut [0; 512]);
                        let answer =
                            b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nServer: Tiny/1.0\r\n\r\n";
                        let _ = client.write_all(answer);
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for RtspServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic of the thread was printed by it.
        let _ = self.thread.take().map(thread::JoinHandle::join);
    }
}

/// The source of this MAC in what `discover --json` printed.
pub(crate) fn of(found: &Value, mac: Mac) -> Result<&Value> {
    let sources = found["sources"].as_array().context("sources")?;
    let mac = mac.to_string();
    sources
        .iter()
        .find(|source| source["mac"] == mac)
        .with_context(|| format!("no {mac}: {found:#}"))
}
