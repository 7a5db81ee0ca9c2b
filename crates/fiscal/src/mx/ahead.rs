//! A reader that keeps what it has read ahead when it is told to seek.
//!
//! An archive is read entry after entry, each found by seeking to its header and then to its data. A
//! `BufReader` forgets what it holds at every seek and reads the same bytes three times over.

use std::io::{self, Read, Seek, SeekFrom};

/// Bytes read at once: some twenty documents.
const AHEAD_BYTES: usize = 64 << 10;

/// Reads ahead, and seeks within what it has read.
pub(super) struct Ahead<R> {
    inner: R,
    held: Box<[u8]>,
    /// How many bytes are held, and the next of them.
    filled: usize,
    at: usize,
    /// Where in `inner` the held bytes end, which is where `inner` stands.
    end: u64,
}

impl<R: Read + Seek> Ahead<R> {
    /// Over a reader, from wherever it stands.
    pub fn new(mut inner: R) -> io::Result<Self> {
        let end = inner.stream_position()?;
        Ok(Self { inner, held: vec![0; AHEAD_BYTES].into(), filled: 0, at: 0, end })
    }

    fn position(&self) -> u64 {
        self.end - (self.filled - self.at) as u64
    }

    fn forget(&mut self, to: SeekFrom) -> io::Result<u64> {
        (self.filled, self.at) = (0, 0);
        self.end = self.inner.seek(to)?;
        Ok(self.end)
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.filled {
            let read = self.inner.read(&mut self.held)?;
            (self.filled, self.at) = (read, 0);
            self.end += read as u64;
        }
        let read = (&self.held[self.at..self.filled]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

impl<R: Read + Seek> Seek for Ahead<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let wanted = match to {
            SeekFrom::Start(place) => Some(place),
            SeekFrom::Current(by) => self.position().checked_add_signed(by),
            SeekFrom::End(_) => return self.forget(to),
        };
        let wanted = wanted.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let start = self.end - self.filled as u64;
        if !(start..=self.end).contains(&wanted) {
            return self.forget(SeekFrom::Start(wanted));
        }
        self.at = (wanted - start) as usize;
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    #[test]
    fn it_reads_what_the_reader_itself_would_wherever_it_is_sent() {
        let bytes: Vec<u8> = (0..3 * AHEAD_BYTES + 7).map(|it| (it * 31 % 251) as u8).collect();
        let (mut ours, mut plain) = (Ahead::new(Cursor::new(&bytes)).unwrap(), Cursor::new(&bytes));
        let mut seed = 7_u64;
        for turn in 0..2_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let (place, length) = ((seed >> 33) % (bytes.len() as u64 + 9), (seed >> 20) as usize % 5_000);
            let to = match turn % 4 {
                0 => SeekFrom::Start(place),
                1 => SeekFrom::Current((place % 9_000) as i64 - 4_500),
                2 => SeekFrom::End(-((place % bytes.len() as u64) as i64)),
                _ => SeekFrom::Current(0),
            };
            assert_eq!(ours.seek(to).ok(), plain.seek(to).ok(), "{to:?}");
            let (mut left, mut right) = (Vec::new(), Vec::new());
            ours.by_ref().take(length as u64).read_to_end(&mut left).unwrap();
            plain.by_ref().take(length as u64).read_to_end(&mut right).unwrap();
            assert!(left == right, "turn {turn}");
        }
    }
}
