//! Sentences for people, in Spanish and English, by slug.
//!
//! The catalogues are `texts/es.ftl` and `texts/en.ftl`: one message a slug, with the attributes
//! `fix` and `example`. Only the edges (shell, API, pages) render; everything inside passes codes.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use std::sync::LazyLock;

/// The languages people are spoken to in; Spanish is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// Spanish of Mexico.
    #[default]
    Es,
    /// English.
    En,
}

impl Language {
    /// From `LANG` or an `Accept-Language` value: English only when it asks for English first.
    pub fn from_tag(tag: &str) -> Self {
        if tag.trim_start().to_ascii_lowercase().starts_with("en") { Self::En } else { Self::Es }
    }
}

static ES: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| bundle("es-MX", include_str!("../texts/es.ftl")));
static EN: LazyLock<FluentBundle<FluentResource>> = LazyLock::new(|| bundle("en", include_str!("../texts/en.ftl")));

fn bundle(tag: &str, source: &str) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![tag.parse().expect("a language tag")]);
    bundle.set_use_isolating(false);
    let resource = FluentResource::try_new(source.to_owned()).unwrap_or_else(|(partial, _)| partial);
    bundle.add_resource_overriding(resource);
    bundle
}

/// The message `key` (or `key.attribute`) with its arguments; the key itself when there is none,
/// so that a missing text is seen and never hides an error.
pub fn say(language: Language, key: &str, arguments: &[(&str, String)]) -> String {
    let bundle: &FluentBundle<FluentResource> = match language {
        Language::Es => &ES,
        Language::En => &EN,
    };
    let (id, attribute) = key.split_once('.').map_or((key, None), |(id, it)| (id, Some(it)));
    let Some(message) = bundle.get_message(id) else { return key.to_owned() };
    let pattern = match attribute {
        Some(name) => message.get_attribute(name).map(|it| it.value()),
        None => message.value(),
    };
    let Some(pattern) = pattern else { return key.to_owned() };
    let mut args = FluentArgs::new();
    for (name, value) in arguments {
        args.set(*name, value.clone());
    }
    bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
}
