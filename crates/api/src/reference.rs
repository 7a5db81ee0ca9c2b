//! The reference page: every operation, on one page that needs nothing from outside.
//!
//! Written from the declarations, as the OpenAPI document is. No script; the style is a file of ours.
//! What an example shows is what the tests send.

use crate::describe::{Description, Place};
use crate::operation::{Access, Idempotency, Operation};
use crate::problem::language_tag;
use crate::routing::{Catalog, Entry};
use fedatario_base::Code;
use fedatario_base::text::{Language, say};
use maud::{DOCTYPE, Markup, html};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where the style is.
pub const STYLE_PATH: &str = "/api/reference/style.css";

/// The style.
pub const STYLE: &str = include_str!("reference.css");

/// The page, in a language.
pub fn page(catalog: &Catalog, language: Language) -> String {
    let word = |key: &str| say(language, &format!("reference-{key}"), &[]);
    let mut by_tag: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in catalog.entries() {
        by_tag.entry(entry.tag).or_default().push(entry);
    }
    let body = html! {
        p { (word("about")) " " a href="/api/openapi.json" { "openapi.json" } }
        nav aria-label=(word("contents")) { ul { @for tag in by_tag.keys() { li { a href={ "#" (tag) } { (tag) } } } } }
        @for (tag, entries) in &by_tag {
            section id=(tag) {
                h2 { (tag) }
                @for entry in entries { (operation(entry, language)) }
            }
        }
    };
    framed(language, &word("title"), &body)
}

/// The page of an error code; `None` for a code that is none.
pub fn error_page(slug: &str, language: Language) -> Option<String> {
    let code = Code::from_slug(slug)?;
    let example = say(language, &format!("{slug}.example"), &[]);
    let body = html! {
        p { (say(language, slug, &[])) }
        p { (say(language, &format!("{slug}.fix"), &[])) }
        pre { code { (example) } }
        p { "HTTP " (code.http_status()) }
        p { a href="/api/reference" { (say(language, "reference-title", &[])) } }
    };
    Some(framed(language, slug, &body))
}

fn framed(language: Language, title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(language_tag(language)) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Fedatario" }
                link rel="stylesheet" href=(STYLE_PATH);
            }
            body { main { h1 { (title) } (body) } }
        }
    };
    page.into_string()
}

fn operation(entry: &Entry, language: Language) -> Markup {
    let (operation, description) = (&entry.operation, &entry.description);
    let word = |key: &str| say(language, &format!("reference-{key}"), &[]);
    html! {
        article id=(operation.id) {
            h3 { span class="method" { (operation.method) } " " code { (operation.path) } }
            p { (operation.summary) }
            @if !operation.notes.is_empty() { p { (operation.notes) } }
            dl {
                dt { (word("permission")) } dd { code { (operation.permission_text()) } @if operation.needs_step_up { " + " (word("step-up")) } }
                @if operation.idempotency != Idempotency::Ignored { dt { "Idempotency-Key" } dd { (operation.idempotency.text()) } }
                @if let Some(action) = operation.audits { dt { (word("audit")) } dd { code { (action) } } }
                @for (name, text) in parameters(operation, description) { dt { code { (name) } } dd { (text) } }
                @for answer in &description.answers { dt { (answer.status) } dd { (answer.text) } }
                @for code in operation.refusals { dt { (code.http_status()) } dd { a href={ "/api/reference/errors/" (code.slug()) } { code { (code.slug()) } } } }
            }
            pre { code { (curl(operation, description)) } }
        }
    }
}

fn parameters(operation: &Operation, description: &Description) -> Vec<(String, String)> {
    let mut names = operation.path_names();
    let named = description.parameters.iter().map(|it| match it.place {
        Place::Path => (format!("{{{}}}", names.next().unwrap_or_default()), it.text.clone()),
        Place::Query => (format!("?{}", it.name), it.text.clone()),
        Place::Header => (it.name.clone(), it.text.clone()),
    });
    named.collect()
}

/// The call as a shell sends it.
pub fn curl(operation: &Operation, description: &Description) -> String {
    let mut lines = vec![format!("curl -X {} \"$FEDATARIO{}\"", operation.method, operation.path)];
    if operation.access != Access::Anyone {
        lines.push("  -H \"Authorization: Bearer $TOKEN\"".into());
    }
    if operation.idempotency == Idempotency::Required {
        lines.push("  -H \"Idempotency-Key: $(uuidgen)\"".into());
    }
    if description.guards_revision {
        lines.push("  -H 'If-Match: \"1\"'".into());
    }
    match (&description.body, operation.example) {
        (Some(body), Some(example)) if body.media == "application/json" => {
            let pretty = serde_json::from_str::<Value>(example).ok().and_then(|it| serde_json::to_string(&it).ok());
            lines.push("  -H 'Content-Type: application/json'".into());
            lines.push(format!("  -d '{}'", pretty.unwrap_or_default()));
        }
        (Some(_), _) => lines.push("  --data-binary @FILE".into()),
        (None, _) => {}
    }
    lines.join(" \\\n")
}
