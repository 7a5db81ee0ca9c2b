//! A mail written out: subject, text, page.

use crate::templates::{self, PAGE};
use fedatario_app::mail::{LINK, Mail, PostError};
use fedatario_base::text::Language;
use minijinja::{Environment, context};

/// Characters of a subject: more than any inbox shows.
const SUBJECT_CHARS_AT_MOST: usize = 150;

/// A mail as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// One line.
    pub subject: String,
    /// For readers without pages.
    pub text: String,
    /// The same as a page without anything from elsewhere.
    pub page: String,
}

/// Writes a mail out.
pub fn write(mail: &Mail) -> Result<Letter, PostError> {
    let environment = templates::environment();
    let failed = |error: minijinja::Error| PostError::Template(error.to_string());
    let written = environment.render_named_str("mail.txt", templates::source(mail.kind, mail.language), &mail.fields);
    let written = written.map_err(failed)?;
    let (subject, body) = written.split_once('\n').unwrap_or((&written, ""));
    let subject = subject.chars().filter(|it| !it.is_control()).take(SUBJECT_CHARS_AT_MOST).collect::<String>().trim().to_owned();
    let foot = templates::foot(mail.language);
    let text = format!("{}\n\n-- \n{foot}\n", body.trim());
    let page = page(&environment, mail, &subject, body, foot).map_err(failed)?;
    Ok(Letter { subject, text, page })
}

fn page(environment: &Environment<'_>, mail: &Mail, subject: &str, body: &str, foot: &str) -> Result<String, minijinja::Error> {
    let paragraphs: Vec<String> = body.split("\n\n").map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let (language, go) = match mail.language {
        Language::Es => ("es", "Continuar"),
        Language::En => ("en", "Continue"),
    };
    let link = mail.fields.get(LINK).map(String::as_str).unwrap_or_default();
    environment.render_named_str("page.html", PAGE, context! { language, subject, paragraphs, link, go, foot })
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedatario_app::mail::MailKind;
    use jiff::Timestamp;

    fn mail(kind: MailKind, language: Language, value: impl Fn(&str) -> String) -> Mail {
        let fields: Vec<(&str, String)> = kind
            .fields()
            .iter()
            .map(|it| (*it, if *it == LINK { "https://f.example/entrar?a=1&b=2#token=abc".to_owned() } else { value(it) }))
            .collect();
        Mail::new(kind, "ana@example.com", language, Timestamp::UNIX_EPOCH, &fields).unwrap()
    }

    #[test]
    fn every_kind_says_all_it_knows_in_both_languages() {
        for kind in MailKind::ALL {
            let mut subjects = Vec::new();
            for language in [Language::Es, Language::En] {
                let mail = mail(*kind, language, |name| format!("«{name}»"));
                let letter = write(&mail).unwrap();
                for value in mail.fields.values() {
                    assert!(letter.text.contains(value.as_str()), "{kind} {language:?} leaves out {value}");
                }
                assert!(!letter.subject.is_empty() && letter.text.contains(templates::foot(language)), "{kind}");
                subjects.push(letter.subject);
            }
            assert_ne!(subjects[0], subjects[1], "{kind} is said in two languages");
        }
        fedatario_testkit::covers!("mail: every kind has a template in Spanish and English that says all of its fields");
    }

    #[test]
    fn what_a_stranger_wrote_is_text_and_never_markup_or_a_header() {
        for evil in
            ["<script>alert(1)</script>", "\"><img src=x onerror=y>", "{{ 7 * 7 }}", "a\r\nBcc: b@example.com", "=?utf-8?q?x?="]
        {
            let letter = write(&mail(MailKind::Invitation, Language::Es, |_| evil.to_owned())).unwrap();
            assert!(!letter.page.contains("<script>") && !letter.page.contains("<img src=x"), "{}", letter.page);
            assert!(!letter.subject.contains(['\r', '\n']) && !letter.subject.contains("49"), "{}", letter.subject);
        }
        let letter = write(&mail(MailKind::Invitation, Language::Es, |_| "x".repeat(5_000))).unwrap();
        assert!(letter.subject.chars().count() <= SUBJECT_CHARS_AT_MOST);
        fedatario_testkit::covers!("mail: markup, templates and line breaks of a stranger stay text");
    }

    #[test]
    fn a_link_is_a_button_on_the_page_and_a_line_in_the_text() {
        let letter = write(&mail(MailKind::PasswordReset, Language::En, |it| it.to_owned())).unwrap();
        assert!(letter.text.contains("\nhttps://f.example/entrar?a=1&b=2#token=abc\n"), "{}", letter.text);
        assert_eq!(letter.page.matches("href=").count(), 1);
        assert!(!letter.page.contains("src=") && !letter.page.contains("url("), "nothing is fetched from elsewhere");
    }
}
