//! Objects as files under one folder.
//!
//! Bytes go to a temporary, are flushed to the disk, and only then get their name; the folder is
//! flushed too before the caller hears that they are kept. File calls block, so they run on the
//! runtime's blocking threads, a buffer at a time.

use crate::digest::Tally;
use crate::path::{ObjectPath, Prefix};
use crate::temporary::{Temporary, prepare, sync_folder};
use async_trait::async_trait;
use fedatario_app::ports::{BlobError, Blobs, Kept, NameByDigest, ReadSeek, Slot};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes gathered before they are handed to a blocking thread.
const BUFFER_BYTES: usize = 256 * 1024;

/// How deep a listing descends: the layout has seven levels.
const MAX_DEPTH: usize = 32;

/// A store in a folder. Several processes may share it.
#[derive(Debug, Clone)]
pub struct Folder {
    root: Arc<Path>,
}

impl Folder {
    /// Opens the store, making the folder if there is none, and removes what writers that died
    /// have left.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, BlobError> {
        let root = root.into();
        prepare(&root).map_err(failure)?;
        Ok(Self { root: root.into() })
    }

    fn at(&self, path: &ObjectPath) -> PathBuf {
        self.root.join(path.relative())
    }
}

#[async_trait]
impl Blobs for Folder {
    async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), BlobError> {
        let path = ObjectPath::parse(path)?;
        let (root, bytes) = (self.root.clone(), bytes.to_vec());
        blocking(move || {
            let mut temporary = Temporary::create(&root)?;
            temporary.write(&bytes)?;
            temporary.keep(&root, &path.relative())
        })
        .await
    }

    async fn get(&self, path: &str, at_most: u64) -> Result<Vec<u8>, BlobError> {
        let at = self.at(&ObjectPath::parse(path)?);
        let bytes = blocking(move || {
            let mut bytes = Vec::new();
            open_object(&at)?.take(at_most.saturating_add(1)).read_to_end(&mut bytes)?;
            Ok(bytes)
        })
        .await?;
        if bytes.len() as u64 > at_most { Err(BlobError::TooLarge(at_most)) } else { Ok(bytes) }
    }

    async fn open(&self, path: &str) -> Result<Box<dyn ReadSeek>, BlobError> {
        let at = self.at(&ObjectPath::parse(path)?);
        let file = blocking(move || open_object(&at)).await?;
        Ok(Box::new(file))
    }

    async fn slot(&self, folder: &str, name: NameByDigest, at_most: u64) -> Result<Box<dyn Slot>, BlobError> {
        let folder = ObjectPath::parse(folder)?.as_str().to_owned();
        let root = self.root.clone();
        let temporary = blocking(move || Temporary::create(&root)).await?;
        let (root, tally) = (self.root.clone(), Tally::new(at_most));
        Ok(Box::new(FolderSlot { root, folder, name, tally, buffer: Vec::new(), temporary: Some(temporary) }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        let Prefix { text, folder } = Prefix::parse(prefix)?;
        let (root, text) = (self.root.clone(), text.to_owned());
        blocking(move || {
            let mut found = Vec::new();
            walk(&root, &folder, MAX_DEPTH, &mut found)?;
            found.retain(|it| it.starts_with(&text));
            found.sort_unstable();
            Ok(found)
        })
        .await
    }

    async fn delete(&self, path: &str) -> Result<(), BlobError> {
        let at = self.at(&ObjectPath::parse(path)?);
        let removed = blocking(move || {
            std::fs::remove_file(&at)?;
            at.parent().map_or(Ok(()), sync_folder)
        });
        match removed.await {
            Err(BlobError::NotFound) => Ok(()),
            other => other,
        }
    }

    async fn room(&self) -> Result<Option<u64>, BlobError> {
        let root = self.root.clone();
        let seen = blocking(move || Ok(rustix::fs::statvfs(root.as_ref())?)).await?;
        Ok(Some(seen.f_bavail.saturating_mul(seen.f_frsize)))
    }
}

/// One stream on its way. Dropping it drops the temporary, wherever that is just then.
struct FolderSlot {
    root: Arc<Path>,
    folder: String,
    name: NameByDigest,
    tally: Tally,
    buffer: Vec<u8>,
    /// `None` while a blocking thread has it, and after a failure.
    temporary: Option<Temporary>,
}

impl FolderSlot {
    async fn flush(&mut self) -> Result<(), BlobError> {
        let (mut temporary, bytes) = (self.take()?, std::mem::take(&mut self.buffer));
        let written = blocking(move || temporary.write(&bytes).map(|()| (temporary, bytes)));
        let (temporary, mut bytes) = written.await?;
        bytes.clear();
        (self.temporary, self.buffer) = (Some(temporary), bytes);
        Ok(())
    }

    fn take(&mut self) -> Result<Temporary, BlobError> {
        self.temporary.take().ok_or_else(failed)
    }
}

#[async_trait]
impl Slot for FolderSlot {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        if let Err(error) = self.tally.add(bytes) {
            self.temporary = None; // Part of an object must never be kept as if it were whole.
            return Err(error);
        }
        self.temporary.as_ref().ok_or_else(failed)?;
        for chunk in bytes.chunks(BUFFER_BYTES) {
            self.buffer.extend_from_slice(chunk);
            if self.buffer.len() >= BUFFER_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }

    async fn keep(mut self: Box<Self>) -> Result<Kept, BlobError> {
        self.flush().await?;
        let temporary = self.take()?;
        let (sha256, size) = self.tally.clone().finish();
        let path = ObjectPath::inside(&self.folder, &(self.name)(&sha256))?;
        let kept = Kept { path: path.as_str().to_owned(), sha256, size };
        let root = self.root.clone();
        blocking(move || temporary.keep(&root, &path.relative())).await?;
        Ok(kept)
    }
}

fn failed() -> BlobError {
    BlobError::Unavailable("an earlier write failed".into())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, BlobError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| BlobError::Unavailable(error.to_string()))?.map_err(failure)
}

fn failure(error: io::Error) -> BlobError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => BlobError::NotFound,
        _ => BlobError::Unavailable(error.to_string()),
    }
}

fn open_object(at: &Path) -> io::Result<File> {
    let file = File::open(at)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::ErrorKind::NotFound.into()) }
}

/// Gathers files, without following links; names that no path can have are not ours.
fn walk(root: &Path, folder: &Path, depth: usize, found: &mut Vec<String>) -> io::Result<()> {
    let entries = match std::fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if matches!(failure(io::Error::from(error.kind())), BlobError::NotFound) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let (path, kind) = (folder.join(entry.file_name()), entry.file_type()?);
        let Some(object) = path.to_str().and_then(|it| ObjectPath::parse(it).ok()) else { continue };
        if kind.is_dir() && depth > 0 {
            walk(root, &path, depth - 1, found)?;
        } else if kind.is_file() {
            found.push(object.as_str().to_owned());
        }
    }
    Ok(())
}
