//! Invented taxpayers: names with accents, `&`, `Ñ` and quotes, RFC of the right shape.

use super::dice::Dice;

/// How many counterparties one taxpayer deals with; enough for reports to have a long tail.
pub(super) const COUNTERPARTIES: u64 = 200;

const FIRST: [&str; 14] = [
    "MARÍA JOSÉ",
    "JOSÉ LUIS",
    "XÓCHITL",
    "ÁNGEL",
    "GUADALUPE",
    "ÍÑIGO",
    "SOFÍA",
    "JESÚS",
    "BEGOÑA",
    "RAÚL",
    "LETICIA",
    "HÉCTOR",
    "ÚRSULA",
    "NOEMÍ",
];
const LAST: [&str; 14] = [
    "MUÑOZ",
    "PEÑA",
    "GARCÍA",
    "NÚÑEZ",
    "HERNÁNDEZ",
    "IBÁÑEZ",
    "LÓPEZ",
    "ORDÓÑEZ",
    "RAMÍREZ",
    "SÁNCHEZ",
    "VILLASEÑOR",
    "ZÚÑIGA",
    "CASTAÑEDA",
    "D'ÁVILA",
];
const TRADES: [&str; 12] = [
    "FERRETERÍA",
    "CONSTRUCCIONES",
    "REFACCIONES",
    "PAPELERÍA",
    "TRANSPORTES",
    "ALIMENTOS",
    "SERVICIOS",
    "DISEÑO",
    "PINTURAS",
    "CLÍNICA",
    "ACEROS",
    "AGROINDUSTRIAS",
];
const PLACES: [&str; 10] =
    ["DEL NORTE", "DEL BAJÍO", "EL CAÑÓN", "LA PIÑATA", "DE MÉXICO", "SAN ANDRÉS", "JALISCO", "\"LA UNIÓN\"", "YUCATÁN", "AÑORVE"];

/// One invented taxpayer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Person {
    /// Where it stands among all: what its seal certificate is numbered by.
    pub place: u32,
    pub rfc: String,
    pub name: String,
    pub postcode: &'static str,
    pub natural: bool,
}

/// Postal codes that the catalogue knows.
pub(super) const POSTCODES: [&str; 13] =
    ["42501", "01219", "06002", "06370", "01160", "64000", "44100", "72000", "97000", "11560", "20000", "80000", "76000"];

impl Person {
    /// The `n`th counterparty of a seed.
    pub fn of(seed: u64, n: u64) -> Self {
        let mut dice = Dice::of(seed, n, 0xFACE);
        let natural = dice.chance(35);
        let (name, letters) = if natural { natural_name(&mut dice) } else { company_name(&mut dice) };
        let postcode = dice.pick(&POSTCODES);
        Self { place: n as u32 + 1, rfc: rfc(&letters, &mut dice), name, postcode, natural }
    }

    /// The `n`th employee of a seed: always a natural person.
    pub fn employee(seed: u64, n: u64) -> Self {
        let mut dice = Dice::of(seed, n, 0xE3B1);
        let (name, letters) = natural_name(&mut dice);
        let postcode = dice.pick(&POSTCODES);
        Self { place: (COUNTERPARTIES + n) as u32 + 1, rfc: rfc(&letters, &mut dice), name, postcode, natural: true }
    }

    /// The taxpayer whose documents these are; the published test taxpayer keeps its own name.
    pub fn owner(rfc: &str) -> Self {
        let name = if rfc == "EKU9003173C9" { "ESCUELA KEMPER URGATE" } else { "CONTRIBUYENTE DE PRUEBA Ñ & COMPAÑÍA" };
        Self { place: 0, rfc: rfc.to_owned(), name: name.to_owned(), postcode: POSTCODES[0], natural: rfc.chars().count() == 13 }
    }
}

fn natural_name(dice: &mut Dice) -> (String, String) {
    let (first, father, mother) = (*dice.pick(&FIRST), *dice.pick(&LAST), *dice.pick(&LAST));
    let letters = [initials(father, 2), initials(mother, 1), initials(first, 1)].concat();
    (format!("{first} {father} {mother}"), letters)
}

fn company_name(dice: &mut Dice) -> (String, String) {
    let (trade, place, partner) = (*dice.pick(&TRADES), *dice.pick(&PLACES), *dice.pick(&LAST));
    match dice.below(3) {
        0 => (format!("{trade} & {partner} {place}"), format!("{}&{}", initials(trade, 1), initials(partner, 1))),
        1 => (format!("{trade} {place}"), initials(trade, 3)),
        _ => (format!("{partner} Y SOCIOS {place}"), initials(partner, 3)),
    }
}

/// The first letters of a word, bare of accents; `Ñ` is a letter of its own in an RFC.
fn initials(word: &str, n: usize) -> String {
    let bare = |it| match it {
        'Á' => Some('A'),
        'É' => Some('E'),
        'Í' => Some('I'),
        'Ó' => Some('O'),
        'Ú' => Some('U'),
        'Ñ' => Some('Ñ'),
        it if it.is_ascii_uppercase() => Some(it),
        _ => None,
    };
    word.chars().filter_map(bare).chain("XXX".chars()).take(n).collect()
}

fn rfc(letters: &str, dice: &mut Dice) -> String {
    let (year, month, day) = (dice.between(60, 99), dice.between(1, 12), dice.between(1, 28));
    let homoclave: String = (0..2).map(|_| *dice.pick(b"ABCDEFGHJKLMNPQRSTUVWXYZ123456789") as char).collect();
    format!("{letters}{year:02}{month:02}{day:02}{homoclave}{}", *dice.pick(b"0123456789A") as char)
}
