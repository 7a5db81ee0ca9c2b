//! The fiscal folio: the UUID that a stamp gives to a document.
//!
//! Promises: case never matters, and the text is always the lower-case, hyphenated one; SAT's
//! spelling is at hand for what SAT compares by eye. Any version and variant is accepted, because
//! PACs have stamped with all of them.

use std::fmt;
use std::str::FromStr;

/// Characters of the hyphenated form, the only one that documents carry.
const TEXT_LEN: usize = 36;

/// A fiscal folio; orders and compares by value, whatever the case it was written in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FiscalUuid(::uuid::Uuid);

/// The text is not a UUID in its hyphenated form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fiscal folio is a UUID: 8-4-4-4-12 hexadecimal digits")]
pub struct FiscalUuidError;

impl FiscalUuid {
    /// The folio of sixteen bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(::uuid::Uuid::from_bytes(bytes))
    }

    /// The sixteen bytes, as stored.
    pub fn bytes(&self) -> [u8; 16] {
        self.0.into_bytes()
    }

    /// In upper case, as SAT's metadata spells it.
    pub fn upper(&self) -> String {
        format!("{:X}", self.0.hyphenated())
    }
}

impl FromStr for FiscalUuid {
    type Err = FiscalUuidError;

    fn from_str(text: &str) -> Result<Self, FiscalUuidError> {
        if text.len() != TEXT_LEN {
            return Err(FiscalUuidError);
        }
        ::uuid::Uuid::try_parse(text).map(Self).map_err(|_| FiscalUuidError)
    }
}

impl fmt::Display for FiscalUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0.hyphenated())
    }
}

impl fmt::Debug for FiscalUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_forgiven_and_other_spellings_are_not() {
        let upper: FiscalUuid = "26DA5355-E4BD-57D7-8E8E-B567754A287F".parse().unwrap();
        let lower: FiscalUuid = "26da5355-e4bd-57d7-8e8e-b567754a287f".parse().unwrap();
        assert_eq!(upper, lower);
        assert_eq!(upper.to_string(), "26da5355-e4bd-57d7-8e8e-b567754a287f");
        assert_eq!(lower.upper(), "26DA5355-E4BD-57D7-8E8E-B567754A287F");
        assert_eq!(FiscalUuid::from_bytes(upper.bytes()), upper);
        let bad = [
            "",
            " ",
            "26da5355e4bd57d78e8eb567754a287f",
            "{26da5355-e4bd-57d7-8e8e-b567754a287f}",
            "26da5355-e4bd-57d7-8e8e-b567754a287g",
            "urn:uuid:26da5355-e4bd-57d7-8e8e-b567754a287f",
        ];
        for text in bad {
            assert_eq!(text.parse::<FiscalUuid>(), Err(FiscalUuidError), "{text:?}");
        }
        fedatario_testkit::covers!("uuid: case-insensitive, canonical lower case");
    }
}
