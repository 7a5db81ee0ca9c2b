//! `explain`: what an error code means and what to do.

use crate::failure::Failure;
use crate::present::Screen;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use serde_json::json;

/// Explains a slug.
pub fn run(slug: &str, screen: &Screen) -> Result<Exit, Failure> {
    let code = Code::from_slug(slug).ok_or_else(|| Failure::new(Code::NotFound, format!("no error code `{slug}`")))?;
    let (what, fix, example) =
        (screen.text(slug, &[]), screen.text(&format!("{slug}.fix"), &[]), screen.text(&format!("{slug}.example"), &[]));
    screen.print(&format!("{slug} (HTTP {}, salida {})\n  {what}\n  {fix}\n  {example}", code.http_status(), code.exit() as u8));
    screen.result(&json!({
        "code": slug, "title": what, "fix": fix, "example": example,
        "http_status": code.http_status(), "exit": code.exit() as u8, "retryable": code.retryable(),
    }));
    Ok(Exit::Good)
}
