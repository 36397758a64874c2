//! Capturing: for as long as somebody reads, programs that tell of frames are in the place of those
//! that only judge. They are the same programs on the same maps, and each is replaced in its links
//! and filters at once, so that the fence stands as it did.

use camfence_common::capture::Wish;

use super::{Fence, FenceError, Result};
use crate::kernel::{
    KernelError,
    capture::{Batch, Tap},
    links,
    maps::Maps,
    object::{Object, Options},
    root::Lock,
};

/// A capture under way. If it is dropped without [`end`](Self::end), whoever changes the fence next
/// ends it; a daemon does within seconds.
#[derive(Debug)]
pub struct Capturing {
    fence: Fence,
    tap: Tap,
    programs: Vec<u32>,
    _mark: Lock,
}

impl Fence {
    /// Begins to capture. One process can at a time.
    pub async fn capture(&self, wish: Wish) -> Result<Capturing> {
        let (_lock, maps) = self.open_locked().await?;
        let generation = self.root.in_use()?;
        let options = Options { capture: wish, ..Options::new(maps.room()?, Some(&generation)) };
        let mut object = Object::load(&options)?;
        // Nobody can tell it which frames to capture when a port wants it later.
        object.load_frags()?;
        let tap = Tap::open(&mut object)?;
        let mark = self.root.mark_capture()?;
        let mark = mark.ok_or_else(|| KernelError::Capturing { path: self.root.path().into() })?;
        links::exchange(&mut object, &self.root, &generation, &self.netlink).await?;
        let programs = links::ids(&generation)?;
        Ok(Capturing { fence: self.clone(), tap, programs, _mark: mark })
    }

    /// Puts the programs that only judge in their place again if somebody captured and ended without
    /// doing so. Only with the lock held.
    pub(super) async fn settle_capture(&self) -> Result<()> {
        let Some(_mark) = self.root.left_capture()? else { return Ok(()) };
        self.stop_capture().await
    }

    async fn stop_capture(&self) -> Result<()> {
        // Of another version, or damaged: whoever puts that right brings other programs in.
        if let (Ok(maps), Some(generation)) = (Maps::open(&self.root), self.root.current()?) {
            let mut object = Object::load(&Options::new(maps.room()?, Some(&generation)))?;
            object.load_frags()?;
            links::exchange(&mut object, &self.root, &generation, &self.netlink).await?;
        }
        Ok(self.root.unmark_capture()?)
    }
}

impl Capturing {
    /// Waits for frames. None if there will be no more. May be cancelled: nothing is lost by it.
    pub async fn next(&mut self) -> Option<Batch> {
        self.tap.next().await
    }

    /// Whether the programs that tell of frames are still those of the fence. They are not if it was
    /// taken down, or put on other maps.
    pub fn is_in_place(&self) -> Result<bool> {
        let Some(generation) = self.fence.root.current()? else { return Ok(false) };
        match links::ids(&generation) {
            Ok(ids) => Ok(ids == self.programs),
            Err(KernelError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Ends it, and gives the frames that came meanwhile, and how many there was no room for.
    pub async fn end(self, each: impl FnMut(Batch)) -> Result<u64> {
        match self.fence.lock() {
            Ok(_lock) if self.is_in_place()? => self.fence.stop_capture().await?,
            Ok(_lock) => self.fence.root.unmark_capture()?,
            Err(FenceError::Kernel(KernelError::Down { .. })) => {}
            Err(error) => return Err(error),
        }
        Ok(self.tap.finish(each).await?)
    }
}
