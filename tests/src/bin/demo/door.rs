//! A way from the host's loopback to a server on the box's.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Scope};
use std::time::Duration;

use anyhow::{Context as _, Result};
use camfence_tests::Netns;

/// Connections that are passed on at a time; a browser has six.
const MOST: usize = 32;

/// How often it is looked for a connection.
const TICK: Duration = Duration::from_millis(20);

/// How long one side may not take what the other sends.
const PATIENCE: Duration = Duration::from_secs(5);

/// A port on the host's loopback.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    server: SocketAddr,
}

impl Door {
    /// Listens for a server on the box's loopback: on the same port if it is free, or else on
    /// another.
    pub(crate) fn open(port: u16) -> Result<Self> {
        let at = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let listener = at(port).or_else(|_| at(0)).context("listening on the loopback")?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, server: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Passes connections on until it shall stop. One that is passed on ends when the server does.
    pub(crate) fn pass_on<'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        netns: &'scope Netns,
        stop: &'scope AtomicBool,
    ) {
        let places = Arc::new(());
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                match self.listener.accept() {
                    Ok((client, _)) if Arc::strong_count(&places) <= MOST => {
                        let place = Arc::clone(&places);
                        scope.spawn(move || {
                            // What fails is closed, and that says enough.
                            let _ = connect(netns, self.server, &client);
                            drop(place);
                        });
                    }
                    Ok(_) => {}
                    Err(_) => thread::sleep(TICK),
                }
            }
        });
    }
}

/// Connects a client with a server until the server closes.
fn connect(netns: &Netns, server: SocketAddr, client: &TcpStream) -> io::Result<()> {
    let server = netns.run(|| TcpStream::connect(server))?;
    for side in [client, &server] {
        side.set_nodelay(true)?;
        side.set_write_timeout(Some(PATIENCE))?;
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            // Either side may go at any time.
            let _ = io::copy(&mut &*client, &mut &server);
            let _ = server.shutdown(Shutdown::Write);
        });
        let _ = io::copy(&mut &server, &mut &*client);
        let _ = client.shutdown(Shutdown::Both);
    });
    Ok(())
}
