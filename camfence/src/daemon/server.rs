//! The daemon's end of the control socket. Peers may send what they like, or nothing: each is
//! given so many bytes and so long, there are only so many of them, and who asked is logged.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixStream, unix::UCred},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::{
    protocol::{Envelope, Failure, MAX_REQUEST_BYTES, Request, Response, Summary},
    reading::{Lines, Sources},
    socket::{Socket, may_ask},
};
use crate::admission::{Places, Served};

/// Peers that are listened to at once.
pub(super) const MAX_CONNECTIONS: u32 = 32;

/// How long a peer may take to send its request, and again to read the answer.
pub(super) const PEER_PATIENCE: Duration = Duration::from_secs(5);

/// Peers that are answered by many lines at once. They do not take the places of those who ask.
pub(super) const MAX_READERS: usize = 8;

/// How long such a peer may take to read on. What comes meanwhile waits for it only as far as the hub
/// remembers it.
const READER_PATIENCE: Duration = Duration::from_mins(1);

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
    sources: Sources,
    peers: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

/// What a peer is answered.
enum Reply {
    /// One line.
    One(Response),
    /// A line that says so, and as many more as there are.
    Lines(Lines),
}

impl Server {
    /// A server that hands on the requests about a configuration file.
    pub(super) fn new(config: PathBuf, requests: mpsc::Sender<Asked>, sources: Sources) -> Self {
        let peers = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
        let readers = Arc::new(Semaphore::new(MAX_READERS));
        Self { config, requests, sources, peers, readers }
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
        let reply = match timeout(PEER_PATIENCE, read_line(&mut stream)).await {
            Ok(line) if permitted => served.during(self.reply(&line?, peer)).await,
            Ok(_) => Err(refused(peer)),
            Err(_) => Err(Failure::not_a_request("it took too long to arrive")),
        };
        let response = match reply {
            Ok(Reply::Lines(lines)) => match Arc::clone(&self.readers).try_acquire_owned() {
                Ok(place) => return write_lines(stream, lines, place),
                Err(_) => Response::Error(too_many_readers()),
            },
            Ok(Reply::One(response)) => response,
            Err(failure) => Response::Error(failure),
        };
        timeout(PEER_PATIENCE, stream.write_all(&one_line(&response)?)).await?
    }

    async fn reply(&self, line: &[u8], peer: UCred) -> Result<Reply, Failure> {
        let envelope = parse(line)?;
        info!("{} asks: {}", named(peer), envelope.request.verb());
        if !envelope.is_about(&self.config) {
            let ours = Envelope::new(&self.config, Request::Ping).config;
            let message = format!("the daemon serves another configuration, {ours}");
            return Err(Failure::new(message, format!("name that one: --config {ours}")));
        }
        if let Some(lines) = self.sources.lines(&envelope.request) {
            return Ok(Reply::Lines(lines));
        }
        ask(&self.requests, envelope.request).await.map(Reply::One)
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

/// Writes lines for as long as the peer reads them, and gives the place in which peers are listened to
/// to others.
fn write_lines(
    mut stream: UnixStream,
    mut lines: Lines,
    place: OwnedSemaphorePermit,
) -> io::Result<()> {
    let begun = one_line(&Response::Ok(Summary::default()))?;
    tokio::spawn(async move {
        let written: io::Result<()> = async {
            timeout(READER_PATIENCE, stream.write_all(&begun)).await??;
            let (mut peer, mut to_peer) = stream.split();
            let mut word = [0];
            loop {
                let line = tokio::select! {
                    line = lines.next() => line,
                    // It has nothing more to say: it is gone.
                    _ = peer.read(&mut word) => return Ok(()),
                };
                let Some(line) = line else { return Ok(()) };
                timeout(READER_PATIENCE, to_peer.write_all(line.as_bytes())).await??;
            }
        }
        .await;
        if let Err(error) = written {
            debug!("a reader on the control socket went away: {error}");
        }
        drop(place);
    });
    Ok(())
}

fn too_many_readers() -> Failure {
    Failure::new(
        format!("{MAX_READERS} others are reading already"),
        "end one of them, such as a camfence events --follow",
    )
}

fn one_line(response: &Response) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(response)?;
    line.push(b'\n');
    Ok(line)
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
