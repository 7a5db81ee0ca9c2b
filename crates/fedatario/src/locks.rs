//! Locks on files: who is alive, and who may change what must be changed alone.
//!
//! A process holds a lock on `run/<holder>` while it lives; the kernel frees it when the process
//! dies, however it dies. A lease whose holder's lock is free is over at once.

use crate::failure::Failure;
use async_trait::async_trait;
use fedatario_app::jobs::Liveness;
use fedatario_base::id::HolderId;
use fedatario_store::{Db, Presence};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The lock of this process; free when dropped.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    _file: File,
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Takes the lock of a new holder.
pub fn hold(run: &Path, holder: HolderId) -> Result<Held, Failure> {
    let path = run.join(holder.to_string());
    let file = open(&path)?;
    file.lock().map_err(|error| Failure::file(&path, &error))?;
    Ok(Held { path, _file: file })
}

/// Does something that one process at a time may do (the root key, migrations).
pub fn alone<T>(run: &Path, what: &str, act: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    let _alone = take(run, what)?;
    act()
}

/// Waits until nobody else does it; free again when dropped.
pub fn take(run: &Path, what: &str) -> Result<File, Failure> {
    let path = run.join(format!("{what}.lock"));
    let file = open(&path)?;
    file.lock().map_err(|error| Failure::file(&path, &error))?;
    Ok(file)
}

fn open(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    opened.map_err(|error| Failure::file(path, &error))
}

/// Tells the dead among holders by their locks in the database that machines share.
#[derive(Debug, Clone)]
pub struct SharedLiveness {
    /// The database.
    pub db: Db,
    /// This process's own lock in it.
    pub presence: Arc<Presence>,
}

#[async_trait]
impl Liveness for SharedLiveness {
    async fn dead(&self, holders: &[HolderId]) -> Vec<HolderId> {
        // Not knowing is no proof: the leases then end by their time.
        self.db.dead(holders).await.unwrap_or_default()
    }

    async fn hold(&self) -> bool {
        let held = self.presence.ensure().await;
        if let Err(error) = &held {
            tracing::warn!(%error, "the lock of this process could not be taken anew");
        }
        held.is_ok()
    }
}

/// Tells the dead among holders by their locks, where all of them share one folder.
#[derive(Debug, Clone)]
pub struct FileLiveness {
    /// The folder of locks.
    pub run: PathBuf,
}

impl FileLiveness {
    fn is_dead(&self, holder: &HolderId) -> bool {
        let path = self.run.join(holder.to_string());
        match File::open(&path) {
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            Ok(file) => match file.try_lock() {
                Ok(()) => {
                    let _ = std::fs::remove_file(&path);
                    true
                }
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(_)) => false,
            },
        }
    }
}

#[async_trait]
impl Liveness for FileLiveness {
    async fn dead(&self, holders: &[HolderId]) -> Vec<HolderId> {
        holders.iter().filter(|it| self.is_dead(it)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[tokio::test]
    async fn a_holder_is_dead_when_its_lock_is_free() {
        let run = tempfile::tempdir().unwrap();
        let (alive, gone) = (HolderId::fresh(Timestamp::now()), HolderId::fresh(Timestamp::now()));
        let _held = hold(run.path(), alive).unwrap();
        std::fs::write(run.path().join(gone.to_string()), b"").unwrap();
        let never = HolderId::fresh(Timestamp::now());
        let liveness = FileLiveness { run: run.path().to_owned() };
        assert_eq!(liveness.dead(&[alive, gone, never]).await, [gone, never]);
    }
}
