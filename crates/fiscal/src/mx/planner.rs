//! Cutting a period into requests that SAT does not refuse for their size.
//!
//! Counts come by stretches of time, as fine as they had to be looked at: a day where a day fits into
//! a request, else its hours, minutes, seconds. The pieces cover the period exactly once, to the
//! second. A single second that holds too much is divided by what SAT can filter by. Where the counts
//! come from, and asking, are left to the services.

use super::asking::{self, KINDS};
use super::window::{Direction, Window};
use jiff::Span;
use jiff::civil::DateTime;
use std::collections::BTreeMap;

/// How finely documents are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// By days.
    Day,
    /// By hours.
    Hour,
    /// By minutes.
    Minute,
    /// By seconds: nothing is finer.
    Second,
}

impl Grain {
    /// The next finer one.
    pub fn finer(self) -> Option<Self> {
        match self {
            Grain::Day => Some(Grain::Hour),
            Grain::Hour => Some(Grain::Minute),
            Grain::Minute => Some(Grain::Second),
            Grain::Second => None,
        }
    }

    /// How many characters of `yyyy-MM-ddTHH:mm:ss` name a stretch of this length.
    pub fn characters(self) -> usize {
        match self {
            Grain::Day => 10,
            Grain::Hour => 13,
            Grain::Minute => 16,
            Grain::Second => 19,
        }
    }

    /// The stretch that begins at `start`, cut at the ends of `within`.
    pub fn stretch(self, start: DateTime, within: Window) -> Window {
        let seconds = match self {
            Grain::Day => 86_400,
            Grain::Hour => 3_600,
            Grain::Minute => 60,
            Grain::Second => 1,
        };
        let end = start.saturating_add(Span::new().seconds(seconds - 1));
        Window { from: start.max(within.from), to: end.min(within.to) }
    }

    /// The first second of the stretch that such a prefix names.
    pub fn start(self, prefix: &str) -> Option<DateTime> {
        const REST: &str = "0000-00-00T00:00:00";
        let text = format!("{}{}", prefix, REST.get(prefix.len()..)?);
        (prefix.len() == self.characters()).then_some(())?;
        text.parse().ok()
    }
}

/// How many documents a stretch of time holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// The stretch.
    pub window: Window,
    /// How many.
    pub count: u64,
}

/// A part of a period, for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// From when to when.
    pub window: Window,
    /// How many documents it is expected to bring.
    pub expected: u64,
}

/// Cuts a period into pieces of at most `cap` documents each.
///
/// `buckets` lie in the period, in order of time and apart from each other; what none covers holds
/// nothing. A bucket of more than `cap` becomes a piece of its own, which is too large: look at it
/// more finely first, and divide a second by [`by_filter`].
pub fn pieces(period: Window, cap: u64, buckets: &[Bucket]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut from, mut held) = (period.from, 0u64);
    for bucket in buckets.iter().filter(|it| it.count > 0) {
        if held.saturating_add(bucket.count) > cap {
            if from < bucket.window.from {
                pieces.push(Piece { window: Window { from, to: before(bucket.window.from) }, expected: held });
                (from, held) = (bucket.window.from, 0);
            }
            if bucket.count > cap && bucket.window.to < period.to {
                pieces.push(Piece { window: Window { from, to: bucket.window.to }, expected: bucket.count });
                from = after(bucket.window.to);
                continue;
            }
        }
        held += bucket.count;
    }
    if from <= period.to {
        pieces.push(Piece { window: Window { from, to: period.to }, expected: held });
    }
    pieces
}

/// How many documents of a kind somebody has in an overfull second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// `I E T N P`; empty where kinds do not tell anything.
    pub kind: String,
    /// RFC of the other side.
    pub counterparty: String,
    /// How many.
    pub count: u64,
}

/// A part of an overfull second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sieve {
    /// `TipoComprobante`, unless the whole is not narrowed by it.
    pub kind: Option<String>,
    /// The counterparties asked for; none means all.
    pub counterparties: Vec<String>,
    /// How many documents it is expected to bring.
    pub expected: u64,
}

/// Divides an overfull second: by kind first, every kind there is so that none is lost; a kind that
/// is still too much by counterparty, as many as a request may name.
///
/// `Complemento` comes last at SAT and not at all here: what has no complement answers to none.
pub fn by_filter(direction: Direction, has_kinds: bool, cap: u64, shares: &[Share]) -> Vec<Sieve> {
    if !has_kinds {
        return by_counterparty(direction, None, cap, shares.iter());
    }
    let of = |kind: &'static str| shares.iter().filter(move |it| it.kind == kind);
    let divide = |kind: &'static str| {
        let expected = of(kind).map(|it| it.count).sum();
        if expected <= cap {
            return vec![Sieve { kind: Some(kind.to_owned()), counterparties: Vec::new(), expected }];
        }
        by_counterparty(direction, Some(kind), cap, of(kind))
    };
    KINDS.into_iter().flat_map(divide).collect()
}

fn by_counterparty<'a>(direction: Direction, kind: Option<&str>, cap: u64, shares: impl Iterator<Item = &'a Share>) -> Vec<Sieve> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for share in shares {
        *counts.entry(share.counterparty.as_str()).or_default() += share.count;
    }
    let at_most = asking::counterparties_at_most(direction);
    let mut sieves: Vec<Sieve> = Vec::new();
    for (rfc, count) in counts {
        match sieves.last_mut().filter(|it| it.counterparties.len() < at_most && it.expected.saturating_add(count) <= cap) {
            Some(room) => {
                room.counterparties.push(rfc.to_owned());
                room.expected += count;
            }
            None => {
                sieves.push(Sieve { kind: kind.map(str::to_owned), counterparties: vec![rfc.to_owned()], expected: count });
            }
        }
    }
    sieves
}

fn before(at: DateTime) -> DateTime {
    at.saturating_sub(Span::new().seconds(1))
}

fn after(at: DateTime) -> DateTime {
    at.saturating_add(Span::new().seconds(1))
}
