//! The text forms in which binary files travel: PEM with or without headers, and bare base64.
//!
//! More lenient than RFC 7468 where users are: byte-order marks, CRLF, missing final newline, text
//! before the first block. Base64 itself is strict. Decoded bytes are wiped when dropped, because
//! half of what passes here is a private key.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use zeroize::Zeroizing;

/// One PEM block.
pub(crate) struct Block {
    /// What stands after `BEGIN`, as `RSA PRIVATE KEY`.
    pub label: String,
    /// The value of its `DEK-Info` header, if it has one.
    pub dek_info: Option<String>,
    /// Its decoded contents.
    pub contents: Zeroizing<Vec<u8>>,
}

/// The first block whose label `wanted` accepts; `None` if there is none or it is damaged.
pub(crate) fn block(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Option<Block> {
    let mut rest = std::str::from_utf8(bytes).ok()?;
    loop {
        let (_, after) = rest.split_once("-----BEGIN ")?;
        let (label, after) = after.split_once("-----")?;
        let (body, after) = after.split_once("-----END ")?;
        if wanted(label) {
            return decode_body(label, body);
        }
        rest = after;
    }
}

/// All blocks whose label `wanted` accepts; `None` if one of them is damaged.
pub(crate) fn blocks(bytes: &[u8], wanted: impl Fn(&str) -> bool) -> Option<Vec<Block>> {
    let mut found = Vec::new();
    let mut rest = std::str::from_utf8(bytes).ok()?;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----")?;
        let (body, after) = after.split_once("-----END ")?;
        if wanted(label) {
            found.push(decode_body(label, body)?);
        }
        rest = after;
    }
    Some(found)
}

/// Whether the text contains the start of a PEM block.
pub(crate) fn is_pem(bytes: &[u8]) -> bool {
    const MARK: &[u8] = b"-----BEGIN ";
    bytes.windows(MARK.len()).any(|it| it == MARK)
}

/// Bare base64, in as many lines as it pleases.
pub(crate) fn base64(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let text = std::str::from_utf8(bytes).ok()?.trim_start_matches('\u{feff}');
    let digits = Zeroizing::new(text.bytes().filter(|it| !it.is_ascii_whitespace()).collect::<Vec<u8>>());
    let decoded = STANDARD.decode(&digits).or_else(|_| STANDARD_NO_PAD.decode(&digits));
    decoded.ok().filter(|it| !it.is_empty()).map(Zeroizing::new)
}

/// Writes a block with lines of 64 digits.
pub(crate) fn encode(label: &str, contents: &[u8]) -> Zeroizing<String> {
    let digits = Zeroizing::new(STANDARD.encode(contents));
    let mut text = Zeroizing::new(format!("-----BEGIN {label}-----\n"));
    for line in digits.as_bytes().chunks(64) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

/// Headers are lines with a colon, up to the first line without one.
fn decode_body(label: &str, body: &str) -> Option<Block> {
    let mut dek_info = None;
    let mut digits = Zeroizing::new(String::with_capacity(body.len()));
    for line in body.lines() {
        match line.split_once(':') {
            Some((name, value)) if name.trim() == "DEK-Info" => dek_info = Some(value.trim().to_owned()),
            Some(_) => {}
            None => digits.push_str(line),
        }
    }
    Some(Block { label: label.to_owned(), dek_info, contents: base64(digits.as_bytes())? })
}
