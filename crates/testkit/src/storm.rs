//! Seeded mutations: what a stranger makes of good input, the same on every run and machine.
//!
//! The bodies of the fuzz targets are plain functions; a test runs each of them over the mutations of
//! some samples. A failure says which sample and round it was, so that it comes back.

use std::path::Path;

/// xorshift64*: reproducible, and good enough to pick bytes.
#[derive(Debug, Clone)]
pub struct Storm(u64);

/// What parsers of our formats stumble over.
const SPICE: &[&[u8]] = &[
    b"<",
    b">",
    b"/>",
    b"\"",
    b"'",
    b"&",
    b"&#x0;",
    b"&#13;",
    b"&lol;",
    b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"-->",
    b"<?x?>",
    b"xmlns=''",
    b" xmlns:p='urn:p'",
    b"<a>",
    b"</a>",
    b"\0",
    b"\xFF",
    b"\xC3",
    b"\xEF\xBB\xBF",
    b"\xFF\xFE",
    b"~",
    b"|",
    b"\r\n",
    b"\r",
    b"\n",
    b"\n\n",
    b"{",
    b"\"a\":",
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"\xFF\xFF\xFF\xFF",
    b"\x30\x82\xFF\xFF",
    b"\x30\x80",
    b"-----BEGIN CERTIFICATE-----\n",
    b"=",
    b"==",
    b"/",
    b"../",
    b"%2e",
    b"-",
    b"99999999999999999999999999",
    b"2025-02-30T25:61:61",
    "Ñ".as_bytes(),
    b"\xE2\x80\xA8",
];

impl Storm {
    /// One that begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `bound`; 0 when there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    /// The sample with one to four edits; half of them where the structure is, at the head.
    pub fn mutated(&mut self, sample: &[u8]) -> Vec<u8> {
        let mut bytes = sample.to_vec();
        for _ in 0..=self.below(4) {
            self.edit(&mut bytes);
        }
        bytes
    }

    fn edit(&mut self, bytes: &mut Vec<u8>) {
        let reach = if self.below(2) == 0 { bytes.len().min(96) } else { bytes.len() };
        let at = self.below(reach + 1);
        let to = (at + self.below(40)).min(bytes.len());
        match self.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
            1 if at < bytes.len() => bytes[at] = self.next() as u8,
            2 => drop(bytes.splice(at..at, SPICE[self.below(SPICE.len())].iter().copied())),
            3 => drop(bytes.drain(at..to)),
            4 => {
                let piece = bytes[at..to].to_vec();
                let place = self.below(bytes.len() + 1);
                drop(bytes.splice(place..place, piece));
            }
            5 => bytes.truncate(at),
            _ => drop(bytes.splice(at..to, SPICE[self.below(SPICE.len())].iter().copied())),
        }
    }
}

/// Every file of a folder whose name ends so, in order of name, those below included; none if the
/// folder is not there.
pub fn files(folder: &Path, ending: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()).collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        }
    }
    found
}

/// Runs a body over each sample as it is and over `rounds` mutations of it, each sample with its own
/// seed. A panic of the body names the sample and the round on its way out.
pub fn over(name: &str, samples: &[Vec<u8>], rounds: usize, body: impl Fn(&[u8])) -> usize {
    assert!(!samples.is_empty(), "{name}: nothing to begin with");
    let mut tried = 0;
    for (place, sample) in samples.iter().enumerate() {
        let mut storm = Storm::new(0x5EED_0000 + (place as u64) * 7_919);
        let mut bytes = sample.clone();
        for round in 0..=rounds {
            let lost = Lost { name, place, round, bytes: &bytes };
            body(&bytes);
            std::mem::forget(lost);
            tried += 1;
            bytes = storm.mutated(sample);
        }
    }
    tried
}

/// Says where it happened, when a body panics.
struct Lost<'a> {
    name: &'a str,
    place: usize,
    round: usize,
    bytes: &'a [u8],
}

impl Drop for Lost<'_> {
    fn drop(&mut self) {
        let shown: String = self.bytes.iter().take(4_000).flat_map(|it| std::ascii::escape_default(*it)).map(char::from).collect();
        eprintln!("{}: sample {}, round {}: {shown}", self.name, self.place, self.round);
    }
}
