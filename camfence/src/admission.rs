//! Lets peers in, to so many places. When all are taken, the first that has not got to be served
//! makes way for the next: whoever is slow keeps nobody out.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::AbortHandle,
    time::{Instant, sleep_until},
};
use tracing::debug;

/// How long a peer has its place for sure.
const GRACE: Duration = Duration::from_millis(50);

/// The places.
#[derive(Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    taken: VecDeque<Taken>,
}

#[derive(Debug)]
struct Taken {
    since: Instant,
    served: Served,
    task: AbortHandle,
}

/// Whether a peer is being served: it need not make way then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Served(Arc<AtomicBool>);

impl Served {
    /// Serves the peer.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        self.0.store(true, Ordering::Relaxed);
        let result = work.await;
        self.0.store(false, Ordering::Relaxed);
        result
    }

    fn is(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Places {
    /// As many places as the semaphore has permits.
    pub(crate) const fn new(free: Arc<Semaphore>) -> Self {
        Self { free, taken: VecDeque::new() }
    }

    /// Gives a peer a place, as soon as there is one, until `converse` ends.
    pub(crate) async fn admit<F>(&mut self, converse: impl FnOnce(Served) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Some(place) = self.place().await else { return };
        let served = Served::default();
        let conversation = converse(served.clone());
        let task = tokio::spawn(async move {
            conversation.await;
            drop(place);
        });
        let since = Instant::now();
        self.taken.push_back(Taken { since, served, task: task.abort_handle() });
        // So that what the peer has sent already is read before the next is let in.
        tokio::task::yield_now().await;
    }

    async fn place(&mut self) -> Option<OwnedSemaphorePermit> {
        loop {
            self.taken.retain(|taken| !taken.task.is_finished());
            let look = self.unserved().map_or_else(Instant::now, |taken| taken.since) + GRACE;
            tokio::select! {
                biased;
                place = Arc::clone(&self.free).acquire_owned() => return place.ok(),
                () = sleep_until(look) => {}
            }
            if self.make_way() {
                return Arc::clone(&self.free).acquire_owned().await.ok();
            }
        }
    }

    /// Ends the conversation that may have to make way, if there is one.
    fn make_way(&mut self) -> bool {
        let Some(taken) = self.unserved().filter(|taken| taken.since.elapsed() >= GRACE) else {
            return false;
        };
        debug!("a peer made way for another");
        taken.task.abort();
        true
    }

    /// The peer that has waited for longest without being served.
    fn unserved(&self) -> Option<&Taken> {
        self.taken.iter().find(|taken| !taken.served.is() && !taken.task.is_finished())
    }
}

#[cfg(test)]
mod tests {
    use std::future;

    use tokio::sync::mpsc;

    use super::*;

    fn places(count: usize) -> Places {
        Places::new(Arc::new(Semaphore::new(count)))
    }

    #[tokio::test(start_paused = true)]
    async fn the_slow_make_way() {
        let mut places = places(2);
        let start = Instant::now();
        for _ in 0..100 {
            places.admit(|_| future::pending()).await;
        }
        assert_eq!(places.taken.iter().filter(|taken| !taken.task.is_finished()).count(), 2);
        assert!(start.elapsed() < GRACE * 100);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_served_stays() {
        let mut places = places(2);
        let (send, mut received) = mpsc::unbounded_channel();
        places
            .admit(|served| async move {
                let long = GRACE * 20;
                served.during(tokio::time::sleep(long)).await;
                let _ = send.send(());
            })
            .await;
        for _ in 0..10 {
            places.admit(|_| future::pending()).await;
        }
        assert_eq!(received.recv().await, Some(()));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_makes_way_while_there_is_room() {
        let mut places = places(2);
        places.admit(|_| future::pending()).await;
        tokio::time::sleep(GRACE * 10).await;
        places.admit(|_| future::pending()).await;
        assert!(places.taken.iter().all(|taken| !taken.task.is_finished()));
    }
}
