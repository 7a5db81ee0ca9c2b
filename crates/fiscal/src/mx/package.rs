//! A package of the mass download, entry by entry.
//!
//! Counts what comes out and never believes what an archive declares: entries, bytes of an entry,
//! bytes in all, and how much more comes out than went in are bounded by what is read. Names are
//! labels: nothing is ever written under them. Directories, what macOS adds, empty entries, nested
//! archives and links are passed over with the reason. A bad entry is its own error and does not
//! stop the rest; at most one entry is open, and none is held in memory here unless asked for.

use super::metadata::{self, HeaderKind};
use super::tree;
use fedatario_base::Code;
use std::io::{self, BufReader, Cursor, Read, Seek, SeekFrom};
use zip::ZipReadOptions;
use zip::read::{Config, ZipFile, ZipFileEntry};
use zip::result::ZipError;
// Not `ZipArchive`: it keeps one entry of each name, and a package may hold two documents under one.
use zip::unstable::read::{ZipIterable, ZipIterableFiles};

/// Entries of one archive; SAT puts at most 200,000 documents into a request.
pub const MAX_ENTRIES: usize = 250_000;
/// Bytes of one XML entry.
pub const MAX_XML_BYTES: u64 = tree::MAX_DOCUMENT_BYTES as u64;
/// Bytes of one text entry.
pub const MAX_TEXT_BYTES: u64 = metadata::MAX_FILE_BYTES;
/// Bytes of all entries: 250,000 documents of 64 KiB, eight times what they weigh on average.
pub const MAX_TOTAL_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// How many bytes may come out for one that went in. XML shrinks to a tenth, metadata to a fifth.
pub const MAX_RATIO: u64 = 100;
/// Bytes of an entry for which the ratio is not asked: small texts shrink well.
pub const RATIO_FREE_BYTES: u64 = 1024 * 1024;
/// Bytes of an entry that are looked at to tell what it is.
const SNIFF_BYTES: usize = 4096;
/// Characters of a name that are kept.
const MAX_NAME_CHARS: usize = 255;

/// Why an archive, or one entry of it, is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// No byte at all: what an empty `Paquete` decodes to.
    #[error("the package has no bytes")]
    Empty,
    /// Not a zip archive, cut off, or damaged.
    #[error("the package is not a readable zip archive: {0}")]
    Format(String),
    /// More than [`MAX_ENTRIES`].
    #[error("the package has more than {MAX_ENTRIES} entries")]
    Entries,
    /// An entry above [`MAX_XML_BYTES`] or [`MAX_TEXT_BYTES`], or all together above [`MAX_TOTAL_BYTES`].
    #[error("more than {limit} bytes come out")]
    TooLarge {
        /// The bound that was met.
        limit: u64,
    },
    /// More than [`MAX_RATIO`] bytes come out for one that went in.
    #[error("more than {MAX_RATIO} bytes come out for one that went in")]
    Ratio,
    /// The file could not be read.
    #[error("the package could not be read: {0}")]
    Io(String),
}

impl ArchiveError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            ArchiveError::Empty => Code::ArchiveEmpty,
            ArchiveError::Format(_) => Code::ArchiveFormat,
            ArchiveError::Entries => Code::ArchiveEntries,
            ArchiveError::TooLarge { .. } => Code::ArchiveTooLarge,
            ArchiveError::Ratio => Code::ArchiveRatio,
            ArchiveError::Io(_) => Code::BlobUnavailable,
        }
    }

    /// The refusal inside an error that an entry's `Read` gave.
    pub fn within(error: &io::Error) -> Option<&ArchiveError> {
        error.get_ref()?.downcast_ref()
    }

    /// What an error of reading an entry means.
    pub fn from_io(error: &io::Error) -> Self {
        match ArchiveError::within(error) {
            Some(inner) => inner.clone(),
            // What inflating or the checksum finds, as opposed to a failing disk.
            None if is_damage(error.kind()) => ArchiveError::Format(error.to_string()),
            None => ArchiveError::Io(error.to_string()),
        }
    }
}

fn is_damage(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof | io::ErrorKind::Other)
}

impl From<ZipError> for ArchiveError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(error) => ArchiveError::from_io(&error),
            other => ArchiveError::Format(other.to_string()),
        }
    }
}

/// Why an entry is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// A directory.
    Directory,
    /// What macOS adds to archives.
    MacOs,
    /// No bytes.
    Empty,
    /// An archive in the archive; it is not opened.
    NestedArchive,
    /// A symbolic link; it is not followed.
    Symlink,
    /// Neither XML nor one of SAT's text files.
    NotADocument,
}

impl Ignored {
    /// A permanent name.
    pub fn slug(self) -> &'static str {
        match self {
            Ignored::Directory => "directory",
            Ignored::MacOs => "macos",
            Ignored::Empty => "empty",
            Ignored::NestedArchive => "nested_archive",
            Ignored::Symlink => "symlink",
            Ignored::NotADocument => "not_a_document",
        }
    }
}

/// One entry, with what it is for. Its name is a label and nothing else.
pub enum Entry<'e, R: Read> {
    /// A document.
    Xml(EntryReader<'e, R>),
    /// A metadata file.
    Metadata(EntryReader<'e, R>),
    /// A third-party file.
    ThirdParty(EntryReader<'e, R>),
    /// Passed over.
    Ignored {
        /// The name in the archive.
        name: String,
        /// Why.
        reason: Ignored,
    },
    /// The entry cannot be read; the rest can.
    Refused {
        /// The name in the archive.
        name: String,
        /// Why.
        error: ArchiveError,
    },
}

impl<R: Read> Entry<'_, R> {
    /// The name in the archive, shortened.
    pub fn name(&self) -> &str {
        match self {
            Entry::Xml(reader) | Entry::Metadata(reader) | Entry::ThirdParty(reader) => &reader.name,
            Entry::Ignored { name, .. } | Entry::Refused { name, .. } => name,
        }
    }
}

/// A package that has been opened; its bytes are read as entries are taken.
pub struct Package<R> {
    archive: ZipIterable<BufReader<R>>,
    length: u64,
}

impl<R: Read + Seek> Package<R> {
    /// Finds the archive's directory; reads no entry.
    pub fn open(mut inner: R) -> Result<Self, ArchiveError> {
        let length = inner.seek(SeekFrom::End(0)).map_err(|error| ArchiveError::from_io(&error))?;
        if length == 0 {
            return Err(ArchiveError::Empty);
        }
        let archive = ZipIterable::try_new(BufReader::new(inner), Config::default())?;
        if archive.len() > MAX_ENTRIES {
            return Err(ArchiveError::Entries);
        }
        Ok(Self { archive, length })
    }

    /// How many entries the directory lists.
    pub fn len(&self) -> usize {
        self.archive.len()
    }

    /// Whether there is no entry: SAT's package for nothing.
    pub fn is_empty(&self) -> bool {
        self.archive.is_empty()
    }

    /// The entries, from the first.
    pub fn entries(&mut self) -> Result<Entries<'_, R>, ArchiveError> {
        let budget = MAX_TOTAL_BYTES.min(self.length.saturating_mul(MAX_RATIO).max(MAX_XML_BYTES));
        Ok(Entries { files: self.archive.files()?, length: self.length, budget, taken: 0, failed: false })
    }
}

/// The entries of a package, one at a time.
pub struct Entries<'p, R> {
    files: &'p mut ZipIterableFiles<BufReader<R>>,
    /// Bytes of the archive itself.
    length: u64,
    /// Bytes that may come out in all.
    budget: u64,
    taken: u64,
    failed: bool,
}

impl<R: Read + Seek> Entries<'_, R> {
    /// The next entry; `None` at the end. After an error nothing follows.
    pub fn next_entry(&mut self) -> Result<Option<Entry<'_, R>>, ArchiveError> {
        self.next_wanted(&|_| true)
    }

    /// The next entry whose name is wanted; the others are passed over unopened.
    pub fn next_wanted(&mut self, wanted: &dyn Fn(&str) -> bool) -> Result<Option<Entry<'_, R>>, ArchiveError> {
        while !self.failed {
            if self.taken > self.budget {
                self.failed = true;
                let by_ratio = self.budget < MAX_TOTAL_BYTES;
                return Err(if by_ratio { ArchiveError::Ratio } else { ArchiveError::TooLarge { limit: MAX_TOTAL_BYTES } });
            }
            match self.files.next() {
                None => return Ok(None),
                Some(Ok(file)) if wanted(&label(file.name_raw())) => return Ok(Some(self.classify(file))),
                Some(Ok(_)) => {}
                Some(Err(error)) => {
                    self.failed = true;
                    return Err(error.into());
                }
            }
        }
        Ok(None)
    }

    fn classify(&mut self, file: ZipFileEntry<'static>) -> Entry<'_, R> {
        let name = label(file.name_raw());
        if let Some(reason) = ignored_by_name(&file, &name) {
            return Entry::Ignored { name, reason };
        }
        let kind = kind_by_name(&name);
        let limit = if kind == Some(Kind::Xml) { MAX_XML_BYTES } else { MAX_TEXT_BYTES };
        // What the entry claims to weigh, but never more than the whole archive does.
        let packed = file.compressed_size().min(self.length);
        let inner = match file.with_reader(self.files.reader_mut(), ZipReadOptions::new()) {
            Ok(inner) => inner,
            Err(error) => return Entry::Refused { name, error: error.into() },
        };
        let reader = Bounded {
            inner,
            limit,
            ratio: packed.saturating_mul(MAX_RATIO).max(RATIO_FREE_BYTES),
            read: 0,
            taken: &mut self.taken,
        };
        open_entry(name, kind, reader)
    }
}

/// What an entry's name says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Xml,
    Metadata,
    ThirdParty,
    /// Some text: its first line decides.
    Text,
}

fn open_entry<R: Read>(name: String, kind: Option<Kind>, mut reader: Bounded<'_, R>) -> Entry<'_, R> {
    let mut head = Vec::new();
    if let Err(error) = (&mut reader).take(SNIFF_BYTES as u64).read_to_end(&mut head) {
        return Entry::Refused { name, error: ArchiveError::from_io(&error) };
    }
    let reason = match head.as_slice() {
        [] => Some(Ignored::Empty),
        [b'P', b'K', 3, 4, ..] => Some(Ignored::NestedArchive),
        _ => None,
    };
    let kind = match kind {
        Some(Kind::Text) => metadata::looks_like_header(&head).map(|it| match it {
            HeaderKind::Metadata => Kind::Metadata,
            HeaderKind::ThirdParty => Kind::ThirdParty,
        }),
        other => other,
    };
    let (Some(kind), None) = (kind, reason) else {
        return Entry::Ignored { name, reason: reason.unwrap_or(Ignored::NotADocument) };
    };
    let reader = EntryReader { name, head: Cursor::new(head), rest: reader };
    match kind {
        Kind::Xml => Entry::Xml(reader),
        Kind::ThirdParty => Entry::ThirdParty(reader),
        Kind::Metadata | Kind::Text => Entry::Metadata(reader),
    }
}

fn label(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).chars().take(MAX_NAME_CHARS).collect()
}

/// The last part of a name, under either separator.
fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or(name)
}

fn ignored_by_name(file: &ZipFileEntry<'_>, name: &str) -> Option<Ignored> {
    let base = base_name(name).to_ascii_lowercase();
    let archive = [".zip", ".gz", ".7z", ".rar", ".tar"].iter().any(|it| base.ends_with(it));
    if file.is_symlink() {
        Some(Ignored::Symlink)
    } else if file.is_dir() || base.is_empty() {
        Some(Ignored::Directory)
    } else if name.split(['/', '\\']).any(|it| it.eq_ignore_ascii_case("__MACOSX")) || base.starts_with("._") || base == ".ds_store"
    {
        Some(Ignored::MacOs)
    } else if archive {
        Some(Ignored::NestedArchive)
    } else {
        None
    }
}

fn kind_by_name(name: &str) -> Option<Kind> {
    let base = base_name(name).to_ascii_lowercase();
    let (stem, extension) = base.rsplit_once('.')?;
    match extension {
        "xml" => Some(Kind::Xml),
        "txt" if stem.ends_with("_tercero") => Some(Kind::ThirdParty),
        // SAT's own name for a metadata file: if it is none, that is an error and not noise.
        "txt" if is_package_id(stem) => Some(Kind::Metadata),
        "txt" => Some(Kind::Text),
        _ => None,
    }
}

/// Whether a name is `<UUID>_<two digits>`.
fn is_package_id(stem: &str) -> bool {
    stem.rsplit_once('_').is_some_and(|(uuid, number)| {
        number.len() == 2 && number.bytes().all(|it| it.is_ascii_digit()) && uuid.parse::<super::uuid::FiscalUuid>().is_ok()
    })
}

/// Counts what comes out of an entry, and stops at its bounds.
struct Bounded<'e, R: Read> {
    inner: ZipFile<'e, BufReader<R>>,
    limit: u64,
    ratio: u64,
    read: u64,
    /// What came out of the whole archive.
    taken: &'e mut u64,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.read += read as u64;
        *self.taken += read as u64;
        if self.read > self.limit {
            return Err(io::Error::other(ArchiveError::TooLarge { limit: self.limit }));
        }
        if self.read > self.ratio {
            return Err(io::Error::other(ArchiveError::Ratio));
        }
        Ok(read)
    }
}

/// An entry that can be read, within its bounds.
pub struct EntryReader<'e, R: Read> {
    name: String,
    head: Cursor<Vec<u8>>,
    rest: Bounded<'e, R>,
}

impl<R: Read> EntryReader<'_, R> {
    /// The name in the archive, shortened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All of it, for a document; the bounds of the entry hold.
    pub fn read_all(&mut self) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes).map_err(|error| ArchiveError::from_io(&error))?;
        Ok(bytes)
    }
}

impl<R: Read> Read for EntryReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.head.read(buffer)?;
        if read > 0 || buffer.is_empty() { Ok(read) } else { self.rest.read(buffer) }
    }
}
