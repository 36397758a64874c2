//! The frames that programs tell of while somebody captures.

use std::{
    ops::ControlFlow,
    thread::{self, JoinHandle},
    time::Duration,
};

use aya::{
    maps::{
        MapData, PerfEventArray,
        perf::{PerfBufferError, PerfEvent, PerfEventArrayBuffer},
    },
    util::online_cpus,
};
use camfence_common::{abi::names, capture::Caught};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use tokio::sync::mpsc;

use super::{
    error::{KernelError, OsCode, Result, Tried as _},
    maps::take,
    object::Object,
};

/// Pages of the buffer that each CPU has: a power of two.
const PAGES: usize = 1_024;

/// Frames that are taken out of a buffer at once.
const MOST_FRAMES: usize = 4_096;

/// Batches that wait for their reader. While they do, the buffers fill.
const MOST_BATCHES: usize = 4;

/// How often it is looked whether anybody still reads.
const LOOK: Duration = Duration::from_millis(200);

type Buffer = PerfEventArrayBuffer<MapData>;

/// A frame, and what the kernel told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaughtFrame {
    /// What the kernel told.
    pub caught: Caught,
    /// Its bytes, as far as they were captured.
    pub bytes: Vec<u8>,
}

/// What came since the last time.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The frames, by time.
    pub frames: Vec<CaughtFrame>,
    /// Frames that there was no room for.
    pub lost: u64,
}

/// The buffers that frames come by, one for each CPU, and the thread that empties them. When it is
/// dropped, programs have nobody to tell.
#[derive(Debug)]
pub struct Tap {
    batches: mpsc::Receiver<Batch>,
    thread: JoinHandle<()>,
}

impl Tap {
    /// The buffers of an object's programs.
    pub(crate) fn open(object: &mut Object) -> Result<Self> {
        let what = || "making the buffers for frames".to_owned();
        let mut map: PerfEventArray<MapData> = take(object, names::CAUGHT)?;
        let cpus = online_cpus().map_err(|(_, error)| KernelError::io(what(), &error))?;
        let buffers: std::result::Result<Vec<Buffer>, _> =
            cpus.into_iter().map(|cpu| map.open(cpu, Some(PAGES))).collect();
        let (buffers, (send, batches)) = (buffers.tried(what)?, mpsc::channel(MOST_BATCHES));
        let thread = thread::Builder::new().name("capture".into());
        let thread = thread.spawn(move || empty(buffers, &send)).tried(what)?;
        Ok(Self { batches, thread })
    }

    /// Waits for frames. None if there will be no more. May be cancelled: nothing is lost by it.
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// Ends it once the frames that are there are taken.
    pub async fn finish(mut self, mut each: impl FnMut(Batch)) {
        self.batches.close();
        while let Some(batch) = self.batches.recv().await {
            each(batch);
        }
        drop(self.thread);
    }
}

/// Empties buffers until nobody reads any more.
fn empty(mut buffers: Vec<Buffer>, batches: &mpsc::Sender<Batch>) {
    let timeout = Timespec::try_from(LOOK).ok();
    while !batches.is_closed() {
        let mut fds: Vec<_> =
            buffers.iter().map(|buffer| PollFd::new(buffer, PollFlags::IN)).collect();
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            // There is nothing to be read by then; the reader is told by the end of the batches.
            Err(_) => return,
        }
        drop(fds);
        let batch = take_batch(&mut buffers);
        if batch != Batch::default() && batches.blocking_send(batch).is_err() {
            return;
        }
    }
}

fn take_batch(buffers: &mut [Buffer]) -> Batch {
    let mut batch = Batch::default();
    for buffer in buffers {
        let full = batch.frames.len() + MOST_FRAMES;
        // Where it was left is where it goes on.
        let _: ControlFlow<()> = buffer.try_fold((), |(), event| {
            batch.add(&event);
            if batch.frames.len() < full {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
    }
    batch.frames.sort_by_key(|frame| frame.caught.time);
    batch
}

impl Batch {
    fn add(&mut self, event: &PerfEvent<'_>) {
        match event {
            PerfEvent::Lost { count } => self.lost = self.lost.saturating_add(*count),
            PerfEvent::Sample { head, tail } => {
                self.frames.extend(CaughtFrame::new([*head, *tail].concat()));
            }
        }
    }
}

impl CaughtFrame {
    /// None if it is not what the programs tell.
    fn new(mut sample: Vec<u8>) -> Option<Self> {
        const HEADER: usize = size_of::<Caught>();
        let caught: Caught = bytemuck::pod_read_unaligned(sample.get(..HEADER)?);
        let end = HEADER.checked_add(usize::try_from(caught.captured).ok()?)?;
        // What is behind fills the record to whole words.
        sample.truncate(end);
        (sample.len() == end).then(|| Self { caught, bytes: sample.split_off(HEADER) })
    }
}

impl OsCode for PerfBufferError {
    fn os_code(&self) -> Option<i32> {
        match self {
            Self::OpenError { io_error }
            | Self::MMapError { io_error }
            | Self::PerfEventEnableError { io_error }
            | Self::IOError(io_error) => io_error.raw_os_error(),
            Self::InvalidPageCount { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use bytemuck::{Zeroable as _, bytes_of};

    use super::*;

    #[test]
    fn a_sample_is_taken_apart() {
        let caught = Caught { captured: 3, len: 60, ..Caught::zeroed() };
        let sample = [bytes_of(&caught), &[1, 2, 3], &[0; 5]].concat();
        let frame = CaughtFrame::new(sample.clone()).unwrap();
        assert_eq!(frame, CaughtFrame { caught, bytes: vec![1, 2, 3] });
        assert_eq!(CaughtFrame::new(sample[..34].to_vec()), None);
        assert_eq!(CaughtFrame::new(sample[..20].to_vec()), None);
        let more_than_there_is = Caught { captured: u32::MAX, ..caught };
        assert_eq!(CaughtFrame::new(bytes_of(&more_than_there_is).to_vec()), None);
    }
}
