//! Takes a package out of its answer while it arrives.
//!
//! A package is one text of base64, often tens of megabytes, in the middle of a small envelope.
//! [`Splitter`] lets the envelope through to [`crate::reply`] and the text through the decoder, in
//! pieces of any size, so memory does not grow with the package. Nothing counts before the
//! envelope has closed: a cut transfer, half a quantum of base64 or a second text are no answer.
//! Whether a package is an archive is not asked here: it is stored before it is opened.

use crate::envelope::DES;
use crate::reply::{self, Reply, Respuesta};
use crate::xml::NoAnswer;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fedatario_app::ports::{BlobError, Kept, Slot};
use futures_util::{Stream, StreamExt};
use quick_xml::events::Event;
use quick_xml::name::{Namespace, ResolveResult};
use quick_xml::reader::NsReader;

/// Bytes of a package unless configured otherwise. SAT's largest hold 200,000 documents, some
/// hundreds of megabytes; beyond this it is no package but a fault of somebody's.
pub const MAX_PACKAGE_BYTES: u64 = 1 << 30;
/// Characters of base64 for each byte, white space included: with line breaks it stays below 1.4.
const MAX_TEXT_PER_BYTE: u64 = 2;
/// Bytes of the envelope before and after the package, each. SAT's have below 700.
const MAX_FRAME_BYTES: usize = 64 << 10;
/// Bytes decoded at a time, so that what is in memory does not depend on the network's mood.
const PIECE_BYTES: usize = 64 << 10;
/// Where `Paquete` lies: envelope, body, answer.
const PARENTS: usize = 3;

/// Splits an answer to a download into its envelope and the bytes of its package.
pub struct Splitter {
    stage: Stage,
    frame: Vec<u8>,
    tail: usize,
    pending: Vec<u8>,
    padded: bool,
    text: u64,
    decoded: u64,
    ceiling: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Before,
    Package,
    After,
}

impl Splitter {
    /// For packages of at most `ceiling` bytes.
    pub fn new(ceiling: u64) -> Self {
        let (frame, pending) = (Vec::new(), Vec::new());
        Self { stage: Stage::Before, frame, tail: 0, pending, padded: false, text: 0, decoded: 0, ceiling }
    }

    /// Takes what arrived; what it holds of the package is appended to `out`.
    pub fn push(&mut self, arrived: &[u8], out: &mut Vec<u8>) -> Result<(), NoAnswer> {
        match self.stage {
            Stage::Before => self.before(arrived, out),
            Stage::Package => self.package(arrived, out),
            Stage::After => self.after(arrived),
        }
    }

    /// The end of the answer: its status, if the envelope and the package are whole.
    pub fn finish(self) -> Result<Reply<Respuesta>, NoAnswer> {
        if self.stage == Stage::Package || !self.pending.is_empty() {
            return Err(NoAnswer::Package);
        }
        reply::downloaded(&self.frame)
    }

    /// How many bytes the package has so far.
    pub fn decoded(&self) -> u64 {
        self.decoded
    }

    fn before(&mut self, arrived: &[u8], out: &mut Vec<u8>) -> Result<(), NoAnswer> {
        // What follows the opening tag in the same piece is not the envelope's.
        self.frame.extend_from_slice(arrived);
        match package_start(&self.frame)? {
            Some(at) if at <= MAX_FRAME_BYTES => {
                let rest = self.frame.split_off(at);
                self.stage = Stage::Package;
                self.package(&rest, out)
            }
            None if self.frame.len() <= MAX_FRAME_BYTES => Ok(()),
            _ => Err(NoAnswer::TooLarge(MAX_FRAME_BYTES as u64)),
        }
    }

    fn package(&mut self, arrived: &[u8], out: &mut Vec<u8>) -> Result<(), NoAnswer> {
        let end = arrived.iter().position(|it| *it == b'<');
        let (text, rest) = arrived.split_at(end.unwrap_or(arrived.len()));
        self.text += text.len() as u64;
        if self.text > self.ceiling.saturating_mul(MAX_TEXT_PER_BYTE) {
            return Err(NoAnswer::TooLarge(self.ceiling));
        }
        self.pending.extend(text.iter().filter(|it| !matches!(it, b' ' | b'\t' | b'\r' | b'\n')));
        self.decode(out)?;
        if end.is_none() {
            return Ok(());
        }
        self.stage = Stage::After;
        self.after(rest)
    }

    /// Decodes whole quanta; up to three characters wait for the rest of theirs.
    fn decode(&mut self, out: &mut Vec<u8>) -> Result<(), NoAnswer> {
        let whole = self.pending.len() / 4 * 4;
        if self.padded && !self.pending.is_empty() {
            return Err(NoAnswer::Package);
        }
        let before = out.len();
        STANDARD.decode_vec(&self.pending[..whole], out).map_err(|_| NoAnswer::Package)?;
        self.padded = self.padded || self.pending[..whole].last() == Some(&b'=');
        if self.padded && self.pending.len() > whole {
            return Err(NoAnswer::Package);
        }
        self.pending.drain(..whole);
        self.decoded += (out.len() - before) as u64;
        if self.decoded > self.ceiling { Err(NoAnswer::TooLarge(self.ceiling)) } else { Ok(()) }
    }

    fn after(&mut self, arrived: &[u8]) -> Result<(), NoAnswer> {
        self.tail += arrived.len();
        if self.tail > MAX_FRAME_BYTES {
            return Err(NoAnswer::TooLarge(MAX_FRAME_BYTES as u64));
        }
        self.frame.extend_from_slice(arrived);
        Ok(())
    }
}

/// Where the text of `Paquete` starts, if its opening tag is there. An empty tag has no text.
fn package_start(frame: &[u8]) -> Result<Option<usize>, NoAnswer> {
    if !frame.windows(b"Paquete".len()).any(|it| it == b"Paquete") {
        return Ok(None);
    }
    // The last character may have been cut in the middle.
    let text = match std::str::from_utf8(frame) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&frame[..error.valid_up_to()]).map_err(|_| NoAnswer::Malformed)?,
    };
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = NsReader::from_str(body);
    let mut depth = 0usize;
    loop {
        // What cannot be read yet may become readable with the next piece; the end judges.
        let Ok((namespace, event)) = reader.read_resolved_event() else { return Ok(None) };
        let ours = matches!(namespace, ResolveResult::Bound(Namespace(it)) if it == DES);
        match event {
            Event::Start(start) if ours && depth == PARENTS && start.local_name().into_inner() == "Paquete" => {
                return Ok(Some(text.len() - body.len() + reader.buffer_position() as usize));
            }
            Event::Start(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::DocType(_) => return Err(NoAnswer::Doctype),
            Event::Eof => return Ok(None),
            _ => {}
        }
    }
}

/// Why a download brought nothing that counts.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The transfer was cut.
    #[error("the transfer was cut: {0}")]
    Cut(String),
    /// What came is no answer.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    /// We could not keep what came.
    #[error("the package could not be kept: {0}")]
    Kept(#[from] BlobError),
}

impl Broken {
    /// Its place in the table of codes.
    pub fn code(&self) -> fedatario_base::Code {
        match self {
            Broken::Cut(_) => fedatario_base::Code::PackageTruncated,
            Broken::NoAnswer(error) => error.code(),
            Broken::Kept(error) => error.code(),
        }
    }
}

/// A download that ended as it should.
#[derive(Debug)]
pub struct Received {
    /// SAT's status, or its fault.
    pub reply: Reply<Respuesta>,
    /// Where the package lies, if one came.
    pub kept: Option<Kept>,
    /// SHA-256 of the answer's octets.
    pub digest: [u8; 32],
    /// Their number.
    pub size: u64,
}

/// Reads an answer to its end, writing its package into a slot, and keeps that before it returns.
///
/// Dropping the future, or any error, drops the slot with it.
pub async fn receive<E: std::fmt::Display>(
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    mut slot: Box<dyn Slot>,
    ceiling: u64,
) -> Result<Received, Broken> {
    let mut splitter = Splitter::new(ceiling);
    let mut seen = crate::digest::Digest::default();
    let mut out = Vec::with_capacity(PIECE_BYTES);
    while let Some(arrived) = body.next().await {
        let arrived = arrived.map_err(|error| Broken::Cut(error.to_string()))?;
        seen.update(&arrived);
        for piece in arrived.chunks(PIECE_BYTES) {
            splitter.push(piece, &mut out)?;
            if !out.is_empty() {
                slot.write(&out).await?;
                out.clear();
            }
        }
    }
    let came = splitter.decoded() > 0;
    let reply = splitter.finish()?;
    let kept = if came { Some(slot.keep().await?) } else { None };
    let (digest, size) = seen.finish();
    Ok(Received { reply, kept, digest, size })
}
