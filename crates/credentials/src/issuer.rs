//! Distinguished names: decoding their values, and writing an issuer as each kind of client does.
//!
//! SAT encodes text with `&`, `Ñ` or accents as T61String that really carries Latin-1, and its RFC
//! under an attribute that is formally a BIT STRING as plain text; both are read here. `SAT` does not
//! check `X509IssuerName`, so what is written is a matter of matching the clients it knows.

use x509_cert::der::{Tag, Tagged};
use x509_cert::name::Name;

/// How an issuer is written in `X509IssuerName`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IssuerStyle {
    /// In the order of the certificate, OpenSSL's short names, two-digit hex escapes (`\2c`): the form
    /// most exercised at SAT. A leading `#` is escaped by the standard, not as `\22` as that client does.
    #[default]
    Phpcfdi,
    /// In reverse order with the standard's own escapes (`\,`), RFC 4514.
    Rfc4514,
    /// As Microsoft's library writes it and SAT's own samples show it: reversed, `, ` between, quotes.
    DotNet,
}

/// An attribute of a name: its dotted identifier and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub oid: String,
    pub text: String,
}

/// The attributes in the order of the certificate.
pub(crate) fn attributes(name: &Name) -> Vec<Attribute> {
    name.iter().map(|it| Attribute { oid: it.oid.to_string(), text: decode(it.value.tag(), it.value.value()) }).collect()
}

/// The text of a value by its tag. Unknown tags read as Latin-1: a name must not be unreadable
/// because an authority chose an odd type for it.
fn decode(tag: Tag, value: &[u8]) -> String {
    match tag {
        Tag::Utf8String => String::from_utf8_lossy(value).into_owned(),
        Tag::BmpString => {
            let units: Vec<u16> = value.chunks_exact(2).map(|it| u16::from_be_bytes([it[0], it[1]])).collect();
            String::from_utf16_lossy(&units)
        }
        _ => value.iter().map(|it| *it as char).collect(),
    }
}

/// Writes a name in a style.
pub(crate) fn write(attributes: &[Attribute], style: IssuerStyle) -> String {
    let pair = |it: &Attribute| format!("{}={}", label(&it.oid, style), escape(&it.text, style));
    match style {
        IssuerStyle::Phpcfdi => attributes.iter().map(pair).collect::<Vec<_>>().join(","),
        IssuerStyle::Rfc4514 => attributes.iter().rev().map(pair).collect::<Vec<_>>().join(","),
        IssuerStyle::DotNet => attributes.iter().rev().map(pair).collect::<Vec<_>>().join(", "),
    }
}

/// Identifier, OpenSSL's short name, Microsoft's name.
const LABELS: &[(&str, &str, &str)] = &[
    ("2.5.4.3", "CN", "CN"),
    ("2.5.4.4", "SN", "SN"),
    ("2.5.4.5", "serialNumber", "SERIALNUMBER"),
    ("2.5.4.6", "C", "C"),
    ("2.5.4.7", "L", "L"),
    ("2.5.4.8", "ST", "S"),
    ("2.5.4.9", "street", "STREET"),
    ("2.5.4.10", "O", "O"),
    ("2.5.4.11", "OU", "OU"),
    ("2.5.4.12", "title", "T"),
    ("2.5.4.13", "description", "Description"),
    ("2.5.4.17", "postalCode", "PostalCode"),
    ("2.5.4.41", "name", "OID.2.5.4.41"),
    ("2.5.4.42", "GN", "G"),
    ("2.5.4.45", "x500UniqueIdentifier", "OID.2.5.4.45"),
    ("1.2.840.113549.1.9.1", "emailAddress", "E"),
    ("1.2.840.113549.1.9.2", "unstructuredName", "OID.1.2.840.113549.1.9.2"),
];

fn label(oid: &str, style: IssuerStyle) -> String {
    let known = LABELS.iter().find(|it| it.0 == oid);
    match (style, known) {
        (IssuerStyle::DotNet, Some(it)) => it.2.to_owned(),
        (IssuerStyle::DotNet, None) => format!("OID.{oid}"),
        (_, Some(it)) => it.1.to_owned(),
        (_, None) => oid.to_owned(),
    }
}

fn escape(text: &str, style: IssuerStyle) -> String {
    match style {
        IssuerStyle::Phpcfdi => hex_escaped(text),
        IssuerStyle::Rfc4514 => backslashed(text),
        IssuerStyle::DotNet => quoted(text),
    }
}

/// Whether the character at `place` must be escaped only because of where it stands.
fn is_edge(text: &str, place: usize, it: char) -> bool {
    (place == 0 && (it == ' ' || it == '#')) || (it == ' ' && place + 1 == text.len())
}

fn hex_escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, it) in text.char_indices() {
        match it {
            '\\' => out.push_str("\\5C"), // The one capital, as the client we follow has it.
            '"' | '+' | ',' | ';' | '<' | '=' | '>' => out.push_str(&format!("\\{:02x}", it as u32)),
            ' ' | '#' if is_edge(text, place, it) => out.push_str(&format!("\\{:02x}", it as u32)),
            _ => out.push(it),
        }
    }
    out
}

fn backslashed(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (place, it) in text.char_indices() {
        if matches!(it, '\\' | '"' | '+' | ',' | ';' | '<' | '>') || is_edge(text, place, it) {
            out.push('\\');
        }
        out.push(it);
    }
    out
}

fn quoted(text: &str) -> String {
    let special = |it: char| matches!(it, ',' | '+' | '=' | '"' | '\n' | '<' | '>' | '#' | ';');
    if text.is_empty() || text.contains(special) || text.starts_with(' ') || text.ends_with(' ') {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_as_each_style_does() {
        let cases = [
            ("plain", "plain", "plain", "plain"),
            ("a,b", "a\\2cb", "a\\,b", "\"a,b\""),
            ("a\"b", "a\\22b", "a\\\"b", "\"a\"\"b\""),
            ("a\\b", "a\\5Cb", "a\\\\b", "a\\b"),
            ("#x", "\\23x", "\\#x", "\"#x\""),
            (" x ", "\\20x\\20", "\\ x\\ ", "\" x \""),
            ("a=b;c", "a\\3db\\3bc", "a=b\\;c", "\"a=b;c\""),
            ("Ñandú & Cía", "Ñandú & Cía", "Ñandú & Cía", "Ñandú & Cía"),
        ];
        for (text, phpcfdi, rfc4514, dotnet) in cases {
            assert_eq!(escape(text, IssuerStyle::Phpcfdi), phpcfdi);
            assert_eq!(escape(text, IssuerStyle::Rfc4514), rfc4514);
            assert_eq!(escape(text, IssuerStyle::DotNet), dotnet);
        }
        fedatario_testkit::covers!("credentials: an issuer is written in the phpcfdi, RFC 4514 and .NET forms");
    }

    #[test]
    fn texts_decode_by_their_tag() {
        assert_eq!(decode(Tag::TeletexString, b"O\xd1O120726RX3"), "OÑO120726RX3");
        assert_eq!(decode(Tag::BmpString, b"\x00\xd1\x00A"), "ÑA");
        assert_eq!(decode(Tag::Utf8String, "Ñ".as_bytes()), "Ñ");
        fedatario_testkit::covers!("credentials: T61String carrying Latin-1, BMPString and UTF8String subjects decode");
    }
}
