//! The RUC, Panama's tax id, and the two digits that are written beside it (DV).
//!
//! Promises: a [`Ruc`] has one of the published shapes. The shape does not tell a person from a
//! company, so both ways to compute the DV are tried, and one that fits neither is only told: for some
//! shapes the published rules disagree with each other. Whether the taxpayer exists is left to DGI.

use fedatario_base::Code;
use std::fmt;
use std::str::FromStr;

/// Bytes of the longest RUC, hyphens included.
const BYTES_AT_MOST: usize = 20;
/// Digits of the first, second and third part at most.
const PARTS_AT_MOST: [usize; 3] = [10, 4, 6];
/// The last province (comarcas included).
const LAST_PROVINCE: u32 = 13;
/// Digits from which the DV is computed.
const BODY: usize = 20;

/// A Panamanian RUC, in capitals, without its DV.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ruc(String);

/// The text does not have the shape of a RUC.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a RUC has three parts with hyphens between them, or a province, NT and two parts")]
pub struct RucError;

impl RucError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        Code::TaxIdFormat
    }
}

impl Ruc {
    /// The text, in capitals.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits that its own form has; none where the form is not published. A form that a company and a person
    /// may both have is read as the company's.
    pub fn dv(&self) -> Option<String> {
        self.bodies().first().map(dv_of)
    }

    /// Whether the two digits are those that the rules give for it, as a company or as a person; none
    /// where the rules are not agreed upon. Advice only.
    pub fn dv_holds(&self, dv: &str) -> Option<bool> {
        let bodies = self.bodies();
        if bodies.is_empty() {
            return None;
        }
        Some(bodies.iter().any(|it| dv_of(it) == dv))
    }

    /// The digits that the DV is computed from, one way or the other.
    fn bodies(&self) -> Vec<Body> {
        let parts: Vec<&str> = self.0.split('-').collect();
        let [first, second, third] = parts[..] else { return Vec::new() };
        let letters = match first {
            "E" => "0050",
            "N" => "0040",
            "PE" => "0075",
            _ if first.bytes().all(|it| it.is_ascii_digit()) => {
                let company = format!("{first:0>10}{second:0>4}{third:0>6}");
                let person = format!("5{first:0>2}00{second:0>3}{third:0>5}");
                let both = [(company, true), (format!("{person:0>BODY$}"), false)];
                return both.into_iter().filter(|(digits, _)| digits.len() == BODY).collect();
            }
            _ => return Vec::new(),
        };
        if second.len() > 3 || third.len() > 5 {
            return Vec::new();
        }
        let person = format!("5{letters}{second:0>3}{third:0>5}");
        vec![(format!("{person:0>BODY$}"), false)]
    }
}

/// Twenty digits, and whether they are a company's.
type Body = (String, bool);

fn dv_of((body, is_company): &Body) -> String {
    let mut digits: Vec<u32> = body.chars().filter_map(|it| it.to_digit(10)).collect();
    let is_old = *is_company && digits[3] == 0 && digits[4] == 0 && digits[5] < 5;
    if is_old {
        let crossed = cross(digits[5] * 10 + digits[6]);
        (digits[5], digits[6]) = (crossed / 10, crossed % 10);
    }
    let first = digit(&digits, is_old);
    digits.push(first);
    let second = digit(&digits, is_old);
    format!("{first}{second}")
}

/// What the fifth and sixth digit of an old RUC (below 50) count as; those that are not in the table
/// count as they are.
fn cross(pair: u32) -> u32 {
    const TABLE: &[(u32, u32)] = &[
        (0, 0),
        (10, 1),
        (11, 2),
        (12, 3),
        (13, 4),
        (14, 5),
        (15, 6),
        (16, 7),
        (17, 8),
        (18, 9),
        (19, 1),
        (20, 2),
        (21, 3),
        (22, 4),
        (23, 7),
        (24, 8),
        (25, 9),
        (26, 2),
        (27, 3),
        (28, 4),
        (29, 5),
        (30, 6),
        (31, 7),
        (32, 8),
        (33, 9),
        (34, 1),
        (35, 2),
        (36, 3),
        (37, 4),
        (38, 5),
        (39, 6),
        (40, 7),
        (41, 8),
        (42, 9),
        (43, 1),
        (44, 2),
        (45, 3),
        (46, 4),
        (47, 5),
        (48, 6),
        (49, 7),
    ];
    TABLE.iter().find(|(from, _)| *from == pair).map_or(pair, |(_, to)| *to)
}

/// Weights 2, 3, 4, … from the right; an old RUC uses the weight 11 twice.
fn digit(digits: &[u32], is_old: bool) -> u32 {
    const DOUBLED: u32 = 11;
    let weight = |place: u32| if is_old && place + 2 > DOUBLED { place + 1 } else { place + 2 };
    let sum: u32 = digits.iter().rev().zip(0..).map(|(it, place)| it * weight(place)).sum();
    let rest = sum % 11;
    if rest > 1 { 11 - rest } else { 0 }
}

impl FromStr for Ruc {
    type Err = RucError;

    /// Lenient in case, strict in everything else.
    fn from_str(text: &str) -> Result<Self, RucError> {
        if text.len() > BYTES_AT_MOST || !text.is_ascii() {
            return Err(RucError);
        }
        let text = text.to_ascii_uppercase();
        let parts: Vec<&str> = text.split('-').collect();
        let shaped = match parts[..] {
            [first, second, third] => is_first(first) && is_number(second, PARTS_AT_MOST[1]) && is_number(third, PARTS_AT_MOST[2]),
            [province, "NT", folio, asiento] => {
                is_province(province) && is_number(folio, PARTS_AT_MOST[1]) && is_number(asiento, PARTS_AT_MOST[2])
            }
            _ => false,
        };
        if shaped { Ok(Self(text)) } else { Err(RucError) }
    }
}

fn is_number(text: &str, digits_at_most: usize) -> bool {
    (1..=digits_at_most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit())
}

fn is_province(text: &str) -> bool {
    is_number(text, 2) && text.parse::<u32>().is_ok_and(|it| (1..=LAST_PROVINCE).contains(&it))
}

fn is_first(text: &str) -> bool {
    let of_province = |suffix: &str| text.strip_suffix(suffix).is_some_and(is_province);
    is_number(text, PARTS_AT_MOST[0]) || matches!(text, "E" | "N" | "PE") || of_province("AV") || of_province("PI")
}

impl fmt::Display for Ruc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_digits_agree() {
        let table = [
            ("2679372-1-844914", "73"),
            ("155757563-2-2024", "48"),
            ("521-136-113133", "02"),
            ("45400-2-299934", "09"),
            ("138-289-35920", "04"),
            ("894-57-103790", "67"),
            ("155646463-2-2017", "86"),
            ("155596713-2-2015", "59"),
            ("630-483-123250", "16"),
            ("434-15-93796", "22"),
            ("155610034-2-2015", "27"),
            ("155664844-2-2018", "64"),
            ("25046169-3-2021", "40"),
            ("61302-14-123411", "22"),
            ("1102-85-117211", "95"),
            ("2486589-1-816994", "62"),
            ("1830234-1-710357", "82"),
            ("41369-85-283456", "73"),
            ("64296-75-357434", "00"),
            ("203141-1-17214", "60"),
            ("1075137-1-553125", "18"),
            ("2588017-1-831938", "20"),
            ("8-442-445", "08"),
            ("PE-10-442", "50"),
            ("N-45-832", "58"),
            ("E-12-342", "10"),
            ("1-184-921", "49"),
            ("29-29-29", "56"),
        ];
        for (ruc, dv) in table {
            let ruc: Ruc = ruc.parse().unwrap();
            assert_eq!(ruc.dv_holds(dv), Some(true), "{ruc} {dv}: {:?}", ruc.bodies().iter().map(dv_of).collect::<Vec<_>>());
            assert_eq!(ruc.dv_holds("xx"), Some(false));
        }
        fedatario_testkit::covers!("taxpayers: the DV of a RUC agrees with published ones, and is only told where it does not");
    }

    #[test]
    fn shapes() {
        for text in ["8-NT-1-13656", "1AV-432-658", "4pi-12-34", "pe-10-442", "13-1-1"] {
            assert_eq!(text.parse::<Ruc>().unwrap().as_str(), text.to_uppercase());
        }
        for text in
            ["", "8", "8-442", "0AV-1-1", "14AV-1-1", "A-1-1", "8--1", "8-NT-1", "12345678901-1-1", "8-442-4455555", "8-ＮＴ-1-2"]
        {
            assert_eq!(text.parse::<Ruc>(), Err(RucError), "{text}");
        }
        assert_eq!("8-NT-1-13656".parse::<Ruc>().unwrap().dv_holds("00"), None);
        fedatario_testkit::covers!("taxpayers: a RUC of no published shape is refused");
    }
}
