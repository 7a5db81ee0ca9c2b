//! An archive whose store is watched while it is read.
//!
//! A package that cannot be read is set aside and its window asked for again, which SAT counts. That
//! must not happen because a bucket was away for a minute: what the store itself could not give is an
//! outage, whatever the readers above it made of it, and the work is done again later.

use crate::ports::{BlobError, ReadSeek};
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

/// The first thing that the store could not give, if any.
#[derive(Debug, Clone, Default)]
pub struct Outage(Arc<Mutex<Option<String>>>);

impl Outage {
    /// Whether there was one.
    pub fn is_there(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// The end of the reading: an error if the store was away.
    pub fn ended(&self) -> Result<(), BlobError> {
        let first = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        first.map_or(Ok(()), |text| Err(BlobError::Unavailable(text)))
    }

    /// A seek to before the beginning is the archive's fault, and so is what ends too early.
    fn note<T>(&self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result
            && !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Interrupted)
        {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| error.to_string());
        }
        result
    }
}

/// An archive, watched.
pub struct Watched {
    archive: Box<dyn ReadSeek>,
    outage: Outage,
}

impl Watched {
    /// An archive, and what will be known of its store.
    pub fn new(archive: Box<dyn ReadSeek>) -> (Self, Outage) {
        let outage = Outage::default();
        (Self { archive, outage: outage.clone() }, outage)
    }
}

impl Read for Watched {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.archive.read(into);
        self.outage.note(read)
    }
}

impl Seek for Watched {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let sought = self.archive.seek(to);
        self.outage.note(sought)
    }
}

#[cfg(test)]
mod tests {
    use super::Watched;
    use fedatario_base::Code;
    use std::io::{self, Cursor, Read, Seek, SeekFrom};

    struct Failing(io::ErrorKind);

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
    }

    impl Seek for Failing {
        fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
            Ok(0)
        }
    }

    #[test]
    fn an_outage_is_told_from_an_archive_that_ends_too_early() {
        for kind in [io::ErrorKind::NotConnected, io::ErrorKind::PermissionDenied, io::ErrorKind::Other] {
            let (mut watched, outage) = Watched::new(Box::new(Failing(kind)));
            assert!(!outage.is_there());
            assert!(watched.read(&mut [0; 4]).is_err());
            assert_eq!(outage.ended().unwrap_err().code(), Code::BlobUnavailable, "{kind:?}");
        }
        let (mut watched, outage) = Watched::new(Box::new(Cursor::new(b"PK")));
        assert!(watched.seek(SeekFrom::End(-22)).is_err() && watched.read_exact(&mut [0; 4]).is_err());
        assert!(outage.ended().is_ok(), "the archive is damaged, its store is not");
        fedatario_testkit::covers!("import: a store that is away while a package is read is an outage, never a damaged package");
    }
}
