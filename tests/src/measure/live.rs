//! Frames in numbers that no socket can send: a program in the kernel is given real ones, as a driver
//! would, and what it says is done to them (`BPF_PROG_TEST_RUN` with live frames, kernel 5.18).

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use aya::programs::Xdp;
use aya::programs::xdp::XdpMode;
use aya::{TestRun as _, TestRunAttrs, TestRunOptions};
use rustix::process::setpriority_process;
use rustix::thread::{CpuSet, sched_setaffinity};

use super::{Program, own};
use crate::netns::Netns;

/// Frames of one batch: as many as veth's receiver takes in one go (`NAPI_POLL_WEIGHT`). More would
/// wait in its ring, which has room for 256.
const BATCH: u32 = 64;
/// How long a burst is to be at least: its beginning and end cost some 30 µs.
const BURST: Duration = Duration::from_millis(10);
/// Bursts of one sample.
const BURSTS: usize = 8;
/// The longest burst, in frames.
const MOST: u32 = 1 << 20;
/// The longest of frames that are routed. The kernel sends what it has in memory again as it came
/// back, one hop shorter: a frame begins with 255 and is sent once in each batch.
const MOST_ROUTED: u32 = BATCH * 128;
/// The highest priority of those who share the CPU (`setpriority`).
const FIRST: i32 = -20;

/// One frame, over and over.
#[derive(Debug)]
pub struct Flood<'a> {
    netns: &'a Netns,
    program: Xdp,
    frame: Vec<u8>,
    /// `struct xdp_md` of linux/bpf.h; empty for frames of the kernel's own making.
    context: Vec<u8>,
    burst: u32,
    most: u32,
    sent: u64,
}

impl<'a> Flood<'a> {
    /// Frames that leave an interface for the other end of its cable. Sender and receiver share a
    /// CPU: veth's receiver runs where frames are sent.
    pub fn out_of(netns: &'a Netns, interface: &str, frame: &[u8]) -> Result<Self> {
        let program = anchored(netns, own::redirect(netns.ifindex(interface)?)?)?;
        Self::new(netns, program, frame, Vec::new())
    }

    /// Frames that a port's driver would have received, passed on into the network stack.
    pub fn into(netns: &'a Netns, port: &str, frame: &[u8]) -> Result<Self> {
        Self::through(netns, port, anchored(netns, own::pass()?)?, frame)
    }

    /// Frames that a port's driver would have received, given to a program that is attached there.
    pub fn through(netns: &'a Netns, port: &str, program: Program, frame: &[u8]) -> Result<Self> {
        let (length, port) = (u32::try_from(frame.len())?, netns.ifindex(port)?);
        let [data, data_meta, queue, egress] = [0; 4];
        let context = [data, length, data_meta, port, queue, egress];
        let context = context.into_iter().flat_map(u32::to_ne_bytes).collect();
        Self::new(netns, program, frame, context)
    }

    fn new(netns: &'a Netns, program: Program, frame: &[u8], context: Vec<u8>) -> Result<Self> {
        let Program::Xdp(program) = program else { bail!("live frames are for XDP programs") };
        Ok(Self {
            netns,
            program,
            frame: frame.to_vec(),
            context,
            burst: BATCH,
            most: MOST,
            sent: 0,
        })
    }

    /// The same for frames that are routed before they are judged; their hop limit is to be 255.
    #[must_use]
    pub fn routed(self) -> Self {
        Self { most: MOST_ROUTED, ..self }
    }

    /// Frames sent so far.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Million frames per second of the fastest of some bursts: what other processes take of the CPU
    /// in between does not count.
    pub fn rate(&mut self) -> Result<f64> {
        let netns = self.netns;
        netns.run(|| {
            take_a_cpu()?;
            let mut best = 0.0_f64;
            for _ in 0..BURSTS {
                best = best.max(f64::from(self.burst) / self.burst()?.as_secs_f64());
            }
            Ok(best / 1e6)
        })
    }

    /// Sends until it is told to stop.
    pub fn send_until(&mut self, stop: &AtomicBool) -> Result<()> {
        let netns = self.netns;
        netns.run(|| {
            take_a_cpu()?;
            while !stop.load(Ordering::Relaxed) {
                self.burst()?;
            }
            Ok(())
        })
    }

    /// Sends a burst, each longer than the one before until they are long enough.
    fn burst(&mut self) -> Result<Duration> {
        loop {
            let took = self.send(self.burst)?;
            if took >= BURST || self.burst >= self.most {
                return Ok(took);
            }
            self.burst *= 2;
        }
    }

    /// Sends so many frames from this thread, which has to be in the namespace.
    pub fn send(&mut self, frames: u32) -> Result<Duration> {
        let options = TestRunOptions {
            data_in: Some(&self.frame),
            ctx_in: Some(self.context.as_slice()).filter(|context| !context.is_empty()),
            repeat: frames,
            attrs: TestRunAttrs::new().xdp_live_frames(BATCH),
            ..TestRunOptions::new()
        };
        let start = Instant::now();
        self.program.test_run(options).context("sending live frames")?;
        let took = start.elapsed();
        self.sent += u64::from(frames);
        Ok(took)
    }
}

/// A program that is attached to an interface which receives nothing. The kernel calls attached
/// programs directly; one that is not would become such for each burst, and both ends of that wait
/// for a grace period (`bpf_dispatcher_change_prog`): 20 ms, several times a burst's own.
fn anchored(netns: &Netns, program: Program) -> Result<Program> {
    const ANCHOR: &str = "anchor";
    let Program::Xdp(mut program) = program else { bail!("live frames are for XDP programs") };
    netns.ip(&format!("link add {ANCHOR} type veth"))?;
    let anchor = netns.ifindex(ANCHOR)?;
    netns.run(|| program.attach_to_if_index(anchor, XdpMode::Skb))?;
    Ok(Program::Xdp(program))
}

/// Keeps this thread on the last CPU, and goes before whatever else runs there.
fn take_a_cpu() -> Result<()> {
    let mut last = CpuSet::new();
    last.set(thread::available_parallelism()?.get() - 1);
    sched_setaffinity(None, &last)?;
    go_first()
}

/// Has this thread, and what it starts, go before whatever else the machine has to do.
pub fn go_first() -> Result<()> {
    // Of a thread, in spite of its name.
    Ok(setpriority_process(None, FIRST)?)
}
