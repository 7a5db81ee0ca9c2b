//! What people print: the books of a period and the completeness report, as pages in their language that
//! fetch nothing from elsewhere. The shell writes the same ones.

mod report;
mod summary;

pub use report::report;
pub use summary::summary;

use fedatario_base::text::Language;

/// The language of a page, as the page says it.
fn code(language: Language) -> &'static str {
    match language {
        Language::Es => "es",
        Language::En => "en",
    }
}
