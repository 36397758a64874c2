//! The frames that flow while things are broken, and what became of them.
//!
//! Cameras send a thousand times a second, to the outside and to the recorder, and are called from
//! the outside at half that rate; a bystander sends all the time. Every frame carries its number,
//! and a number counts only once the kernel took the frame: what was sent is known exactly.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use camfence_tests::{Lab, RawPort};
use nix::errno::Errno;

use crate::bystander::Bystander;
use crate::home::{CAMERAS, WATCH, WATCHES};
use crate::stamp::{Kind, Stamp};

/// How often a camera sends.
pub(crate) const PERIOD: Duration = Duration::from_millis(1);
/// Every so manyeth time it is called from the outside too.
const INBOUND_EVERY: u64 = 2;
/// How long a frame may be on its way.
const IN_FLIGHT: Duration = Duration::from_millis(15);
/// How long is listened for the last frames.
const LAST_ARRIVALS: Duration = Duration::from_millis(300);
/// How long a thread may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A frame of a camera's that arrived and should not have, were the port fenced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leak {
    pub(crate) stamp: Stamp,
    /// Where it was seen: a watch, or the camera.
    pub(crate) seen_by: &'static str,
}

/// A camera's traffic.
#[derive(Debug)]
pub(crate) struct CameraTraffic {
    /// The camera's end of its cable; none while it has no cable.
    cable: Mutex<Option<Arc<RawPort>>>,
    /// The bridge whose watch calls the camera.
    pub(crate) bridge: AtomicUsize,
    sent: [AtomicU64; 3],
    /// Frames to the recorder that arrived there.
    local_arrived: AtomicU64,
}

/// All traffic. It is shared by the threads that make it and the test.
#[derive(Debug)]
pub(crate) struct Traffic<'a> {
    lab: &'a Lab,
    begin: Instant,
    /// Nobody sends any more.
    stop: AtomicBool,
    /// Nobody listens any more.
    deaf: AtomicBool,
    pause: AtomicBool,
    paused: AtomicBool,
    sweeps: AtomicU64,
    watches: Vec<RawPort>,
    cameras: [CameraTraffic; 3],
    leaks: Mutex<Vec<Leak>>,
    pub(crate) bystander: Bystander,
    trouble: Mutex<Option<anyhow::Error>>,
}

impl<'a> Traffic<'a> {
    pub(crate) fn new(lab: &'a Lab) -> Result<Self> {
        let watch = |name: &&str| RawPort::open(lab.host(name), "eth0");
        let camera = |i: usize| CameraTraffic {
            cable: Mutex::default(),
            bridge: CAMERAS[i].home.into(),
            sent: Default::default(),
            local_arrived: AtomicU64::new(0),
        };
        Ok(Self {
            lab,
            begin: Instant::now(),
            stop: AtomicBool::new(false),
            deaf: AtomicBool::new(false),
            pause: AtomicBool::new(false),
            paused: AtomicBool::new(false),
            sweeps: AtomicU64::new(0),
            watches: WATCHES.iter().map(watch).collect::<Result<_>>()?,
            cameras: std::array::from_fn(camera),
            leaks: Mutex::default(),
            bystander: Bystander::new(lab)?,
            trouble: Mutex::default(),
        })
    }

    /// Lets traffic flow until what this gives is dropped.
    pub(crate) fn start<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
    ) -> Flowing<'scope, 'a> {
        scope.spawn(|| self.note(self.send()));
        scope.spawn(|| self.note(self.listen()));
        scope.spawn(|| self.note(self.bystander.send(&self.stop)));
        scope.spawn(|| self.note(self.bystander.listen(&self.deaf)));
        Flowing(self)
    }

    /// Nanoseconds since the traffic began.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.begin.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// A camera's traffic.
    pub(crate) fn camera(&self, camera: usize) -> &CameraTraffic {
        &self.cameras[camera]
    }

    /// Stops the cameras' frames for a moment, with none on its way when this returns.
    pub(crate) fn pause(&self) -> Result<()> {
        self.pause.store(true, SeqCst);
        self.wait_until("the cameras do not stop", || self.paused.load(SeqCst))?;
        self.settle()
    }

    /// Has them flow again.
    pub(crate) fn resume(&self) -> Result<()> {
        self.pause.store(false, SeqCst);
        self.wait_until("the cameras do not start", || !self.paused.load(SeqCst))
    }

    /// Waits until all that was sent so far has arrived, if it ever will, and was looked at.
    pub(crate) fn settle(&self) -> Result<()> {
        thread::sleep(IN_FLIGHT);
        let before = self.sweeps.load(SeqCst);
        self.wait_until("nobody listens", || self.sweeps.load(SeqCst) >= before + 2)
    }

    /// What leaked so far.
    pub(crate) fn leaks(&self) -> Vec<Leak> {
        lock(&self.leaks).clone()
    }

    /// Fails if one of the threads did.
    pub(crate) fn health(&self) -> Result<()> {
        lock(&self.trouble).take().map_or(Ok(()), Err)
    }

    fn wait_until(&self, otherwise: &str, done: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done() {
            self.health()?;
            ensure!(Instant::now() < deadline, "{otherwise}");
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    fn note(&self, result: Result<()>) {
        if let Err(error) = result {
            lock(&self.trouble).get_or_insert(error);
        }
    }

    /// Sends the cameras' frames.
    fn send(&self) -> Result<()> {
        let mut frames = CAMERAS.map(|camera| Kind::OF_CAMERAS.map(|k| k.frame(camera.mac, WATCH)));
        let mut next = Instant::now();
        for round in 0_u64.. {
            while self.pause.load(SeqCst) && !self.stop.load(SeqCst) {
                self.paused.store(true, SeqCst);
                thread::sleep(PERIOD);
                next = Instant::now();
            }
            self.paused.store(false, SeqCst);
            if self.stop.load(SeqCst) {
                break;
            }
            for (camera, frames) in frames.iter_mut().enumerate() {
                self.send_round(camera, round, frames)?;
            }
            next += PERIOD;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
        Ok(())
    }

    fn send_round(&self, camera: usize, round: u64, frames: &mut [Vec<u8>; 3]) -> Result<()> {
        let traffic = &self.cameras[camera];
        if let Some(cable) = traffic.plugged(self.lab, CAMERAS[camera].name) {
            for kind in [Kind::Away, Kind::Local] {
                if !self.send_one(camera, kind, &mut frames[kind as usize], &cable)? {
                    // The cable is gone; there may be another.
                    lock(&traffic.cable).take();
                    return Ok(());
                }
            }
        }
        if round.is_multiple_of(INBOUND_EVERY) {
            let watch = &self.watches[traffic.bridge.load(SeqCst)];
            let frame = &mut frames[Kind::Inbound as usize];
            ensure!(self.send_one(camera, Kind::Inbound, frame, watch)?, "a watch's cable is gone");
        }
        Ok(())
    }

    /// Sends a frame. False if the interface is gone.
    fn send_one(
        &self,
        camera: usize,
        kind: Kind,
        frame: &mut [u8],
        port: &RawPort,
    ) -> Result<bool> {
        let sent = &self.cameras[camera].sent[kind as usize];
        let index = u8::try_from(camera)?;
        Stamp { kind, camera: index, number: sent.load(SeqCst), sent_at: self.now() }.write(frame);
        match port.send(frame) {
            Ok(()) => {
                sent.fetch_add(1, SeqCst);
            }
            Err(error) => match error.downcast_ref() {
                // No room: the next round has a frame of this number.
                Some(Errno::ENOBUFS | Errno::EAGAIN) => {}
                Some(Errno::ENETDOWN | Errno::ENXIO | Errno::ENODEV) => return Ok(false),
                _ => return Err(error),
            },
        }
        Ok(true)
    }

    /// Looks at what arrives at the watches and the cameras.
    fn listen(&self) -> Result<()> {
        while !self.deaf.load(SeqCst) {
            for (i, watch) in self.watches.iter().enumerate() {
                watch.capture_heads(|frame| self.at_watch(WATCHES[i], frame))?;
                check_capture(watch)?;
            }
            for (i, camera) in self.cameras.iter().enumerate() {
                let cable = lock(&camera.cable).clone();
                if let Some(cable) = cable {
                    cable.capture_heads(|frame| self.at_camera(CAMERAS[i].name, frame))?;
                    check_capture(&cable)?;
                }
            }
            self.sweeps.fetch_add(1, SeqCst);
            thread::sleep(2 * PERIOD);
        }
        Ok(())
    }

    fn at_watch(&self, name: &'static str, frame: &[u8]) {
        match Stamp::read(frame) {
            Some(stamp) if stamp.kind == Kind::Away => self.leaked(stamp, name),
            Some(Stamp { kind: Kind::Local, camera, .. }) => {
                self.cameras[usize::from(camera)].local_arrived.fetch_add(1, SeqCst);
            }
            _ => {}
        }
    }

    fn at_camera(&self, name: &'static str, frame: &[u8]) {
        // Others' are flooded to it while nobody knows where those are.
        let own = |stamp: &Stamp| CAMERAS[usize::from(stamp.camera)].name == name;
        if let Some(stamp) = Stamp::read(frame).filter(|s| s.kind == Kind::Inbound && own(s)) {
            self.leaked(stamp, name);
        }
    }

    fn leaked(&self, stamp: Stamp, seen_by: &'static str) {
        lock(&self.leaks).push(Leak { stamp, seen_by });
    }
}

impl CameraTraffic {
    /// How many frames of a kind were sent.
    pub(crate) fn sent(&self, kind: Kind) -> u64 {
        self.sent[kind as usize].load(SeqCst)
    }

    /// How many frames to the recorder got there.
    pub(crate) fn local_arrived(&self) -> u64 {
        self.local_arrived.load(SeqCst)
    }

    /// The cable, opened anew if there is one again.
    fn plugged(&self, lab: &Lab, host: &str) -> Option<Arc<RawPort>> {
        let mut cable = lock(&self.cable);
        if cable.is_none() {
            *cable = RawPort::open(lab.host(host), "eth0").ok().map(Arc::new);
        }
        cable.clone()
    }
}

/// Ends the traffic when dropped.
#[derive(Debug)]
pub(crate) struct Flowing<'scope, 'a>(&'scope Traffic<'a>);

impl Drop for Flowing<'_, '_> {
    fn drop(&mut self) {
        self.0.stop.store(true, SeqCst);
        thread::sleep(LAST_ARRIVALS);
        self.0.deaf.store(true, SeqCst);
    }
}

/// A frame that is not captured could have been a leak.
fn check_capture(port: &RawPort) -> Result<()> {
    let lost = port.lost()?;
    ensure!(lost == 0, "{port:?}: the capture had no room for {lost} frames");
    Ok(())
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
