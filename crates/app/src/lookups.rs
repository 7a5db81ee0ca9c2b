//! Lookups that many calls share: while one read of a thing is under way, whoever asks for the same thing
//! waits for the next one, and that one read answers all of them.
//!
//! Nothing is kept: every answer comes from a read that began after its caller asked, so a key that was
//! revoked, or a certificate that was replaced, is seen by the next call exactly as if each had read by
//! itself. A burst of calls of one program costs two reads at a time instead of hundreds.

use crate::identity::tenancy::{ApiKey, ApiKeySecret};
use crate::signing::Kind;
use fedatario_base::id::{ApiKeyId, CredentialId, TaxpayerId, TenantId};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// A key with its secrets, and whether its tenant is open.
pub(crate) type KnownKey = Option<(ApiKey, Vec<ApiKeySecret>, bool)>;

/// Whose certificate, of those that a call may reach, and for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seat {
    pub(crate) tenant: TenantId,
    pub(crate) is_sandbox_only: bool,
    pub(crate) taxpayer: Option<TaxpayerId>,
    pub(crate) kind: Kind,
}

/// What calls look up again and again. Clones share what is under way.
#[derive(Clone, Default)]
pub struct Lookups {
    /// Keys of programs, at the door.
    pub(crate) keys: Together<ApiKeyId, KnownKey>,
    /// Certificates that sign for programs.
    pub(crate) seats: Together<Seat, CredentialId>,
}

/// What becomes of whoever waits.
enum Turn<K: Copy + Eq + Hash, V> {
    /// The read that began after they asked answered this.
    Answered(V),
    /// They read next, for others too.
    Lead(Leading<K, V>),
}

type Waiting<K, V> = Vec<oneshot::Sender<Turn<K, V>>>;

/// Reads of one kind of thing, by its name.
pub(crate) struct Together<K: Copy + Eq + Hash, V>(Arc<Mutex<HashMap<K, Waiting<K, V>>>>);

impl<K: Copy + Eq + Hash, V> Clone for Together<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K: Copy + Eq + Hash, V> Default for Together<K, V> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Together<K, V> {
    /// What `read` finds, or another caller's read that begins from now on. Nothing where it failed: the
    /// caller reads by itself and learns why.
    pub(crate) async fn read(&self, key: K, read: impl Future<Output = Option<V>>) -> Option<V> {
        let mut leading = match self.turn(key) {
            Ok(leading) => leading,
            Err(waiting) => match waiting.await {
                Ok(Turn::Answered(value)) => return Some(value),
                Ok(Turn::Lead(leading)) => leading,
                Err(_) => return None,
            },
        };
        let value = read.await?; // Who follows a failed read gets a turn of their own.
        for follower in leading.followers.drain(..) {
            let _ = follower.send(Turn::Answered(value.clone()));
        }
        Some(value)
    }

    /// The turn, if nobody reads; else what to wait for.
    fn turn(&self, key: K) -> Result<Leading<K, V>, oneshot::Receiver<Turn<K, V>>> {
        match self.lock().entry(key) {
            Entry::Vacant(place) => {
                place.insert(Vec::new());
                Ok(Leading { together: self.clone(), key, followers: Vec::new(), is_over: false })
            }
            Entry::Occupied(mut waiting) => {
                let (sender, receiver) = oneshot::channel();
                waiting.get_mut().push(sender);
                Err(receiver)
            }
        }
    }
}

impl<K: Copy + Eq + Hash, V> Together<K, V> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Waiting<K, V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whoever waits for a thing, after those of the last turn; the turn is over if there is nobody.
    fn next(&self, key: K, mut left: Waiting<K, V>) -> Option<Waiting<K, V>> {
        let mut reads = self.lock();
        if let Some(waiting) = reads.get_mut(&key) {
            left.append(waiting);
        }
        if left.is_empty() {
            reads.remove(&key);
            return None;
        }
        Some(left)
    }
}

/// The turn of whoever reads for others. However it ends, that of the next one comes.
struct Leading<K: Copy + Eq + Hash, V> {
    together: Together<K, V>,
    key: K,
    followers: Waiting<K, V>,
    is_over: bool,
}

impl<K: Copy + Eq + Hash, V> Drop for Leading<K, V> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut left = std::mem::take(&mut self.followers);
        while let Some(mut followers) = self.together.next(self.key, left) {
            let leader = followers.remove(0);
            let lead = Self { together: self.together.clone(), key: self.key, followers, is_over: false };
            match leader.send(Turn::Lead(lead)) {
                // They hung up: the turn goes on.
                Err(Turn::Lead(mut lead)) => {
                    lead.is_over = true;
                    left = std::mem::take(&mut lead.followers);
                }
                Ok(()) | Err(Turn::Answered(_)) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
    use tokio::sync::Notify;
    use tokio::task::JoinSet;

    /// Reads that wait until they are let go, counted.
    #[derive(Default)]
    struct Source {
        reads: AtomicU32,
        gate: Notify,
    }

    impl Source {
        async fn value(&self) -> Option<u32> {
            let number = self.reads.fetch_add(1, SeqCst) + 1;
            self.gate.notified().await;
            Some(number)
        }
    }

    async fn until(so: impl Fn() -> bool) {
        while !so() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn whoever_comes_while_a_read_is_under_way_is_answered_by_the_next() {
        let (together, source) = (Together::<u8, u32>::default(), Arc::new(Source::default()));
        let ask = |source: Arc<Source>| {
            let together = together.clone();
            async move { together.read(7, source.value()).await }
        };
        let first = tokio::spawn(ask(source.clone()));
        until(|| source.reads.load(SeqCst) == 1).await;
        let mut later = JoinSet::new();
        (0..20).for_each(|_| drop(later.spawn(ask(source.clone()))));
        until(|| together.lock().get(&7).is_some_and(|it| it.len() == 20)).await;
        source.gate.notify_one();
        assert_eq!(first.await.unwrap(), Some(1));
        until(|| source.reads.load(SeqCst) == 2).await;
        source.gate.notify_one();
        assert!(later.join_all().await.iter().all(|it| *it == Some(2)), "one read for all who came before it");
        assert!(together.lock().is_empty(), "nothing is kept");
        fedatario_testkit::covers!("lookups: whoever asks while a read is under way is answered by one that began later");
    }

    #[tokio::test]
    async fn a_reader_who_hangs_up_leaves_the_turn_to_the_next() {
        let (together, source) = (Together::<u8, u32>::default(), Arc::new(Source::default()));
        let ask = |source: Arc<Source>| {
            let together = together.clone();
            async move { together.read(7, source.value()).await }
        };
        let first = tokio::spawn(ask(source.clone()));
        until(|| source.reads.load(SeqCst) == 1).await;
        let gone = tokio::spawn(ask(source.clone()));
        let waiting = |many: usize| together.lock().get(&7).is_some_and(|it| it.len() == many);
        until(|| waiting(1)).await;
        let kept = tokio::spawn(ask(source.clone()));
        until(|| waiting(2)).await;
        gone.abort();
        first.abort();
        until(|| source.reads.load(SeqCst) == 2).await;
        source.gate.notify_one();
        assert_eq!(kept.await.unwrap(), Some(2));
        assert!(together.lock().is_empty());
        fedatario_testkit::covers!("lookups: a reader who hangs up leaves the turn to the next");
    }

    #[tokio::test]
    async fn a_read_that_failed_answers_nobody_else() {
        let (together, gate) = (Together::<u8, u32>::default(), Arc::new(Notify::new()));
        let fails = |gate: Arc<Notify>| {
            let together = together.clone();
            async move {
                let read = async {
                    gate.notified().await;
                    None
                };
                together.read(7, read).await
            }
        };
        let first = tokio::spawn(fails(gate.clone()));
        until(|| !together.lock().is_empty()).await;
        let mut later = JoinSet::new();
        (0..3).for_each(|_| drop(later.spawn(fails(gate.clone()))));
        until(|| together.lock().get(&7).is_some_and(|it| it.len() == 3)).await;
        gate.notify_one();
        assert_eq!(first.await.unwrap(), None);
        let mut failed = 0;
        while !later.is_empty() {
            gate.notify_one();
            if let Some(it) = later.try_join_next() {
                assert_eq!(it.unwrap(), None, "each learns by itself why");
                failed += 1;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(failed, 3);
        assert!(together.lock().is_empty());
        fedatario_testkit::covers!("lookups: a read that failed answers nobody else");
    }
}
