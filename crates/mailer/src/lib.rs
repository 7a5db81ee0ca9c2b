//! Mail leaves the house here: by SMTP, or into a folder that stands for an outbox.
//!
//! It promises that nothing a stranger wrote becomes a header: addresses are parsed, subjects are one
//! encoded line, and the rest is body. What is said, and to whom, is the services' to decide; how it
//! reads is in `templates/`, one file for each kind and language.

mod letter;
mod templates;
mod way;

pub use way::{Mailer, MailerError, Settings};
