//! A bystander whose frames all have to arrive.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use camfence_tests::wire::BURST;
use camfence_tests::{Lab, RawPort};

use crate::home::{SINK, TALKER};
use crate::stamp::{Kind, Stamp};
use crate::traffic::lock;

/// Frames a second.
pub(crate) const RATE: u64 = 50_000;
/// How far behind its rate it may fall and still make up for it.
const BACKLOG: u64 = RATE / 2;

/// The bystander, and the station that it talks to.
#[derive(Debug)]
pub(crate) struct Bystander {
    talker: RawPort,
    sink: RawPort,
    sent: AtomicU64,
    /// How often the kernel had no room.
    retries: AtomicU64,
    /// How often the machine was so slow that the rate was given up for a moment.
    stalls: AtomicU64,
    arrived: Mutex<Arrived>,
    uncaptured: AtomicU64,
}

/// Which frames arrived.
#[derive(Debug, Default)]
struct Arrived {
    seen: Vec<u64>,
    count: u64,
    twice: u64,
    disordered: u64,
    next: u64,
    /// All below it are there.
    checked: u64,
}

/// What became of the bystander's frames.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) arrived: u64,
    pub(crate) twice: u64,
    pub(crate) disordered: u64,
    pub(crate) retries: u64,
    pub(crate) stalls: u64,
    pub(crate) uncaptured: u64,
}

impl Bystander {
    pub(crate) fn new(lab: &Lab) -> Result<Self> {
        Ok(Self {
            talker: RawPort::open(lab.host("talker"), "eth0")?,
            sink: RawPort::open(lab.host("sink"), "eth0")?,
            sent: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            stalls: AtomicU64::new(0),
            arrived: Mutex::default(),
            uncaptured: AtomicU64::new(0),
        })
    }

    /// What has become of its frames so far.
    pub(crate) fn outcome(&self) -> Outcome {
        let arrived = lock(&self.arrived);
        Outcome {
            sent: self.sent.load(SeqCst),
            arrived: arrived.count,
            twice: arrived.twice,
            disordered: arrived.disordered,
            retries: self.retries.load(SeqCst),
            stalls: self.stalls.load(SeqCst),
            uncaptured: self.uncaptured.load(SeqCst),
        }
    }

    /// How many frames were sent.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(SeqCst)
    }

    /// Whether all frames below `number` have arrived.
    pub(crate) fn has_all_below(&self, number: u64) -> bool {
        lock(&self.arrived).has_all_below(number)
    }

    /// Sends until told to stop.
    pub(crate) fn send(&self, stop: &AtomicBool) -> Result<()> {
        let mut frames = vec![Kind::Bystander.frame(TALKER, SINK); BURST];
        let (mut begin, mut sent_before) = (Instant::now(), 0);
        let mut number = 0;
        while !stop.load(SeqCst) {
            let due = u64::try_from(begin.elapsed().as_micros())? * RATE / 1_000_000 + sent_before;
            if due > number + BACKLOG {
                self.stalls.fetch_add(1, SeqCst);
                (begin, sent_before) = (Instant::now(), number);
                continue;
            }
            let ready = usize::try_from(due.saturating_sub(number))?.min(BURST);
            for (frame, number) in frames[..ready].iter_mut().zip(number..) {
                Stamp { kind: Kind::Bystander, camera: 0, number, sent_at: 0 }.write(frame);
            }
            let taken = if ready == 0 { 0 } else { self.talker.send_at_once(&frames[..ready])? };
            number += taken as u64;
            self.sent.store(number, SeqCst);
            self.retries.fetch_add(u64::from(taken < ready), SeqCst);
            if ready < BURST || taken < ready {
                thread::sleep(Duration::from_micros(500));
            }
        }
        Ok(())
    }

    /// Counts what arrives until told to stop.
    pub(crate) fn listen(&self, stop: &AtomicBool) -> Result<()> {
        while !stop.load(SeqCst) {
            let mut arrived = lock(&self.arrived);
            self.sink.capture_heads(|frame| {
                if let Some(stamp) = Stamp::read(frame).filter(|s| s.kind == Kind::Bystander) {
                    arrived.note(stamp.number);
                }
            })?;
            drop(arrived);
            self.uncaptured.fetch_add(self.sink.lost()?.into(), SeqCst);
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Arrived {
    fn note(&mut self, number: u64) {
        let (word, bit) = (usize::try_from(number / 64).expect("64 bits"), 1 << (number % 64));
        if self.seen.len() <= word {
            self.seen.resize(word + 1, 0);
        }
        self.twice += u64::from(self.seen[word] & bit != 0);
        self.seen[word] |= bit;
        self.count += 1;
        self.disordered += u64::from(number < self.next);
        self.next = self.next.max(number + 1);
    }

    fn has(&self, number: u64) -> bool {
        let word = usize::try_from(number / 64).ok().and_then(|word| self.seen.get(word));
        word.is_some_and(|word| word & (1 << (number % 64)) != 0)
    }

    fn has_all_below(&mut self, number: u64) -> bool {
        while self.checked < number && self.has(self.checked) {
            self.checked += 1;
        }
        self.checked >= number
    }
}

impl Outcome {
    /// Frames sent a second.
    pub(crate) fn rate(&self, elapsed: Duration) -> u64 {
        self.sent * 1000 / u64::try_from(elapsed.as_millis()).map_or(u64::MAX, |ms| ms.max(1))
    }

    /// Fails unless all frames arrived, once each. `overrun` were lost on the way by a queue that
    /// was full, which the kernel counts.
    pub(crate) fn check(&self, overrun: u64) -> Result<()> {
        ensure!(
            self.uncaptured == 0 && overrun == 0,
            "the harness lost frames ({overrun}): {self:?}"
        );
        ensure!(self.sent == self.arrived && self.twice == 0, "a bystander lost frames: {self:?}");
        Ok(())
    }
}
