//! `/api/openapi.json`: the API as a document that programs read.

use crate::answer::Document;
use crate::openapi;
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document(&super::all()));

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("reference").add(Operation::get("/api/openapi.json", "reference.openapi", "This document, as OpenAPI 3.1").anyone(), read)
}

/// `GET /api/openapi.json`
async fn read() -> Result<Document, ApiError> {
    Ok(Document(DOCUMENT.clone()))
}
