//! The API told to programs (`/api/openapi.json`) and to people (`/api/reference`).

use crate::answer::{Document, Html, Style};
use crate::call::Asked;
use crate::extract::At;
use crate::operation::Operation;
use crate::problem::ApiError;
use crate::routing::Routes;
use crate::{openapi, reference};
use fedatario_base::Code;
use fedatario_base::text::Language;
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document(&super::all()));
static ES: LazyLock<String> = LazyLock::new(|| reference::page(&super::all(), Language::Es));
static EN: LazyLock<String> = LazyLock::new(|| reference::page(&super::all(), Language::En));

/// The operations of this module.
pub fn routes() -> Routes {
    Routes::of("reference")
        .add(Operation::get("/api/openapi.json", "reference.openapi", "The API as OpenAPI 3.1").anyone(), document)
        .add(Operation::get("/api/reference", "reference.page", "The API as a page").anyone(), page)
        .add(
            Operation::get("/api/reference/errors/{code}", "reference.error", "What an error code means, and how to mend it")
                .anyone()
                .refuses(&[Code::NotFound]),
            error,
        )
        .add(Operation::get(reference::STYLE_PATH, "reference.style", "The style of these pages").anyone(), style)
}

/// `GET /api/openapi.json`
async fn document() -> Result<Document, ApiError> {
    Ok(Document(DOCUMENT.clone()))
}

/// `GET /api/reference`
async fn page(asked: Asked) -> Result<Html, ApiError> {
    let text = match asked.language {
        Language::Es => &*ES,
        Language::En => &*EN,
    };
    Ok(Html(text.clone()))
}

/// `GET /api/reference/errors/{code}`
async fn error(asked: Asked, At(code): At<String>) -> Result<Html, ApiError> {
    reference::error_page(&code, asked.language).map(Html).ok_or_else(ApiError::not_found)
}

/// `GET /api/reference/style.css`
async fn style() -> Result<Style, ApiError> {
    Ok(Style(reference::STYLE))
}
