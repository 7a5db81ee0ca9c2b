//! Objects in a bucket of any server that speaks S3.
//!
//! A request either changes an object as a whole or not at all, so a crash leaves no half object;
//! several machines may share a bucket. Requests are signed with their bodies' digests, bounded in
//! time and repetitions, and encryption by the server is asked for in each. What goes wrong is said
//! with the server's own code, never with a key.

mod bucket;
mod config;
mod fault;
mod reader;
mod slot;

pub use config::{S3Config, S3ConfigError, S3Keys, Sse};

use crate::path::{ObjectPath, Prefix};
use async_trait::async_trait;
use bucket::Bucket;
use fault::fault;
use fedatario_app::ports::{BlobError, Blobs, NameByDigest, ReadSeek, Slot};
use fedatario_base::Clock;
use futures_util::StreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use reader::Reader;
use slot::S3Slot;
use std::sync::Arc;

/// A store in a bucket. Several processes may share it.
#[derive(Debug, Clone)]
pub struct S3 {
    bucket: Arc<Bucket>,
}

impl S3 {
    /// A store at an address, with keys. Nothing is asked of the server yet.
    pub fn new(config: S3Config, keys: &S3Keys, clock: Arc<dyn Clock>) -> Result<Self, S3ConfigError> {
        Ok(Self { bucket: Arc::new(Bucket::new(config, keys, clock)?) })
    }
}

impl Bucket {
    /// Writes a whole object.
    async fn write(&self, path: &str, key: &Path, bytes: Vec<u8>) -> Result<(), BlobError> {
        match self.store.put(key, bytes.into()).await.map_err(|error| fault("write", path, &error)) {
            Ok(_) => Ok(()),
            Err(BlobError::NotFound) => Err(BlobError::Refused(format!("write {path}: HTTP 404"))),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Blobs for S3 {
    async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let key = self.bucket.key(&ObjectPath::parse(path)?)?;
        self.bucket.write(path, &key, bytes.to_vec()).await
    }

    async fn get(&self, path: &str, at_most: u64) -> Result<Vec<u8>, BlobError> {
        let key = self.bucket.key(&ObjectPath::parse(path)?)?;
        let failure = |error: object_store::Error| fault("read", path, &error);
        let found = self.bucket.store.get(&key).await.map_err(failure)?;
        if found.meta.size > at_most {
            return Err(BlobError::TooLarge(at_most));
        }
        let (size, mut bytes, mut body) = (found.meta.size, Vec::new(), found.into_stream());
        while let Some(chunk) = body.next().await {
            bytes.extend_from_slice(&chunk.map_err(failure)?);
            if bytes.len() as u64 > at_most {
                return Err(BlobError::TooLarge(at_most));
            }
        }
        match bytes.len() as u64 == size {
            true => Ok(bytes),
            false => Err(BlobError::Unavailable(format!("read {path}: the answer broke off"))),
        }
    }

    async fn open(&self, path: &str) -> Result<Box<dyn ReadSeek>, BlobError> {
        let key = self.bucket.key(&ObjectPath::parse(path)?)?;
        Ok(Box::new(Reader::open(self.bucket.clone(), path, key).await?))
    }

    async fn slot(&self, folder: &str, name: NameByDigest, at_most: u64) -> Result<Box<dyn Slot>, BlobError> {
        let folder = ObjectPath::parse(folder)?.as_str().to_owned();
        Ok(Box::new(S3Slot::new(self.bucket.clone(), folder, name, at_most)))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        let Prefix { text, .. } = Prefix::parse(prefix)?;
        let mut found = Vec::new();
        let each = self.bucket.each(text, |path, _| {
            // What no path can be called is not ours: uploads under way, folders of other tools.
            found.extend(ObjectPath::parse(path).ok().map(|it| it.as_str().to_owned()));
        });
        each.await?;
        found.sort_unstable();
        Ok(found)
    }

    async fn delete(&self, path: &str) -> Result<(), BlobError> {
        let key = self.bucket.key(&ObjectPath::parse(path)?)?;
        match self.bucket.store.delete(&key).await.map_err(|error| fault("delete", path, &error)) {
            Ok(()) | Err(BlobError::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
