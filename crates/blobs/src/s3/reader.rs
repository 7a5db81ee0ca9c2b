//! An object read with seeks, by ranges.
//!
//! A zip is read from its end, then forwards. A block at a time is fetched; a few stay, and while
//! one is read in order the next is on its way. Every range is bound to the version that was there
//! when the object was opened, so that nobody reads half of one and half of another. The calls
//! block: they belong on the runtime's blocking threads.

use super::bucket::Bucket;
use super::fault::fault;
use bytes::Bytes;
use fedatario_app::ports::BlobError;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use std::collections::VecDeque;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Bytes of one range: large enough that a round trip costs little beside it.
const BLOCK_BYTES: u64 = 4 << 20;
/// Blocks that stay: the directory at the end, an entry's head, and what is read.
const BLOCKS_KEPT: usize = 4;

type Fetched = Result<Bytes, BlobError>;

/// What is read, and which version of it.
#[derive(Clone)]
struct Source {
    bucket: Arc<Bucket>,
    key: Path,
    path: String,
    size: u64,
    etag: Option<String>,
}

/// An open object.
pub(crate) struct Reader {
    source: Source,
    runtime: Handle,
    position: u64,
    /// The latest first.
    kept: VecDeque<(u64, Bytes)>,
    ahead: Option<(u64, JoinHandle<Fetched>)>,
}

impl Reader {
    /// Looks the object up; nothing is read yet. Must be called on a runtime, which then fetches.
    pub async fn open(bucket: Arc<Bucket>, path: &str, key: Path) -> Result<Self, BlobError> {
        let found = bucket.find(path, &key).await?.ok_or(BlobError::NotFound)?;
        let source = Source { bucket, key, path: path.to_owned(), size: found.size, etag: found.e_tag };
        Ok(Self { source, runtime: Handle::current(), position: 0, kept: VecDeque::new(), ahead: None })
    }

    fn block(&mut self, index: u64) -> io::Result<Bytes> {
        if let Some(at) = self.kept.iter().position(|(it, _)| *it == index) {
            let (_, bytes) = self.kept[at].clone();
            return Ok(bytes);
        }
        let in_order = self.kept.front().is_some_and(|(last, _)| last + 1 == index);
        let fetch = match self.ahead.take() {
            Some((ahead, task)) if ahead == index => task,
            other => {
                other.inspect(|(_, task)| task.abort());
                self.runtime.spawn(self.source.clone().fetch(index))
            }
        };
        if (in_order || index == 0) && (index + 1) * BLOCK_BYTES < self.source.size {
            self.ahead = Some((index + 1, self.runtime.spawn(self.source.clone().fetch(index + 1))));
        }
        let bytes = self.runtime.block_on(fetch).map_err(io::Error::other)?.map_err(failed)?;
        self.kept.truncate(BLOCKS_KEPT - 1);
        self.kept.push_front((index, bytes.clone()));
        Ok(bytes)
    }
}

impl Source {
    async fn fetch(self, index: u64) -> Fetched {
        let start = index * BLOCK_BYTES;
        let end = (start + BLOCK_BYTES).min(self.size);
        let options = GetOptions { range: Some(GetRange::Bounded(start..end)), if_match: self.etag, ..GetOptions::default() };
        let failure = |error: object_store::Error| match error {
            object_store::Error::Precondition { .. } => BlobError::Unavailable(format!("read {}: replaced meanwhile", self.path)),
            error => fault("read", &self.path, &error),
        };
        let answer = self.bucket.store.get_opts(&self.key, options).await.map_err(failure)?;
        let bytes = answer.bytes().await.map_err(failure)?;
        match bytes.len() as u64 == end - start {
            true => Ok(bytes),
            false => Err(BlobError::Unavailable(format!("read {}: the range broke off", self.path))),
        }
    }
}

/// The kinds say "the store", never "the bytes": an archive is not damaged because a server is away.
fn failed(error: BlobError) -> io::Error {
    let kind = match &error {
        BlobError::NotFound => io::ErrorKind::NotFound,
        BlobError::Refused(_) => io::ErrorKind::PermissionDenied,
        BlobError::TooLarge(_) | BlobError::Corrupt | BlobError::Unavailable(_) | BlobError::Path(_) => io::ErrorKind::NotConnected,
    };
    io::Error::new(kind, error)
}

impl Read for Reader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() || self.position >= self.source.size {
            return Ok(0);
        }
        let index = self.position / BLOCK_BYTES;
        let block = self.block(index)?;
        let from = usize::try_from(self.position - index * BLOCK_BYTES).map_err(io::Error::other)?;
        let count = into.len().min(block.len() - from);
        into[..count].copy_from_slice(&block[from..from + count]);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.source.size.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some((_, task)) = self.ahead.take() {
            task.abort();
        }
    }
}
