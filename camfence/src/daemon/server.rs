//! The daemon's end of the control socket. Peers may send what they like, or nothing: each is
//! given so many bytes and so long, there are only so many of them, and who asked is logged.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixStream, unix::UCred},
    sync::{Semaphore, mpsc, oneshot},
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{
    protocol::{Envelope, Failure, MAX_REQUEST_BYTES, Request, Response},
    socket::{Socket, may_ask},
};
use crate::admission::{Places, Served};

/// Peers that are listened to at once.
pub(super) const MAX_CONNECTIONS: u32 = 32;

/// How long a peer may take to send its request, and again to read the answer.
pub(super) const PEER_PATIENCE: Duration = Duration::from_secs(5);

/// How long to leave a socket alone that cannot accept: most likely no file descriptor is free.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A request on its way to the daemon, and where the answer goes.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: Request,
    pub(super) answer: oneshot::Sender<Response>,
}

/// What serving a peer takes.
#[derive(Debug, Clone)]
pub(super) struct Server {
    config: PathBuf,
    requests: mpsc::Sender<Asked>,
    peers: Arc<Semaphore>,
}

impl Server {
    /// A server that hands on the requests about a configuration file.
    pub(super) fn new(config: PathBuf, requests: mpsc::Sender<Asked>) -> Self {
        let peers = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
        Self { config, requests, peers }
    }

    /// Accepts peers until dropped.
    pub(super) async fn serve(self, socket: Socket) {
        let mut places = Places::new(Arc::clone(&self.peers));
        loop {
            match socket.listener().accept().await {
                Ok((stream, _)) => {
                    let server = self.clone();
                    let admitted = places.admit(|served| async move {
                        if let Err(error) = server.converse(stream, &served).await {
                            debug!("a peer on the control socket went away: {error}");
                        }
                    });
                    admitted.await;
                }
                Err(error) => {
                    warn!("cannot accept on the control socket: {error}");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Waits until all peers have their answers, as long as one of them may take.
    pub(super) async fn drain(&self) {
        // Nobody is left to be told of a peer that does not read its answer.
        let _ = timeout(PEER_PATIENCE, self.peers.acquire_many(MAX_CONNECTIONS)).await;
    }

    async fn converse(&self, mut stream: UnixStream, served: &Served) -> io::Result<()> {
        let peer = stream.peer_cred()?;
        let permitted = may_ask(&stream, peer)?;
        let response = match timeout(PEER_PATIENCE, read_line(&mut stream)).await {
            Ok(line) if permitted => served.during(self.response(&line?, peer)).await,
            Ok(_) => Err(refused(peer)),
            Err(_) => Err(Failure::not_a_request("it took too long to arrive")),
        };
        let mut line = serde_json::to_vec(&response.unwrap_or_else(Response::Error))?;
        line.push(b'\n');
        timeout(PEER_PATIENCE, stream.write_all(&line)).await?
    }

    async fn response(&self, line: &[u8], peer: UCred) -> Result<Response, Failure> {
        let envelope = parse(line)?;
        info!("{} asks: {}", named(peer), envelope.request.verb());
        if !envelope.is_about(&self.config) {
            let ours = Envelope::new(&self.config, Request::Ping).config;
            let message = format!("the daemon serves another configuration, {ours}");
            return Err(Failure::new(message, format!("name that one: --config {ours}")));
        }
        ask(&self.requests, envelope.request).await
    }
}

/// Hands a request to the daemon, and waits for the answer.
pub(super) async fn ask(
    requests: &mpsc::Sender<Asked>,
    request: Request,
) -> Result<Response, Failure> {
    let gone = || Failure::new("the daemon is ending", "try again");
    let (answer, response) = oneshot::channel();
    requests.send(Asked { request, answer }).await.map_err(|_| gone())?;
    response.await.map_err(|_| gone())
}

/// The answer to a peer that may not ask. Its request was read: a socket that is closed with something
/// unread loses the answer.
fn refused(peer: UCred) -> Failure {
    warn!("{} may not ask for anything", named(peer));
    Failure::new("not permitted", "ask as root, or as a member of the socket's group")
}

/// Who a peer is, for the log.
fn named(peer: UCred) -> String {
    let process = peer.pid().map_or_else(String::new, |pid| format!(", process {pid}"));
    format!("user {}{process}", peer.uid())
}

async fn read_line(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    BufReader::new(stream.take(MAX_REQUEST_BYTES)).read_until(b'\n', &mut line).await?;
    Ok(line)
}

fn parse(line: &[u8]) -> Result<Envelope, Failure> {
    if !line.ends_with(b"\n") {
        let too_long = line.len() as u64 >= MAX_REQUEST_BYTES;
        let why = if too_long { "it is too long" } else { "its line does not end" };
        return Err(Failure::not_a_request(why));
    }
    serde_json::from_slice(line).map_err(|error| Failure::not_a_request(&error.to_string()))
}
