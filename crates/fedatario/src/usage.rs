//! What is wrong with a command line, in the reader's language: clap's own words are English only.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use fedatario_base::text::{Language, say};

/// Says it; what clap finds and we have no sentence for is left in its words.
pub fn said(error: &clap::Error, language: Language) -> String {
    let context = |kind| error.get(kind).map(shown).unwrap_or_default();
    let (argument, value) = (context(ContextKind::InvalidArg), context(ContextKind::InvalidValue));
    let key = match error.kind() {
        ErrorKind::UnknownArgument => "cli-usage-unknown",
        ErrorKind::InvalidSubcommand => "cli-usage-no-command",
        ErrorKind::MissingSubcommand | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "cli-usage-command-missing",
        ErrorKind::MissingRequiredArgument => "cli-usage-missing",
        ErrorKind::ArgumentConflict => "cli-usage-conflict",
        ErrorKind::InvalidValue if value.is_empty() => "cli-usage-value-missing",
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => "cli-usage-value",
        ErrorKind::NoEquals | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => "cli-usage-value-missing",
        ErrorKind::TooManyValues => "cli-usage-too-many",
        _ => return in_its_own_words(error),
    };
    let unknown = if argument.is_empty() { context(ContextKind::InvalidSubcommand) } else { argument };
    let mut sentence = say(language, key, &[("argument", unknown), ("value", value), ("other", context(ContextKind::PriorArg))]);
    let hints = [
        ("cli-usage-valid", context(ContextKind::ValidValue)),
        (
            "cli-usage-similar",
            first_of(error, &[ContextKind::SuggestedArg, ContextKind::SuggestedValue, ContextKind::SuggestedSubcommand]),
        ),
    ];
    for (key, values) in hints.into_iter().filter(|(_, values)| !values.is_empty()) {
        sentence = format!("{sentence} {}", say(language, key, &[("values", values)]));
    }
    sentence
}

fn first_of(error: &clap::Error, kinds: &[ContextKind]) -> String {
    kinds.iter().filter_map(|it| error.get(*it)).map(shown).next().unwrap_or_default()
}

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(all) => all.join(", "),
        ContextValue::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

fn in_its_own_words(error: &clap::Error) -> String {
    let said = error.render().to_string();
    said.split("\n\nUsage:").next().unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
}
