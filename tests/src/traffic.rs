//! Real sockets inside namespaces. All wait at most [`TIMEOUT`] for what they expect, and what
//! runs in the background ends when it is dropped.

mod multicast;
mod tcp;
mod udp;

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

pub use self::multicast::{MDNS_V4, MDNS_V6, SSDP_V4, SSDP_V6, multicast_send};
pub use self::tcp::{TcpEcho, TcpSession};
pub use self::udp::{Count, UdpEcho, UdpSink, udp_request, udp_send};

/// How long to wait for an answer.
pub const TIMEOUT: Duration = Duration::from_millis(500);

/// How often a thread in the background looks whether it shall end.
const TICK: Duration = Duration::from_millis(20);

/// Threads in the background; dropping them ends them.
#[derive(Debug, Default)]
struct Workers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Runs `work`, which takes a [`TICK`] at most, over and over.
    fn repeat(&mut self, mut work: impl FnMut() + Send + 'static) {
        let stop = Arc::clone(&self.stop);
        self.threads.push(thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                work();
            }
        }));
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A panic of a worker was printed by it; dropping must not add another.
            let _ = thread.join();
        }
    }
}

/// Calls again what was interrupted. The kernel interrupts a receiver that has a timeout for
/// work of its own, without any signal, and the standard library passes that on.
fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// One kind of error for a timeout, where systems have two.
fn timed_out(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::WouldBlock => io::Error::new(ErrorKind::TimedOut, "no answer in time"),
        _ => error,
    }
}
