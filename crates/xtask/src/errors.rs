//! The pages of error codes under `docs/errors/`, made from the table and the catalogues.

use crate::repository::Repository;
use fedatario_base::Code;
use fedatario_base::code::Source;
use fedatario_base::text::{Language, say};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Where the pages lie.
pub const FOLDER: &str = "docs/errors";

/// Writes every page and removes those of codes that are not in the table.
pub fn write(repository: &Repository) -> anyhow::Result<()> {
    let pages = pages();
    for (name, text) in &pages {
        repository.write(&format!("{FOLDER}/{name}"), text)?;
    }
    for name in repository.names(FOLDER)?.iter().filter(|it| !pages.contains_key(*it)) {
        std::fs::remove_file(repository.path(&format!("{FOLDER}/{name}")))?;
    }
    Ok(())
}

/// What is missing, stale or left over.
pub fn check(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let pages = pages();
    let mut found = Vec::new();
    for (name, text) in &pages {
        match repository.read(&format!("{FOLDER}/{name}")) {
            Err(_) => found.push(format!("{FOLDER}/{name}: missing (xtask docs writes it)")),
            Ok(written) if written != *text => found.push(format!("{FOLDER}/{name}: stale (xtask docs writes it)")),
            Ok(_) => {}
        }
    }
    let there = repository.names(FOLDER).unwrap_or_default();
    found.extend(there.iter().filter(|it| !pages.contains_key(*it)).map(|it| format!("{FOLDER}/{it}: of no code")));
    Ok(found)
}

/// Every page by its name, the index among them.
pub fn pages() -> BTreeMap<String, String> {
    let mut pages: BTreeMap<String, String> = Code::ALL.iter().map(|it| (format!("{}.md", it.slug()), page(*it))).collect();
    pages.insert("README.md".to_owned(), index());
    pages
}

fn index() -> String {
    let mut text = "# Error codes\n\nA code keeps its meaning for good. `fedatario explain CODE` says the same in the shell.\n\n\
        | Code | What is wrong | Exit | HTTP | Look first at | Retry |\n| --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for code in Code::ALL {
        let what = say(Language::En, code.slug(), &[]).replace('|', "\\|");
        let slug = code.slug();
        let _ = writeln!(
            text,
            "| [`{slug}`]({slug}.md) | {what} | {} | {} | {} | {} |",
            code.exit() as u8,
            code.http_status(),
            source(code.source()),
            if code.retryable() { "yes" } else { "no" }
        );
    }
    text
}

fn page(code: Code) -> String {
    let slug = code.slug();
    let retry = match code.retryable() {
        true => "The same call may succeed later, unchanged.",
        false => "The same call will fail again; something has to change first.",
    };
    let mut text = format!("# `{slug}`\n");
    for (language, wrong, fix, example) in
        [(Language::Es, "Qué pasó", "Cómo se arregla", "Ejemplo"), (Language::En, "What is wrong", "How to mend it", "Example")]
    {
        let of = |key: &str| say(language, key, &[]);
        let _ = write!(
            text,
            "\n**{wrong}.** {}\n\n**{fix}.** {}\n\n**{example}.**\n\n```text\n{}\n```\n",
            of(slug),
            of(&format!("{slug}.fix")),
            of(&format!("{slug}.example"))
        );
    }
    let _ = write!(
        text,
        "\n**For programs.** Exit code {} · HTTP status {} · look first at {}. {retry}\n",
        code.exit() as u8,
        code.http_status(),
        source(code.source())
    );
    text
}

fn source(source: Source) -> &'static str {
    match source {
        Source::Caller => "what was asked",
        Source::Authority => "the authority",
        Source::Installation => "this installation",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_page_with_its_words() {
        let pages = pages();
        assert_eq!(pages.len(), Code::ALL.len() + 1);
        let page = &pages["key_password.md"];
        for part in ["# `key_password`", "Cómo se arregla", "How to mend it", "Exit code 2", "HTTP status 422"] {
            assert!(page.contains(part), "{part}: {page}");
        }
        assert!(pages["README.md"].contains("[`key_password`](key_password.md)"));
    }

    #[test]
    fn a_missing_a_stale_and_a_stray_page_are_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::at(folder.path());
        write(&repository).expect("pages");
        assert!(check(&repository).expect("a check").is_empty());
        repository.write("docs/errors/usage.md", "old").expect("a file");
        repository.write("docs/errors/gone.md", "").expect("a file");
        std::fs::remove_file(repository.path("docs/errors/internal.md")).expect("it is there");
        let found = check(&repository).expect("a check");
        for (name, what) in [("usage.md", "stale"), ("gone.md", "of no code"), ("internal.md", "missing")] {
            assert!(found.iter().any(|it| it.contains(name) && it.contains(what)), "{name}: {found:?}");
        }
        assert_eq!(found.len(), 3);
        fedatario_testkit::covers!("base: each error code has its page under docs/errors, made from the table and fresh");
    }
}
