//! The RFC, Mexico's tax id.
//!
//! Promises: an [`Rfc`] has the shape that SAT's schemas demand. Its check digit is only advised on
//! ([`Rfc::check_digit_holds`]), because SAT itself has issued numbers that fail it. Whether the
//! taxpayer exists is left to SAT.

use fedatario_base::Code;
use std::fmt;
use std::str::FromStr;

/// Characters of a person's RFC, the longer of the two; each may be two bytes long.
const MAX_CHARS: usize = 13;
/// Values of the check digit's characters, in SAT's order: the place of each is its value.
const CHECK_ALPHABET: &str = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ";

/// A Mexican RFC: twelve characters for a company, thirteen for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rfc(String);

/// The text does not have the shape of an RFC.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an RFC has three or four letters, a date of six digits and three more characters")]
pub struct RfcError;

impl RfcError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        Code::RfcFormat
    }
}

/// Who an RFC stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RfcKind {
    /// Twelve characters.
    Company,
    /// Thirteen characters.
    Person,
    /// `XAXX010101000`: the public at large, inside the country.
    GenericNational,
    /// `XEXX010101000`: anybody abroad.
    GenericForeign,
}

impl Rfc {
    /// The RFC that stands for the public at large.
    pub const GENERIC_NATIONAL: &'static str = "XAXX010101000";
    /// The RFC that stands for anybody abroad.
    pub const GENERIC_FOREIGN: &'static str = "XEXX010101000";

    /// Reads an RFC as old documents and people write it: blanks around it, lower case.
    pub fn parse_lenient(text: &str) -> Result<Self, RfcError> {
        let text = text.trim();
        if text.chars().count() > MAX_CHARS {
            return Err(RfcError);
        }
        text.to_uppercase().parse()
    }

    /// The text, in upper case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Who it stands for.
    pub fn kind(&self) -> RfcKind {
        match self.0.as_str() {
            Self::GENERIC_NATIONAL => RfcKind::GenericNational,
            Self::GENERIC_FOREIGN => RfcKind::GenericForeign,
            text if text.chars().count() == MAX_CHARS => RfcKind::Person,
            _ => RfcKind::Company,
        }
    }

    /// Whether it names one taxpayer, and not everybody.
    pub fn is_generic(&self) -> bool {
        matches!(self.kind(), RfcKind::GenericNational | RfcKind::GenericForeign)
    }

    /// Whether the last character is the check digit of the others. Advice only: valid RFCs fail it.
    pub fn check_digit_holds(&self) -> bool {
        let chars: Vec<char> = self.0.chars().collect();
        let Some((last, rest)) = chars.split_last() else { return false };
        // A company's RFC is counted as if a blank stood before it.
        let padded = std::iter::repeat_n(' ', MAX_CHARS - chars.len()).chain(rest.iter().copied());
        let sum: usize = padded.zip((2..=MAX_CHARS).rev()).map(|(it, weight)| value_of(it) * weight).sum();
        let expected = match 11 - sum % 11 {
            11 => '0',
            10 => 'A',
            digit => char::from_digit(digit as u32, 10).unwrap_or('0'),
        };
        *last == expected
    }
}

fn value_of(character: char) -> usize {
    CHECK_ALPHABET.chars().position(|it| it == character).unwrap_or(0)
}

fn is_letter(it: char) -> bool {
    it.is_ascii_uppercase() || it == 'Ñ' || it == '&'
}

impl FromStr for Rfc {
    type Err = RfcError;

    /// Strict: upper case, no blanks.
    fn from_str(text: &str) -> Result<Self, RfcError> {
        let letters = text.chars().take_while(|it| is_letter(*it)).count();
        let rest: Vec<char> = text.chars().skip(letters).take(MAX_CHARS).collect();
        // A letter may follow the date too, so the run of letters ends at the first digit.
        let [date @ .., first, second, last] = rest.as_slice() else { return Err(RfcError) };
        let shaped = (3..=4).contains(&letters)
            && date.len() == 6
            && date.iter().all(char::is_ascii_digit)
            && [first, second].into_iter().all(|it| it.is_ascii_digit() || it.is_ascii_uppercase())
            && (last.is_ascii_digit() || *last == 'A');
        if shaped { Ok(Self(text.to_owned())) } else { Err(RfcError) }
    }
}

impl fmt::Display for Rfc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_told_apart() {
        let good = [
            ("EKU9003173C9", RfcKind::Company),
            ("H&E951128469", RfcKind::Company),
            ("OÑO120726RX3", RfcKind::Company),
            ("IAÑL750210963", RfcKind::Person),
            ("WERX631016S30", RfcKind::Person),
            ("AAA010101AAA", RfcKind::Company),
            ("XAXX010101000", RfcKind::GenericNational),
            ("XEXX010101000", RfcKind::GenericForeign),
        ];
        for (text, kind) in good {
            let rfc: Rfc = text.parse().unwrap_or_else(|_| panic!("{text}"));
            assert_eq!((rfc.kind(), rfc.to_string().as_str()), (kind, text));
        }
        let bad = [
            "",
            "EKU",
            " EKU9003173C9",
            "EKU9003173C9 ",
            "eku9003173c9",
            "EK9003173C9",
            "EKUXX9003173C9",
            "ABC123456ABC",
            "EKU9003173C",
            "EKU9003173C99",
            "ÁÉÍ900317300",
            "EKU90031７3C9",
        ];
        for text in bad {
            assert_eq!(text.parse::<Rfc>(), Err(RfcError), "{text:?}");
        }
        fedatario_testkit::covers!("rfc: strict shape, generic numbers told apart");
    }

    #[test]
    fn blanks_and_case_are_forgiven_only_where_asked() {
        for text in [" AAA010101AAA", "aaa010101aaa", "\tAAA010101AAA\n"] {
            assert_eq!(Rfc::parse_lenient(text).map(|it| it.to_string()), Ok("AAA010101AAA".to_owned()));
        }
        assert!(Rfc::parse_lenient("AAA 010101AAA").is_err());
        assert!(Rfc::parse_lenient(&"Ñ".repeat(5000)).is_err());
    }

    #[test]
    fn the_check_digit_advises() {
        for text in ["EKU9003173C9", "H&E951128469", "OÑO120726RX3", "WERX631016S30", "FUNK671228PH6", "CACX7605101P8"] {
            assert!(text.parse::<Rfc>().unwrap().check_digit_holds(), "{text}");
        }
        assert!(!"EKU9003173C8".parse::<Rfc>().unwrap().check_digit_holds());
        // Accepted although it fails: the number that SAT gave to the public at large.
        assert!(!"XAXX010101000".parse::<Rfc>().unwrap().check_digit_holds());
    }
}
