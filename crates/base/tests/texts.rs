//! The catalogues: nothing fails to parse, both say the same things about the same variables, and
//! every code and every key that the shell asks for has its words.

use fedatario_base::Code;
use fedatario_base::text::{Language, say};
use fluent_bundle::{FluentBundle, FluentResource};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const ES: &str = include_str!("../texts/es.ftl");
const EN: &str = include_str!("../texts/en.ftl");

/// The texts by key (`id` or `id.attribute`). A message of ours is one line, an attribute another.
fn texts(source: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut id = String::new();
    for line in source.lines().filter(|it| !it.trim().is_empty() && !it.starts_with('#')) {
        let (name, text) = line.split_once(" = ").unwrap_or_else(|| panic!("neither message nor attribute: {line}"));
        let key = match name.strip_prefix("    .") {
            Some(attribute) => format!("{id}.{attribute}"),
            None => {
                id = name.to_owned();
                name.to_owned()
            }
        };
        assert!(!text.trim().is_empty(), "{key} is empty");
        assert!(found.insert(key.clone(), text.to_owned()).is_none(), "{key} twice");
    }
    found
}

fn variables(text: &str) -> BTreeSet<&str> {
    text.split("{ $").skip(1).filter_map(|it| it.split(" }").next()).collect()
}

#[test]
fn both_catalogues_parse_and_name_nothing_twice() {
    for (tag, source) in [("es-MX", ES), ("en", EN)] {
        let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(_, errors)| panic!("{tag}: {errors:?}"));
        let mut bundle = FluentBundle::new(vec![tag.parse().expect("a language tag")]);
        bundle.add_resource(resource).unwrap_or_else(|errors| panic!("{tag}: {errors:?}"));
        for key in texts(source).keys().filter(|it| !it.contains('.')) {
            assert!(bundle.has_message(key), "{tag}: {key} was not understood");
        }
    }
}

#[test]
fn both_catalogues_have_the_same_keys_and_variables() {
    let (es, en) = (texts(ES), texts(EN));
    let keys = |it: &BTreeMap<String, String>| it.keys().cloned().collect::<BTreeSet<String>>();
    assert_eq!(keys(&es), keys(&en));
    for (key, text) in &es {
        assert_eq!(variables(text), variables(&en[key]), "{key}");
    }
}

#[test]
fn every_code_says_what_is_wrong_how_to_mend_it_and_an_example() {
    for code in Code::ALL {
        let slug = code.slug();
        for key in [slug.to_owned(), format!("{slug}.fix"), format!("{slug}.example")] {
            for language in [Language::Es, Language::En] {
                let said = say(language, &key, &[]);
                assert_ne!(said, key, "{language:?} says nothing");
                assert!(key.ends_with(".example") || said.ends_with('.'), "{key} is no sentence: {said}");
            }
        }
    }
    fedatario_testkit::covers!("base: every error code has its words, its remedy and its example, in Spanish and English");
}

#[test]
fn every_message_is_a_code_or_is_used() {
    let known = |id: &str| {
        id.starts_with("cli")
            || id.starts_with("mail-")
            || id.starts_with("sat-")
            || id.starts_with("word-")
            || id.starts_with("reference-")
            || Code::from_slug(id).is_some()
    };
    let strangers: Vec<String> = texts(ES).into_keys().filter(|it| !known(it.split('.').next().unwrap_or_default())).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
}

#[test]
fn every_key_in_the_shells_sources_is_there() {
    let here = texts(ES);
    let mut looked_at = 0;
    for folder in ["../fedatario/src", "../app/src"] {
        for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) {
            let source = std::fs::read_to_string(&file).expect("a source is readable");
            for key in keys_in(&source) {
                assert!(here.contains_key(key), "{}: {key} has no text", file.display());
                looked_at += 1;
            }
        }
    }
    assert!(looked_at > 20, "only {looked_at} keys were found: has the shell moved?");
    fedatario_testkit::covers!("base: every key that the shell asks for has its text");
}

/// Whole literals like `"cli-done"`; a literal with a placeholder is a family, not a key.
fn keys_in(source: &str) -> Vec<&str> {
    let literals = source.split('"').skip(1).step_by(2);
    let is_key = |it: &&str| {
        (it.starts_with("cli-") || it.starts_with("sat-"))
            && !it.ends_with('-')
            && it.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
    };
    literals.filter(is_key).collect()
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("a folder entry").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|it| it == "rs") {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_language_is_english_only_when_asked_for_first() {
    for (tag, expected) in
        [("en", Language::En), ("en-US,es;q=0.5", Language::En), ("es", Language::Es), ("", Language::Es), ("fr, en", Language::Es)]
    {
        assert_eq!(Language::from_tag(tag), expected, "{tag}");
    }
}

#[test]
fn arguments_stand_where_the_sentence_wants_them() {
    let said = say(Language::Es, "cli-done", &[("id", "job_1".to_owned())]);
    assert_eq!(said, "Hecho: job_1.");
    assert_eq!(say(Language::En, "no-such-key", &[]), "no-such-key");
}
