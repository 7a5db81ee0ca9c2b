//! Passwords that are guessed first.
//!
//! No list of leaked passwords is shipped. A password is weak when little is left of it once what
//! anybody would try has been taken out: words of its owner's surroundings, words that half the world
//! uses, runs along the keyboard or the alphabet, repetition.

use unicode_normalization::UnicodeNormalization;

/// Fewest characters that must remain unforeseen.
const UNFORESEEN: usize = 6;
/// A word of the surroundings counts from this many characters.
const WORD_LEAST: usize = 3;
/// Words of the surroundings that are looked at.
const WORDS_MOST: usize = 32;
/// Longest unit of a repetition that is looked for.
const UNIT_MOST: usize = 64;

/// Rows along which fingers run, folded.
const ROWS: &[&str] = &["qwertyuiop", "asdfghjkl", "zxcvbnm", "iqaz2wsxeedcarfvstgb6yhntujm", "qazwsxedcrfvtgbyhnujm"];

/// Words that are tried first, folded: Spanish, English, our own trade.
const COMMON: &[&str] = &[
    "password",
    "passw",
    "contrasena",
    "contrasenia",
    "clave",
    "secreto",
    "secret",
    "acceso",
    "access",
    "entrar",
    "login",
    "usuario",
    "user",
    "admin",
    "administrador",
    "administrator",
    "root",
    "super",
    "master",
    "maestro",
    "sistema",
    "system",
    "servidor",
    "server",
    "bienvenido",
    "bienvenida",
    "welcome",
    "hola",
    "hello",
    "mundo",
    "world",
    "test",
    "prueba",
    "demo",
    "temporal",
    "temp",
    "cambiar",
    "cambiame",
    "change",
    "changeme",
    "default",
    "letmein",
    "iloveyou",
    "tequiero",
    "teamo",
    "amor",
    "love",
    "princesa",
    "princess",
    "dragon",
    "monkey",
    "sunshine",
    "shadow",
    "estrella",
    "star",
    "football",
    "futbol",
    "baseball",
    "beisbol",
    "america",
    "chivas",
    "barcelona",
    "realmadrid",
    "madrid",
    "mexico",
    "dominicana",
    "republica",
    "panama",
    "santodomingo",
    "guadalajara",
    "monterrey",
    "puebla",
    "tijuana",
    "jesus",
    "cristo",
    "dios",
    "maria",
    "jose",
    "juan",
    "carlos",
    "luis",
    "miguel",
    "pedro",
    "ana",
    "sofia",
    "daniel",
    "alejandro",
    "fernando",
    "roberto",
    "guadalupe",
    "familia",
    "family",
    "mama",
    "papa",
    "hijo",
    "hija",
    "perro",
    "gato",
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "primavera",
    "verano",
    "otono",
    "invierno",
    "spring",
    "summer",
    "autumn",
    "winter",
    "lunes",
    "martes",
    "miercoles",
    "jueves",
    "viernes",
    "sabado",
    "domingo",
    "monday",
    "friday",
    "sunday",
    "empresa",
    "company",
    "oficina",
    "office",
    "conta",
    "contador",
    "contable",
    "contabilidad",
    "despacho",
    "factura",
    "facturas",
    "facturacion",
    "invoice",
    "fiscal",
    "impuestos",
    "hacienda",
    "efirma",
    "fiel",
    "firma",
    "sello",
    "certificado",
    "cfdi",
    "sat",
    "dgii",
    "ecf",
    "rfc",
    "rnc",
    "ruc",
    "nomina",
    "fedatario",
    "google",
    "facebook",
    "windows",
    "microsoft",
    "internet",
    "computadora",
    "computer",
    "matrix",
    "trustno",
    "abc",
    "qwerty",
    "pokemon",
    "batman",
    "superman",
    "starwars",
    "naruto",
    "minecraft",
    "whatever",
    "nothing",
    "nada",
    "todo",
    "uno",
    "dos",
    "tres",
    "one",
    "two",
    "three",
];

/// Whether a password (NFC) is one of those that are guessed first, for somebody known by `context`.
pub(crate) fn is_weak(password: &str, context: &[&str]) -> bool {
    let folded = fold(password);
    let unit = unit_of(&folded);
    let mut words: Vec<Vec<char>> = context_words(context);
    words.extend(COMMON.iter().map(|it| it.chars().collect()));
    words.sort_by_key(|it| std::cmp::Reverse(it.len()));
    unforeseen(unit, &words) < UNFORESEEN
}

/// Lower case without accents, and the digits and signs that stand for letters as those letters.
fn fold(text: &str) -> Vec<char> {
    let plain = text.nfd().filter(|it| !('\u{300}'..='\u{36f}').contains(it)).flat_map(char::to_lowercase);
    let plain: Vec<char> = plain.collect();
    without_years(&plain)
        .into_iter()
        .map(|it| match it {
            '@' | '4' => 'a',
            '3' => 'e',
            '1' | '!' => 'i',
            '0' => 'o',
            '$' | '5' => 's',
            '7' => 't',
            other => other,
        })
        .collect()
}

/// A year of our times is one thing, not four digits.
fn without_years(text: &[char]) -> Vec<char> {
    let (mut out, mut place) = (Vec::with_capacity(text.len()), 0);
    while place < text.len() {
        let is_year = text
            .get(place..place + 4)
            .is_some_and(|it| matches!(it[..2], ['1', '9'] | ['2', '0']) && it[2..].iter().all(char::is_ascii_digit));
        out.push(if is_year { YEAR } else { text[place] });
        place += if is_year { 4 } else { 1 };
    }
    out
}

/// What stands for a year: a character that nobody types.
const YEAR: char = '\u{1}';

/// Names, and the parts of addresses, that surround somebody.
fn context_words(context: &[&str]) -> Vec<Vec<char>> {
    let parts = context.iter().flat_map(|it| it.split(|it: char| !it.is_alphanumeric()).chain([*it]));
    parts.filter(|it| it.chars().count() >= WORD_LEAST).take(WORDS_MOST).map(fold).collect()
}

/// The shortest unit of which the text is nothing but a repetition; the text itself if there is none.
fn unit_of(text: &[char]) -> &[char] {
    let most = (text.len() / 2).min(UNIT_MOST);
    let repeats = |len: &usize| text.iter().skip(*len).zip(text).all(|(later, earlier)| later == earlier);
    (1..=most).find(repeats).map_or(text, |len| &text[..len])
}

/// Characters that could not be foreseen: a known word counts as one, so does a run.
fn unforeseen(text: &[char], words: &[Vec<char>]) -> usize {
    let (mut place, mut count) = (0, 0);
    while place < text.len() {
        count += 1;
        let rest = &text[place..];
        place += match words.iter().find(|it| rest.starts_with(it)) {
            Some(word) => word.len(),
            None => run_of(rest),
        };
    }
    count
}

/// How far a run goes: the same character, the next one, or the neighbour on the keyboard.
fn run_of(text: &[char]) -> usize {
    let longest = [same as fn(char, char) -> bool, up, down, along, back]
        .into_iter()
        .map(|goes| 1 + text.windows(2).take_while(|it| goes(it[0], it[1])).count())
        .max();
    longest.filter(|it| *it >= WORD_LEAST).unwrap_or(1)
}

fn same(a: char, b: char) -> bool {
    a == b
}

fn up(a: char, b: char) -> bool {
    u32::from(b) == u32::from(a) + 1 || follows(DIGITS_FOLDED, a, b)
}

fn down(a: char, b: char) -> bool {
    up(b, a)
}

fn along(a: char, b: char) -> bool {
    ROWS.iter().any(|row| follows(row, a, b))
}

fn back(a: char, b: char) -> bool {
    along(b, a)
}

/// The ten digits as folding leaves them, around the clock.
const DIGITS_FOLDED: &str = "oi2eas6t89oi";

fn follows(row: &str, a: char, b: char) -> bool {
    row.chars().zip(row.chars().skip(1)).any(|it| it == (a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guessed_first_is_refused_and_the_rest_is_not() {
        let context = ["ana.perez@lopezyasociados.mx", "Ana Pérez", "López y Asociados"];
        let weak = [
            "aaaaaaaaaaaa",
            "abababababab",
            "abcabcabcabc",
            "123456789012",
            "098765432109",
            "qwertyuiopas",
            "asdfghjklñ12",
            "password1234",
            "Password2026!",
            "contraseña123",
            "Contraseña.2026",
            "P4ssw0rd!!!!",
            "holaholahola",
            "facturacion2026",
            "fedatario2026",
            "LopezyAsociados1",
            "lopezyasociados.mx",
            "Ana.Perez.2026",
            "1qaz2wsx3edc",
            "zxcvbnmzxcvbnm",
            "abcdefghijklm",
            "zyxwvutsrqpo",
            "Diciembre2025!",
            "ana.perez@lopezyasociados.mx",
            "adminadmin12",
            "mexicomexico1",
            "111111222222",
            "            ",
            "passwordpassword",
            "Tequiero2024",
        ];
        for text in weak {
            assert!(is_weak(text, &context), "{text}");
        }
        let good = [
            "caballo grapa correcta",
            "7hG#k2!mQx9w",
            "el tren sale tarde hoy",
            "correct horse battery staple",
            "Zapopan llueve en abril",
            "xkqz vbnh trlm",
            "ñandúes de madrugada",
            "🦉🐈🌵🚲🎺🪁🧭🛶🥁🪐🌋🧵",
        ];
        for text in good {
            assert!(!is_weak(text, &context), "{text}");
        }
        assert!(!is_weak("Lopezyasociados jamás", &[]), "only its surroundings know that name");
        fedatario_testkit::covers!(
            "identity: passwords that are guessed first are refused, by patterns and by their owner's surroundings"
        );
    }
}
