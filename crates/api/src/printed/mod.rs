//! What people print: the books of a period, the completeness report and the report of custody, as pages in their language that
//! fetch nothing from elsewhere. The shell writes the same ones.

mod custody;
mod report;
mod summary;

pub use custody::custody;
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
