//! Addresses of mail, as names of people.
//!
//! One form of each: NFC, lower case, no blanks around it. The shape is checked only so far that what
//! passes can be written into a header of a message and shown; whether it exists, a message tells.

use crate::IdentityError;
use unicode_normalization::UnicodeNormalization;

/// Longest address, in bytes (RFC 5321, path without its brackets).
pub const MOST_BYTES: usize = 254;
/// Longest part before the `@`, in bytes (RFC 5321).
pub const MOST_LOCAL_BYTES: usize = 64;

/// The normal form of an address.
pub fn normal(text: &str) -> Result<String, IdentityError> {
    if text.len() > 4 * MOST_BYTES {
        return Err(IdentityError::Email);
    }
    let text: String = text.trim().nfc().flat_map(char::to_lowercase).collect();
    if is_address(&text) { Ok(text) } else { Err(IdentityError::Email) }
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let odd = |it: char| {
        it.is_control()
            || it.is_whitespace()
            || matches!(it, '"' | '(' | ')' | ',' | ':' | ';' | '<' | '>' | '[' | '\\' | ']' | '@')
    };
    text.len() <= MOST_BYTES
        && !local.is_empty()
        && local.len() <= MOST_LOCAL_BYTES
        && !text.chars().any(is_invisible)
        && !local.contains(odd)
        && dots_stand_between(local)
        && domain.contains('.')
        && dots_stand_between(domain)
        && domain.split('.').all(is_label)
}

fn dots_stand_between(text: &str) -> bool {
    text.split('.').all(|it| !it.is_empty())
}

fn is_label(label: &str) -> bool {
    label.len() <= 63
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|it| it.is_alphanumeric() || it == '-')
}

/// Characters that make two addresses look like one: marks of direction, joiners, the soft hyphen.
fn is_invisible(it: char) -> bool {
    matches!(it, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_one_form_and_odd_ones_none() {
        let good = [
            ("ana@example.mx", "ana@example.mx"),
            (" Ana.Perez+sat@Example.MX ", "ana.perez+sat@example.mx"),
            ("n\u{303}o@example.com", "ño@example.com"),
            ("o'neill@sub.example.co", "o'neill@sub.example.co"),
            ("x@ñandú.example", "x@ñandú.example"),
        ];
        for (text, expected) in good {
            assert_eq!(normal(text).as_deref(), Ok(expected), "{text}");
        }
        let long = format!("{}@example.com", "a".repeat(65));
        let longer = format!("a@{}.com", "b.".repeat(150));
        let bad = [
            "",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a b@c.d",
            "a@b..c",
            ".a@b.c",
            "a.@b.c",
            "a@-b.c",
            "a@b-.c",
            "a@@b.c",
            "a@b@c.d",
            "a\r\nBcc: x@y.z@b.c",
            "a@b.c\r\nX: y",
            "a@b.c>",
            "<a@b.c>",
            "\"a\"@b.c",
            "a,b@c.d",
            "a;b@c.d",
            "a@b.c\0",
            "a@[10.0.0.1]",
            "a\u{200b}@b.c",
            "a@b\u{202e}.c",
            "a\u{ad}b@c.d",
            "a@b_c.d",
            &long,
            &longer,
        ];
        for text in bad {
            assert_eq!(normal(text), Err(IdentityError::Email), "{text:?}");
        }
        fedatario_testkit::covers!("identity: an address of mail has one form, and none that reaches into a header");
    }
}
