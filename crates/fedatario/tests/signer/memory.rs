//! What another process holds in its memory, searched for the numbers of a key in every way that they
//! could be written, and for texts. Root reads it; nobody else may, since who serves is not dumpable.

use data_encoding::{BASE64_NOPAD, BASE64URL_NOPAD, HEXLOWER, HEXUPPER};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::process::Command;

/// Bytes of a number that are looked for: a fragment of a key is worth as much as all of it.
const FRAGMENT: usize = 24;
/// Bytes of memory read at once.
const CHUNK: usize = 4 << 20;

/// Something to look for.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub name: String,
    pub bytes: Vec<u8>,
}

fn pattern(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Pattern {
    Pattern { name: name.into(), bytes: bytes.into() }
}

/// A number or key as bytes, as limbs from the low end, as hex and as base64 at each alignment.
pub fn number(name: &str, big_endian: &[u8]) -> Vec<Pattern> {
    let low_first: Vec<u8> = big_endian.iter().rev().copied().collect();
    let part = |bytes: &[u8], from: usize| bytes[from..(from + FRAGMENT).min(bytes.len())].to_vec();
    let mut all = vec![
        pattern(format!("{name}, big-endian"), part(big_endian, 4)),
        pattern(format!("{name}, little-endian"), part(&low_first, 4)),
        pattern(format!("{name}, hex"), HEXLOWER.encode(&part(big_endian, 4))),
        pattern(format!("{name}, HEX"), HEXUPPER.encode(&part(big_endian, 4))),
    ];
    for from in 0..3 {
        let whole = part(big_endian, from);
        let whole = &whole[..whole.len() / 3 * 3];
        all.push(pattern(format!("{name}, base64 +{from}"), BASE64_NOPAD.encode(whole)));
        all.push(pattern(format!("{name}, base64url +{from}"), BASE64URL_NOPAD.encode(whole)));
    }
    all
}

/// A text in the encodings that a password is ever put into.
pub fn text(name: &str, text: &str) -> Vec<Pattern> {
    let units: Vec<u16> = text.encode_utf16().collect();
    vec![
        pattern(format!("{name}, UTF-8"), text),
        pattern(format!("{name}, UTF-16LE"), units.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>()),
        pattern(format!("{name}, UTF-16BE"), units.iter().flat_map(|it| it.to_be_bytes()).collect::<Vec<u8>>()),
    ]
}

/// The numbers of an RSA key, in order: n, e, d, p, q, d mod p−1, d mod q−1, q⁻¹ mod p.
pub fn numbers(key_der: &Path, password: &str) -> Vec<Vec<u8>> {
    let openssl = |arguments: &[&str], input: &[u8]| {
        use std::io::Write;
        let mut child = Command::new("openssl")
            .args(arguments)
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("openssl is there");
        child.stdin.take().unwrap().write_all(input).unwrap();
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "openssl {arguments:?}");
        done.stdout
    };
    let pass = format!("pass:{password}");
    let pem = openssl(&["pkcs8", "-inform", "DER", "-passin", &pass], &std::fs::read(key_der).unwrap());
    let der = openssl(&["rsa", "-traditional", "-outform", "DER"], &pem);
    let mut numbers = integers(&der);
    assert_eq!(numbers.remove(0), [0], "two primes");
    numbers
}

/// The INTEGERs of a SEQUENCE, without leading zeros.
fn integers(der: &[u8]) -> Vec<Vec<u8>> {
    fn header(der: &[u8]) -> (usize, usize) {
        match der[1] {
            short @ 0..=0x7f => (2, short.into()),
            long => {
                let bytes = usize::from(long & 0x7f);
                (2 + bytes, der[2..2 + bytes].iter().fold(0, |len, it| len << 8 | usize::from(*it)))
            }
        }
    }
    let (mut at, mut found) = (header(der).0, Vec::new());
    while at < der.len() {
        let (head, len) = header(&der[at..]);
        let number = &der[at + head..at + head + len];
        let zeros = number.iter().take_while(|it| **it == 0).count().min(len - 1);
        found.push(number[zeros..].to_vec());
        at += head + len;
    }
    found
}

/// The names of the patterns that are somewhere in the memory of a process; none if we may not look.
pub fn found(pid: u32, patterns: &[Pattern]) -> Option<BTreeSet<String>> {
    let mut memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("whoever may read the one may read the other");
    let longest = patterns.iter().map(|it| it.bytes.len()).max().unwrap_or_default();
    let starts = Starts::of(patterns);
    let (mut names, mut buffer, mut bytes) = (BTreeSet::new(), vec![0; CHUNK], 0);
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap(), words.next().unwrap());
        if !rights.starts_with('r') || line.contains("[v") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let (mut at, end) = (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        while at < end {
            let wanted = usize::try_from(end - at).unwrap().min(CHUNK);
            memory.seek(SeekFrom::Start(at)).unwrap();
            let Ok(read) = memory.read(&mut buffer[..wanted]) else { break };
            bytes += read;
            busy(&buffer[..read]).into_iter().for_each(|it| starts.search(&buffer[it], patterns, &mut names));
            let next = if read == wanted && at + (wanted as u64) < end { wanted - longest } else { wanted };
            if read == 0 {
                break;
            }
            at += next as u64;
        }
    }
    assert!(bytes > 1 << 20, "a process has more memory than {bytes} bytes");
    Some(names)
}

/// Where a chunk holds anything, with a page around it: the allocator asks for much more than it uses, and
/// what nobody wrote to is zeros.
fn busy(chunk: &[u8]) -> Vec<Range<usize>> {
    const PAGE: usize = 4096;
    const ZEROS: [u8; PAGE] = [0; PAGE];
    let mut all: Vec<Range<usize>> = Vec::new();
    for (place, page) in chunk.chunks(PAGE).enumerate().filter(|(_, it)| **it != ZEROS[..it.len()]) {
        let (from, to) = (place.saturating_sub(1) * PAGE, (place * PAGE + page.len() + PAGE).min(chunk.len()));
        match all.last_mut() {
            Some(last) if last.end >= from => last.end = to,
            _ => all.push(from..to),
        }
    }
    all
}

/// What is there for good. The buffers of a connection are given back when its task ends, which nobody sees
/// from outside: what goes away within a few looks was on its way.
pub fn lasting(pid: u32, patterns: &[Pattern]) -> Option<BTreeSet<String>> {
    const LOOKS: usize = 5;
    let mut seen = found(pid, patterns)?;
    for _ in 1..LOOKS {
        if seen.is_empty() {
            break;
        }
        let now = found(pid, patterns)?;
        seen.retain(|it| now.contains(it));
    }
    Some(seen)
}

/// Which patterns begin with which two bytes.
struct Starts(Vec<Vec<usize>>);

impl Starts {
    fn of(patterns: &[Pattern]) -> Self {
        let mut starts = vec![Vec::new(); 1 << 16];
        for (place, it) in patterns.iter().enumerate() {
            starts[usize::from(u16::from_be_bytes([it.bytes[0], it.bytes[1]]))].push(place);
        }
        Self(starts)
    }

    fn search(&self, memory: &[u8], patterns: &[Pattern], names: &mut BTreeSet<String>) {
        for (at, two) in memory.windows(2).enumerate() {
            for place in &self.0[usize::from(u16::from_be_bytes([two[0], two[1]]))] {
                if memory[at..].starts_with(&patterns[*place].bytes) {
                    names.insert(patterns[*place].name.clone());
                }
            }
        }
    }
}
