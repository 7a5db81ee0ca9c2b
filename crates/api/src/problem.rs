//! Refusals and failures as RFC 9457 tells them.
//!
//! An [`ApiError`] is a code of the table with what a caller needs beside it; its English text is for
//! the log and never leaves the house. Sentences come from the catalogues, in the language of the
//! caller, when the answer is written: `title` says what happened, `detail` how to mend it.

use crate::call::Asked;
use axum::body::Body;
use axum::http::header::{CONTENT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use fedatario_app::AppError;
use fedatario_app::certificates::COME_BACK;
use fedatario_base::Code;
use fedatario_base::code::Source;
use fedatario_base::text::{Language, say};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Where a code is explained, for programs that follow `type`.
pub const TYPE_BASE: &str = "/api/reference/errors/";

/// Findings told in one answer: a form has no more fields, and a stranger gets no longer page.
pub const FINDINGS_AT_MOST: usize = 100;

/// What became of what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Outcome {
    /// Nothing happened.
    #[default]
    None,
    /// It had been done before.
    Done,
    /// It may have happened; ask before repeating it.
    Uncertain,
}

impl Outcome {
    /// Its text.
    pub fn text(self) -> &'static str {
        match self {
            Outcome::None => "none",
            Outcome::Done => "done",
            Outcome::Uncertain => "uncertain",
        }
    }
}

/// A field that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where: RFC 6901, into the body; `?name` for the query, a name for a header.
    pub pointer: String,
    /// Which rule.
    pub code: Code,
}

/// Why a call is not answered with what it asked for.
#[derive(Debug)]
pub struct ApiError {
    code: Code,
    promised: Option<StatusCode>,
    log: String,
    findings: Vec<Finding>,
    outcome: Outcome,
    retry_after: Option<Duration>,
    headers: Vec<(HeaderName, HeaderValue)>,
    members: Map<String, Value>,
}

impl ApiError {
    /// A code, and nothing to add.
    pub fn new(code: Code) -> Self {
        Self {
            code,
            promised: None,
            log: String::new(),
            findings: Vec::new(),
            outcome: Outcome::None,
            retry_after: None,
            headers: Vec::new(),
            members: Map::new(),
        }
    }

    /// Somebody else's, or nobody's: the same answer.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound)
    }

    /// Fields that are not as they should be.
    pub fn fields(findings: Vec<Finding>) -> Self {
        Self::new(Code::FieldInvalid).findings(findings)
    }

    /// One field that is not as it should be.
    pub fn field(pointer: impl Into<String>, code: Code) -> Self {
        Self::fields(vec![Finding { pointer: pointer.into(), code }])
    }

    /// Where it is wrong, under a code of its own.
    pub fn findings(mut self, mut findings: Vec<Finding>) -> Self {
        findings.truncate(FINDINGS_AT_MOST);
        self.findings = findings;
        self
    }

    /// What the log says; English, and never shown.
    pub fn because(mut self, text: impl std::fmt::Display) -> Self {
        self.log = text.to_string();
        self
    }

    /// What became of what was asked.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// When the same call makes sense again.
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// A header of the answer.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// A member beside the standard ones: the permission that lacks, the id that exists.
    pub fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// With another status than its code has: where one was promised to programs before there was a table.
    pub fn promised(mut self, status: StatusCode) -> Self {
        self.promised = Some(status);
        self
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// What the log says.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// What became of what was asked.
    pub fn what_became(&self) -> Outcome {
        self.outcome
    }

    /// Its status: that of its code, 503 told to come back as such.
    pub fn status(&self) -> StatusCode {
        let of_code = || StatusCode::from_u16(self.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.promised.unwrap_or_else(of_code)
    }

    /// The answer, in the caller's language.
    pub fn render(&self, asked: &Asked) -> Response {
        let body = self.body(asked).to_string();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CONTENT_LANGUAGE, HeaderValue::from_static(language_tag(asked.language)));
        if let Some(wait) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        response
    }

    fn body(&self, asked: &Asked) -> Value {
        let slug = self.code.slug();
        let errors: Vec<Value> = self.findings.iter().map(|it| it.told(asked.language)).collect();
        let mut body = json!({
            "type": format!("{TYPE_BASE}{slug}"),
            "title": say(asked.language, slug, &[]),
            "status": self.status().as_u16(),
            "detail": say(asked.language, &format!("{slug}.fix"), &[]),
            "code": slug,
            "source": source_text(self.code.source()),
            "retryable": self.code.retryable(),
            "outcome": self.outcome.text(),
            "request_id": asked.request.to_string(),
        });
        if let Some(body) = body.as_object_mut() {
            body.extend(self.members.clone());
            if !errors.is_empty() {
                body.insert("errors".into(), errors.into());
            }
        }
        body
    }
}

impl Finding {
    fn told(&self, language: Language) -> Value {
        json!({ "pointer": self.pointer, "code": self.code.slug(), "detail": say(language, self.code.slug(), &[]) })
    }
}

/// The text of a source in `source`.
pub fn source_text(source: Source) -> &'static str {
    match source {
        Source::Caller => "caller",
        Source::Authority => "authority",
        Source::Installation => "installation",
    }
}

/// The tag of a language in `Content-Language`.
pub fn language_tag(language: Language) -> &'static str {
    match language {
        Language::Es => "es",
        Language::En => "en",
    }
}

impl From<AppError> for ApiError {
    fn from(error: AppError) -> Self {
        let code = error.code();
        let mut told = Self::new(code).because(&error);
        if code == Code::AuthorityUnanswered {
            told.outcome = Outcome::Uncertain;
        }
        match error {
            AppError::Denied(permission) => told.member("permission", permission.text()),
            AppError::Later { after, .. } => told.retry_after(after),
            _ if code == Code::Busy => told.retry_after(COME_BACK),
            _ => told,
        }
    }
}

macro_rules! from_app {
    ($($type:ty),* $(,)?) => { $(
        impl From<$type> for ApiError {
            fn from(error: $type) -> Self {
                AppError::from(error).into()
            }
        }
    )* };
}

from_app!(fedatario_app::ports::StoreError, fedatario_app::ports::BlobError, fedatario_app::ports::CallError);

/// Gathers every finding of a body, so that a form is corrected in one round.
///
/// ```
/// use fedatario_api::problem::Findings;
/// use fedatario_base::Code;
///
/// let mut findings = Findings::default();
/// let year: Option<i16> = findings.parsed("/year", "20x5", Code::FieldInvalid);
/// assert!(year.is_none() && findings.done().is_err());
/// ```
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Notes a finding.
    pub fn add(&mut self, pointer: impl Into<String>, code: Code) {
        self.0.push(Finding { pointer: pointer.into(), code });
    }

    /// The parsed text, or a finding.
    pub fn parsed<T: std::str::FromStr>(&mut self, pointer: &str, text: &str, code: Code) -> Option<T> {
        self.kept(pointer, text.parse(), code)
    }

    /// The value of a result, or a finding.
    pub fn kept<T, E>(&mut self, pointer: &str, result: Result<T, E>, code: Code) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(_) => {
                self.add(pointer, code);
                None
            }
        }
    }

    /// Notes a finding unless the condition holds.
    pub fn check(&mut self, holds: bool, pointer: &str, code: Code) {
        if !holds {
            self.add(pointer, code);
        }
    }

    /// All of them as one refusal, if there are any.
    pub fn done(self) -> Result<(), ApiError> {
        if self.0.is_empty() { Ok(()) } else { Err(ApiError::fields(self.0)) }
    }
}
