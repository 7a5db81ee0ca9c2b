//! What is kept of backups that were asked for.

use crate::model::texts;
use fedatario_base::id::{BackupId, CredentialId};
use jiff::Timestamp;

texts! {
    /// How far a backup has come.
    BackupState {
        /// It waits for a second person.
        Asked = "asked",
        /// There is no second person: it waits for its time.
        Waiting = "waiting",
        /// A second person approved it.
        Approved = "approved",
        /// Somebody called it off.
        CalledOff = "called_off",
        /// It was downloaded.
        Taken = "taken",
        /// Nobody approved or took it in time.
        Lapsed = "lapsed",
    }
}

impl BackupState {
    /// Whether something can still become of it.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Asked | Self::Waiting | Self::Approved)
    }
}

/// A backup that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Which.
    pub id: BackupId,
    /// How far it has come, as it is stored: see [`Backup::at`].
    pub state: BackupState,
    /// One credential, or all that have their keys.
    pub credential: Option<CredentialId>,
    /// Why, in the words of whoever asked.
    pub reason: String,
    /// Text of the actor who asked.
    pub asked_by: String,
    /// When (wall).
    pub asked: Timestamp,
    /// From when it can be taken without a second person (wall); none where a second person is needed.
    pub due: Option<Timestamp>,
    /// Until when something can become of it (wall).
    pub expires: Timestamp,
    /// Text of the actor who approved it.
    pub approved_by: Option<String>,
    /// When (wall).
    pub approved: Option<Timestamp>,
    /// Text of the actor who took it or called it off.
    pub ended_by: Option<String>,
    /// When (wall).
    pub ended: Option<Timestamp>,
    /// SHA-256 of the file that was taken.
    pub digest: Option<[u8; 32]>,
}

impl Backup {
    /// It, as it stands at an instant: what was open past its time has lapsed, whether or not anybody noted it.
    pub fn at(mut self, now: Timestamp) -> Self {
        if self.state.is_open() && self.expires <= now {
            self.state = BackupState::Lapsed;
        }
        self
    }
}
