//! Words looked for in a document, whatever their case and accents.

use crate::model::FoundDocument;
use fedatario_fiscal::mx::accounts::Accounts;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Words of one question; more find nothing better.
const WORDS_AT_MOST: usize = 16;
/// Characters of one question.
const CHARS_AT_MOST: usize = 500;

/// Lower case, without accents; `ñ` is found by `n`.
pub fn folded(text: &str) -> String {
    text.nfd().filter(|it| !is_combining_mark(*it)).flat_map(char::to_lowercase).collect()
}

/// What is looked for: every word must be somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Words(Vec<String>);

impl Words {
    /// From what a person typed.
    pub fn new(text: &str) -> Self {
        let text: String = text.chars().take(CHARS_AT_MOST).collect();
        Self(folded(&text).split_whitespace().take(WORDS_AT_MOST).map(str::to_owned).collect())
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a document has them all: in names, tax ids, series and folio, concepts or UUID.
    pub fn are_in(&self, found: &FoundDocument, accounts: &Accounts) -> bool {
        if self.is_empty() {
            return true;
        }
        let row = &found.row;
        let number = format!("{}{} {0}-{1}", accounts.series, accounts.folio);
        let parts = [&row.issuer, &row.issuer_name, &row.receiver, &row.receiver_name, &row.uuid, &number];
        let all = parts.into_iter().chain(&accounts.concepts).map(String::as_str).collect::<Vec<_>>().join("\n");
        let all = folded(&all);
        self.0.iter().all(|it| all.contains(it.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_accents_do_not_matter() {
        for (text, expected) in [("Ñandú ÁÉÍ", "nandu aei"), ("PÚBLICO & Cía", "publico & cia"), ("n\u{303}", "n"), ("", "")]
        {
            assert_eq!(folded(text), expected, "{text}");
        }
        assert!(Words::new(" \t ").is_empty());
        assert_eq!(Words::new(&"a ".repeat(5_000)).0.len(), WORDS_AT_MOST);
    }
}
