//! Complete frames into and out of an interface, through packet sockets.

mod offload;
mod socket;

use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{fmt, thread};

use anyhow::{Context as _, Result, ensure};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    ControlMessageOwned, LinkAddr, MsgFlags, MultiHeaders, recvmmsg, recvmsg, sendmmsg, sendmsg,
};

pub use self::offload::Offload;
use crate::netns::Netns;

/// Room for any frame that segmentation offload makes.
const FRAME_MAX: usize = 70_000;
/// The most frames that one system call sends.
pub const BURST: usize = 64;
/// How much of a frame [`RawPort::capture_heads`] gives.
pub const SNAP: usize = 128;
/// How long [`RawPort::send_many`] goes on beyond the time that its rate asks for.
const PATIENCE: Duration = Duration::from_secs(10);

/// An interface of a namespace, for frames as they are on the wire: it sends them and
/// captures those that arrive. Usable from any thread's namespace.
pub struct RawPort {
    interface: String,
    receiver: OwnedFd,
    sender: OwnedFd,
    /// Sends frames behind a `virtio_net_hdr`.
    offloader: OwnedFd,
    buffer: Mutex<Vec<u8>>,
}

/// What became of [`RawPort::send_many`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Frames that the kernel took; all that were asked for, unless time ran out.
    pub accepted: u64,
    /// How often the kernel had no room and a frame was tried again.
    pub retries: u64,
    /// How long it took.
    pub elapsed: Duration,
}

impl RawPort {
    /// Opens the interface; frames that arrive from now on are captured.
    pub fn open(netns: &Netns, interface: &str) -> Result<Self> {
        netns
            .run(|| Self::open_here(interface))
            .with_context(|| format!("opening {interface} in {}", netns.name()))
    }

    fn open_here(interface: &str) -> Result<Self> {
        Ok(Self {
            interface: interface.into(),
            receiver: socket::receiver(interface)?,
            sender: socket::sender(interface)?,
            offloader: socket::offloader(interface)?,
            buffer: Mutex::new(vec![0; FRAME_MAX]),
        })
    }

    /// Sends one frame.
    pub fn send(&self, frame: &[u8]) -> Result<()> {
        let parts = [IoSlice::new(frame)];
        send(&self.sender, &parts).with_context(|| format!("sending on {}", self.interface))
    }

    /// Sends one frame as a segment that hardware or the kernel still has to finish: see
    /// [`Offload`].
    pub fn send_offloaded(&self, frame: &[u8], offload: Offload) -> Result<()> {
        let (header, frame) = offload.prepare(frame)?;
        send(&self.offloader, &[IoSlice::new(&header), IoSlice::new(&frame)])
            .with_context(|| format!("sending {offload:?} on {}", self.interface))
    }

    /// Sends `count` frames, `frames` over and over, at most `rate` a second. A frame that
    /// finds no room is tried again, so that the count is exact; where frames can never be
    /// sent (a filter on this interface's way out drops them) it gives up after ten seconds
    /// more than the rate asks for.
    ///
    /// A kernel whose veth does not tell its sender of a drop (before 6.7) may lose accepted
    /// frames in the peer's backlog: compare [`Netns::link_stats`] there.
    pub fn send_many(&self, frames: &[Vec<u8>], count: u64, rate: u32) -> Result<Sent> {
        ensure!(!frames.is_empty() && rate > 0, "nothing to send, or never");
        let start = Instant::now();
        let pace = |frames: u64| Duration::from_nanos(frames * 1_000_000_000 / u64::from(rate));
        let deadline = start + pace(count) + PATIENCE;
        let mut sent = Sent { accepted: 0, retries: 0, elapsed: Duration::ZERO };
        let mut headers = MultiHeaders::<()>::preallocate(BURST, None);
        // A millisecond's worth, so that slow is slow and fast has few system calls.
        let at_once = u64::from(rate / 1000).clamp(1, BURST as u64);
        let mut next = frames.iter().cycle();
        let mut burst: Vec<[IoSlice; 1]> = Vec::with_capacity(BURST);
        while sent.accepted < count && Instant::now() < deadline {
            let room = (count - sent.accepted).min(at_once);
            while (burst.len() as u64) < room {
                burst.extend(next.next().map(|frame| [IoSlice::new(frame)]));
            }
            wait_until(start + pace(sent.accepted));
            match self.send_burst(&mut headers, &burst)? {
                0 => {
                    sent.retries += 1;
                    thread::sleep(Duration::from_micros(50));
                }
                taken => {
                    sent.accepted += taken as u64;
                    burst.drain(..taken);
                }
            }
        }
        sent.elapsed = start.elapsed();
        Ok(sent)
    }

    /// Sends what it can; gives how many frames the kernel took.
    fn send_burst(&self, headers: &mut MultiHeaders<()>, burst: &[[IoSlice; 1]]) -> Result<usize> {
        let fd = self.sender.as_raw_fd();
        let nowhere = vec![None; burst.len()];
        let sent = sendmmsg(fd, headers, burst, nowhere, [], MsgFlags::empty());
        match sent.map(Iterator::count) {
            Ok(taken) => Ok(taken),
            Err(Errno::ENOBUFS | Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(error) => Err(error).with_context(|| format!("sending on {}", self.interface)),
        }
    }

    /// Sends frames in one system call, at most [`BURST`] of them; gives how many the kernel
    /// took, none if it had no room.
    pub fn send_at_once(&self, frames: &[Vec<u8>]) -> Result<usize> {
        let burst: Vec<_> = frames.iter().take(BURST).map(|frame| [IoSlice::new(frame)]).collect();
        self.send_burst(&mut MultiHeaders::preallocate(burst.len(), None), &burst)
    }

    /// Hands what has arrived to `each`, cut off after [`SNAP`] bytes and without its VLAN tag: many
    /// frames with few system calls. Gives how many there were.
    pub fn capture_heads(&self, mut each: impl FnMut(&[u8])) -> Result<usize> {
        let mut seen = 0;
        loop {
            let mut heads = [[0; SNAP]; BURST];
            let mut parts: Vec<_> = heads.iter_mut().map(|head| [IoSliceMut::new(head)]).collect();
            let mut headers = MultiHeaders::<()>::preallocate(BURST, None);
            let fd = self.receiver.as_raw_fd();
            let got = recvmmsg(fd, &mut headers, &mut parts, MsgFlags::MSG_DONTWAIT, None);
            let lengths: Vec<_> = match got {
                Ok(received) => received.map(|message| message.bytes.min(SNAP)).collect(),
                // The interface went down or away: no frame.
                Err(Errno::EAGAIN | Errno::EINTR | Errno::ENETDOWN) => return Ok(seen),
                Err(error) => {
                    return Err(error).with_context(|| format!("capturing {}", self.interface));
                }
            };
            seen += lengths.len();
            heads.iter().zip(&lengths).for_each(|(head, &length)| each(&head[..length]));
            if lengths.len() < BURST {
                return Ok(seen);
            }
        }
    }

    /// The next frame that arrived, or none within `timeout`. A VLAN tag that the kernel or
    /// the hardware had taken off is in its place again.
    pub fn capture(&self, timeout: Duration) -> Result<Option<Vec<u8>>> {
        if !readable(&self.receiver, timeout)? {
            return Ok(None);
        }
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut control = cmsg_space!(libc::tpacket_auxdata);
        let mut parts = [IoSliceMut::new(&mut buffer)];
        let fd = self.receiver.as_raw_fd();
        let received =
            recvmsg::<LinkAddr>(fd, &mut parts, Some(&mut control), MsgFlags::MSG_DONTWAIT)?;
        ensure!(!received.flags.contains(MsgFlags::MSG_TRUNC), "a frame beyond {FRAME_MAX} bytes");
        let tag = received.cmsgs()?.find_map(|message| match message {
            ControlMessageOwned::Unknown(message) => socket::vlan_tag(&message.data_bytes),
            _ => None,
        });
        let length = received.bytes;
        Ok(Some(with_tag(&buffer[..length], tag)))
    }

    /// The next frame that `wanted` accepts, or none within `timeout`; others are discarded.
    pub fn capture_matching(
        &self,
        timeout: Duration,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + timeout;
        while let Some(frame) = self.capture(deadline.saturating_duration_since(Instant::now()))? {
            if wanted(&frame) {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    /// All frames that arrive until none did for the time of `quiet`.
    pub fn capture_until_quiet(&self, quiet: Duration) -> Result<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        while let Some(frame) = self.capture(quiet)? {
            frames.push(frame);
        }
        Ok(frames)
    }

    /// Discards what has arrived so far.
    pub fn discard(&self) -> Result<()> {
        self.capture_until_quiet(Duration::ZERO).map(drop)
    }

    /// How many frames arrived, since this was last asked, for which the capture had no room.
    pub fn lost(&self) -> Result<u32> {
        socket::lost(&self.receiver)
    }
}

impl fmt::Debug for RawPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawPort").field("interface", &self.interface).finish_non_exhaustive()
    }
}

fn send(socket: &OwnedFd, parts: &[IoSlice]) -> Result<()> {
    loop {
        match sendmsg::<()>(socket.as_raw_fd(), parts, &[], MsgFlags::empty(), None) {
            Err(Errno::EINTR) => {}
            result => return Ok(result.map(drop)?),
        }
    }
}

fn readable(socket: &OwnedFd, timeout: Duration) -> Result<bool> {
    let deadline = Instant::now() + timeout;
    loop {
        // Rounded up: a poll of zero would return at once.
        let left = deadline.saturating_duration_since(Instant::now());
        let millis = left.as_nanos().div_ceil(1_000_000);
        let timeout = PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX);
        let mut sockets = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut sockets, timeout) {
            // An error that is pending (the interface went down) is no frame.
            Ok(_) => {
                return Ok(sockets[0].revents().is_some_and(|e| e.contains(PollFlags::POLLIN)));
            }
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn with_tag(frame: &[u8], tag: Option<[u8; 4]>) -> Vec<u8> {
    match (tag, frame.split_at_checked(2 * 6)) {
        (Some(tag), Some((addresses, rest))) => [addresses, &tag, rest].concat(),
        _ => frame.to_vec(),
    }
}

fn wait_until(moment: Instant) {
    let ahead = moment.saturating_duration_since(Instant::now());
    // Shorter sleeps overshoot by more than they last; the next burst makes up for it.
    if ahead > Duration::from_micros(100) {
        thread::sleep(ahead);
    }
}
