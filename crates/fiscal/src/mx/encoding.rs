//! From a stranger's bytes to text: byte-order marks, junk before the document, old code pages.
//!
//! UTF-8 is the rule. Windows-1252 (which contains latin-1) is read when the XML declaration says
//! so, or, in metadata, when a line is no UTF-8; UTF-16 only by its mark. Nothing is ever replaced
//! silently: bytes that fit none of these are refused.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

/// The UTF-8 byte-order mark.
pub const BOM: &[u8] = b"\xEF\xBB\xBF";
/// How far into the document its declaration is looked for, in bytes.
const DECLARATION_WINDOW: usize = 256;

/// The text of a document, with what had to be overlooked to get it.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// The text, from its first `<`.
    pub text: Cow<'a, str>,
    /// How many byte-order marks stood before it.
    pub marks: usize,
    /// Whether anything else stood before the first `<`.
    pub junk: bool,
}

/// Why bytes are not text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The declaration names an encoding that is not read here.
    #[error("the declared encoding is not UTF-8, latin-1 or windows-1252")]
    Unsupported,
    /// The bytes are not what the declaration, or its absence, says.
    #[error("the bytes are not valid in the encoding of the document")]
    Invalid,
    /// No `<` anywhere.
    #[error("there is no XML in it")]
    NoMarkup,
}

/// Decodes an XML document.
pub fn decode_xml(bytes: &[u8]) -> Result<Decoded<'_>, DecodeError> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes).filter(|(it, _)| *it == UTF_16LE || *it == UTF_16BE) {
        let (text, _, broken) = encoding.decode(bytes);
        return if broken { Err(DecodeError::Invalid) } else { from_markup(text.into_owned().into(), 1, 0) };
    }
    let (marks, bytes) = strip_marks(bytes);
    let start = bytes.iter().position(|it| *it == b'<').ok_or(DecodeError::NoMarkup)?;
    let text = decode_as(declared(&bytes[start..], marks > 0)?, &bytes[start..])?;
    from_markup(text, marks, start)
}

fn from_markup(text: Cow<'_, str>, marks: usize, skipped: usize) -> Result<Decoded<'_>, DecodeError> {
    let start = text.find('<').ok_or(DecodeError::NoMarkup)?;
    let text = match text {
        Cow::Borrowed(it) => Cow::Borrowed(&it[start..]),
        Cow::Owned(it) => Cow::Owned(it[start..].to_owned()),
    };
    Ok(Decoded { text, marks, junk: start + skipped > 0 })
}

fn strip_marks(mut bytes: &[u8]) -> (usize, &[u8]) {
    let mut marks = 0;
    while let Some(rest) = bytes.strip_prefix(BOM) {
        (marks, bytes) = (marks + 1, rest);
    }
    (marks, bytes)
}

fn decode_as<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Result<Cow<'a, str>, DecodeError> {
    let (text, broken) = encoding.decode_without_bom_handling(bytes);
    if broken { Err(DecodeError::Invalid) } else { Ok(text) }
}

/// The encoding that the declaration names; a byte-order mark outweighs it.
fn declared(bytes: &[u8], marked: bool) -> Result<&'static Encoding, DecodeError> {
    let head = &bytes[..bytes.len().min(DECLARATION_WINDOW)];
    let Some(label) = label_in(head).filter(|_| !marked) else { return Ok(UTF_8) };
    let encoding = Encoding::for_label(label).ok_or(DecodeError::Unsupported)?;
    if encoding == UTF_8 || encoding == WINDOWS_1252 { Ok(encoding) } else { Err(DecodeError::Unsupported) }
}

/// The value of `encoding="…"` in a declaration at the start.
fn label_in(head: &[u8]) -> Option<&[u8]> {
    let head = head.strip_prefix(b"<?xml")?;
    let head = &head[..head.windows(2).position(|it| it == b"?>")?];
    let at = head.windows(8).position(|it| it == b"encoding")?;
    let value = head[at + 8..].trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let (quote, value) = value.split_first()?;
    let end = value.iter().position(|it| it == quote)?;
    Some(&value[..end])
}

/// A line of metadata: UTF-8, or else windows-1252, in which every byte means something.
pub fn decode_line(bytes: &[u8]) -> (Cow<'_, str>, bool) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (Cow::Borrowed(text), false),
        Err(_) => (WINDOWS_1252.decode_without_bom_handling(bytes).0, true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_junk_and_code_pages() {
        type Case<'a> = (&'a [u8], Result<(&'a str, usize, bool), DecodeError>);
        let cases: &[Case<'_>] = &[
            (b"<a/>", Ok(("<a/>", 0, false))),
            (b"\xEF\xBB\xBF<a/>", Ok(("<a/>", 1, false))),
            (b"\xEF\xBB\xBF\xEF\xBB\xBF<a/>", Ok(("<a/>", 2, false))),
            (b"\r\n <a/>", Ok(("<a/>", 0, true))),
            (b"junk\xFF<a/>", Ok(("<a/>", 0, true))),
            (
                b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xD1</a>",
                Ok(("<?xml version='1.0' encoding='ISO-8859-1'?><a>Ñ</a>", 0, false)),
            ),
            (
                b"<?xml version=\"1.0\" encoding = \"windows-1252\"?>\x80",
                Ok(("<?xml version=\"1.0\" encoding = \"windows-1252\"?>€", 0, false)),
            ),
            (b"<?xml version='1.0' encoding='utf-7'?><a/>", Err(DecodeError::Unsupported)),
            (b"<?xml version='1.0' encoding='shift_jis'?><a/>", Err(DecodeError::Unsupported)),
            (b"<a>\xD1</a>", Err(DecodeError::Invalid)),
            (b"\xFF\xFE<\0a\0/\0>\0", Ok(("<a/>", 1, false))),
            (b"no es XML", Err(DecodeError::NoMarkup)),
            (b"", Err(DecodeError::NoMarkup)),
        ];
        for (bytes, expected) in cases {
            let found = decode_xml(bytes).map(|it| (it.text.into_owned(), it.marks, it.junk));
            let expected = expected.clone().map(|(text, marks, junk)| (text.to_owned(), marks, junk));
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(bytes));
        }
        fedatario_testkit::covers!("encodings: marks, junk before the document, latin-1, windows-1252, UTF-16 by its mark");
    }
}
