//! The authority's own books on disk: one JSON event a line, appended, synced before the answer.
//!
//! A request answered 5000 and a package handed out are on disk before the first byte of the answer
//! leaves, so that a `kill -9` at any moment loses nothing that a client may have seen. A last line
//! cut short was never answered; it is dropped on the next start. One process holds the file.

use super::ledger::Event;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// Largest journal that is read back, in bytes: some millions of events.
const MAX_JOURNAL_BYTES: u64 = 4 << 30;

/// Where a sandbox keeps its books.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StatePath {
    /// Nowhere: they end with the process.
    #[default]
    Memory,
    /// In a file of its own.
    File(PathBuf),
}

/// Why the books cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file cannot be used.
    #[error("could not use the sandbox's state file")]
    Io(#[from] std::io::Error),
    /// Another process has it.
    #[error("the sandbox's state file is in use by another process")]
    Busy,
    /// It is no journal of this sandbox.
    #[error("line {line} of the sandbox's state file cannot be read: {reason}")]
    Broken {
        /// Which line.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It is larger than any sandbox's books.
    #[error("the sandbox's state file is larger than {MAX_JOURNAL_BYTES} bytes")]
    TooLarge,
}

impl JournalError {
    /// Its place in the table of error codes.
    pub fn code(&self) -> fedatario_base::Code {
        match self {
            Self::Io(_) | Self::Busy | Self::Broken { .. } | Self::TooLarge => fedatario_base::Code::StoreUnavailable,
        }
    }
}

/// How soon an event must be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Before anything is answered.
    Now,
    /// When the system gets to it: counts that nobody can lose money over.
    Later,
}

/// An open journal.
#[derive(Debug)]
pub(super) struct Journal(Option<File>);

impl Journal {
    /// Opens the books and gives back all that is in them.
    pub fn open(path: &StatePath) -> Result<(Self, Vec<Event>), JournalError> {
        let StatePath::File(path) = path else { return Ok((Self(None), Vec::new())) };
        let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
        if let Some(parent) = parent {
            std::fs::create_dir_all(parent)?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path)?;
        file.try_lock().map_err(|_| JournalError::Busy)?;
        if let Some(parent) = parent {
            File::open(parent)?.sync_all()?; // A file is durable only when its name is.
        }
        let events = read(&mut file)?;
        Ok((Self(Some(file)), events))
    }

    /// Appends one event.
    pub fn append(&mut self, event: &Event, durability: Durability) -> Result<(), JournalError> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        let mut line = serde_json::to_vec(event).map_err(std::io::Error::other)?;
        line.push(b'\n');
        file.write_all(&line)?;
        if durability == Durability::Now {
            file.sync_data()?;
        }
        Ok(())
    }
}

fn read(file: &mut File) -> Result<Vec<Event>, JournalError> {
    if file.metadata()?.len() > MAX_JOURNAL_BYTES {
        return Err(JournalError::TooLarge);
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|it| *it == b'\n').map_or(0, |it| it + 1);
    if whole < bytes.len() {
        file.set_len(whole as u64)?;
    }
    let broken = |line: usize, error: serde_json::Error| JournalError::Broken { line: line + 1, reason: error.to_string() };
    let lines = bytes[..whole].split(|it| *it == b'\n').filter(|it| !it.is_empty());
    lines.enumerate().map(|(n, line)| serde_json::from_slice(line).map_err(|error| broken(n, error))).collect()
}
