//! Files and folders that are for their owner only, or whole or absent.

use crate::failure::Failure;
use fedatario_base::Clock;
use fedatario_base::clock::SystemClock;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What only its owner may read and write.
const PRIVATE: u32 = 0o600;
/// What its owner lets others see as the process's mask has it.
const COMMON: u32 = 0o666;

/// Makes a folder, and those above it that are missing, for its owner only.
pub fn private_dir(dir: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|error| Failure::file(dir, &error))
}

/// Writes a file of mode 0600: durable and whole under its name, or not there at all.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let written = Draft::of(path, PRIVATE).and_then(|mut draft| {
        draft.write_all(bytes)?;
        draft.publish()
    });
    written.map_err(|error| Failure::file(path, &error))
}

/// A file that gets its name when it is done; dropped before, it leaves nothing behind. What is no
/// plain file (a terminal, a pipe, `/dev/null`) is written as it is.
#[derive(Debug)]
pub struct Draft {
    out: BufWriter<File>,
    name: PathBuf,
    beside: Option<PathBuf>,
}

impl Draft {
    /// Begins a file that others may read as the process's mask allows.
    pub fn common(path: &Path) -> std::io::Result<Self> {
        Self::of(path, COMMON)
    }

    fn of(path: &Path, mode: u32) -> std::io::Result<Self> {
        if std::fs::metadata(path).is_ok_and(|it| !it.is_file()) {
            let out = OpenOptions::new().write(true).open(path)?;
            return Ok(Self { out: BufWriter::new(out), name: path.to_owned(), beside: None });
        }
        // The link stays a link: the file that it leads to is replaced.
        let name = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let beside =
            name.with_added_extension(format!("{}-{}.draft", std::process::id(), SystemClock::default().wall().as_nanosecond()));
        let out = OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        Ok(Self { out: BufWriter::new(out), name, beside: Some(beside) })
    }

    /// Gives it its name; it was flushed before.
    pub fn publish(mut self) -> std::io::Result<()> {
        self.flush()?;
        if let Some(beside) = self.beside.take() {
            std::fs::rename(&beside, &self.name).inspect_err(|_| drop(std::fs::remove_file(&beside)))?;
            let folder = self.name.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder)?.sync_all()?; // A file is durable only when its name is.
        }
        Ok(())
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.out.write(bytes)
    }

    /// What was flushed survives a power cut.
    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()?;
        if self.beside.is_some() { self.out.get_ref().sync_all() } else { Ok(()) }
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            let _ = std::fs::remove_file(beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(dir).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_draft_that_is_let_go_leaves_what_was_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept");
        std::fs::write(&path, "before").unwrap();
        let mut draft = Draft::common(&path).unwrap();
        draft.write_all(b"half").unwrap();
        drop(draft);
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), names(dir.path())), ("before", vec!["kept".to_owned()]));

        let mut draft = Draft::common(&path).unwrap();
        draft.write_all(b"whole").unwrap();
        draft.publish().unwrap();
        assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), names(dir.path())), ("whole", vec!["kept".to_owned()]));
    }

    #[test]
    fn a_link_is_followed_and_a_device_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("target"), dir.path().join("link"));
        std::fs::write(&target, "before").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_private(&link, b"after").unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "after");
        assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
        write_private(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    }
}
