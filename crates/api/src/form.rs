//! Forms with files: `multipart/form-data`, held whole within the operation's bound.
//!
//! A form declares its fields; whatever else is sent is refused, and so is a field sent twice. What
//! comes in is held as a secret, because keys and passwords come this way: it is wiped when dropped and
//! never shown.

use crate::call::Call;
use crate::describe::{BodyDescription, Description};
use crate::extract::Extract;
use crate::problem::{ApiError, Finding};
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::header::CONTENT_TYPE;
use fedatario_base::{Code, Secret};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::marker::PhantomData;

/// Characters of a text field.
pub const TEXT_CHARS_AT_MOST: usize = 1_000;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    File,
    /// A line of text.
    Text,
    /// A line that is never shown.
    Password,
}

/// A field of a form.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub required: bool,
    /// What it is for.
    pub text: &'static str,
}

/// The fields of a form.
pub trait Fields: Send + 'static {
    /// All of them.
    const FIELDS: &'static [Field];
}

/// A form that was sent.
pub struct Form<T> {
    parts: BTreeMap<&'static str, Secret>,
    of: PhantomData<fn() -> T>,
}

impl<T> Form<T> {
    /// A field, taken out.
    pub fn take(&mut self, name: &str) -> Option<Secret> {
        self.parts.remove(name)
    }

    /// A text field.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.parts.get(name).and_then(Secret::expose_str).map(str::trim).filter(|it| !it.is_empty())
    }
}

impl<T: Fields> Extract for Form<T> {
    fn describe(description: &mut Description) {
        let properties: Map<String, Value> = T::FIELDS.iter().map(|it| (it.name.to_owned(), schema(it))).collect();
        let required: Vec<&str> = T::FIELDS.iter().filter(|it| it.required).map(|it| it.name).collect();
        let mut schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        description.body = Some(BodyDescription { media: "multipart/form-data", schema, streams: false, required: true });
    }

    async fn extract(call: &mut Call) -> Result<Self, ApiError> {
        let media = call.header(CONTENT_TYPE.as_str()).unwrap_or_default().to_owned();
        let bytes = call.take_whole();
        let request = Request::builder().header(CONTENT_TYPE, media).body(Body::from(bytes));
        let request = request.map_err(|_| ApiError::new(Code::MediaType))?;
        let multipart = Multipart::from_request(request, &()).await;
        let mut multipart = multipart.map_err(|_| ApiError::new(Code::MediaType).member("accepts", "multipart/form-data"))?;
        let broken = |error: axum::extract::multipart::MultipartError| ApiError::new(Code::BodyBroken).because(error.body_text());
        let mut parts = BTreeMap::new();
        while let Some(field) = multipart.next_field().await.map_err(broken)? {
            let name = field.name().unwrap_or_default().to_owned();
            let known = T::FIELDS.iter().find(|it| it.name == name);
            let known = known.ok_or_else(|| ApiError::field(pointer(&name), Code::FieldUnknown))?;
            let bytes = field.bytes().await.map_err(broken)?;
            let is_long = known.kind != Kind::File && bytes.len() > TEXT_CHARS_AT_MOST;
            if is_long || parts.insert(known.name, Secret::new(bytes.to_vec())).is_some() {
                return Err(ApiError::field(pointer(known.name), Code::FieldInvalid));
            }
        }
        let missing = T::FIELDS.iter().filter(|it| it.required && !parts.contains_key(it.name));
        let missing: Vec<Finding> = missing.map(|it| Finding { pointer: pointer(it.name), code: Code::FieldMissing }).collect();
        if missing.is_empty() { Ok(Self { parts, of: PhantomData }) } else { Err(ApiError::fields(missing)) }
    }
}

/// A name of a stranger's is cut before it is told back.
fn pointer(name: &str) -> String {
    /// Characters of a name that is told back.
    const SHOWN: usize = 64;
    let shown: String = name.chars().filter(|it| !it.is_control()).take(SHOWN).collect();
    format!("/{}", shown.replace('~', "~0").replace('/', "~1"))
}

fn schema(field: &Field) -> Value {
    let mut schema = match field.kind {
        Kind::File => json!({ "type": "string", "format": "binary" }),
        Kind::Text => json!({ "type": "string", "maxLength": TEXT_CHARS_AT_MOST }),
        Kind::Password => json!({ "type": "string", "format": "password", "maxLength": TEXT_CHARS_AT_MOST }),
    };
    schema["description"] = json!(field.text);
    schema
}
