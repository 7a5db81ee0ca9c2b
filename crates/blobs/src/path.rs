//! Paths of objects, checked once at the door.
//!
//! The services write paths from percent-encoded segments. Whatever arrives here is held to that
//! form: relative, no empty segment, none that begins with a dot (so neither `..` nor our own
//! folder of temporaries can be named), ASCII letters, digits and `-_.%` only.

use fedatario_app::ports::BlobError;
use std::path::PathBuf;

/// The longest path, in bytes: that of a key in S3.
pub const MAX_PATH_BYTES: usize = 1024;

/// The longest segment, in bytes: that of a file's name on the usual file systems.
pub const MAX_SEGMENT_BYTES: usize = 255;

/// The path of one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ObjectPath(String);

impl ObjectPath {
    pub fn parse(text: &str) -> Result<Self, BlobError> {
        let good = text.len() <= MAX_PATH_BYTES && text.split('/').all(is_segment);
        if good { Ok(Self(text.to_owned())) } else { Err(refused(text)) }
    }

    /// An object in a folder. The name is one segment.
    pub fn inside(folder: &str, name: &str) -> Result<Self, BlobError> {
        if !is_segment(name) {
            return Err(refused(name));
        }
        Self::parse(&format!("{}/{name}", folder.trim_end_matches('/')))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn relative(&self) -> PathBuf {
        self.0.split('/').collect()
    }
}

/// What paths may begin with: nothing, or whole segments and a part of one.
pub(crate) struct Prefix<'a> {
    pub text: &'a str,
    /// The folder that holds everything under the prefix.
    pub folder: PathBuf,
}

impl<'a> Prefix<'a> {
    pub fn parse(text: &'a str) -> Result<Self, BlobError> {
        let (folder, partial) = text.rsplit_once('/').unwrap_or(("", text));
        let good = text.len() <= MAX_PATH_BYTES && (folder.is_empty() || folder.split('/').all(is_segment));
        let good = good && !text.starts_with('/') && (partial.is_empty() || is_segment(partial));
        if good { Ok(Self { text, folder: folder.split('/').collect() }) } else { Err(refused(text)) }
    }
}

fn is_segment(text: &str) -> bool {
    let allowed = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.' | b'%');
    !text.is_empty() && text.len() <= MAX_SEGMENT_BYTES && !text.starts_with('.') && text.bytes().all(allowed)
}

fn refused(text: &str) -> BlobError {
    BlobError::Path(text.chars().take(MAX_SEGMENT_BYTES).collect())
}
