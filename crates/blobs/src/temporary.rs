//! Files on their way to a name.
//!
//! A temporary lies in the store's own `.tmp`, on the same file system, and gets its name by a
//! rename once its bytes are durable. Its writer holds a lock on it for as long as it lives, so
//! that another process which opens the store tells a write in progress from one whose process
//! died: the kernel frees the lock, and what can be locked is removed.

use std::ffi::OsStr;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

const FOLDER: &str = ".tmp";

/// Owner only: sealed keys lie here too.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// How often a fresh name is tried before the file system is called unusable.
const MAX_NAMES: u32 = 100;

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// A file without a final name. Dropping it removes it.
pub(crate) struct Temporary {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl Temporary {
    pub fn create(root: &Path) -> io::Result<Self> {
        for _ in 0..MAX_NAMES {
            let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
            let path = root.join(FOLDER).join(format!("{}-{serial}", std::process::id()));
            match OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path) {
                Ok(file) => {
                    file.lock()?;
                    // A process that was opening the store may have collected it before the lock.
                    if file.metadata()?.nlink() > 0 {
                        return Ok(Self { file, path, kept: false });
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Makes the bytes durable, then the name.
    pub fn keep(mut self, root: &Path, relative: &Path) -> io::Result<()> {
        self.file.sync_all()?;
        let folder = relative.parent().unwrap_or(Path::new(""));
        make_folders(root, folder)?;
        std::fs::rename(&self.path, root.join(relative))?;
        self.kept = true;
        sync_folder(&root.join(folder))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.kept {
            // Whatever cannot be removed now is collected when the store is opened next.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Makes the store's folders, and removes what dead processes left.
pub(crate) fn prepare(root: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(root)?;
    make_folders(root, Path::new(FOLDER))?;
    for entry in std::fs::read_dir(root.join(FOLDER))? {
        collect(&entry?.path())?;
    }
    Ok(())
}

fn collect(path: &Path) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        // Removed under the lock, so that its writer, if it has just been made, sees it gone.
        Ok(()) => match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        },
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Makes the missing folders, each durable in its parent.
fn make_folders(root: &Path, relative: &Path) -> io::Result<()> {
    let mut path = root.to_owned();
    for segment in relative.iter().filter(|it| *it != OsStr::new("")) {
        let parent = path.clone();
        path.push(segment);
        match DirBuilder::new().mode(FOLDER_MODE).create(&path) {
            Ok(()) => sync_folder(&parent)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
