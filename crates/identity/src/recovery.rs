//! Recovery codes: ten, for when the device with the second factor is gone. Each is good once.
//!
//! Eighty random bits each, written for people: `7k3m-q9xw-…`, without the letters and digits that
//! look alike. Only digests are kept, bound to the person.

use crate::{IdentityError, digest, random};
use fedatario_base::Secret;
use fedatario_base::id::UserId;

/// How many there are in a set.
pub const HOW_MANY: usize = 10;
/// Characters of a code without its dashes: five bits each.
const CHARACTERS: usize = 16;
/// Characters between dashes.
const GROUP: usize = 4;
/// Longest text that is looked at, in bytes.
pub const MOST_BYTES: usize = 64;
/// Crockford's digits in lower case: no i, l, o, u.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A fresh set: what the person is shown once, and what is kept.
pub fn fresh(user: UserId) -> Result<Vec<(Secret, [u8; 32])>, IdentityError> {
    (0..HOW_MANY).map(|_| one(user)).collect()
}

fn one(user: UserId) -> Result<(Secret, [u8; 32]), IdentityError> {
    let bytes = random::<CHARACTERS>()?;
    let digits: Vec<u8> = bytes.iter().map(|it| DIGITS[usize::from(it & 31)]).collect();
    let shown: Vec<&[u8]> = digits.chunks(GROUP).collect();
    Ok((Secret::new(shown.join(&b'-')), digest_of(user, &digits)))
}

/// The digest of a code as somebody typed it; none if it cannot be one.
pub fn read(user: UserId, typed: &str) -> Option<[u8; 32]> {
    if typed.len() > MOST_BYTES {
        return None;
    }
    let digits: Option<Vec<u8>> = typed.bytes().filter(|it| !matches!(it, b'-' | b' ')).map(meant).collect();
    digits.filter(|it| it.len() == CHARACTERS).map(|it| digest_of(user, &it))
}

/// What a character that looks like another stands for.
fn meant(byte: u8) -> Option<u8> {
    let byte = match byte.to_ascii_lowercase() {
        b'i' | b'l' => b'1',
        b'o' => b'0',
        other => other,
    };
    DIGITS.contains(&byte).then_some(byte)
}

fn digest_of(user: UserId, digits: &[u8]) -> [u8; 32] {
    digest("fedatario.recovery.v1", &[&user.bytes(), digits])
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_read_as_people_type_them_and_belong_to_one_person() {
        let (ana, beto) = (UserId::fresh(Timestamp::UNIX_EPOCH), UserId::fresh(Timestamp::UNIX_EPOCH));
        let set = fresh(ana).unwrap();
        assert_eq!(set.len(), HOW_MANY);
        assert_eq!(set.iter().map(|it| it.1).collect::<BTreeSet<_>>().len(), HOW_MANY);
        for (code, kept) in &set {
            let shown = code.expose_str().unwrap();
            assert_eq!(shown.len(), CHARACTERS + CHARACTERS / GROUP - 1);
            let typed = [
                shown.to_owned(),
                shown.to_uppercase(),
                shown.replace('-', ""),
                shown.replace('-', " "),
                shown.replace('1', "l").replace('0', "O"),
            ];
            for typed in typed {
                assert_eq!(read(ana, &typed), Some(*kept), "{typed}");
            }
            assert_ne!(read(beto, shown), Some(*kept));
        }
        for bad in ["", "----", "7k3m-q9xw-7k3m", "7k3m-q9xw-7k3m-q9xu", "7k3m-q9xw-7k3m-q9x", &"7".repeat(65), "ñ"] {
            assert_eq!(read(ana, bad), None, "{bad}");
        }
        fedatario_testkit::covers!("identity: recovery codes are read as people type them, and are one person's");
    }
}
