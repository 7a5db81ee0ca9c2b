//! Passwords are hashed here and nowhere else: so many at once, so many waiting, the rest come back.
//!
//! A hash takes 64 MiB and a fifth of a second of a core. A flood of logins must leave memory and the
//! other routes their cores, so the permits are few and the queue is short.

use crate::error::{AppError, AppResult};
use fedatario_base::{Code, Secret};
use fedatario_identity::password::{self, Cost, QUEUE, Verdict, permits};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// When whoever finds the queue full may come again: about as long as the queue takes.
pub const COME_BACK: Duration = Duration::from_secs(4);

/// Hashes passwords, a few at a time.
pub struct Hasher {
    cost: Cost,
    permits: Arc<Semaphore>,
    inside: Arc<AtomicUsize>,
    room: usize,
    decoy: OnceCell<String>,
}

impl Hasher {
    /// For a machine of so many cores.
    pub fn new(cost: Cost, cores: usize) -> Self {
        let running = permits(cores);
        let permits = Arc::new(Semaphore::new(running));
        Self { cost, permits, inside: Arc::new(AtomicUsize::new(0)), room: running + QUEUE, decoy: OnceCell::new() }
    }

    /// A hash of a new password.
    pub async fn hash(&self, password: &Secret) -> AppResult<String> {
        let (password, cost) = (password.duplicate(), self.cost);
        Ok(self.run(move || password::hash(&password, cost)).await??)
    }

    /// Compares with a stored hash, or, with the same work, with one that nobody knows.
    pub async fn verify(&self, password: &Secret, stored: Option<&str>) -> AppResult<Verdict> {
        let decoy = self.decoy().await?;
        let against = stored.unwrap_or(decoy).to_owned();
        let (password, cost) = (password.duplicate(), self.cost);
        let verdict = self.run(move || password::verify(&password, &against, cost)).await??;
        Ok(if stored.is_some() { verdict } else { Verdict::Wrong })
    }

    async fn decoy(&self) -> AppResult<&str> {
        let cost = self.cost;
        let made = self.decoy.get_or_try_init(|| async move { Ok::<_, AppError>(self.run(move || password::decoy(cost)).await??) });
        Ok(made.await?.as_str())
    }

    /// Runs on a thread of its own, under a permit that the work keeps even if its caller goes away.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> AppResult<T> {
        let place = Place::take(&self.inside, self.room).ok_or(AppError::Later { code: Code::Busy, after: COME_BACK })?;
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| AppError::Internal("the hasher is closed".into()))?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop((permit, place));
            done
        });
        done.await.map_err(|error| AppError::Internal(format!("a hash: {error}")))
    }
}

/// A place inside: running or waiting.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(inside: &Arc<AtomicUsize>, room: usize) -> Option<Self> {
        let taken = inside.fetch_update(Ordering::AcqRel, Ordering::Acquire, |it| (it < room).then_some(it + 1));
        taken.is_ok().then(|| Self(inside.clone()))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_runs_sixteen_wait_and_the_rest_come_back() {
        let hasher = Arc::new(Hasher::new(CHEAP, 2));
        let (hold, held) = std::sync::mpsc::channel::<()>();
        let running = {
            let hasher = hasher.clone();
            tokio::spawn(async move { hasher.run(move || held.recv().is_ok()).await })
        };
        while hasher.permits.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting: Vec<_> = (0..QUEUE)
            .map(|_| {
                let hasher = hasher.clone();
                tokio::spawn(async move { hasher.run(|| true).await })
            })
            .collect();
        while hasher.inside.load(Ordering::Acquire) < 1 + QUEUE {
            tokio::task::yield_now().await;
        }
        let refused = hasher.run(|| true).await.unwrap_err();
        assert!(matches!(refused, AppError::Later { code: Code::Busy, after: COME_BACK }), "{refused}");
        // Whoever goes away while waiting leaves the place to the next.
        waiting[0].abort();
        while hasher.inside.load(Ordering::Acquire) > QUEUE {
            tokio::task::yield_now().await;
        }
        hold.send(()).unwrap();
        assert!(running.await.unwrap().unwrap());
        for it in waiting.into_iter().skip(1) {
            assert!(it.await.unwrap().unwrap());
        }
        assert_eq!((hasher.inside.load(Ordering::Acquire), hasher.permits.available_permits()), (0, 1));
        fedatario_testkit::covers!("identity: one hash runs for two cores, sixteen wait, and the next is told when to come back");
    }

    #[tokio::test]
    async fn nobody_is_compared_with_the_same_work() {
        let hasher = Hasher::new(CHEAP, 1);
        let right = Secret::new("el búho lee de noche");
        let stored = hasher.hash(&right).await.unwrap();
        assert_eq!(hasher.verify(&right, Some(&stored)).await.unwrap(), Verdict::Right);
        assert_eq!(hasher.verify(&Secret::new("otra cosa, y larga"), Some(&stored)).await.unwrap(), Verdict::Wrong);
        assert_eq!(hasher.verify(&right, None).await.unwrap(), Verdict::Wrong);
        let decoy = hasher.decoy.get().unwrap().clone();
        assert_eq!(decoy.split('$').take(4).collect::<Vec<_>>(), stored.split('$').take(4).collect::<Vec<_>>(), "the same cost");
        hasher.verify(&right, None).await.unwrap();
        assert_eq!(hasher.decoy.get(), Some(&decoy), "made once");
        fedatario_testkit::covers!("identity: where there is nobody, a hash of the same cost is compared");
    }
}
