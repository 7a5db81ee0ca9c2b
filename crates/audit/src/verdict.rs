//! What a verification found.

use crate::chain::Head;
use fedatario_base::Code;

/// How many findings a verdict lists; a chain damaged beyond that says so in [`Verdict::more`].
pub const MAX_DAMAGE: usize = 100;

/// One thing wrong with a chain, and where.
///
/// Numbers are those of entries. Where nothing stands in the place of an entry, its number is the
/// one that was expected there. In an export, number 0 is the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// The entry, or what is stored beside it, is not what was written.
    Altered {
        /// The entry; 0 is an export's header.
        n: u64,
    },
    /// Entries are missing, and others follow.
    Gap {
        /// The first one missing.
        n: u64,
        /// The last one missing.
        through: u64,
    },
    /// Intact entries stand in another order than they were written in.
    Reordered {
        /// The first place that another entry occupies.
        n: u64,
    },
    /// Entries, or the checkpoint, are missing at the end.
    Truncated {
        /// The last one that is there.
        last: u64,
        /// What the head row, the header or a checkpoint says should be the last one. Equal to
        /// `last` when all entries are there and the closing checkpoint is not.
        expected: u64,
    },
    /// Something stands there that was never part of this chain.
    Foreign {
        /// The number expected where it stands.
        n: u64,
    },
    /// Entries agree with each other and contradict a checkpoint, or a checkpoint does not verify.
    CheckpointMismatch {
        /// How many entries the checkpoint covers.
        size: u64,
    },
}

impl Damage {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            Damage::Altered { .. } => Code::AuditAltered,
            Damage::Gap { .. } => Code::AuditGap,
            Damage::Reordered { .. } => Code::AuditReordered,
            Damage::Truncated { .. } => Code::AuditTruncated,
            Damage::Foreign { .. } => Code::AuditForeign,
            Damage::CheckpointMismatch { .. } => Code::AuditCheckpoint,
        }
    }

    /// The kind, in one word, for a machine-readable report.
    pub fn kind(&self) -> &'static str {
        match self {
            Damage::Altered { .. } => "altered",
            Damage::Gap { .. } => "gap",
            Damage::Reordered { .. } => "reordered",
            Damage::Truncated { .. } => "truncated",
            Damage::Foreign { .. } => "foreign",
            Damage::CheckpointMismatch { .. } => "checkpoint_mismatch",
        }
    }

    /// The number at which it is reported: of the entry, or the first missing, or the checkpoint's size.
    pub fn at(&self) -> u64 {
        match *self {
            Damage::Altered { n } | Damage::Gap { n, .. } | Damage::Reordered { n } | Damage::Foreign { n } => n,
            Damage::Truncated { last, .. } => last + 1,
            Damage::CheckpointMismatch { size } => size,
        }
    }

    /// Entries first in order of their number, what concerns the end last.
    pub(crate) fn rank(&self) -> (u64, u8) {
        let kind = match self {
            Damage::Altered { .. } | Damage::Gap { .. } | Damage::Reordered { .. } | Damage::Foreign { .. } => 0,
            Damage::CheckpointMismatch { .. } => 1,
            Damage::Truncated { .. } => 2,
        };
        (self.at(), kind)
    }
}

/// Whose word the checkpoints rest on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTrust {
    /// A key that the verifier already held.
    Pinned,
    /// Only the key that the file itself brought.
    Unpinned,
    /// No checkpoint verified.
    Unused,
}

impl KeyTrust {
    /// Its word in a machine-readable report.
    pub fn text(self) -> &'static str {
        match self {
            KeyTrust::Pinned => "pinned",
            KeyTrust::Unpinned => "unpinned",
            KeyTrust::Unused => "unused",
        }
    }
}

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How many entries were read.
    pub entries: u64,
    /// The last entry in place.
    pub head: Head,
    /// What is wrong, first place first; at most [`MAX_DAMAGE`].
    pub damage: Vec<Damage>,
    /// Whether there is more damage than listed.
    pub more: bool,
    /// How far a checkpoint under a held key vouches for the chain.
    pub anchored: Option<u64>,
    /// How many entries lie after that.
    pub unanchored: u64,
    /// Whose word the checkpoints rest on.
    pub key: KeyTrust,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_intact(&self) -> bool {
        self.damage.is_empty()
    }

    /// The first thing wrong.
    pub fn first(&self) -> Option<Damage> {
        self.damage.first().copied()
    }

    /// The code of the first thing wrong.
    pub fn code(&self) -> Option<Code> {
        self.first().map(|it| it.code())
    }
}

impl Damage {
    /// Whether this already says that entry `n` is not as it should be.
    pub(crate) fn covers(&self, number: u64) -> bool {
        match *self {
            Damage::Altered { n } | Damage::Reordered { n } | Damage::Foreign { n } => n == number,
            Damage::Gap { n, through } => (n..=through).contains(&number),
            Damage::Truncated { last, .. } => number > last,
            Damage::CheckpointMismatch { .. } => false,
        }
    }
}

impl Verdict {
    /// Orders and bounds the list.
    pub(crate) fn new(
        entries: u64,
        head: Head,
        mut damage: Vec<Damage>,
        overflow: bool,
        anchored: Option<u64>,
        unanchored: u64,
        key: KeyTrust,
    ) -> Self {
        damage.sort_by_key(Damage::rank);
        damage.dedup();
        let more = overflow || damage.len() > MAX_DAMAGE;
        damage.truncate(MAX_DAMAGE);
        Self { entries, head, damage, more, anchored, unanchored, key }
    }
}
