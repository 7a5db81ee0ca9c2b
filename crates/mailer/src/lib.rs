//! Mail leaves the house here: by SMTP, or into a folder that stands for an outbox.
//!
//! It promises that nothing a stranger wrote becomes a header. What is said, and to whom, is the
//! services' to decide.
