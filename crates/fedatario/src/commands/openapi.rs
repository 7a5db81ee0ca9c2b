//! `openapi`: the API as a document, the same that `/api/openapi.json` answers.

use crate::failure::Failure;
use fedatario_api::{openapi, routes};
use fedatario_base::code::Exit;
use std::io::Write;

/// Writes the document to standard output and nothing else.
pub fn run() -> Result<Exit, Failure> {
    let document = openapi::document(&routes::all());
    let text = serde_json::to_string_pretty(&document).map_err(|error| Failure::internal(error.to_string()))?;
    let _ = writeln!(std::io::stdout().lock(), "{text}"); // A reader that went away is no failure.
    Ok(Exit::Good)
}
