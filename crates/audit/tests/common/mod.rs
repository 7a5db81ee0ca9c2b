//! A chain to damage, its export and its rows, and a seeded source of choices.
#![allow(dead_code, reason = "each test file uses its part")]

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use fedatario_audit::chain::{Appended, Head, append};
use fedatario_audit::{
    ChainVerifier, Checkpoint, Event, ExportHeader, ExportWriter, Merkle, PublicKey, Row, Verdict, assemble_note, verify_export,
};
use fedatario_base::Actor;
use jiff::Timestamp;

pub const TENANT: [u8; 16] = [0x01, 0x89, 0x0a, 0x5d, 0xac, 0x96, 0x77, 0x4b, 0xbc, 0xce, 0xb3, 0x02, 0x09, 0x9a, 0x80, 0x57];
pub const OTHER: [u8; 16] = [7; 16];

/// SplitMix64: the same choices in every run.
pub struct Choices(pub u64);

impl Choices {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of `from..=to`.
    pub fn between(&mut self, from: usize, to: usize) -> usize {
        from + (self.next() % (to - from + 1) as u64) as usize
    }
}

pub fn at() -> Timestamp {
    "2026-09-01T12:00:00Z".parse().unwrap()
}

pub fn event(salt: u64) -> Event {
    Event::new(at(), &Actor::Os(1000), "sat.solicitud.asked").object(format!("sol_{salt}")).field("k", salt % 8)
}

pub fn chain(tenant: [u8; 16], len: usize, seed: u64) -> Vec<Appended> {
    extend(tenant, Head::EMPTY, len, seed)
}

pub fn extend(tenant: [u8; 16], mut head: Head, len: usize, seed: u64) -> Vec<Appended> {
    let next = |step: usize| {
        let appended = append(tenant, &head, &event(seed.wrapping_add(step as u64))).unwrap();
        head = appended.head();
        appended
    };
    (0..len).map(next).collect()
}

pub struct Signer {
    pair: Ed25519KeyPair,
    pub key: PublicKey,
}

impl Signer {
    pub fn new(seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let bytes = pair.public_key().as_ref().try_into().unwrap();
        Self { pair, key: PublicKey::new(&fedatario_audit::note::origin(TENANT), bytes).unwrap() }
    }

    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.text();
        let signature = self.pair.sign(text.as_bytes());
        assemble_note(&text, &self.key, signature.as_ref().try_into().unwrap())
    }
}

pub fn checkpoint(chain: &[Appended], size: usize) -> Checkpoint {
    let mut merkle = Merkle::new();
    chain[..size].iter().for_each(|it| merkle.push(&it.entry));
    let (head, before) = chain[..size].last().map_or(([0; 64], [0; 64]), |it| (it.hash, it.prev));
    Checkpoint { tenant: TENANT, size: size as u64, root: merkle.root(), head, before, at: at() }
}

/// The export of entries `first..` (counted from 1).
pub fn export_from(chain: &[Appended], first: usize, signer: &Signer) -> Vec<u8> {
    let mut merkle = Merkle::new();
    chain[..first - 1].iter().for_each(|it| merkle.push(&it.entry));
    let prev = if first == 1 { [0; 64] } else { chain[first - 2].hash };
    let header = ExportHeader { tenant: TENANT, first: first as u64, last: chain.len() as u64, prev, key: signer.key.clone() };
    let mut writer = ExportWriter::new(Vec::new(), header, merkle).unwrap();
    chain[first - 1..].iter().for_each(|it| writer.entry(&it.entry).unwrap());
    let note = signer.sign(&writer.checkpoint(at()).unwrap());
    writer.finish(&note).unwrap()
}

pub fn export(chain: &[Appended], signer: &Signer) -> Vec<u8> {
    export_from(chain, 1, signer)
}

/// The lines of an export: header, entries, checkpoint.
pub fn lines(export: &[u8]) -> Vec<Vec<u8>> {
    export.strip_suffix(b"\n").unwrap().split(|it| *it == b'\n').map(<[u8]>::to_vec).collect()
}

pub fn verify_lines(lines: &[Vec<u8>], pinned: &PublicKey) -> Verdict {
    verify_bytes(&[lines.join(&b'\n'), b"\n".to_vec()].concat(), pinned)
}

pub fn verify_bytes(bytes: &[u8], pinned: &PublicKey) -> Verdict {
    let verdict = verify_export(bytes, Some(pinned));
    verdict.unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(bytes)))
}

/// A row one can damage.
#[derive(Debug, Clone)]
pub struct Stored {
    pub n: u64,
    pub prev: Vec<u8>,
    pub hash: Vec<u8>,
    pub entry: Vec<u8>,
}

pub fn rows(chain: &[Appended]) -> Vec<Stored> {
    chain.iter().map(stored).collect()
}

pub fn stored(it: &Appended) -> Stored {
    Stored { n: it.n, prev: it.prev.to_vec(), hash: it.hash.to_vec(), entry: it.entry.clone() }
}

pub fn head(chain: &[Appended]) -> Head {
    chain.last().map_or(Head::EMPTY, Appended::head)
}

pub fn verify_rows(rows: &[Stored], head: Option<Head>, anchors: &[Checkpoint]) -> Verdict {
    let mut verifier = ChainVerifier::new(TENANT, head);
    anchors.iter().for_each(|it| verifier.anchor_verified(it.clone()));
    for row in rows {
        verifier.feed(Row { n: row.n, prev: &row.prev, hash: &row.hash, entry: &row.entry });
    }
    verifier.finish()
}

/// What Python says of files, all in one process.
pub fn in_python(folder: &std::path::Path, files: &[Vec<u8>], key: Option<&fedatario_audit::PublicKey>) -> Vec<serde_json::Value> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/verify_audit.py");
    let mut paths = String::new();
    for (at, bytes) in files.iter().enumerate() {
        let path: std::path::PathBuf = folder.join(at.to_string());
        std::fs::write(&path, bytes).unwrap();
        paths.push_str(&format!("{}\n", path.display()));
    }
    let mut command = std::process::Command::new("python3");
    command.arg("-B").arg(script);
    if let Some(key) = key {
        command.args(["--key", &key.to_string()]);
    }
    let asked = command.arg("--batch").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn();
    let mut judge = asked.expect("python3 with cryptography is installed");
    let mut input = judge.stdin.take().unwrap();
    let feeding = std::thread::spawn(move || std::io::Write::write_all(&mut input, paths.as_bytes()).unwrap());
    let done = judge.wait_with_output().unwrap();
    feeding.join().unwrap();
    assert!(done.status.success(), "python3 with cryptography");
    String::from_utf8(done.stdout).unwrap().lines().map(|it| serde_json::from_str(it).unwrap()).collect()
}
