//! Answers of the API server that are remembered for some seconds, each asked for once however many wait for it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

/// Remembered answers. At most `most` at once.
#[derive(Debug)]
pub(super) struct Answers<K, V> {
    entries: Mutex<HashMap<K, Arc<Entry<V>>>>,
    lifetime: Duration,
    most: usize,
}

#[derive(Debug)]
struct Entry<V> {
    answer: OnceCell<(V, Instant)>,
}

impl<V> Entry<V> {
    fn is_old(&self, lifetime: Duration) -> bool {
        self.answer.get().is_some_and(|(_, at)| at.elapsed() >= lifetime)
    }
}

impl<K: Eq + Hash + Clone, V: Clone> Answers<K, V> {
    /// Each answer holds for `lifetime`.
    pub(super) fn new(lifetime: Duration, most: usize) -> Self {
        Answers { entries: Mutex::default(), lifetime, most }
    }

    /// The remembered answer, or that of `ask`. An error is not remembered.
    ///
    /// # Errors
    /// That of `ask`.
    pub(super) async fn get<E, F: Future<Output = Result<V, E>>>(
        &self,
        key: &K,
        ask: impl FnOnce() -> F,
    ) -> Result<V, E> {
        let entry = self.entry(key);
        let asked = entry.answer.get_or_try_init(|| async { Ok((ask().await?, Instant::now())) }).await?;
        Ok(asked.0.clone())
    }

    /// Whether an answer is remembered.
    pub(super) fn knows(&self, key: &K) -> bool {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).is_some_and(|entry| entry.answer.initialized() && !entry.is_old(self.lifetime))
    }

    fn entry(&self, key: &K) -> Arc<Entry<V>> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get(key).filter(|entry| !entry.is_old(self.lifetime)) {
            return Arc::clone(entry);
        }
        if entries.len() >= self.most {
            entries.retain(|_, entry| !entry.is_old(self.lifetime));
        }
        if entries.len() >= self.most {
            // More askers than places within one lifetime: they ask again, and memory stays bounded.
            entries.clear();
        }
        let entry = Arc::new(Entry { answer: OnceCell::new() });
        entries.insert(key.clone(), Arc::clone(&entry));
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test(start_paused = true)]
    async fn one_question_serves_all_who_wait_and_holds_for_its_lifetime() {
        let (answers, asked) = (Answers::new(Duration::from_secs(10), 4), AtomicUsize::new(0));
        let ask = || async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, ()>(asked.fetch_add(1, Ordering::Relaxed))
        };
        let all = futures::future::join_all((0..20).map(|_| answers.get(&"key", ask))).await;
        assert_eq!(all, vec![Ok(0); 20]);
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert_eq!(answers.get(&"key", ask).await, Ok(0));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(answers.get(&"key", ask).await, Ok(1));
    }

    #[tokio::test]
    async fn errors_are_not_remembered_and_places_are_bounded() {
        let answers = Answers::new(Duration::from_secs(10), 4);
        assert_eq!(answers.get(&0, || async { Err::<u8, _>("down") }).await, Err("down"));
        for key in 0..100 {
            assert_eq!(answers.get(&key, || async { Ok::<_, ()>(1) }).await, Ok(1));
        }
        assert!(answers.entries.lock().unwrap().len() <= 4);
    }
}
