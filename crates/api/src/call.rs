//! One call: what is known of it from outside in.

use crate::api::Api;
use crate::describe::Description;
use crate::limits::Standing;
use crate::operation::Operation;
use crate::problem::ApiError;
use axum::body::Body;
use axum::http::request::Parts;
use bytes::Bytes;
use fedatario_app::identity::door::{Origin, Principal};
use fedatario_base::Code;
use fedatario_base::id::RequestId;
use fedatario_base::text::Language;
use std::sync::Arc;

/// What every request carries, whatever it asks for: made once at the edge.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The name of this request, in its answer, in logs and in the audit chain.
    pub request: RequestId,
    /// The trace that it belongs to: the caller's, or a fresh one. 32 hex digits, or what the caller
    /// sent as `X-Trace-ID`.
    pub trace: String,
    /// The language of sentences.
    pub language: Language,
    /// Where it comes from.
    pub origin: Origin,
}

/// The body, as the operation reads it.
pub enum Content {
    /// None, or it was taken.
    Nothing,
    /// Whole, within the bound.
    Whole(Bytes),
    /// As it arrives, within the bound.
    Stream(Body),
}

/// A call to an operation, on its way to the handler.
pub struct Call {
    /// The services.
    pub api: Api,
    /// What is called.
    pub operation: Arc<Operation>,
    /// What its handler's types say.
    pub description: Arc<Description>,
    /// What every request carries.
    pub asked: Asked,
    /// Method, address, headers.
    pub parts: Parts,
    /// The parts of the path, decoded, in order.
    pub path: Vec<String>,
    /// Who was let in; always there unless the operation is open to anyone.
    pub principal: Option<Principal>,
    /// What may still be asked for.
    pub standings: Vec<Standing>,
    /// The body.
    pub content: Content,
    pub(crate) next_path: usize,
}

impl Call {
    /// Who was let in.
    pub fn principal(&self) -> Result<&Principal, ApiError> {
        self.principal.as_ref().ok_or_else(|| ApiError::new(Code::Unauthenticated))
    }

    /// A header, if it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut all = self.parts.headers.get_all(name).iter();
        let first = all.next()?.to_str().ok()?;
        all.next().is_none().then_some(first)
    }

    /// The pairs after the question mark, decoded.
    pub fn query(&self) -> Vec<(String, String)> {
        let text = self.parts.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
    }

    /// The next part of the path.
    pub fn next_path_part(&mut self) -> &str {
        self.next_path += 1;
        self.path.get(self.next_path - 1).map_or("", String::as_str)
    }

    /// The whole body; it can be taken once.
    pub fn take_whole(&mut self) -> Bytes {
        match std::mem::replace(&mut self.content, Content::Nothing) {
            Content::Whole(bytes) => bytes,
            Content::Nothing | Content::Stream(_) => Bytes::new(),
        }
    }

    /// The body as a stream; it can be taken once.
    pub fn take_stream(&mut self) -> Body {
        match std::mem::replace(&mut self.content, Content::Nothing) {
            Content::Stream(body) => body,
            Content::Whole(bytes) => Body::from(bytes),
            Content::Nothing => Body::empty(),
        }
    }
}
