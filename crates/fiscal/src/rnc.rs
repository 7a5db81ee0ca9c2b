//! The RNC, the Dominican Republic's tax id, and the cédula that serves a person as one.
//!
//! Promises: an [`Rnc`] is nine digits, or the eleven of a cédula. The check digit is only advised on:
//! DGII has issued RNCs that fail it, and hundreds of lawful cédulas do. Whether the taxpayer exists is
//! left to DGII.

use fedatario_base::Code;
use std::fmt;
use std::str::FromStr;

/// Digits of a company's number.
const COMPANY_DIGITS: usize = 9;
/// Digits of a person's cédula.
const CEDULA_DIGITS: usize = 11;
/// Weights of a company's first eight digits.
const WEIGHTS: [u32; COMPANY_DIGITS - 1] = [7, 9, 8, 6, 5, 4, 3, 2];

/// A Dominican RNC: nine digits for a company, the eleven of the cédula for a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rnc(String);

/// The text does not have the shape of an RNC.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an RNC has nine digits, a cédula eleven")]
pub struct RncError;

impl RncError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        Code::TaxIdFormat
    }
}

impl Rnc {
    /// The digits, without hyphens.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a person's cédula.
    pub fn is_cedula(&self) -> bool {
        self.0.len() == CEDULA_DIGITS
    }

    /// Whether the last digit is the check digit of the others. Advice only: valid numbers fail it.
    pub fn check_digit_holds(&self) -> bool {
        let digits: Vec<u32> = self.0.chars().filter_map(|it| it.to_digit(10)).collect();
        if self.is_cedula() { luhn_holds(&digits) } else { weighted_holds(&digits) }
    }
}

fn weighted_holds(digits: &[u32]) -> bool {
    let sum: u32 = digits.iter().zip(WEIGHTS).map(|(digit, weight)| digit * weight).sum();
    digits.last() == Some(&((10 - sum % 11) % 9 + 1))
}

fn luhn_holds(digits: &[u32]) -> bool {
    let doubled = |it: u32| if it > 4 { it * 2 - 9 } else { it * 2 };
    let sum: u32 = digits.iter().rev().enumerate().map(|(place, it)| if place % 2 == 1 { doubled(*it) } else { *it }).sum();
    sum.is_multiple_of(10)
}

impl FromStr for Rnc {
    type Err = RncError;

    /// Digits, with the hyphens that people write among them or without.
    fn from_str(text: &str) -> Result<Self, RncError> {
        /// Digits and hyphens of the longest way to write one.
        const CHARS_AT_MOST: usize = CEDULA_DIGITS + 3;
        if text.len() > CHARS_AT_MOST || !text.bytes().all(|it| it.is_ascii_digit() || it == b'-') {
            return Err(RncError);
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        match digits.len() {
            COMPANY_DIGITS | CEDULA_DIGITS => Ok(Self(digits)),
            _ => Err(RncError),
        }
    }
}

impl fmt::Display for Rnc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_refused_and_check_digits_advised_on() {
        let good = ["131880738", "131880681", "130862346", "101672919", "401506254", "00199999996", "131-88073-8"];
        for text in good {
            let rnc: Rnc = text.parse().unwrap();
            assert!(rnc.check_digit_holds(), "{text}");
            assert!(!rnc.as_str().contains('-'));
        }
        for text in ["131880739", "00199999997", "000000000"] {
            assert!(!text.parse::<Rnc>().unwrap().check_digit_holds(), "{text} has the shape, and that is enough");
        }
        for text in ["", "13188073", "1318807381", "13188073A", "1318807381234567890", "１３１８８０７３８", "---------"] {
            assert_eq!(text.parse::<Rnc>(), Err(RncError), "{text}");
        }
        assert!("00199999996".parse::<Rnc>().unwrap().is_cedula());
        fedatario_testkit::covers!("taxpayers: an RNC or a cédula of the wrong shape is refused, a wrong check digit only told");
    }
}
