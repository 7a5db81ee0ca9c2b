//! Commits that many share: what is asked while a transaction is under way goes into the next one.
//!
//! Whoever asks waits for an answer of their own. The first of a tenant begins a task that takes what has
//! gathered, writes it, and goes on until nothing is left; so there is one writer of a kind and tenant in a
//! process, no timer, and nobody waits longer than two commits. A task that is stopped drops what it
//! holds, and whoever waits is told.

use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use uuid::Uuid;

/// What one transaction writes at most: a share of the commit is small by then, and no lock is held for
/// long.
const BATCH_AT_MOST: usize = 256;

type Queues<A> = HashMap<Uuid, Vec<A>>;

/// What waits, by tenant. Clones share it.
pub(crate) struct Group<A>(Arc<Mutex<Queues<A>>>);

impl<A> Clone for Group<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A> Default for Group<A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

/// There is no runtime to write in any more.
pub(crate) struct Shut;

/// Whoever writes what has gathered of a tenant, in one transaction, and answers each.
#[async_trait]
pub(crate) trait Writes<A: Send + 'static>: Clone + Send + Sync + 'static {
    fn group(&self) -> &Group<A>;

    async fn write_all(&self, tenant: Uuid, batch: Vec<A>);

    /// Adds to what waits, and sees that somebody writes it.
    fn ask(&self, tenant: Uuid, asked: A) -> Result<(), Shut> {
        let runtime = Handle::try_current().map_err(|_| Shut)?;
        let mut queues = self.group().lock();
        match queues.get_mut(&tenant) {
            Some(waiting) => waiting.push(asked),
            None => {
                queues.insert(tenant, vec![asked]);
                let run = Run { group: self.group().clone(), tenant, is_done: false };
                runtime.spawn(run.until_nothing_waits(self.clone()));
            }
        }
        Ok(())
    }
}

impl<A> Group<A> {
    fn lock(&self) -> MutexGuard<'_, Queues<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much waits of a tenant.
    pub(crate) fn waiting(&self, tenant: Uuid) -> usize {
        self.lock().get(&tenant).map_or(0, Vec::len)
    }
}

/// One task's turn at a tenant.
struct Run<A> {
    group: Group<A>,
    tenant: Uuid,
    is_done: bool,
}

impl<A> Drop for Run<A> {
    fn drop(&mut self) {
        if !self.is_done {
            self.group.lock().remove(&self.tenant);
        }
    }
}

impl<A: Send + 'static> Run<A> {
    async fn until_nothing_waits(mut self, writes: impl Writes<A>) {
        while let Some(batch) = self.next() {
            writes.write_all(self.tenant, batch).await;
        }
    }

    fn next(&mut self) -> Option<Vec<A>> {
        let mut queues = self.group.lock();
        let waiting = queues.get_mut(&self.tenant)?;
        if waiting.is_empty() {
            queues.remove(&self.tenant);
            drop(queues);
            self.is_done = true;
            return None;
        }
        let many = waiting.len().min(BATCH_AT_MOST);
        Some(waiting.drain(..many).collect())
    }
}
