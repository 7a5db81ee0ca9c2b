//! Certificates of taxpayers and of people: taken in, put into use, replaced, rested, destroyed.
//!
//! One of an owner and kind is in use. A new one takes its place in the transaction that lets it in, or
//! waits for its instant; the former one's key rests for a while, in which it can be put back, and is
//! destroyed after. Certificates stay for good: what was signed is judged by them.
//!
//! Promises: nothing is stored before everything about it was looked at; a certificate of somebody else
//! is never let in for a taxpayer; a change, its entry in the chain, its event and the job that follows
//! are one transaction. It leaves keys to the vault, and signing to whoever signs.

mod bundle;
mod import;
mod jobs;
mod life;
mod listing;
mod orphans;
mod personal;
mod upload;
mod whose;

pub use bundle::{BUNDLE_BYTES, BundleError, ROWS_AT_MOST, is_bundle, unpack};
pub use fedatario_vault::{COME_BACK, Files, Handed, Turns};
pub use import::{Imported, import};
pub use jobs::{ACTIVATE, Certificates, EXPUNGE};
pub use life::{destroy, put_into_use};
pub use listing::{History, history, one, page, readable};
pub use orphans::{COLLECT, collect_job};
pub use personal::{config, set_config, upload_personal};
pub(crate) use upload::kind_of;
pub use upload::{Asked, Entry, Prepared, Uploaded, keep, prepare, put, upload};
pub use whose::{Place, delegate, undelegate};
