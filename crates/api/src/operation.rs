//! What an operation declares about itself; everything else is derived from it.
//!
//! An [`Operation`] can only be had by saying who may call it: [`Operation::get`] and its sisters answer
//! with an [`Unguarded`], which no router takes, and [`Unguarded::anyone`], [`Unguarded::signed_in`] or
//! [`Unguarded::needs`] turn it into one. The route, the check at the door, `x-permission`,
//! `x-idempotency`, the bound of the body, the audit of refusals, the entry in the OpenAPI document
//! and the row in the matrix of coverage are all read from the same value.

use axum::http::{HeaderName, HeaderValue, Method};
use fedatario_base::{Code, Permission};
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The largest JSON body by default, in bytes: a form of a page, far below a document.
pub const JSON_BODY_BYTES: usize = 64 * 1024;

/// Who may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody, without a credential; counted by address.
    Anyone,
    /// Whoever was let in, about themselves.
    SignedIn,
    /// Whoever was let in and holds this permission, in the tenant or on the installation.
    Needs(Permission),
}

/// What an `Idempotency-Key` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotency {
    /// Nothing: the operation is idempotent by itself, or nobody is known yet.
    Ignored,
    /// It is honoured if it is there.
    Honoured,
    /// Without one the call is refused: the act cannot be taken back.
    Required,
}

impl Idempotency {
    /// Its text in `x-idempotency`.
    pub fn text(self) -> &'static str {
        match self {
            Idempotency::Ignored => "none",
            Idempotency::Honoured => "optional",
            Idempotency::Required => "required",
        }
    }
}

/// The end of an operation, announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deprecation {
    /// Since when programs should use another (UTC).
    pub since: Date,
    /// From when it may be gone (UTC), once that is known.
    pub sunset: Option<Date>,
}

impl Deprecation {
    /// The headers that announce it.
    pub fn headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let at = |day: Date| day.to_zoned(TimeZone::UTC).map(|it| it.timestamp());
        let since = at(self.since).ok().and_then(|it| HeaderValue::try_from(format!("@{}", it.as_second())).ok());
        let sunset = self.sunset.and_then(|it| at(it).ok());
        let sunset = sunset.and_then(|it| HeaderValue::try_from(it.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).ok());
        let named = |name, value: Option<HeaderValue>| value.map(|it| (HeaderName::from_static(name), it));
        [named("deprecation", since), named("sunset", sunset)].into_iter().flatten()
    }
}

/// One operation of the API, as declared.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its permanent name, `noun.verb`: `operationId`, metrics, audit of refusals.
    pub id: &'static str,
    /// The method.
    pub method: Method,
    /// The path, with `{names}` for its parts.
    pub path: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// What else a caller should know, in Markdown.
    pub notes: &'static str,
    /// Who may call.
    pub access: Access,
    /// Whether the caller must have proven a factor within the last minutes.
    pub needs_step_up: bool,
    /// What an `Idempotency-Key` does.
    pub idempotency: Idempotency,
    /// Whether the answer carries a secret, which is then never stored for a replay.
    pub answers_secret: bool,
    /// Whether its body holds passwords although no field of it says so.
    pub is_delicate: bool,
    /// Whether calls count in the caller's windows.
    pub counts: bool,
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// The action that the audit chain gets when it succeeds; `None` where nothing is changed.
    pub audits: Option<&'static str>,
    /// Whether what it changes has values: then what was before and after is sealed beside that entry.
    pub changes: bool,
    /// Codes of its own that it may answer with, beyond those that every operation has.
    pub refusals: &'static [Code],
    /// Since when it is on its way out, if it is.
    pub deprecation: Option<Deprecation>,
    /// A request that works on the sample tenant of the tests and of the reference page, as JSON.
    pub example: Option<&'static str>,
}

/// An operation that has not said yet who may call it. No router takes it.
#[derive(Debug, Clone)]
#[must_use = "say who may call it: anyone(), signed_in() or needs(permission)"]
pub struct Unguarded(Operation);

impl Operation {
    /// Reads.
    pub fn get(path: &'static str, id: &'static str, summary: &'static str) -> Unguarded {
        Self::at(Method::GET, path, id, summary)
    }

    /// Creates or sends; an `Idempotency-Key` is honoured.
    pub fn post(path: &'static str, id: &'static str, summary: &'static str) -> Unguarded {
        Self::at(Method::POST, path, id, summary)
    }

    /// Puts a whole thing in its place.
    pub fn put(path: &'static str, id: &'static str, summary: &'static str) -> Unguarded {
        Self::at(Method::PUT, path, id, summary)
    }

    /// Changes a part.
    pub fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Unguarded {
        Self::at(Method::PATCH, path, id, summary)
    }

    /// Removes.
    pub fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Unguarded {
        Self::at(Method::DELETE, path, id, summary)
    }

    fn at(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Unguarded {
        let idempotency = if method == Method::POST { Idempotency::Honoured } else { Idempotency::Ignored };
        Unguarded(Self {
            id,
            method,
            path,
            summary,
            notes: "",
            access: Access::Anyone,
            needs_step_up: false,
            idempotency,
            answers_secret: false,
            is_delicate: false,
            counts: true,
            body_bytes: JSON_BODY_BYTES,
            audits: None,
            changes: false,
            refusals: &[],
            deprecation: None,
            example: None,
        })
    }

    /// More about it, in Markdown.
    pub fn notes(mut self, text: &'static str) -> Self {
        self.notes = text;
        self
    }

    /// The caller must have proven a factor within the last minutes, or show a key that was made so.
    pub fn step_up(mut self) -> Self {
        self.needs_step_up = true;
        self
    }

    /// Without an `Idempotency-Key` the call is refused.
    pub fn idempotency_required(mut self) -> Self {
        self.idempotency = Idempotency::Required;
        self
    }

    /// A POST that changes nothing, or that has its own way to be repeated.
    pub fn idempotency_ignored(mut self) -> Self {
        self.idempotency = Idempotency::Ignored;
        self
    }

    /// The answer carries a secret: a repeated key is told `already_created`, never the secret again.
    pub fn answers_secret(mut self) -> Self {
        self.answers_secret = true;
        self
    }

    /// Its body holds passwords: the connection that it came over ends with the answer. Forms and JSON that
    /// have a field for one need not say so.
    pub fn delicate(mut self) -> Self {
        self.is_delicate = true;
        self
    }

    /// Calls are not counted: for supervisors, who ask all the time.
    pub fn uncounted(mut self) -> Self {
        self.counts = false;
        self
    }

    /// The largest body, in bytes, where the usual bound does not fit.
    pub fn body_at_most(mut self, bytes: usize) -> Self {
        self.body_bytes = bytes;
        self
    }

    /// The action that its success appends to the audit chain.
    pub fn audits(mut self, action: &'static str) -> Self {
        self.audits = Some(action);
        self
    }

    /// What it changes has values: its entry binds what was before and after, sealed beside it.
    pub fn changes(mut self) -> Self {
        self.changes = true;
        self
    }

    /// Codes of its own, for the OpenAPI document.
    pub fn refuses(mut self, codes: &'static [Code]) -> Self {
        self.refusals = codes;
        self
    }

    /// On its way out: answers say so (`Deprecation`, RFC 9745, and `Sunset`, RFC 8594), and so does the
    /// document.
    pub fn deprecated(mut self, since: Date, sunset: Option<Date>) -> Self {
        self.deprecation = Some(Deprecation { since, sunset });
        self
    }

    /// A body that works, as JSON text.
    pub fn example(mut self, json: &'static str) -> Self {
        self.example = Some(json);
        self
    }

    /// The permission that it asks for, if it asks for one.
    pub fn permission(&self) -> Option<Permission> {
        match self.access {
            Access::Needs(permission) => Some(permission),
            Access::Anyone | Access::SignedIn => None,
        }
    }

    /// Its text in `x-permission`: a permission, or `none` and `signed-in`.
    pub fn permission_text(&self) -> &'static str {
        match self.access {
            Access::Anyone => "none",
            Access::SignedIn => "signed-in",
            Access::Needs(permission) => permission.text(),
        }
    }

    /// The names in its path, in order.
    pub fn path_names(&self) -> impl Iterator<Item = &'static str> {
        let path: &'static str = self.path;
        path.split('/').filter_map(|it| it.strip_prefix('{')?.strip_suffix('}'))
    }
}

impl Unguarded {
    /// Anybody may call it, without a credential.
    pub fn anyone(self) -> Operation {
        Operation { access: Access::Anyone, idempotency: Idempotency::Ignored, ..self.0 }
    }

    /// Whoever was let in may call it.
    pub fn signed_in(self) -> Operation {
        Operation { access: Access::SignedIn, ..self.0 }
    }

    /// Whoever holds the permission may call it.
    pub fn needs(self, permission: Permission) -> Operation {
        Operation { access: Access::Needs(permission), ..self.0 }
    }
}
