//! What backups that were asked for need of storage.

use super::model::{Backup, BackupState};
use crate::ports::Stored;
use async_trait::async_trait;
use fedatario_base::id::{BackupId, UserId};
use jiff::Timestamp;

/// Backups of key material.
#[async_trait]
pub trait Releases {
    /// Whether the tenant lets key material out at all; it does not until it said so.
    async fn backups_allowed(&mut self) -> Stored<bool>;
    /// Says so, or takes it back.
    async fn allow_backups(&mut self, allowed: bool, by: &str, now: Timestamp) -> Stored<()>;
    /// Members of the tenant whose membership counts, but one.
    async fn members_beside(&mut self, user: UserId) -> Stored<u64>;
    /// Notes that what was open up to an instant has lapsed; how many that were.
    async fn lapse_backups(&mut self, now: Timestamp) -> Stored<u64>;
    /// Adds one; `Conflict` while another is open.
    async fn add_backup(&mut self, backup: &Backup) -> Stored<()>;
    /// By id.
    async fn backup(&mut self, id: BackupId) -> Stored<Option<Backup>>;
    /// All of them, the newest first, before one.
    async fn backups(&mut self, before: Option<BackupId>, limit: u32) -> Stored<Vec<Backup>>;
    /// Writes its state and what came with it; `false`, and nothing written, unless it is in state `from`.
    async fn move_backup(&mut self, backup: &Backup, from: BackupState) -> Stored<bool>;
}
