//! Objects in memory, for tests: gone with the process.

use crate::digest::Tally;
use crate::path::{ObjectPath, Prefix};
use async_trait::async_trait;
use bytes::Bytes;
use fedatario_app::ports::{BlobError, Blobs, Kept, NameByDigest, ReadSeek, Slot};
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store in memory; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    objects: Arc<Mutex<BTreeMap<ObjectPath, Bytes>>>,
}

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every change is one call, so a holder that panicked left nothing half done.
    fn objects(&self) -> MutexGuard<'_, BTreeMap<ObjectPath, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, path: &str) -> Result<Bytes, BlobError> {
        let path = ObjectPath::parse(path)?;
        self.objects().get(&path).cloned().ok_or(BlobError::NotFound)
    }
}

#[async_trait]
impl Blobs for Memory {
    async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let path = ObjectPath::parse(path)?;
        self.objects().insert(path, Bytes::copy_from_slice(bytes));
        Ok(())
    }

    async fn get(&self, path: &str, at_most: u64) -> Result<Vec<u8>, BlobError> {
        let bytes = self.find(path)?;
        if bytes.len() as u64 > at_most { Err(BlobError::TooLarge(at_most)) } else { Ok(bytes.into()) }
    }

    async fn open(&self, path: &str) -> Result<Box<dyn ReadSeek>, BlobError> {
        Ok(Box::new(Cursor::new(self.find(path)?)))
    }

    async fn slot(&self, folder: &str, name: NameByDigest, at_most: u64) -> Result<Box<dyn Slot>, BlobError> {
        let folder = ObjectPath::parse(folder)?.as_str().to_owned();
        Ok(Box::new(MemorySlot { store: self.clone(), folder, name, tally: Tally::new(at_most), bytes: Some(Vec::new()) }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        let Prefix { text, .. } = Prefix::parse(prefix)?;
        Ok(self.objects().keys().map(|it| it.as_str().to_owned()).filter(|it| it.starts_with(text)).collect())
    }

    async fn delete(&self, path: &str) -> Result<(), BlobError> {
        let path = ObjectPath::parse(path)?;
        self.objects().remove(&path);
        Ok(())
    }
}

struct MemorySlot {
    store: Memory,
    folder: String,
    name: NameByDigest,
    tally: Tally,
    /// `None` after a write over the bound.
    bytes: Option<Vec<u8>>,
}

#[async_trait]
impl Slot for MemorySlot {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        if let Err(error) = self.tally.add(bytes) {
            self.bytes = None;
            return Err(error);
        }
        self.bytes.as_mut().ok_or_else(failed)?.extend_from_slice(bytes);
        Ok(())
    }

    async fn keep(self: Box<Self>) -> Result<Kept, BlobError> {
        let bytes = self.bytes.ok_or_else(failed)?;
        let (sha256, size) = self.tally.finish();
        let path = ObjectPath::inside(&self.folder, &(self.name)(&sha256))?;
        let kept = Kept { path: path.as_str().to_owned(), sha256, size };
        self.store.objects().insert(path, bytes.into());
        Ok(kept)
    }
}

fn failed() -> BlobError {
    BlobError::Unavailable("an earlier write failed".into())
}
