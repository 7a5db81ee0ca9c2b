//! What the authority remembers: requests, downloads, counts; a fold over its journal.
//!
//! States are not stored: where a request stands is a function of when it was accepted, how long
//! its steps take, and what time it is, so that moving the clock moves every request.

use super::corpus::Family;
use super::rules::Criteria;
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// How long a finished request and its packages live.
pub(super) const LIFE: jiff::SignedDuration = jiff::SignedDuration::from_hours(72);

/// A course that a request was told to take instead of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Script {
    /// Stays accepted for ever.
    Stuck,
    /// Ends in state 4.
    State4,
    /// Ends rejected (state 5) with a code.
    Rejected(u16),
    /// Finishes with the reason 5010.
    Code5010,
    /// Finishes with packages and a count of zero.
    ZeroCount,
    /// Is found expired (state 6).
    Expired,
}

/// A request that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Solicitud {
    /// Its id.
    pub id: Uuid,
    /// The service it was asked of.
    pub family: Family,
    /// Who asked.
    pub rfc: String,
    /// What was asked.
    pub criteria: Criteria,
    /// When it was accepted, on the service clock.
    pub accepted: Timestamp,
    /// When work on it starts.
    pub starts: Timestamp,
    /// When it is finished.
    pub ends: Timestamp,
    /// The course it was told to take.
    pub script: Option<Script>,
}

/// Where a request stands, before its documents are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Accepted,
    Running,
    Done,
    Failed,
    Rejected(u16),
    Expired,
}

impl Solicitud {
    /// Where it stands at an instant.
    pub(super) fn stage(&self, now: Timestamp) -> Stage {
        if self.script == Some(Script::Stuck) || now < self.starts {
            return Stage::Accepted;
        }
        if now < self.ends {
            return Stage::Running;
        }
        match self.script {
            Some(Script::State4) => Stage::Failed,
            Some(Script::Rejected(code)) => Stage::Rejected(code),
            Some(Script::Expired) => Stage::Expired,
            _ => Stage::Done,
        }
    }

    /// Whether its packages have been taken away.
    pub(super) fn is_gone(&self, now: Timestamp) -> bool {
        now.duration_since(self.ends) >= LIFE
    }

    /// Whether an identical request would be told that this one is still under way.
    fn is_active(&self, now: Timestamp) -> bool {
        matches!(self.stage(now), Stage::Accepted | Stage::Running)
    }
}

/// One thing that happened.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// The books were opened: keys of this authority.
    Opened { authority: String, authority_key: String, token_key: String },
    /// The keys under the seals of generated documents were made: base64 of PKCS#8. They protect nothing.
    SealKeys { keys: Vec<String> },
    /// A certificate of that number was issued.
    Minted { number: u64 },
    /// The clock was moved.
    Advanced { seconds: i64 },
    /// A login succeeded.
    Login,
    /// A call was refused.
    Refused,
    /// A request was accepted.
    Accepted { solicitud: Solicitud },
    /// A package was handed out.
    Downloaded { package: String },
}

/// What the witness says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Requests answered 5000.
    pub requests: u64,
    /// Downloads answered 5000.
    pub downloads: u64,
    /// The most that one package was downloaded.
    pub most_downloads_of_one_package: u64,
    /// Calls answered with any other code, or with a fault.
    pub refused: u64,
    /// Logins that gave a token.
    pub logins: u64,
}

/// The keys of the authority, as journaled.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    pub authority: String,
    pub authority_key: String,
    pub token_key: String,
}

/// The books.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub keys: Option<Keys>,
    /// Keys under the seals of generated documents, if any were made.
    pub seal_keys: Vec<String>,
    pub minted: u64,
    pub advanced_seconds: i64,
    requests: Vec<Solicitud>,
    by_id: HashMap<Uuid, usize>,
    downloads: BTreeMap<String, u32>,
    logins: u64,
    refused: u64,
}

impl Ledger {
    /// Takes one event into account.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Opened { authority, authority_key, token_key } => {
                self.keys = Some(Keys { authority, authority_key, token_key });
            }
            Event::SealKeys { keys } => self.seal_keys = keys,
            Event::Minted { number } => self.minted = self.minted.max(number),
            Event::Advanced { seconds } => self.advanced_seconds = self.advanced_seconds.saturating_add(seconds),
            Event::Login => self.logins += 1,
            Event::Refused => self.refused += 1,
            Event::Accepted { solicitud } => {
                self.by_id.insert(solicitud.id, self.requests.len());
                self.requests.push(solicitud);
            }
            Event::Downloaded { package } => *self.downloads.entry(package).or_default() += 1,
        }
    }

    /// Every request accepted, in order.
    pub fn requests(&self) -> &[Solicitud] {
        &self.requests
    }

    /// The request of an id, if that taxpayer made it there.
    pub fn find(&self, id: Uuid, family: Family, rfc: &str) -> Option<&Solicitud> {
        self.by_id.get(&id).map(|at| &self.requests[*at]).filter(|it| it.family == family && it.rfc == rfc)
    }

    /// Requests of that taxpayer that SAT takes for the same.
    pub fn identical<'a>(&'a self, family: Family, rfc: &'a str, criteria: &'a Criteria) -> impl Iterator<Item = &'a Solicitud> {
        self.requests.iter().filter(move |it| it.family == family && it.rfc == rfc && it.criteria.is_identical(criteria))
    }

    /// Whether one of them is still under way.
    pub fn has_active(&self, family: Family, rfc: &str, criteria: &Criteria, now: Timestamp) -> bool {
        self.identical(family, rfc, criteria).any(|it| it.is_active(now))
    }

    /// How often a package was handed out.
    pub fn downloads_of(&self, package: &str) -> u32 {
        self.downloads.get(package).copied().unwrap_or_default()
    }

    /// The packages of a request that were handed out, and how often.
    pub fn packages_of(&self, request: Uuid) -> Vec<(String, u32)> {
        let prefix = request.to_string().to_uppercase();
        let from = self.downloads.range(prefix.clone()..);
        from.take_while(|(id, _)| id.starts_with(&prefix)).map(|(id, n)| (id.clone(), *n)).collect()
    }

    /// What the witness says.
    pub fn counts(&self) -> Counts {
        Counts {
            requests: self.requests.len() as u64,
            downloads: self.downloads.values().map(|it| u64::from(*it)).sum(),
            most_downloads_of_one_package: self.downloads.values().copied().max().unwrap_or_default().into(),
            refused: self.refused,
            logins: self.logins,
        }
    }
}
