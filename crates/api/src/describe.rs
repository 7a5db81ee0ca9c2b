//! What the types of a handler say about the operation: its parameters, its body, its answers.
//!
//! A handler cannot take or give anything that is not described: every extractor and every answer
//! describes itself here, and the OpenAPI document is written from that.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// Where a parameter stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In the path; named by the operation's path, in order.
    Path,
    /// After the question mark.
    Query,
    /// In a header.
    Header,
}

/// A parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Where it stands.
    pub place: Place,
    /// Its name; empty for those of the path, which the path names.
    pub name: String,
    /// What it is for.
    pub text: String,
    /// Whether it must be there.
    pub required: bool,
    /// Its schema.
    pub schema: Value,
}

/// What a body is.
#[derive(Debug, Clone)]
pub struct BodyDescription {
    /// Its media type.
    pub media: &'static str,
    /// Its schema.
    pub schema: Value,
    /// Whether it is read as a stream, never held whole.
    pub streams: bool,
    /// Whether it must be there.
    pub required: bool,
}

/// An answer that an operation may give.
#[derive(Debug, Clone)]
pub struct AnswerDescription {
    /// Its status.
    pub status: u16,
    /// What it means.
    pub text: &'static str,
    /// Media type and schema; `None` without a body.
    pub content: Option<(&'static str, Value)>,
    /// Its headers and what they say.
    pub headers: Vec<(&'static str, &'static str)>,
}

/// What the types of a handler said.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// Parameters, in order.
    pub parameters: Vec<Parameter>,
    /// The body, if one is read.
    pub body: Option<BodyDescription>,
    /// The answers of success.
    pub answers: Vec<AnswerDescription>,
    /// Schemas that others refer to, by name.
    pub schemas: BTreeMap<String, Value>,
    /// Whether somebody must have been let in.
    pub needs_principal: bool,
    /// Whether `If-Match` is read.
    pub guards_revision: bool,
}

/// What the names of fields with passwords have in common.
const PASSWORDS: [&str; 2] = ["password", "passphrase"];

impl Description {
    /// A schema by reference; what it refers to comes along.
    pub fn schema<T: ToSchema>(&mut self) -> Value {
        let mut found: Vec<(String, RefOr<Schema>)> = Vec::new();
        T::schemas(&mut found);
        for (name, schema) in found {
            self.schemas.insert(name, plain(&schema));
        }
        let name = T::name().into_owned();
        let own = plain(&<T as PartialSchema>::schema());
        if name.is_empty() || own.get("$ref").is_some() {
            return own;
        }
        self.schemas.insert(name.clone(), own);
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    /// Adds a parameter of the path.
    pub fn path_part(&mut self, text: &str, schema: Value) {
        self.parameters.push(Parameter { place: Place::Path, name: String::new(), text: text.to_owned(), required: true, schema });
    }

    /// Adds a parameter after the question mark, or in a header.
    pub fn parameter(&mut self, place: Place, name: &str, text: &str, schema: Value) {
        let (name, text) = (name.to_owned(), text.to_owned());
        self.parameters.push(Parameter { place, name, text, required: false, schema });
    }

    /// Adds an answer.
    pub fn answers(&mut self, status: u16, text: &'static str, content: Option<(&'static str, Value)>) {
        self.answers.push(AnswerDescription { status, text, content, headers: Vec::new() });
    }

    /// Adds a header to the last answer.
    pub fn header(&mut self, name: &'static str, text: &'static str) {
        if let Some(last) = self.answers.last_mut() {
            last.headers.push((name, text));
        }
    }

    /// Whether a password comes in its body: a field that says so by its name or its format.
    pub fn takes_password(&self) -> bool {
        let Some(body) = &self.body else { return false };
        let named = body.schema["$ref"].as_str().and_then(|it| self.schemas.get(it.rsplit('/').next()?));
        let fields = named.unwrap_or(&body.schema)["properties"].as_object();
        fields.into_iter().flatten().any(|(name, schema)| {
            schema["format"] == "password" || PASSWORDS.iter().any(|it| name.to_ascii_lowercase().contains(it))
        })
    }

    /// The names that may stand after the question mark.
    pub fn query_names(&self) -> impl Iterator<Item = &str> {
        self.parameters.iter().filter(|it| it.place == Place::Query).map(|it| it.name.as_str())
    }
}

fn plain(schema: &RefOr<Schema>) -> Value {
    serde_json::to_value(schema).unwrap_or_default()
}
