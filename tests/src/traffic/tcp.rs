//! Connections.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{TICK, TIMEOUT, Workers, again, timed_out};
use crate::netns::Netns;

/// Answers on a port with whatever it receives, any number of connections at a time.
#[derive(Debug)]
pub struct TcpEcho {
    _workers: Workers,
}

impl TcpEcho {
    /// Listens on a port of all addresses of both families.
    pub fn open(netns: &Netns, port: u16) -> Result<Self> {
        let listener = netns
            .run(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, port)))
            .with_context(|| format!("listening on TCP port {port}"))?;
        listener.set_nonblocking(true)?;
        let streams = Arc::new(Mutex::new(Vec::new()));
        let accepted = Arc::clone(&streams);
        let mut workers = Workers::default();
        workers.repeat(move || match listener.accept() {
            Ok((stream, _)) => push(&accepted, stream),
            Err(_) => thread::sleep(Duration::from_millis(1)),
        });
        workers.repeat(move || {
            streams.lock().unwrap_or_else(PoisonError::into_inner).retain_mut(echo);
            thread::sleep(Duration::from_millis(1));
        });
        Ok(Self { _workers: workers })
    }
}

fn push(streams: &Mutex<Vec<TcpStream>>, stream: TcpStream) {
    if stream.set_nonblocking(true).and_then(|()| stream.set_nodelay(true)).is_ok() {
        streams.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
    }
}

/// Answers what has arrived; whether the connection is still worth keeping.
fn echo(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Ok(0) => false,
        Ok(length) => stream.write_all(&buffer[..length]).is_ok(),
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

/// A connection to a [`TcpEcho`] that lives as long as this.
#[derive(Debug)]
pub struct TcpSession {
    stream: TcpStream,
    last: u64,
}

impl TcpSession {
    /// Connects; an error of kind `TimedOut` when nothing answers.
    pub fn open(netns: &Netns, to: SocketAddr) -> io::Result<Self> {
        let stream = netns.run(|| TcpStream::connect_timeout(&to, TIMEOUT))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, last: 0 })
    }

    /// Sends a message and waits for its echo; gives the time between, or an error of kind
    /// `TimedOut`. Late echoes of earlier messages are skipped.
    pub fn exchange(&mut self) -> io::Result<Duration> {
        self.exchange_within(TIMEOUT)
    }

    /// The same with another limit: after a pause the kernel's next try may be seconds away.
    pub fn exchange_within(&mut self, limit: Duration) -> io::Result<Duration> {
        let start = Instant::now();
        self.last += 1;
        self.stream.write_all(&self.last.to_be_bytes()).map_err(timed_out)?;
        while self.next_echo(start + limit)? != self.last {}
        Ok(start.elapsed())
    }

    fn next_echo(&mut self, deadline: Instant) -> io::Result<u64> {
        let mut message = [0; 8];
        loop {
            match again(|| self.stream.peek(&mut message)) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(length) if length == message.len() => break,
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                _ if Instant::now() >= deadline => {
                    return Err(timed_out(ErrorKind::WouldBlock.into()));
                }
                _ => {}
            }
        }
        self.stream.read_exact(&mut message)?;
        Ok(u64::from_be_bytes(message))
    }
}
