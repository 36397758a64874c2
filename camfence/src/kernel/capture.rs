//! The frames that programs tell of while somebody captures.

use std::{ops::ControlFlow, thread, time::Duration};

use aya::{
    maps::{
        MapData, PerCpuArray, PerfEventArray,
        perf::{PerfBufferError, PerfEvent, PerfEventArrayBuffer},
    },
    util::online_cpus,
};
use camfence_common::{abi::names, capture::Caught};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};
use tokio::{sync::mpsc, time::timeout};

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

/// The frames that came since the last time, by time.
pub type Batch = Vec<CaughtFrame>;

/// The buffers that frames come by, one for each CPU, and the thread that empties them. When it is
/// dropped, programs have nobody to tell.
pub struct Tap {
    batches: mpsc::Receiver<Batch>,
    uncaught: PerCpuArray<MapData, u64>,
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
        // It ends when nobody waits for frames any more.
        thread.spawn(move || empty(buffers, &send)).tried(what)?;
        Ok(Self { batches, uncaught: take(object, names::UNCAUGHT)? })
    }

    /// Waits for frames. None if there will be no more. May be cancelled: nothing is lost by it.
    pub async fn next(&mut self) -> Option<Batch> {
        self.batches.recv().await
    }

    /// Ends it once the frames that are there are taken. Gives how many there was no room for.
    pub async fn finish(mut self, mut each: impl FnMut(Batch)) -> Result<u64> {
        while let Ok(Some(batch)) = timeout(2 * LOOK, self.batches.recv()).await {
            each(batch);
        }
        let uncaught = self.uncaught.get(&0, 0).tried(|| "reading what was lost".into())?;
        Ok(uncaught.iter().sum())
    }
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").finish_non_exhaustive()
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
        if !batch.is_empty() && batches.blocking_send(batch).is_err() {
            return;
        }
    }
}

fn take_batch(buffers: &mut [Buffer]) -> Batch {
    let mut batch = Batch::default();
    for buffer in buffers {
        let full = batch.len() + MOST_FRAMES;
        // Where it was left is where it goes on.
        let _: ControlFlow<()> = buffer.try_fold((), |(), event| {
            // What was lost is counted elsewhere: of what the kernel tells here the last is missing.
            if let PerfEvent::Sample { head, tail } = event {
                batch.extend(CaughtFrame::new([head, tail].concat()));
            }
            if batch.len() < full { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
    }
    batch.sort_by_key(|frame| frame.caught.time);
    batch
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
