//! Dying on purpose, at a named point, without any good-bye.
//!
//! Only with the feature `crash-points`, which no released program has: the ports that the services
//! and the engine were wired to are decorated here, and nothing else of the program knows. A point
//! that is named by [`KILL`] ends the process by an abort: no destructor runs, no buffer is
//! flushed, no lock is given back but by the kernel.

mod blobs;
mod calls;
mod tx;
mod work;

pub use blobs::Blobs;
pub use calls::{Ledger, Sessions};
pub use tx::Store;
pub use work::{Handler, System};

use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable that names the point to die at: `ask.before-send:3` is its third time.
const KILL: &str = "FEDATARIO_CRASH";
/// The variable that names a file for every point that is reached, one a line.
const CENSUS_FILE: &str = "FEDATARIO_CRASH_CENSUS";

/// The point that this process dies at, and how often it is passed before.
static FATAL: LazyLock<Option<(String, AtomicU64)>> = LazyLock::new(|| {
    let text = std::env::var(KILL).ok()?;
    let (name, nth) = text.rsplit_once(':').expect("a point is name:n");
    Some((name.to_owned(), AtomicU64::new(nth.parse().expect("a number"))))
});

static CENSUS: LazyLock<Option<String>> = LazyLock::new(|| std::env::var(CENSUS_FILE).ok());

tokio::task_local! {
    /// What the running handler does; nothing outside handlers.
    static OPERATION: &'static str;
}

/// What is done here and now.
fn operation() -> Option<&'static str> {
    OPERATION.try_with(|it| *it).ok()
}

/// Passes a point, or dies there.
fn reach(operation: &str, moment: &str) {
    let name = format!("{operation}.{moment}");
    if let Some(path) = CENSUS.as_ref() {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut it| it.write_all(format!("{name}\n").as_bytes())).expect("the census can be written");
    }
    if let Some((fatal, left)) = FATAL.as_ref()
        && *fatal == name
        && left.fetch_sub(1, Ordering::SeqCst) == 1
    {
        std::process::abort();
    }
}
