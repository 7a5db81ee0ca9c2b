//! Where an export goes: a file that appears when it is whole, or standard output.

use crate::failure::Failure;
use crate::files::Draft;
use fedatario_base::Code;
use std::io::{self, BufWriter, ErrorKind, Stdout, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

enum Place {
    File(Draft),
    Standard(BufWriter<Stdout>),
}

struct Inner {
    place: Option<Place>,
    /// Whoever read standard output went away.
    deserted: bool,
}

/// An output that writers may own while the command keeps it too: clones share it.
#[derive(Clone)]
pub struct Out(Arc<Mutex<Inner>>);

impl Out {
    /// Opens a file beside the one that is meant, or standard output for `-`.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let place = if is_standard(path) {
            Place::Standard(BufWriter::new(io::stdout()))
        } else {
            Place::File(
                Draft::common(path).map_err(|error| Failure::new(Code::OutputFailed, format!("{}: {error}", path.display())))?,
            )
        };
        Ok(Self(Arc::new(Mutex::new(Inner { place: Some(place), deserted: false }))))
    }

    /// Whether the reader of standard output went away: no reason to complain.
    pub fn is_deserted(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).deserted
    }

    /// Gives the file its name; standard output is flushed.
    pub fn publish(&self) -> Result<(), Failure> {
        let place = self.0.lock().unwrap_or_else(PoisonError::into_inner).place.take();
        let done = match place {
            Some(Place::File(draft)) => draft.publish(),
            Some(Place::Standard(mut out)) => out.flush(),
            None => Ok(()),
        };
        match done {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::new(Code::OutputFailed, error.to_string())),
            _ => Ok(()),
        }
    }

    fn with(&self, act: impl FnOnce(&mut dyn Write) -> io::Result<usize>) -> io::Result<usize> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let done = match &mut inner.place {
            Some(Place::File(draft)) => act(draft),
            Some(Place::Standard(out)) => act(out),
            None => Err(io::Error::other("the output was published")),
        };
        inner.deserted |= matches!(&done, Err(error) if error.kind() == ErrorKind::BrokenPipe);
        done
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|out| out.write(bytes))
    }

    /// Nothing is promised before it is published, and a file is synced then.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether `-` is meant.
pub fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Writes a whole small output.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut out = Out::open(path)?;
    match out.write_all(bytes) {
        Err(error) if !out.is_deserted() => Err(Failure::new(Code::OutputFailed, error.to_string())),
        _ => out.publish(),
    }
}
