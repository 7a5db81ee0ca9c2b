//! Mexico: the RFC, the CFDI and its JSON, metadata and packages of the mass download, SAT's codes,
//! the windows of a year, and the report that says whether a year is complete.
//!
//! The readers accept what is found in the field and say what was odd ([`cfdi::Warning`],
//! [`metadata::RowProblem`]); they never decide what is stored, and original bytes are never
//! altered. Civil times are those of Mexico City, as SAT writes them: without a zone.

pub mod abridged;
pub mod accounts;
mod ahead;
pub mod asking;
pub mod books;
pub mod cadena;
pub mod cfdi;
pub mod completeness;
pub mod efos;
pub mod encoding;
pub mod expresion;
pub mod json;
mod list_paths;
pub mod metadata;
pub mod package;
pub mod planner;
pub mod rfc;
pub mod sat_codes;
pub mod time;
pub mod tree;
pub mod uuid;
pub mod window;
