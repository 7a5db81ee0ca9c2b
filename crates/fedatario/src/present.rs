//! What a person sees: lines on standard output, progress on standard error (only on a terminal),
//! and with `--json` one object as the last line.

use crate::failure::Failure;
use fedatario_app::model::SolicitudState;
use fedatario_base::text::{Language, say};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::process::ExitCode;

/// Where a command speaks.
pub struct Screen {
    language: Language,
    json: bool,
}

impl Screen {
    /// A screen in a language; with `json` it keeps its words to itself.
    pub fn new(language: Language, json: bool) -> Self {
        Self { language, json }
    }

    /// The reader's language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// Whether one object for programs is wanted instead of words.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// A sentence of the catalogue.
    pub fn text(&self, key: &str, arguments: &[(&str, String)]) -> String {
        say(self.language, key, arguments)
    }

    /// A state of a request in the reader's words.
    pub fn state(&self, state: SolicitudState) -> String {
        self.word("state", state.text())
    }

    /// A word of a closed set in the reader's language; itself if the catalogue has none.
    pub fn word(&self, set: &str, text: &str) -> String {
        let key = format!("word-{set}-{}", text.replace('_', "-"));
        let said = self.text(&key, &[]);
        if said == key { text.to_owned() } else { said }
    }

    /// Says a sentence of the catalogue; not with `--json`.
    pub fn say(&self, key: &str, arguments: &[(&str, String)]) {
        if !self.json {
            line(&self.text(key, arguments));
        }
    }

    /// Prints a line as it is; not with `--json`.
    pub fn print(&self, text: &str) {
        if !self.json {
            line(text);
        }
    }

    /// The result for programs, with `--json`.
    pub fn result(&self, value: &Value) {
        if self.json {
            line(&value.to_string());
        }
    }

    /// A progress bar, drawn only on a terminal.
    pub fn progress(&self, total: u64) -> ProgressBar {
        if self.json || !std::io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new(total);
        let style = ProgressStyle::with_template("{bar:32} {pos}/{len} {msg} ({elapsed})");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar
    }

    /// Tells what went wrong, how to mend it, and ends with the code's exit.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        let slug = failure.code.slug();
        let key = failure.sentence.unwrap_or(slug);
        let (what, fix) = (self.text(key, &[]), self.text(&format!("{key}.fix"), &[]));
        eprintln!("{}: {what}", slug);
        eprintln!("  {}", failure.detail);
        if fix != format!("{key}.fix") {
            eprintln!("  {fix}");
        }
        self.result(&json!({ "error": { "code": slug, "title": what, "detail": failure.detail, "fix": fix, "retryable": failure.code.retryable() } }));
        ExitCode::from(failure.code.exit() as u8)
    }
}

/// A reader that went away (`| head`) is no reason to panic.
fn line(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}
