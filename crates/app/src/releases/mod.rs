//! Key material that leaves the house, encrypted: asked for by one person and let out by another.
//!
//! An organisation allows it first; it is off until then. Somebody asks, with a reason and a fresh second
//! factor. Somebody else of the same right, who has been a member for a day at least, approves it with theirs;
//! keys of programs do neither. Where an organisation is one person alone it waits [`ALONE_FOR`] instead. Whoever may could
//! call it off all that time, and is told of every step by mail and webhook. Then whoever asked takes it, once: the
//! passphrase is given there and kept nowhere, the file is made there and kept nowhere.
//!
//! Every step commits with its entry; a file whose entry cannot be written does not leave. What the file is, and how it
//! comes back, is [`crate::backups`]. Whoever holds the host takes a backup without any of this, with an entry too.

pub mod model;
pub mod ports;
mod service;
mod tell;

pub use service::{allow, allowed, approve, ask, call_off, one, page, take};

use jiff::SignedDuration;

/// How long whoever is alone waits: a day, in which they see the mail that tells of it.
pub const ALONE_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long nobody was kept out where somebody is alone: a week, in which whoever was can have it undone.
pub const ALONE_SINCE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long whoever approves must have been a member: else whoever asks would invite them first.
pub const MEMBER_FOR: SignedDuration = SignedDuration::from_hours(24);
/// How long a request waits for a second person: a week, with a weekend in it.
pub const ASKED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long what may be taken can be taken.
pub const TAKEN_WITHIN: SignedDuration = SignedDuration::from_hours(24);
/// Characters of a reason: a mail tells it whole.
pub const REASON_CHARS_AT_MOST: usize = crate::mail::FIELD_CHARS_AT_MOST;
