//! Serves HTTP: to few, for a short time, in reply to small requests.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rustix::net::sockopt::{set_ip_freebind, set_ipv6_freebind};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tracing::{debug, warn};

use crate::admission::{Places, Served};

/// Connections that there are at once.
pub const MAX_CONNECTIONS: usize = 16;

/// How long a client may take to send its request.
pub const REQUEST_PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection may last.
pub const CONNECTION_PATIENCE: Duration = Duration::from_secs(20);

/// Longest request line and headers together, in bytes.
pub const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// How long to leave a socket alone that cannot accept: most likely no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;

/// Listens at an address, which need not be this machine's yet: the daemon starts before the network is
/// configured, and a fence must not wait for an address.
pub(crate) fn listen(at: SocketAddr) -> io::Result<TcpListener> {
    let socket = match at {
        SocketAddr::V4(_) => {
            let socket = TcpSocket::new_v4()?;
            set_ip_freebind(&socket, true)?;
            socket
        }
        SocketAddr::V6(_) => {
            let socket = TcpSocket::new_v6()?;
            set_ipv6_freebind(&socket, true)?;
            socket
        }
    };
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    socket.listen(BACKLOG)
}

/// Serves until dropped. What is served (`what`, for the log) is made for each connection, of which
/// it is told whose it is and when it need not make way.
pub(crate) async fn serve<A>(listener: TcpListener, what: &'static str, app: A)
where
    A: Fn(SocketAddr, Served) -> Router,
{
    let mut places = Places::new(Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    loop {
        match listener.accept().await {
            Ok((stream, client)) => {
                let app = &app;
                let admitted = places.admit(|served| {
                    let app = app(client, served);
                    async move {
                        // Whoever is too slow is cut off.
                        let _ = timeout(CONNECTION_PATIENCE, converse(stream, what, app)).await;
                    }
                });
                admitted.await;
            }
            Err(error) => {
                warn!("cannot accept on the socket of the {what}: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, what: &'static str, app: Router) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(REQUEST_PATIENCE)
        .max_buf_size(MAX_REQUEST_BYTES)
        .keep_alive(false);
    let service = TowerToHyperService::new(app);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        debug!("a client of the {what} went away: {error}");
    }
}
