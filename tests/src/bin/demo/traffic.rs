//! Makes the traffic, with real sockets, and says what they experienced.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use camfence_tests::traffic::{TIMEOUT, TcpSession, multicast_send, udp_request};

use crate::plan::{Flow, Service};
use crate::town::{Family, Town};

/// Attempts that are made at a time.
const AT_ONCE: usize = 12;

/// How many of the attempts were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Answered, or for multicast: heard.
    pub(crate) answered: u32,
    /// Made.
    pub(crate) made: u32,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { answered, made } = self;
        match *answered {
            0 => f.write_str("dropped"),
            _ if answered == made => f.write_str("reached"),
            _ => write!(f, "{answered} of {made}"),
        }
    }
}

/// Makes every flow over both families; the answers are in the order of the flows.
pub(crate) fn run(town: &Town, flows: &[Flow]) -> Result<Vec<[Reach; 2]>> {
    let mut jobs = Vec::new();
    for (index, flow) in flows.iter().enumerate() {
        jobs.extend(Family::ALL.map(|family| (index, *flow, family)));
    }
    let jobs = Mutex::new(jobs);
    let none = Reach { answered: 0, made: 0 };
    let reaches = Mutex::new(vec![[none; 2]; flows.len()]);
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = || -> Result<()> {
        while let Some((index, flow, family)) = next() {
            let reach = attempt(town, &flow, family)
                .with_context(|| format!("{} to {}: {}", flow.from, flow.to, flow.what))?;
            let mut reaches = reaches.lock().unwrap_or_else(PoisonError::into_inner);
            reaches[index][family.of(0, 1)] = reach;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })?;
    Ok(reaches.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Makes one flow over one family.
fn attempt(town: &Town, flow: &Flow, family: Family) -> Result<Reach> {
    let to = |port| anyhow::Ok(SocketAddr::new(town.ip(flow.to, family)?, port));
    let (answered, made) = match flow.service {
        Service::Tcp(port) => (tcp(town, flow.from, to(port)?)?, 1),
        Service::Udp(port, times) => (udp(town, flow.from, to(port)?, times)?, times),
        Service::Group(v4, v6) => (multicast(town, flow.from, family.of(v4, v6), family)?, 1),
    };
    Ok(Reach { answered, made })
}

fn tcp(town: &Town, from: &str, to: SocketAddr) -> io::Result<u32> {
    let exchanged = TcpSession::open(town.host(from), to).and_then(|mut tcp| tcp.exchange());
    Ok(u32::from(was_answered(exchanged)?))
}

fn udp(town: &Town, from: &str, to: SocketAddr, times: u32) -> io::Result<u32> {
    (0..times).try_fold(0, |answered, _| {
        let answer = udp_request(town.host(from), to, b"are you there?");
        Ok(answered + u32::from(was_answered(answer)?))
    })
}

fn multicast(town: &Town, from: &str, group: SocketAddr, family: Family) -> io::Result<u32> {
    let source = town.multicast_source(from, family);
    let before = town.heard(group, source);
    multicast_send(town.host(from), "eth0", group, b"here I am")?;
    let deadline = Instant::now() + TIMEOUT;
    while town.heard(group, source) == before && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(1));
    }
    Ok(u32::from(town.heard(group, source) > before))
}

/// Silence is what a fence answers; any other error is the lab's fault and ends the demo.
pub(crate) fn was_answered<T>(result: io::Result<T>) -> io::Result<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::TimedOut => Ok(false),
        Err(error) => Err(error),
    }
}
