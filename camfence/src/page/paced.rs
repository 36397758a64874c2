//! Readings that all who look share, and that leave the kernel most of its time.

use std::{future::Future, sync::Arc, time::Duration};

use axum::body::Bytes;
use serde::Serialize;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep_until},
};

use crate::daemon::protocol::Failure;

/// How long a reading is told again to who asks for the same.
const FRESH: Duration = Duration::from_millis(950);

/// How much longer than a reading took nothing is read.
const REST: u32 = 4;

/// What was read, as JSON.
pub(super) type Answer = Result<Bytes, Failure>;

/// Readings of one kind, one at a time. `K` is what tells them apart.
#[derive(Debug)]
pub(super) struct Paced<K>(Arc<Mutex<Option<Last<K>>>>);

/// The last reading.
#[derive(Debug)]
struct Last<K> {
    key: K,
    answer: Answer,
    /// Until when it is told again.
    fresh: Instant,
    /// Until when nothing else is read.
    rest: Instant,
}

impl<K> Default for Paced<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: PartialEq + Send + 'static> Paced<K> {
    /// What was read a moment ago, or is now. Whoever goes away does not end a reading, so that nobody
    /// can have more than one under way.
    pub(super) async fn get<T: Serialize>(
        &self,
        key: K,
        reading: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Answer {
        let mut last = Arc::clone(&self.0).lock_owned().await;
        if let Some(last) = &*last {
            if last.key == key && Instant::now() < last.fresh {
                return last.answer.clone();
            }
            sleep_until(last.rest).await;
        }
        let reading = tokio::spawn(async move {
            let begun = Instant::now();
            let answer = reading.await.and_then(|value| json(&value));
            let end = Instant::now();
            let rest = (end - begun) * REST;
            let (fresh, rest) = (end + FRESH.max(rest), end + rest);
            *last = Some(Last { key, answer: answer.clone(), fresh, rest });
            answer
        });
        reading.await.unwrap_or_else(|error| Err(unexpected(&error)))
    }

    /// Has the next who asks get another reading.
    pub(super) async fn outdate(&self) {
        if let Some(last) = &mut *self.0.lock().await {
            last.fresh = Instant::now();
        }
    }
}

fn json(value: &impl Serialize) -> Answer {
    serde_json::to_vec(value).map(Into::into).map_err(|error| unexpected(&error))
}

fn unexpected(error: &impl ToString) -> Failure {
    Failure { message: error.to_string(), hint: None }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A reading that takes so long, and says which it is.
    async fn get(paced: &Paced<u8>, key: u8, count: &Arc<AtomicU32>, takes: Duration) -> Bytes {
        let count = Arc::clone(count);
        let reading = async move {
            tokio::time::sleep(takes).await;
            Ok(count.fetch_add(1, Ordering::Relaxed) + 1)
        };
        paced.get(key, reading).await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_at_once_share_a_reading() {
        let (paced, count) = (Paced::default(), Arc::default());
        let takes = Duration::from_millis(10);
        let ask = || get(&paced, 0, &count, takes);
        let (first, second) = tokio::join!(ask(), ask());
        assert_eq!((&*first, &*second), (&b"1"[..], &b"1"[..]));
        tokio::time::sleep(FRESH).await;
        assert_eq!(&*ask().await, b"2");
        paced.outdate().await;
        assert_eq!(&*ask().await, b"3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_reading_is_followed_by_a_long_rest() {
        let (paced, count) = (Paced::default(), Arc::default());
        let takes = Duration::from_secs(2);
        get(&paced, 0, &count, takes).await;
        let begun = Instant::now();
        assert_eq!(&*get(&paced, 1, &count, takes).await, b"2", "of something else");
        assert_eq!(begun.elapsed(), takes * REST + takes);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_goes_away_leaves_the_reading_to_the_next() {
        let (paced, count) = (Paced::default(), Arc::default());
        let takes = Duration::from_secs(2);
        for _ in 0..10 {
            let hasty = get(&paced, 0, &count, takes);
            assert!(tokio::time::timeout(Duration::from_millis(100), hasty).await.is_err());
        }
        assert_eq!(&*get(&paced, 0, &count, takes).await, b"1");
    }
}
