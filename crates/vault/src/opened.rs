//! Keys that are open for a moment, so that many documents in a row do not open the same one each time.
//!
//! A key is kept for [`OPEN_FOR`] at most, whether it is used or not, [`OPEN_AT_MOST`] of them, and is
//! served only for the very row that it was opened from: a row that was touched, re-wrapped, replaced or
//! blocked opens anew, or not at all. Each use still has its intent written before. The library wipes a
//! key's memory when it is dropped; a thread drops what is due while nobody asks, and ends when
//! nothing is left. Only RSA-SHA256 keys of documents are kept; SAT's are opened for one use.

use crate::CredentialRow;
use aws_lc_rs::rsa::KeyPair;
use fedatario_base::id::{CredentialId, TenantId};
use fedatario_credentials::Certificate;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How long a key stays open: a burst of documents, not a working day.
const OPEN_FOR: Duration = Duration::from_secs(5);
/// How many are open at most: taxpayers that are signed for at the same moment.
const OPEN_AT_MOST: usize = 64;
/// How often what is due is dropped.
const SWEEP: Duration = Duration::from_secs(1);

/// A key with the row that it was opened from.
pub(crate) struct Opened {
    pub(crate) row: CredentialRow,
    pub(crate) certificate: Certificate,
    pub(crate) key: KeyPair,
}

#[derive(Default)]
struct Inner {
    keys: HashMap<(TenantId, CredentialId), (Instant, Arc<Opened>)>,
    is_swept: bool,
}

/// The keys that are open now. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct OpenedKeys(Arc<Mutex<Inner>>);

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenedKeys {
    /// The key of a credential, if it is open.
    pub(crate) fn get(&self, tenant: TenantId, id: CredentialId) -> Option<Arc<Opened>> {
        let mut inner = lock(&self.0);
        drop_due(&mut inner);
        inner.keys.get(&(tenant, id)).map(|it| it.1.clone())
    }

    /// Keeps one open; the one that was opened first makes room.
    pub(crate) fn keep(&self, tenant: TenantId, opened: Arc<Opened>) {
        let mut inner = lock(&self.0);
        drop_due(&mut inner);
        if inner.keys.len() >= OPEN_AT_MOST
            && let Some(first) = inner.keys.iter().min_by_key(|(_, it)| it.0).map(|(key, _)| *key)
        {
            inner.keys.remove(&first);
        }
        inner.keys.insert((tenant, opened.row.id), (Instant::now(), opened));
        if !inner.is_swept {
            let weak = Arc::downgrade(&self.0);
            inner.is_swept = std::thread::Builder::new().name("vault-sweep".into()).spawn(move || sweep(&weak)).is_ok();
        }
    }

    /// Closes the key of a credential.
    pub(crate) fn forget(&self, tenant: TenantId, id: CredentialId) {
        lock(&self.0).keys.remove(&(tenant, id));
    }

    /// Closes all of them.
    pub(crate) fn forget_all(&self) {
        lock(&self.0).keys.clear();
    }
}

fn drop_due(inner: &mut Inner) {
    inner.keys.retain(|_, it| it.0.elapsed() < OPEN_FOR);
}

/// Drops what is due until nothing is open or nobody holds the keys any more.
fn sweep(keys: &Weak<Mutex<Inner>>) {
    loop {
        std::thread::sleep(SWEEP);
        let Some(inner) = keys.upgrade() else { return };
        let mut inner = lock(&inner);
        drop_due(&mut inner);
        if inner.keys.is_empty() {
            inner.is_swept = false;
            return;
        }
    }
}
