//! Exports: a chain, or a part of it, as a file that proves itself without a database.
//!
//! NDJSON, canonical byte for byte: a header, each entry's bytes as they were hashed, and a fresh
//! signed checkpoint of the last entry as a JSON string. The header says what to expect, the
//! entries say where they belong, the checkpoint signs where they end; [`verify_export`] reads
//! once, line by line, and keeps nothing that grows with the file.
//!
//! In an export that starts at entry 1 the checkpoint's Merkle root is compared as well; in a part
//! the head alone binds what is there, since it follows from every byte after the header.

use crate::chain::{GENESIS, Head, Link, link, tenant_bytes, tenant_text};
use crate::error::AuditError;
use crate::event::{MAX_ENTRY_BYTES, Place, canonical, claimed_place};
use crate::merkle::Merkle;
use crate::note::{Checkpoint, MAX_NOTE_BYTES, Note, PublicKey, parse_note};
use crate::verdict::{Damage, KeyTrust, Verdict};
use crate::walk::{Expected, Piece, Pieces, Run, walk};
use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::{BufRead, Read, Write};

/// What the header calls this format; a change of the format is a change of this name.
pub const FORMAT: &str = "fedatario.audit.export.v1";

/// The longest line, in bytes: the largest entry and its newline.
pub const MAX_LINE_BYTES: usize = MAX_ENTRY_BYTES + 1;

/// The first line of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportHeader {
    /// Whose chain.
    pub tenant: [u8; 16],
    /// The number of the first entry.
    pub first: u64,
    /// The number of the last entry; `first - 1` when there is none.
    pub last: u64,
    /// The hash before the first entry.
    pub prev: Link,
    /// The key that signed the checkpoint. It proves nothing unless it is known from elsewhere.
    pub key: PublicKey,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine {
    format: String,
    tenant: String,
    first: u64,
    last: u64,
    prev: String,
    key: String,
}

impl ExportHeader {
    fn line(&self) -> Result<Vec<u8>, AuditError> {
        canonical(&HeaderLine {
            format: FORMAT.to_owned(),
            tenant: tenant_text(self.tenant),
            first: self.first,
            last: self.last,
            prev: STANDARD.encode(self.prev),
            key: self.key.to_string(),
        })
    }

    /// A header in its only spelling, with numbers that can be.
    fn parse(line: &[u8]) -> Option<Self> {
        let it: HeaderLine = serde_json::from_slice(line).ok()?;
        let header = Self {
            tenant: tenant_bytes(&it.tenant)?,
            first: it.first,
            last: it.last,
            prev: STANDARD.decode(&it.prev).ok()?.try_into().ok()?,
            key: it.key.parse().ok()?,
        };
        let numbers = header.first >= 1 && header.first - 1 <= header.last;
        let sane = numbers && (header.first > 1 || header.prev == GENESIS);
        (sane && header.line().ok()? == line).then_some(header)
    }
}

/// Writes an export, entry by entry.
#[derive(Debug)]
pub struct ExportWriter<W: Write> {
    out: W,
    header: ExportHeader,
    merkle: Merkle,
    head: Head,
    before: Link,
}

impl<W: Write> ExportWriter<W> {
    /// Writes the header. `before` is the Merkle tree of the entries before the first: empty for a
    /// whole chain.
    pub fn new(mut out: W, header: ExportHeader, before: Merkle) -> Result<Self, AuditError> {
        let head = Head { n: header.first.saturating_sub(1), hash: header.prev };
        if before.size() != head.n {
            return Err(AuditError::Sequence { expected: head.n, found: before.size() });
        }
        put_line(&mut out, &header.line()?)?;
        Ok(Self { out, before: header.prev, header, merkle: before, head })
    }

    /// Writes the next entry's bytes as they are stored. What they are is for the reader to verify.
    pub fn entry(&mut self, entry: &[u8]) -> Result<(), AuditError> {
        let n = self.head.n + 1;
        if n > self.header.last {
            return Err(AuditError::Sequence { expected: self.header.last, found: n });
        }
        put_line(&mut self.out, entry)?;
        self.merkle.push(entry);
        self.before = self.head.hash;
        self.head = Head { n, hash: link(self.header.tenant, n, &self.head.hash, entry) };
        Ok(())
    }

    /// The checkpoint to be signed, once all entries are written.
    pub fn checkpoint(&self, at: Timestamp) -> Result<Checkpoint, AuditError> {
        if self.head.n != self.header.last {
            return Err(AuditError::Sequence { expected: self.header.last, found: self.head.n });
        }
        let Head { n: size, hash: head } = self.head;
        Ok(Checkpoint { tenant: self.header.tenant, size, root: self.merkle.root(), head, before: self.before, at })
    }

    /// Writes the signed note, and gives the writer back.
    pub fn finish(mut self, note: &str) -> Result<W, AuditError> {
        put_line(&mut self.out, &canonical(&note)?)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

fn put_line(out: &mut impl Write, line: &[u8]) -> std::io::Result<()> {
    out.write_all(line)?;
    out.write_all(b"\n")
}

/// Reads an export and says what is wrong with it. `pinned` is the tenant's key as the reader
/// already holds it; without one the file vouches for itself, and the verdict says so.
pub fn verify_export(mut reader: impl BufRead, pinned: Option<&PublicKey>) -> Result<Verdict, AuditError> {
    let mut reading = Reading::default();
    let mut line = Vec::new();
    loop {
        match next_line(&mut reader, &mut line)? {
            Line::End => break,
            Line::Whole => reading.line(&line),
            Line::TooLong => reading.broken_line(),
            Line::Cut => reading.cut_line(&line),
        }
    }
    reading.conclude(pinned)
}

enum Line {
    End,
    Whole,
    TooLong,
    /// The file ends without a newline.
    Cut,
}

fn next_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<Line> {
    line.clear();
    let read = reader.by_ref().take(MAX_LINE_BYTES as u64).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(Line::End);
    }
    if line.pop_if(|it| *it == b'\n').is_some() {
        return Ok(Line::Whole);
    }
    if read < MAX_LINE_BYTES {
        return Ok(Line::Cut);
    }
    line.clear();
    let newline = skip_line(reader)?;
    Ok(if newline { Line::TooLong } else { Line::Cut })
}

/// Passes over the rest of a line without keeping it; whether it ended in a newline.
fn skip_line(reader: &mut impl BufRead) -> std::io::Result<bool> {
    loop {
        let held = reader.fill_buf()?;
        let (held_len, newline) = (held.len(), held.iter().position(|it| *it == b'\n'));
        reader.consume(newline.map_or(held_len, |at| at + 1));
        if newline.is_some() || held_len == 0 {
            return Ok(newline.is_some());
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    started: bool,
    /// Whether the first line names our format, however damaged it is.
    claimed: bool,
    header: Option<ExportHeader>,
    pieces: Pieces,
    merkle: Merkle,
    entries: u64,
    note: Option<Note>,
    /// The first entry that came after the checkpoint.
    after_note: Option<u64>,
    /// Lines that could not be read, and may turn out to be the last: then they were the checkpoint.
    held_back: u64,
    cut: bool,
}

impl Reading {
    fn line(&mut self, line: &[u8]) {
        if !std::mem::replace(&mut self.started, true) {
            self.header = ExportHeader::parse(line);
            self.claimed = line.windows(FORMAT.len()).any(|it| it == FORMAT.as_bytes());
            // A damaged header is no entry; an entry in its place means that the header is gone.
            if self.header.is_some() || claimed_place(line).is_none() {
                return;
            }
        }
        if let Some(place) = claimed_place(line) {
            self.entry(line, &place);
        } else if self.note.is_none()
            && let Some(note) = note_line(line)
        {
            self.release();
            self.note = Some(note);
        } else {
            self.broken_line();
        }
    }

    fn entry(&mut self, line: &[u8], place: &Place) {
        self.release();
        self.entries += 1;
        self.pieces.entry(place, link(place.tenant, place.n, &place.prev, line));
        if self.pieces.list.len() == 1 && place.n == self.merkle.size() + 1 {
            self.merkle.push(line);
        }
        if self.note.is_some() {
            self.after_note = self.after_note.or(Some(place.n));
        }
    }

    fn broken_line(&mut self) {
        self.held_back += u64::from(std::mem::replace(&mut self.started, true));
    }

    fn release(&mut self) {
        self.pieces.unreadable(std::mem::take(&mut self.held_back));
    }

    /// What stands after the last newline was cut off: it counts only if it is whole.
    fn cut_line(&mut self, line: &[u8]) {
        self.cut = true;
        let whole = self.started && (claimed_place(line).is_some() || note_line(line).is_some());
        if whole {
            self.line(line);
        }
        self.started = true;
    }

    fn conclude(mut self, pinned: Option<&PublicKey>) -> Result<Verdict, AuditError> {
        let runs = self.pieces.list.iter().any(|it| matches!(it, Piece::Run(_)));
        if !self.claimed && self.header.is_none() && !runs && self.note.is_none() {
            return Err(AuditError::NotAnExport);
        }
        let mut damage = Vec::new();
        let trusted = self.trusted_checkpoint(pinned, &mut damage);
        let expected = self.expected(trusted.as_ref(), &mut damage);
        self.place_last_lines(&expected, &mut damage);
        let walked = walk(&self.pieces, expected);
        damage.extend(&walked.damage);
        self.compare_end(expected.last.unwrap_or(walked.last), &mut damage);
        self.compare_root(trusted.as_ref(), &mut damage);
        let head = Head { n: walked.last, hash: walked.hash.unwrap_or(GENESIS) };
        let anchored = trusted.as_ref().filter(|_| pinned.is_some()).map(|it| it.size);
        let unanchored = if anchored.is_some() { 0 } else { self.entries };
        let key = match (&trusted, pinned) {
            (Some(_), Some(_)) => KeyTrust::Pinned,
            (Some(_), None) => KeyTrust::Unpinned,
            (None, _) => KeyTrust::Unused,
        };
        Ok(Verdict::new(self.entries, head, damage, self.pieces.overflow, anchored, unanchored, key))
    }

    /// The checkpoint, if the right key signed it.
    fn trusted_checkpoint(&self, pinned: Option<&PublicKey>, damage: &mut Vec<Damage>) -> Option<Checkpoint> {
        let own_key = self.header.as_ref().map(|it| &it.key);
        let note = self.note.as_ref()?;
        let verified = note.verify(pinned.or(own_key)?).ok();
        if verified.is_none() {
            // An unsigned size is anybody's; the header's is at least the one that the entries met.
            let size = self.header.as_ref().map_or(note.checkpoint.size, |it| it.last);
            damage.push(Damage::CheckpointMismatch { size });
        } else if pinned.is_some() && own_key.is_some_and(|it| Some(it) != pinned) {
            damage.push(Damage::Altered { n: 0 });
        }
        verified.cloned()
    }

    /// What should be there: by the signed checkpoint as far as it goes, else by the header.
    fn expected(&self, trusted: Option<&Checkpoint>, damage: &mut Vec<Damage>) -> Expected {
        let header = self.header.as_ref();
        let unsigned = self.note.as_ref().map(|it| &it.checkpoint);
        let tenant = trusted.map(|it| it.tenant).or(header.map(|it| it.tenant)).or(unsigned.map(|it| it.tenant));
        let last = trusted.map(|it| it.size).or(header.map(|it| it.last)).or(unsigned.map(|it| it.size));
        let (first, prev) = self.start(last);
        let sound = header.is_some_and(|it| Some(it.tenant) == tenant && Some(it.last) == last && it.first == first);
        if !sound {
            damage.push(Damage::Altered { n: 0 });
        }
        Expected {
            tenant: tenant.or(self.first_run().map(|it| it.tenant)).unwrap_or_default(),
            first,
            prev: if first == 1 && header.is_none() { Some(GENESIS) } else { prev },
            last,
            head: trusted.map(|it| it.head),
            before: trusted.map(|it| it.before),
            blame_start: 0,
        }
    }

    /// The first number and the hash before it. A header that names another number than the one
    /// entry run of the whole file, whose start it otherwise knows, is wrong about the number.
    fn start(&self, last: Option<u64>) -> (u64, Option<Link>) {
        let run = self.first_run();
        match (&self.header, run) {
            (Some(header), Some(run)) => {
                let whole = self.pieces.list.len() == 1 && Some(run.last) == last && run.prev == header.prev;
                (if whole { run.first } else { header.first }, Some(header.prev))
            }
            (Some(header), None) => (header.first, Some(header.prev)),
            (None, Some(run)) => (run.first.max(1), Some(run.prev)),
            (None, None) => (last.map_or(1, |it| it + 1), None),
        }
    }

    fn first_run(&self) -> Option<&Run> {
        self.pieces.list.iter().find_map(|it| match it {
            Piece::Run(run) => Some(run),
            Piece::Unreadable(_) => None,
        })
    }

    /// Last lines that could not be read were the checkpoint if all entries stand before them.
    fn place_last_lines(&mut self, expected: &Expected, damage: &mut Vec<Damage>) {
        if self.held_back == 0 {
            return;
        }
        let complete = match self.pieces.list.last() {
            Some(Piece::Run(run)) => Some(run.last) == expected.last,
            _ => expected.last.is_some_and(|last| last < expected.first),
        };
        match expected.last {
            Some(size) if complete && self.note.is_none() => damage.push(Damage::CheckpointMismatch { size }),
            _ => self.release(),
        }
    }

    /// What is wrong with the end of the file and with nothing else.
    fn compare_end(&self, last: u64, damage: &mut Vec<Damage>) {
        let told = damage.iter().any(|it| matches!(it, Damage::Truncated { .. })) || self.held_back > 0;
        if (self.note.is_none() || self.cut) && !told {
            damage.push(Damage::Truncated { last, expected: last });
        }
        if let Some(n) = self.after_note.filter(|_| damage.is_empty()) {
            damage.push(Damage::Reordered { n });
        }
    }

    fn compare_root(&self, trusted: Option<&Checkpoint>, damage: &mut Vec<Damage>) {
        let Some(checkpoint) = trusted.filter(|it| damage.is_empty() && it.size == self.merkle.size()) else { return };
        if checkpoint.root != self.merkle.root() {
            damage.push(Damage::CheckpointMismatch { size: checkpoint.size });
        }
    }
}

/// The last line: a note, as a JSON string in its only spelling.
fn note_line(line: &[u8]) -> Option<Note> {
    if line.len() > 2 * MAX_NOTE_BYTES {
        return None;
    }
    let text: String = serde_json::from_slice(line).ok()?;
    if canonical(&text).ok()? == line { parse_note(&text).ok() } else { None }
}
