//! What the filters share: bounded reading of a file or of standard input, and plain writing.

use crate::failure::Failure;
use fedatario_base::{Code, Secret};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

/// A whole file, or standard input for `-`; one byte above `most` is enough to refuse it.
pub fn read(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    from(path, &mut |source| source.take(most as u64 + 1).read_to_end(&mut bytes))?;
    bounded(path, bytes, most)
}

/// The same for what must not stay in memory: read into one place that is wiped.
pub fn read_secret(path: &Path, most: usize) -> Result<Secret, Failure> {
    // With room for all of it nothing is moved, so that no copy is left behind.
    let mut bytes = Vec::with_capacity(most + 1);
    from(path, &mut |source| source.take(most as u64 + 1).read_to_end(&mut bytes))?;
    let secret = Secret::new(bytes);
    if secret.expose().len() > most { Err(too_large(path, most)) } else { Ok(secret) }
}

fn from(path: &Path, read: &mut dyn FnMut(&mut dyn Read) -> std::io::Result<usize>) -> Result<usize, Failure> {
    let done = match path.as_os_str() == STANDARD_INPUT {
        true => read(&mut std::io::stdin().lock()),
        false => std::fs::File::open(path).and_then(|mut file| read(&mut file)),
    };
    done.map_err(|error| Failure::file(path, &error))
}

fn bounded(path: &Path, bytes: Vec<u8>, most: usize) -> Result<Vec<u8>, Failure> {
    if bytes.len() > most { Err(too_large(path, most)) } else { Ok(bytes) }
}

fn too_large(path: &Path, most: usize) -> Failure {
    Failure::new(Code::XmlTooLarge, format!("{}: more than {most} bytes", path.display()))
}

/// Writes a result; a reader that went away (`| head`) ends it quietly.
pub fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::file(Path::new("stdout"), &error)),
        _ => Ok(()),
    }
}
