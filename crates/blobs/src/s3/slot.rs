//! A stream on its way into a bucket.
//!
//! The name of an object holds its digest, which is known at the end; a multipart upload needs its
//! key at the beginning. So what is larger than one part goes to a key of its own under `.tmp/`, in
//! parts, and the server copies it to its name when it is whole: no disk of ours is needed, memory
//! is a few parts, and nothing has its name before it is all there. What fits one part is put
//! straight under its name. What the dead have left is collected a day later by whoever begins the
//! next large upload; unfinished uploads by a rule of the bucket (`docs/operating.md`).

use super::bucket::Bucket;
use super::fault::fault;
use crate::digest::Tally;
use crate::path::ObjectPath;
use async_trait::async_trait;
use bytes::Bytes;
use fedatario_app::ports::{BlobError, Kept, NameByDigest, Slot};
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};
use std::sync::Arc;
use tokio::runtime::Handle;

/// Bytes of a part. S3 takes no smaller ones than 5 MiB, and all but the last must be the same.
const PART_BYTES: usize = 8 << 20;
/// Parts on their way at once. With the one that is gathered: 24 MiB a stream.
const PARTS_IN_FLIGHT: usize = 2;
/// The largest object, in bytes: what S3 copies in one request.
const OBJECT_BYTES_AT_MOST: u64 = 5 << 30;
/// Where uploads lie that have no name yet. No path of ours can begin with a dot.
const STAGING: &str = ".tmp";
/// After so many seconds an upload's writer is gone: the longest download is far shorter.
const STAGED_AT_MOST_S: i64 = 24 * 60 * 60;

/// One stream.
pub(crate) struct S3Slot {
    bucket: Arc<Bucket>,
    folder: String,
    name: NameByDigest,
    tally: Tally,
    buffer: Vec<u8>,
    upload: Option<Staged>,
    has_failed: bool,
    runtime: Handle,
}

struct Staged {
    key: Path,
    parts: WriteMultipart,
}

impl S3Slot {
    /// A slot under a folder. Must be made on a runtime, which clears up when the slot is dropped.
    pub fn new(bucket: Arc<Bucket>, folder: String, name: NameByDigest, at_most: u64) -> Self {
        let tally = Tally::new(at_most.min(OBJECT_BYTES_AT_MOST));
        Self { bucket, folder, name, tally, buffer: Vec::new(), upload: None, has_failed: false, runtime: Handle::current() }
    }

    /// Sends the part that is gathered, once there is room.
    async fn send(&mut self) -> Result<(), BlobError> {
        if self.upload.is_none() {
            self.upload = Some(stage(self.bucket.clone(), &self.folder).await?);
        }
        let (bytes, folder) = (Bytes::from(std::mem::take(&mut self.buffer)), &self.folder);
        let Some(staged) = &mut self.upload else { return Err(failed()) };
        let room = staged.parts.wait_for_capacity(PARTS_IN_FLIGHT).await;
        room.map_err(|error| present(fault("upload to", folder, &error)))?;
        staged.parts.put(bytes);
        Ok(())
    }

    async fn gather(&mut self, mut bytes: &[u8]) -> Result<(), BlobError> {
        while !bytes.is_empty() {
            if self.buffer.len() == PART_BYTES {
                self.send().await?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(PART_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    async fn place(&mut self, path: &ObjectPath, size: u64) -> Result<(), BlobError> {
        let key = self.bucket.key(path)?;
        let found = self.bucket.find(path.as_str(), &key).await?;
        let is_there = found.is_some_and(|it| it.size == size);
        if self.upload.is_none() {
            let bytes = std::mem::take(&mut self.buffer);
            return if is_there { Ok(()) } else { self.bucket.write(path.as_str(), &key, bytes).await };
        }
        if is_there {
            return Ok(()); // Dropping the upload aborts it.
        }
        self.send().await?;
        let Some(staged) = self.upload.take() else { return Err(failed()) };
        let failure = |error: object_store::Error| present(fault("upload", path.as_str(), &error));
        staged.parts.finish().await.map_err(failure)?;
        let copied = self.bucket.store.copy(&staged.key, &key).await.map_err(failure);
        // What cannot be removed now is collected later.
        let _ = self.bucket.store.delete(&staged.key).await;
        copied
    }
}

async fn stage(bucket: Arc<Bucket>, folder: &str) -> Result<Staged, BlobError> {
    let key = bucket.key_of(&format!("{STAGING}/{}", uuid::Uuid::new_v4()))?;
    let upload = bucket.store.put_multipart(&key).await;
    let upload = upload.map_err(|error| present(fault("begin an upload to", folder, &error)))?;
    tokio::spawn(collect(bucket));
    Ok(Staged { key, parts: WriteMultipart::new_with_chunk_size(upload, PART_BYTES) })
}

#[async_trait]
impl Slot for S3Slot {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        if self.has_failed {
            return Err(failed());
        }
        self.has_failed = true; // Also for whoever stops waiting in between.
        self.tally.add(bytes)?;
        self.gather(bytes).await?;
        self.has_failed = false;
        Ok(())
    }

    async fn keep(mut self: Box<Self>) -> Result<Kept, BlobError> {
        if self.has_failed {
            return Err(failed());
        }
        let (sha256, size) = self.tally.clone().finish();
        let path = ObjectPath::inside(&self.folder, &(self.name)(&sha256))?;
        self.place(&path, size).await?;
        Ok(Kept { path: path.as_str().to_owned(), sha256, size })
    }
}

impl Drop for S3Slot {
    fn drop(&mut self) {
        if let Some(staged) = self.upload.take() {
            self.runtime.spawn(async move { staged.parts.abort().await });
        }
    }
}

/// Removes what writers that died between the last part and the copy have left. Failing is no loss:
/// the next large upload tries again.
async fn collect(bucket: Arc<Bucket>) {
    let before = bucket.clock.wall().as_second() - STAGED_AT_MOST_S;
    let mut left = Vec::new();
    let staging = format!("{STAGING}/");
    let listed = bucket.each(&staging, |_, it| {
        if it.last_modified.timestamp() < before {
            left.push(it.location.clone());
        }
    });
    if listed.await.is_ok() {
        for key in left {
            let _ = bucket.store.delete(&key).await;
        }
    }
}

fn failed() -> BlobError {
    BlobError::Unavailable("an earlier write failed".into())
}

/// Writing needs no object to be there: what is not found is the upload, or the bucket.
fn present(error: BlobError) -> BlobError {
    match error {
        BlobError::NotFound => BlobError::Unavailable("the upload is gone".into()),
        other => other,
    }
}
