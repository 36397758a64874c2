//! The acts of the demo, in their order.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use camfence_tests::lab::INTERNET;
use camfence_tests::traffic::TcpSession;
use camfence_tests::{BpffsRoot, Camfence, RawPort};
use serde_json::Value;

use crate::counters::{Moment, cameras, compare, moment};
use crate::plan::{Flow, flows};
use crate::report::Report;
use crate::town::{CAMERA_NAMES, CONFIG, Family, SKETCH, Town};
use crate::traffic::{self, Reach, was_answered};
use crate::wire::{Wire, arrivals};

/// The cameras that are registered from the beginning, and the one of act 3.
const DRIVEWAY: &str = CAMERA_NAMES[0];
const PORCH: &str = CAMERA_NAMES[1];
const SHED: &str = CAMERA_NAMES[2];

/// Plays all acts.
pub(crate) fn play(
    town: &Town,
    bpffs: &BpffsRoot,
    report: &mut Report,
    stop: &AtomicBool,
) -> Result<()> {
    report.line(SKETCH);
    Play::new(town, bpffs, report, stop)?.all()
}

struct Play<'a> {
    town: &'a Town,
    bpffs: &'a Path,
    camfence: Camfence<'a>,
    wire: Wire,
    /// What arrives at the internet.
    internet: RawPort,
    report: &'a mut Report,
    stop: &'a AtomicBool,
}

impl<'a> Play<'a> {
    fn new(
        town: &'a Town,
        bpffs: &'a BpffsRoot,
        report: &'a mut Report,
        stop: &'a AtomicBool,
    ) -> Result<Self> {
        Ok(Self {
            town,
            bpffs: bpffs.path(),
            camfence: Camfence::new(town.lab.box_ns(), CONFIG, bpffs)?,
            wire: Wire::tap(town)?,
            internet: RawPort::open(town.host(INTERNET), "eth0")?,
            report,
            stop,
        })
    }

    fn all(&mut self) -> Result<()> {
        let flows = flows();
        let before = self.without_fence(&flows)?;
        let up = self.with_fence(&flows, &before)?;
        self.add_live()?;
        self.remove(&up)?;
        self.down()
    }

    fn without_fence(&mut self, flows: &[Flow]) -> Result<Vec<[Reach; 2]>> {
        self.begin("1. Before the fence: who reaches whom")?;
        let reaches = traffic::run(self.town, flows)?;
        self.print(flows, &["IPv4", "IPv6"], |index| cells(reaches[index]).to_vec());
        for (flow, reach) in flows.iter().zip(&reaches) {
            self.expect(flow, *reach, false);
        }
        self.summary("before the fence everybody reaches everybody");
        for (camera, arrived) in self.arrived_from(&[DRIVEWAY, PORCH])? {
            self.report
                .line(&format!("  frames of {camera} that arrived at the internet: {arrived}"));
            self.report.quietly(&format!("{camera} calls home"), &true, &(arrived > 0));
        }
        self.internet.discard()?;
        Ok(reaches)
    }

    fn with_fence(&mut self, flows: &[Flow], before: &[[Reach; 2]]) -> Result<Moment> {
        self.begin("2. The fence goes up: the same traffic again")?;
        self.report.line("  camfence.toml:");
        self.report.block(CONFIG);
        self.wire.settle()?;
        self.verb(&["up"])?;
        self.report.check("the fence is pinned", &true, &self.is_pinned());
        let up = moment(&self.camfence, &mut self.wire)?;
        self.show_ports(&up.status);
        self.internet.discard()?;
        for camera in [DRIVEWAY, PORCH] {
            // They have to ask for their neighbours again, so that there is ARP too.
            self.town.host(camera).ip("neigh flush dev eth0")?;
        }
        let reaches = traffic::run(self.town, flows)?;
        let header = ["v4 before", "v4 now", "v6 before", "v6 now", "Why"];
        self.print(flows, &header, |index| {
            let ([v4, v6], [v4_now, v6_now]) = (cells(before[index]), cells(reaches[index]));
            vec![v4, v4_now, v6, v6_now, flows[index].reason.into()]
        });
        for (flow, reach) in flows.iter().zip(&reaches) {
            self.expect(flow, *reach, flow.is_dropped());
        }
        self.summary("cameras reach home and nothing else; the phone and the recorder reach all");
        let now = moment(&self.camfence, &mut self.wire)?;
        self.nothing_escaped(&[DRIVEWAY, PORCH])?;
        self.report.line("");
        self.report.line("  Sent: what packet sockets in the hosts saw, before any fence, with ARP and the like.");
        self.report.line("  Counted: what `camfence status --json` says.");
        compare(self.report, &up, &now, &[DRIVEWAY, PORCH])?;
        self.summary("each counter is what was sent, to the packet and the byte");
        Ok(up)
    }

    /// Checks that no frame of these cameras arrived at the internet.
    fn nothing_escaped(&mut self, cameras: &[&'static str]) -> Result<()> {
        for (camera, arrived) in self.arrived_from(cameras)? {
            let what = format!("frames of {camera} that arrived at the internet: {arrived}");
            self.report.check(&what, &0, &arrived);
        }
        Ok(())
    }

    fn add_live(&mut self) -> Result<()> {
        self.begin("3. A third camera, while it talks to its cloud")?;
        let mut cloud = self.sessions(SHED, "cloud-1", 443)?;
        let mut video = self.sessions(SHED, "nvr", 554)?;
        self.exchange("shed, not registered, talks to cloud-1 (TCP 443)", &mut cloud, true)?;
        self.exchange("shed sends video to the nvr (TCP 554)", &mut video, true)?;
        let mac = self.town.lab.mac(SHED).to_string();
        self.wire.settle()?;
        self.verb(&["add", &mac, "--name", SHED])?;
        let added = moment(&self.camfence, &mut self.wire)?;
        self.internet.discard()?;
        self.exchange(
            "the established cloud session is dead at the next exchange",
            &mut cloud,
            false,
        )?;
        self.exchange("the video session goes on", &mut video, true)?;
        let now = moment(&self.camfence, &mut self.wire)?;
        self.nothing_escaped(&[SHED])?;
        compare(self.report, &added, &now, &[SHED])?;
        self.summary("shed's counters are what was sent");
        Ok(())
    }

    fn remove(&mut self, up: &Moment) -> Result<()> {
        self.begin("4. The third camera is removed again")?;
        self.verb(&["remove", SHED])?;
        let mut cloud = self.sessions(SHED, "cloud-1", 443)?;
        self.exchange("shed has a new session to cloud-1", &mut cloud, true)?;
        drop(cloud);
        let now = moment(&self.camfence, &mut self.wire)?;
        let listed = cameras(&now.status).join(", ");
        self.report.check("the fence knows driveway, porch", &"driveway, porch".into(), &listed);
        self.report.line("  the other two, counted since `camfence up`, through add and remove:");
        compare(self.report, up, &now, &[DRIVEWAY, PORCH])?;
        self.summary("nothing was lost or counted twice");
        Ok(())
    }

    fn down(&mut self) -> Result<()> {
        self.begin("5. The fence goes down")?;
        self.verb(&["down"])?;
        self.report.check("nothing is pinned any more", &false, &self.is_pinned());
        let mut cloud = self.sessions(DRIVEWAY, "cloud-1", 443)?;
        self.exchange("driveway reaches cloud-1 again", &mut cloud, true)
    }

    /// Begins an act, unless Ctrl-C ended the play.
    fn begin(&self, heading: &str) -> Result<()> {
        ensure!(!self.stop.load(Ordering::Relaxed), "interrupted");
        self.report.act(heading);
        Ok(())
    }

    /// Runs a verb of camfence and shows it with what it said.
    fn verb(&self, arguments: &[&str]) -> Result<()> {
        self.report.line("");
        self.report.line(&format!("  $ camfence {}", arguments.join(" ")));
        let outcome = self.camfence.run(arguments)?;
        self.report.block(&outcome.stdout);
        self.report.block(&outcome.stderr);
        self.report.line("");
        if outcome.code != Some(0) {
            bail!("camfence {} ended with {:?}", arguments.join(" "), outcome.code);
        }
        Ok(())
    }

    /// Whether anything is pinned. The directory itself is the mount point and stays; some
    /// kernels put files of their own there, with a dot, which no pin can have in its name.
    fn is_pinned(&self) -> bool {
        let mut names = self.bpffs.read_dir().into_iter().flatten().flatten();
        names.any(|entry| !entry.file_name().to_string_lossy().contains('.'))
    }

    fn show_ports(&mut self, status: &Value) {
        for port in status["interfaces"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
            let name = text(&port["name"]);
            let way =
                |way: &str| format!("{} ({})", text(&port[way]["hook"]), text(&port[way]["mode"]));
            let what = format!("{name}: in {}, out {}, enforcing", way("outbound"), way("inbound"));
            self.report.check(&what, &true, &(port["enforcing"] == true));
        }
    }

    /// Prints a table of the flows; what `more` gives for each follows.
    fn print(&self, flows: &[Flow], header: &[&str], more: impl Fn(usize) -> Vec<String>) {
        let mut rows = Vec::new();
        let mut last = "";
        for (index, flow) in flows.iter().enumerate() {
            let from = if flow.from == last { "" } else { flow.from };
            last = flow.from;
            let mut row = [from, flow.to, flow.what].map(str::to_owned).to_vec();
            row.extend(more(index));
            rows.push(row);
        }
        self.report.table(&[&["From", "To", "What"], header].concat(), rows);
    }

    /// Checks what the sockets experienced.
    fn expect(&mut self, flow: &Flow, reach: [Reach; 2], dropped: bool) {
        for (family, found) in ["IPv4", "IPv6"].into_iter().zip(reach) {
            let answered = if dropped { 0 } else { found.made };
            let what = format!("{} to {}, {}, {family}", flow.from, flow.to, flow.what);
            self.report.quietly(&what, &Reach { answered, ..found }, &found);
        }
    }

    /// Says that quiet checks were good, if all were so far.
    fn summary(&self, what: &str) {
        if self.report.failures() == 0 {
            self.report.line(&format!("  ok: {what}"));
        }
    }

    /// How many frames of each of these cameras arrived at the internet since last asked.
    fn arrived_from(&self, cameras: &[&'static str]) -> Result<Vec<(&'static str, u64)>> {
        let arrived = arrivals(&self.internet)?;
        let of = |camera| -> Result<_> {
            let mut frames = 0;
            for family in Family::ALL {
                frames += arrived.get(&self.town.ip(camera, family)?).copied().unwrap_or_default();
            }
            Ok((camera, frames))
        };
        cameras.iter().map(|camera| of(*camera)).collect()
    }

    /// A connection over IPv4 and one over IPv6.
    fn sessions(&self, from: &str, to: &str, port: u16) -> Result<Vec<TcpSession>> {
        let open = |family| {
            let to = SocketAddr::new(self.town.ip(to, family)?, port);
            TcpSession::open(self.town.host(from), to).with_context(|| format!("{from} to {to}"))
        };
        Family::ALL.into_iter().map(open).collect()
    }

    /// Exchanges something over both connections, and checks whether that works.
    fn exchange(&mut self, what: &str, sessions: &mut [TcpSession], works: bool) -> Result<()> {
        for (family, session) in ["IPv4", "IPv6"].into_iter().zip(sessions) {
            let answered = was_answered(session.exchange()).context(family)?;
            self.report.check(&format!("{what}, {family}"), &works, &answered);
        }
        Ok(())
    }
}

fn cells(reach: [Reach; 2]) -> [String; 2] {
    reach.map(|reach| reach.to_string())
}
