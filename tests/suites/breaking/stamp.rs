//! What each frame says of itself: whose it is, which one, and when it was sent.

use camfence_tests::{Frame, Mac};

/// Ethernet, IPv4 and UDP headers.
const AT: usize = 14 + 20 + 8;
const MAGIC: [u8; 4] = *b"cfBK";
const END: usize = AT + 4 + 1 + 1 + 8 + 8;

/// What a frame is, and so what has to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// From a camera to the outside: dropped where the fence stands.
    Away,
    /// From a camera to the recorder: passes.
    Local,
    /// From the outside to a camera: dropped where the fence stands.
    Inbound,
    /// From a bystander to the outside: passes.
    Bystander,
}

impl Kind {
    /// Those of a camera.
    pub(crate) const OF_CAMERAS: [Self; 3] = [Self::Away, Self::Local, Self::Inbound];

    const ALL: [Self; 4] = [Self::Away, Self::Local, Self::Inbound, Self::Bystander];

    /// The frame, not yet stamped, of a camera or bystander whose peer is `peer`.
    pub(crate) fn frame(self, station: Mac, peer: Mac) -> Vec<u8> {
        let frame = match self {
            // To a station that nobody knows: a leak is flooded, and seen wherever the port is.
            Self::Away => Frame::from(station).ipv4("192.168.1.31", "203.0.113.7"),
            Self::Local => Frame::from(station).to(peer).ipv4("192.168.1.31", "192.168.1.10"),
            Self::Inbound => Frame::from(peer).to(station).ipv4("203.0.113.7", "192.168.1.31"),
            Self::Bystander => Frame::from(station).to(peer).ipv4("192.168.1.50", "203.0.113.7"),
        };
        frame.udp(5000, 10240).payload([0; END - AT]).build()
    }
}

/// A frame's stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) kind: Kind,
    /// The camera's index; zero for a bystander.
    pub(crate) camera: u8,
    /// Counted from zero, for each camera and kind.
    pub(crate) number: u64,
    /// Nanoseconds since the traffic began.
    pub(crate) sent_at: u64,
}

impl Stamp {
    /// Writes it into a frame of [`Kind::frame`].
    pub(crate) fn write(self, frame: &mut [u8]) {
        frame[AT..AT + 4].copy_from_slice(&MAGIC);
        frame[AT + 4] = self.kind as u8;
        frame[AT + 5] = self.camera;
        frame[AT + 6..AT + 14].copy_from_slice(&self.number.to_be_bytes());
        frame[AT + 14..END].copy_from_slice(&self.sent_at.to_be_bytes());
    }

    /// The stamp of a frame that has one.
    pub(crate) fn read(frame: &[u8]) -> Option<Self> {
        let (magic, rest) = frame.get(AT..END)?.split_first_chunk()?;
        let (&[kind, camera], rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        Some(Self {
            kind: *Kind::ALL.get(usize::from(kind)).filter(|_| *magic == MAGIC)?,
            camera,
            number: u64::from_be_bytes(*number),
            sent_at: u64::from_be_bytes(*rest.first_chunk()?),
        })
    }
}
