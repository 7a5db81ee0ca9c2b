//! What the watch over the end of certificates needs of storage.

use super::model::{Ending, Notice, NoticeRow};
use crate::ports::Stored;
use async_trait::async_trait;
use fedatario_base::id::{CredentialId, NoticeId};
use jiff::Timestamp;

/// Notices of the end of certificates.
#[async_trait]
pub trait Notices {
    /// Credentials in use, blocked or waiting, whose certificates end before an instant, in order of id, after
    /// one.
    async fn credentials_ending(&mut self, before: Timestamp, after: Option<CredentialId>, limit: u32) -> Stored<Vec<Ending>>;
    /// Adds notices; those whose credential and threshold were told already are passed over. How many are new.
    async fn add_notices(&mut self, notices: &[Notice]) -> Stored<u64>;
    /// One of them.
    async fn notice(&mut self, id: NoticeId) -> Stored<Option<NoticeRow>>;
    /// All of them, or those that nobody acknowledged; the newest first, before one.
    async fn notices(&mut self, open_only: bool, before: Option<NoticeId>, limit: u32) -> Stored<Vec<NoticeRow>>;
    /// Those of which nobody was told yet, in order of id.
    async fn notices_untold(&mut self, limit: u32) -> Stored<Vec<NoticeRow>>;
    /// Notes that people were told; `false` if they had been.
    async fn tell_notice(&mut self, id: NoticeId, now: Timestamp) -> Stored<bool>;
    /// Acknowledges one; `false` if somebody did before. The earlier ones of the same credential go with it.
    async fn acknowledge_notice(&mut self, id: NoticeId, by: &str, now: Timestamp) -> Stored<bool>;
}
