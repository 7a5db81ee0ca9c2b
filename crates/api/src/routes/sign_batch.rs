//! Many documents in one call: a line in, a line out, in order.
//!
//! Lines are read, signed and written by tasks of their own, [`AT_ONCE`] of them ahead of the reader, so
//! that the cores and the shared commits of the log are used; each is durable before its answer is
//! written. A line that cannot be signed is a coded line, and the next goes on; so is one whose name an earlier
//! line had, since whoever sends a document twice under one name wants it signed once. Whoever hangs up leaves what
//! was begun to end by itself.

use super::sign::{SignedView, one, wish};
use crate::api::Api;
use crate::problem::ApiError;
use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fedatario_app::called;
use fedatario_app::identity::door::Principal;
use fedatario_app::signing::DOCUMENT_BYTES;
use fedatario_base::Code;
use fedatario_base::text::{Language, say};
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;

/// The largest batch, in bytes: some thousands of invoices, held whole so that a key can name it.
pub const BATCH_BYTES: usize = 32 << 20;
/// Lines of a batch at most: what is signed within the patience of a caller.
pub const LINES_AT_MOST: usize = 5_000;
/// The longest line, in bytes: a document in base64 and its names.
pub const LINE_BYTES: usize = DOCUMENT_BYTES / 3 * 4 + 4_096;
/// The longest name that a caller gives a line, in bytes.
pub const ID_BYTES: usize = 128;
/// Lines under way at once: enough to share a commit, few enough to hold in memory.
const AT_ONCE: usize = 256;

/// A line as it is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// What the caller calls it.
    id: Option<String>,
    taxpayer: Option<String>,
    profile: Option<String>,
    /// In base64.
    document: String,
}

/// A line that was not signed.
#[derive(Serialize)]
struct Refused {
    line: usize,
    id: Option<String>,
    code: &'static str,
    title: String,
    retryable: bool,
}

/// A line that was signed.
#[derive(Serialize)]
struct Done {
    line: usize,
    id: Option<String>,
    #[serde(flatten)]
    signed: SignedView,
}

/// What every line of a batch shares.
struct Batch {
    api: Api,
    caller: Principal,
    taxpayer: Option<String>,
    profile: Option<String>,
    language: Language,
}

/// The answers to a batch, as they come. What is wrong with the batch itself is refused before.
pub fn signed(
    api: Api,
    caller: Principal,
    language: Language,
    (taxpayer, profile): (Option<String>, Option<String>),
    bytes: Bytes,
) -> Result<Body, ApiError> {
    let lines = lines(&bytes)?;
    let batch = Arc::new(Batch { api, caller, taxpayer, profile, language });
    // The lines are signed when the answer is read, after this call has returned.
    let called = called::now();
    let mut names = HashSet::new();
    let begun = lines.into_iter().enumerate().map(move |(place, line)| {
        let (batch, called) = (batch.clone(), called.clone());
        // Read in order, so that of two lines with one name the first is the one that is signed.
        let line = read(&line).and_then(|it| {
            let is_known = it.id.as_ref().is_some_and(|name| !names.insert(name.clone()));
            if is_known { Err((it.id, Code::AlreadyCreated)) } else { Ok(it) }
        });
        async move {
            let task = tokio::spawn(called::carried(called, async move { batch.answer(place + 1, line).await }));
            // A task that was cut off is one line's failure, and whether it signed is in the log.
            task.await.unwrap_or_else(|_| refused(language, place + 1, None, Code::Internal))
        }
    });
    let answers = stream::iter(begun).buffered(AT_ONCE).map(Ok::<_, Infallible>);
    Ok(Body::from_stream(answers))
}

/// The lines of a batch, cut without being read; empty ones are none.
fn lines(bytes: &Bytes) -> Result<Vec<Bytes>, ApiError> {
    let mut all = Vec::new();
    for line in bytes.split(|it| *it == b'\n') {
        let line = line.trim_ascii();
        if !line.is_empty() {
            all.push(bytes.slice_ref(line));
        }
        if all.len() > LINES_AT_MOST {
            return Err(ApiError::new(Code::BodyTooLarge).member("at_most_lines", LINES_AT_MOST));
        }
    }
    Ok(all)
}

/// Why a line is not even tried, and what it is called where that was read.
type Unread = (Option<String>, Code);

fn read(line: &[u8]) -> Result<Line, Unread> {
    if line.len() > LINE_BYTES {
        return Err((None, Code::BodyTooLarge));
    }
    let line: Line = serde_json::from_slice(line).map_err(|_| (None, Code::JsonMalformed))?;
    if line.id.as_ref().is_some_and(|it| it.len() > ID_BYTES) { Err((None, Code::FieldInvalid)) } else { Ok(line) }
}

fn refused(language: Language, line: usize, id: Option<String>, code: Code) -> Bytes {
    let title = say(language, code.slug(), &[]);
    written(&Refused { line, id, code: code.slug(), title, retryable: code.retryable() })
}

fn written(line: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec(line).unwrap_or_default();
    text.push(b'\n');
    text.into()
}

impl Batch {
    async fn answer(&self, place: usize, line: Result<Line, Unread>) -> Bytes {
        let line = match line {
            Ok(line) => line,
            Err((id, code)) => return self.refused(place, id, code),
        };
        match self.sign(&line).await {
            Ok(signed) => written(&Done { line: place, id: line.id, signed }),
            Err(error) => self.refused(place, line.id, error.code()),
        }
    }

    fn refused(&self, place: usize, id: Option<String>, code: Code) -> Bytes {
        refused(self.language, place, id, code)
    }

    async fn sign(&self, line: &Line) -> Result<SignedView, ApiError> {
        let document = STANDARD.decode(&line.document).map_err(|_| ApiError::field("/document", Code::FieldInvalid))?;
        let taxpayer = line.taxpayer.as_deref().or(self.taxpayer.as_deref());
        let profile = line.profile.as_deref().or(self.profile.as_deref());
        let wish = wish(taxpayer, profile, self.caller.is_stepped_up, "/")?;
        Ok((&one(&self.api, &self.caller.scope, wish, &document).await?).into())
    }
}
