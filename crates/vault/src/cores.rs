//! Private operations, away from the threads that serve calls.
//!
//! One takes most of a millisecond of a core: on a thread that also serves, everybody else would wait
//! behind it, and first of all the log, whose commits many signatures share. So they run on threads that
//! may block, as many at a time as there are cores; whoever comes then waits in order.

use crate::VaultError;
use std::sync::{Arc, LazyLock};
use tokio::sync::Semaphore;

/// Operations at once for each core. More would only take turns, and leave the log waiting for its own.
const FOR_EACH_CORE: usize = 1;

static ROOM: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Arc::new(Semaphore::new(cores * FOR_EACH_CORE))
});

/// Runs a private operation. Whoever hangs up meanwhile gets nothing of it.
pub(crate) async fn run<T: Send + 'static>(
    operation: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, VaultError> {
    let room = ROOM.clone().acquire_owned().await.map_err(|_| VaultError::Crypto("the vault is shut"))?;
    let done = tokio::task::spawn_blocking(move || {
        let _room = room; // Held by the operation itself, so that one nobody waits for counts too.
        operation()
    });
    done.await.map_err(|_| VaultError::Crypto("a private operation was cut off"))?
}
