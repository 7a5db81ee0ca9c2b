//! What handlers answer with.
//!
//! Each kind describes itself for the OpenAPI document. Whatever is read must not be stored by
//! anybody between us and the caller (`no-store`, set at the edge); an [`ETag`](Tagged) is for
//! `If-Match` and `If-None-Match` alone.

use crate::call::Call;
use crate::describe::Description;
use crate::extract::Page;
use crate::problem::ApiError;
use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LINK, LOCATION};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use fedatario_base::Code;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Something that a handler answers with.
pub trait Answer {
    /// What it says about the operation.
    fn describe(description: &mut Description);

    /// The answer, for this call.
    fn answer(self, call: &Call) -> Result<Response, ApiError>;
}

/// 200 with JSON.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: Serialize + ToSchema> Answer for Json<T> {
    fn describe(description: &mut Description) {
        let schema = description.schema::<T>();
        description.answers(200, "Done.", Some(("application/json", schema)));
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        json_response(StatusCode::OK, &self.0)
    }
}

/// 201 with JSON and where the new thing is.
#[derive(Debug, Clone)]
pub struct Created<T> {
    /// Its address, as `/api/…`.
    pub location: String,
    /// The thing.
    pub body: T,
}

impl<T: Serialize + ToSchema> Answer for Created<T> {
    fn describe(description: &mut Description) {
        let schema = description.schema::<T>();
        description.answers(201, "Made.", Some(("application/json", schema)));
        description.header("Location", "Where it is.");
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        with(json_response(StatusCode::CREATED, &self.body)?, LOCATION, &self.location)
    }
}

/// 202 with JSON: the work goes on, and its state is at the location.
#[derive(Debug, Clone)]
pub struct Accepted<T> {
    /// Where its progress is, as `/api/…`.
    pub location: String,
    /// How it stands now.
    pub body: T,
}

impl<T: Serialize + ToSchema> Answer for Accepted<T> {
    fn describe(description: &mut Description) {
        let schema = description.schema::<T>();
        description.answers(202, "Taken on; the work goes on.", Some(("application/json", schema)));
        description.header("Location", "Where its progress is.");
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        with(json_response(StatusCode::ACCEPTED, &self.body)?, LOCATION, &self.location)
    }
}

/// 204: done, and nothing to say.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Answer for Nothing {
    fn describe(description: &mut Description) {
        description.answers(204, "Done.", None);
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

/// 200 with JSON and its ETag; 304 if the caller has seen this revision (`If-None-Match`).
#[derive(Debug, Clone)]
pub struct Tagged<T> {
    /// What changes with every change of it.
    pub revision: String,
    /// The thing.
    pub body: T,
}

impl<T> Tagged<T> {
    /// The thing at a revision.
    pub fn new(revision: impl std::fmt::Display, body: T) -> Self {
        Self { revision: revision.to_string(), body }
    }
}

/// The ETag of a revision.
pub fn etag(revision: &str) -> String {
    format!("\"{revision}\"")
}

impl<T: Serialize + ToSchema> Answer for Tagged<T> {
    fn describe(description: &mut Description) {
        let schema = description.schema::<T>();
        description.answers(200, "Done.", Some(("application/json", schema)));
        description.header("ETag", "Names this revision, for If-Match.");
        description.answers(304, "The caller has seen this revision.", None);
    }

    fn answer(self, call: &Call) -> Result<Response, ApiError> {
        let tag = etag(&self.revision);
        let seen = call.header(IF_NONE_MATCH.as_str()).is_some_and(|it| it.split(',').any(|it| it.trim() == tag));
        let reads = call.parts.method == axum::http::Method::GET;
        let response = if seen && reads { empty(StatusCode::NOT_MODIFIED) } else { json_response(StatusCode::OK, &self.body)? };
        with(response, ETAG, &tag)
    }
}

/// A page of a list: rows in order, and the cursor of the next page in body and `Link`.
#[derive(Debug, Clone)]
pub struct Paged<T> {
    rows: Vec<T>,
    next: Option<String>,
    filters: String,
    limit: u32,
}

impl<T> Paged<T> {
    /// The page that was asked for. Give it one row more than its limit (`page.limit + 1` of them at
    /// most): the one too many says that there is another page, and is left out. `key` names a row.
    pub fn new(page: &Page, mut rows: Vec<T>, key: impl Fn(&T) -> String) -> Self {
        let full = rows.len() > page.limit as usize;
        rows.truncate(page.limit as usize);
        let next = rows.last().filter(|_| full).map(key);
        Self { rows, next, filters: page.filters.clone(), limit: page.limit }
    }
}

impl<T: Serialize + ToSchema> Answer for Paged<T> {
    fn describe(description: &mut Description) {
        let row = description.schema::<T>();
        let schema = json!({
            "type": "object",
            "required": ["data", "next"],
            "properties": {
                "data": { "type": "array", "items": row },
                "next": { "type": ["string", "null"], "description": "The cursor of the next page; null on the last." },
            },
        });
        description.answers(200, "A page.", Some(("application/json", schema)));
        description.header("Link", "The next page, with rel=\"next\".");
    }

    fn answer(self, call: &Call) -> Result<Response, ApiError> {
        let tenant = call.principal()?.scope.tenant();
        let next = self.next.map(|it| call.api.cursors.seal(call.operation.id, tenant, &self.filters, &it));
        let response = json_response(StatusCode::OK, &json!({ "data": to_value(&self.rows)?, "next": next }))?;
        let Some(next) = next else { return Ok(response) };
        let mut query = url::form_urlencoded::Serializer::new(self.filters);
        query.append_pair("limit", &self.limit.to_string()).append_pair("cursor", &next);
        with(response, LINK, &format!("<{}?{}>; rel=\"next\"", call.parts.uri.path(), query.finish()))
    }
}

/// A file for the caller to keep: bytes as they come, never shown by a browser as a page.
pub struct Download {
    /// Its media type.
    pub media: &'static str,
    /// The name that it is offered under: our own, of letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// The bytes.
    pub body: Body,
}

impl Answer for Download {
    fn describe(description: &mut Description) {
        let schema = json!({ "type": "string", "format": "binary" });
        description.answers(200, "The file.", Some(("*/*", schema)));
        description.header("Content-Disposition", "The name that it is offered under.");
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        let plain = |it: char| if it.is_ascii_alphanumeric() || "-_.".contains(it) { it } else { '_' };
        let name: String = self.name.chars().map(plain).collect();
        let mut response = Response::new(self.body);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(self.media));
        with(response, CONTENT_DISPOSITION, &format!("attachment; filename=\"{name}\""))
    }
}

/// What a page of ours may load: its own style, and nothing else.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A page of ours.
#[derive(Debug, Clone)]
pub struct Html(pub String);

impl Answer for Html {
    fn describe(description: &mut Description) {
        description.answers(200, "The page.", Some(("text/html", json!({ "type": "string" }))));
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        asset("text/html; charset=utf-8", self.0)
    }
}

/// A style of ours.
#[derive(Debug, Clone)]
pub struct Style(pub &'static str);

impl Answer for Style {
    fn describe(description: &mut Description) {
        description.answers(200, "The style.", Some(("text/css", json!({ "type": "string" }))));
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        asset("text/css; charset=utf-8", self.0.to_owned())
    }
}

fn asset(media: &'static str, text: String) -> Result<Response, ApiError> {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    Ok(response)
}

/// A JSON document of any shape, with a schema that says so: for documents whose form is a standard's.
#[derive(Debug, Clone)]
pub struct Document(pub Value);

impl Answer for Document {
    fn describe(description: &mut Description) {
        description.answers(200, "The document.", Some(("application/json", json!({ "type": "object" }))));
    }

    fn answer(self, _: &Call) -> Result<Response, ApiError> {
        json_response(StatusCode::OK, &self.0)
    }
}

/// JSON with a status.
pub fn json_response<T: Serialize>(status: StatusCode, body: &T) -> Result<Response, ApiError> {
    let bytes = serde_json::to_vec(body).map_err(|error| ApiError::new(Code::Internal).because(error))?;
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

fn to_value<T: Serialize>(rows: &[T]) -> Result<Value, ApiError> {
    serde_json::to_value(rows).map_err(|error| ApiError::new(Code::Internal).because(error))
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn with(mut response: Response, name: HeaderName, value: &str) -> Result<Response, ApiError> {
    let value = HeaderValue::from_str(value).map_err(|_| ApiError::new(Code::Internal).because(format!("header {name}")))?;
    response.headers_mut().insert(name, value);
    Ok(response)
}
