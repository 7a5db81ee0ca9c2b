//! Checkpoints, as C2SP signed notes with Ed25519.
//!
//! The text of a checkpoint is its origin, its size and its Merkle root (the tlog-checkpoint form
//! that witnesses co-sign), followed by three extension lines of ours:
//!
//! ```text
//! fedatario.audit/ten_01h455vb4pex5vsknk084sn02q
//! 42
//! <root, base64>
//! head <hash of entry 42, base64>
//! before <hash of entry 41, base64>
//! time 2026-09-01T12:00:00.000Z
//!
//! — <key name> <base64 of key id and signature>
//! ```
//!
//! `before` tells an altered last entry from a chain that was hashed anew from the middle: the
//! first still follows the entry before it. This module signs nothing: a text goes out, a
//! signature comes in.

use crate::chain::{GENESIS, Head, Link, tenant_bytes, tenant_text};
use crate::error::AuditError;
use crate::merkle::Node;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use data_encoding::HEXLOWER;
use jiff::Timestamp;

/// The largest note, in bytes: a checkpoint and the signatures of some witnesses.
pub const MAX_NOTE_BYTES: usize = 16 * 1024;

/// How many signature lines are looked at, as in Go's implementation.
pub const MAX_SIGNATURES: usize = 100;

/// The longest name of a key, in bytes.
pub const MAX_KEY_NAME_BYTES: usize = 256;

const ORIGIN_PREFIX: &str = "fedatario.audit/";
const ED25519_TYPE: u8 = 1;
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// What a tenant's checkpoints call themselves; by custom also the name of the key.
pub fn origin(tenant: [u8; 16]) -> String {
    format!("{ORIGIN_PREFIX}{}", tenant_text(tenant))
}

/// A public key of checkpoints: 32 bytes of Ed25519 and a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    name: String,
    key: [u8; 32],
}

impl PublicKey {
    /// A key under a name without spaces or `+`.
    pub fn new(name: &str, key: [u8; 32]) -> Result<Self, AuditError> {
        let good =
            !name.is_empty() && name.len() <= MAX_KEY_NAME_BYTES && name.bytes().all(|it| it.is_ascii_graphic() && it != b'+');
        if good { Ok(Self { name: name.to_owned(), key }) } else { Err(AuditError::Key("the name")) }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes.
    pub fn bytes(&self) -> &[u8; 32] {
        &self.key
    }

    /// Four bytes that tell keys of one name apart; they prove nothing.
    pub fn id(&self) -> [u8; 4] {
        let mut input = self.name.as_bytes().to_vec();
        input.extend_from_slice(&[b'\n', ED25519_TYPE]);
        input.extend_from_slice(&self.key);
        digest(&SHA256, &input).as_ref()[..4].try_into().expect("four bytes")
    }

    /// Whether the key signed these bytes.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.key).verify(message, signature).is_ok()
    }
}

/// The verifier key of C2SP: `name+id+base64(type ‖ key)`.
impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let typed = [&[ED25519_TYPE], self.key.as_slice()].concat();
        write!(f, "{}+{}+{}", self.name, HEXLOWER.encode(&self.id()), STANDARD.encode(typed))
    }
}

impl std::str::FromStr for PublicKey {
    type Err = AuditError;

    fn from_str(text: &str) -> Result<Self, AuditError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(_), Some(typed)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(AuditError::Key("it has three parts"));
        };
        let typed = STANDARD.decode(typed).map_err(|_| AuditError::Key("the base64"))?;
        let [ED25519_TYPE, key @ ..] = typed.as_slice() else { return Err(AuditError::Key("the type")) };
        let key = Self::new(name, key.try_into().map_err(|_| AuditError::Key("the length"))?)?;
        // The id is compared by writing the key again, which also refuses a second spelling.
        if key.to_string() == text { Ok(key) } else { Err(AuditError::Key("the id")) }
    }
}

/// What a checkpoint states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose chain.
    pub tenant: [u8; 16],
    /// How many entries it covers.
    pub size: u64,
    /// The Merkle root over them.
    pub root: Node,
    /// The hash of the last of them.
    pub head: Link,
    /// The hash before that.
    pub before: Link,
    /// When it was made.
    pub at: Timestamp,
}

impl Checkpoint {
    /// The text to sign: exactly these bytes, last newline included.
    pub fn text(&self) -> String {
        let (root, head, before) = (STANDARD.encode(self.root), STANDARD.encode(self.head), STANDARD.encode(self.before));
        let (origin, size) = (origin(self.tenant), self.size);
        format!("{origin}\n{size}\n{root}\nhead {head}\nbefore {before}\ntime {:.3}\n", self.at)
    }

    /// The head of the chain that it vouches for.
    pub fn chain_head(&self) -> Head {
        Head { n: self.size, hash: self.head }
    }

    fn parse(text: &str) -> Result<Self, AuditError> {
        let mut lines = text.split('\n');
        let mut next = || lines.next().ok_or(AuditError::Note("a line is missing"));
        let (origin, size, root, head, before, time) = (next()?, next()?, next()?, next()?, next()?, next()?);
        let tenant = origin.strip_prefix(ORIGIN_PREFIX).and_then(tenant_bytes).ok_or(AuditError::Note("the origin"))?;
        let checkpoint = Self {
            tenant,
            size: size.parse().map_err(|_| AuditError::Note("the size"))?,
            root: base64_of(root).ok_or(AuditError::Note("the root"))?,
            head: head.strip_prefix("head ").and_then(base64_of).ok_or(AuditError::Note("the head"))?,
            before: before.strip_prefix("before ").and_then(base64_of).ok_or(AuditError::Note("the hash before"))?,
            at: time.strip_prefix("time ").and_then(|it| it.parse().ok()).ok_or(AuditError::Note("the time"))?,
        };
        // Only one spelling is a checkpoint, so that no two texts state the same.
        let canonical = checkpoint.text() == text && (checkpoint.size > 0 || checkpoint.head == GENESIS);
        if canonical { Ok(checkpoint) } else { Err(AuditError::Note("its form")) }
    }
}

fn base64_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// One signature line of a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The signer's name.
    pub name: String,
    /// The signer's key id.
    pub id: [u8; 4],
    /// The signature, in whatever form that key has.
    pub signature: Vec<u8>,
}

/// A note taken apart; nothing in it is verified yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What the signed text states.
    pub checkpoint: Checkpoint,
    /// Who signed, in order.
    pub signatures: Vec<NoteSignature>,
    text: String,
}

/// Puts text and signature together.
pub fn assemble_note(text: &str, key: &PublicKey, signature: &[u8; 64]) -> String {
    let tagged = [key.id().as_slice(), signature].concat();
    format!("{text}\n{SIGNATURE_PREFIX}{} {}\n", key.name(), STANDARD.encode(tagged))
}

/// Takes a note apart without believing it.
pub fn parse_note(note: &str) -> Result<Note, AuditError> {
    if note.len() > MAX_NOTE_BYTES {
        return Err(AuditError::Note("its length"));
    }
    let at = note.rfind("\n\n").ok_or(AuditError::Note("no blank line"))?;
    let (text, rest) = (&note[..=at], &note[at + 2..]);
    let lines = rest.strip_suffix('\n').ok_or(AuditError::Note("the last newline"))?;
    let signatures = lines.split('\n').take(MAX_SIGNATURES).map(signature_line).collect::<Option<Vec<_>>>();
    let signatures = signatures.ok_or(AuditError::Note("a signature line"))?;
    Ok(Note { checkpoint: Checkpoint::parse(text)?, signatures, text: text.to_owned() })
}

fn signature_line(line: &str) -> Option<NoteSignature> {
    let (name, tagged) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let tagged = STANDARD.decode(tagged).ok()?;
    let (id, signature) = tagged.split_first_chunk::<4>()?;
    let good = !name.is_empty() && !signature.is_empty();
    good.then(|| NoteSignature { name: name.to_owned(), id: *id, signature: signature.to_vec() })
}

impl Note {
    /// What it states, if the key signed it. The first line of that name and id decides.
    pub fn verify(&self, key: &PublicKey) -> Result<&Checkpoint, AuditError> {
        let id = key.id();
        let line = self.signatures.iter().find(|it| it.name == key.name && it.id == id);
        let good = line.is_some_and(|it| key.verifies(self.text.as_bytes(), &it.signature));
        if good { Ok(&self.checkpoint) } else { Err(AuditError::Signature) }
    }
}

/// What a note states, if the key signed it.
pub fn verify_note(note: &str, key: &PublicKey) -> Result<Checkpoint, AuditError> {
    parse_note(note)?.verify(key).cloned()
}
