//! Telling kinds of damage apart, from what entries say about their own place.
//!
//! Every entry names its number and the hash before it, and the hash that follows from its bytes
//! is what the next one names. So a medium, read in its own order, falls into *runs* of entries
//! that follow each other; an intact chain is one run. Here the runs are laid along the numbers
//! that should be there:
//!
//! - two runs that meet in number but not in hash: the entry at the seam was **altered**;
//! - something that breaks the order, while the chain closes again without it: a *stray*. A stray
//!   that fits into a hole elsewhere was **reordered**; one that stands in the place of a missing
//!   number is that entry **altered**; any other is **foreign**;
//! - a hole that no stray explains is a **gap**, or at the end, **truncation**.
//!
//! Memory is one record a run, so it grows with the damage and not with the chain, up to
//! [`MAX_PIECES`].

use crate::chain::Link;
use crate::event::Place;
use crate::verdict::{Damage, MAX_DAMAGE};

/// Runs that are told apart; what lies beyond is only said to be damaged.
pub(crate) const MAX_PIECES: usize = 4096;

/// Entries that follow each other without a flaw.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    pub tenant: [u8; 16],
    pub first: u64,
    pub last: u64,
    /// The hash that the first one names.
    pub prev: Link,
    /// The hash that the last one names.
    pub last_prev: Link,
    /// The hash of the last one.
    pub own: Link,
}

impl Run {
    fn is_single(&self) -> bool {
        self.first == self.last
    }

    fn continues_with(&self, place: &Place) -> bool {
        self.tenant == place.tenant && self.last.checked_add(1) == Some(place.n) && self.own == place.prev
    }
}

/// What the medium holds, in its order.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::large_enum_variant, reason = "nearly all are runs, and there are at most MAX_PIECES")]
pub(crate) enum Piece {
    Run(Run),
    /// So many things in a row that are no entries.
    Unreadable(u64),
}

/// Gathers pieces while entries stream by.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    pub list: Vec<Piece>,
    /// Whether pieces were dropped.
    pub overflow: bool,
}

impl Pieces {
    pub fn entry(&mut self, place: &Place, own: Link) {
        if let Some(Piece::Run(run)) = self.list.last_mut()
            && run.continues_with(place)
        {
            (run.last, run.last_prev, run.own) = (place.n, place.prev, own);
            return;
        }
        let Place { tenant, n, prev } = *place;
        self.push(Piece::Run(Run { tenant, first: n, last: n, prev, last_prev: prev, own }));
    }

    pub fn unreadable(&mut self, more: u64) {
        match self.list.last_mut() {
            _ if more == 0 => {}
            Some(Piece::Unreadable(count)) => *count += more,
            _ => self.push(Piece::Unreadable(more)),
        }
    }

    fn push(&mut self, piece: Piece) {
        self.overflow |= self.list.len() == MAX_PIECES;
        if !self.overflow {
            self.list.push(piece);
        }
    }
}

/// What should be there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    pub tenant: [u8; 16],
    pub first: u64,
    /// The hash before the first; `None` when nothing tells.
    pub prev: Option<Link>,
    /// The last number; `None` when nothing tells.
    pub last: Option<u64>,
    /// The last hash; `None` when nothing tells.
    pub head: Option<Link>,
    /// The hash before the last; `None` when nothing tells.
    pub before: Option<Link>,
    /// What to blame when the first entry does not follow `prev` and is itself intact.
    pub blame_start: u64,
}

/// What was found on the way.
pub(crate) struct Walked {
    pub damage: Vec<Damage>,
    /// The last number in place and its hash, when that is known.
    pub last: u64,
    pub hash: Option<Link>,
}

/// Where the order broke: what is missing there, and what stands there instead.
struct Site {
    at: u64,
    /// The last missing number at first; 0 when none was.
    end: u64,
    /// Missing numbers, first and last.
    missing: Vec<(u64, u64)>,
    strays: Vec<Piece>,
    left: Option<Link>,
    right: Option<Link>,
    at_end: bool,
}

/// Lays the pieces along the numbers that should be there.
pub(crate) fn walk(pieces: &Pieces, expected: Expected) -> Walked {
    let (e, h) = (expected.first, expected.prev);
    let mut walk = Walk { pieces: &pieces.list, expected, e, h, last_prev: None, sites: Vec::new(), damage: Vec::new() };
    let mut at = 0;
    while at < walk.pieces.len() {
        at = walk.step(at);
    }
    if !pieces.overflow {
        walk.close();
    }
    walk.resolve();
    Walked { damage: walk.damage, last: walk.e - 1, hash: walk.h }
}

struct Walk<'a> {
    pieces: &'a [Piece],
    expected: Expected,
    /// The number expected next.
    e: u64,
    /// The hash it should name; `None` after damage that hides it.
    h: Option<Link>,
    last_prev: Option<Link>,
    sites: Vec<Site>,
    damage: Vec<Damage>,
}

impl Walk<'_> {
    /// Places the piece at `at`, and those that turn out to be strays; returns the next to place.
    fn step(&mut self, at: usize) -> usize {
        if self.is_complete() {
            return self.leave_rest(at);
        }
        if let Some(fit) = self.find_fit(at) {
            return self.accept(at, fit);
        }
        match self.pieces[at] {
            Piece::Run(run) if self.is_ours(&run) && run.first == self.e => {
                self.blame_seam(at, &run);
                self.accept(at, at)
            }
            // It follows what stands before it, so it is the entry of this place with another
            // number or tenant written into it.
            Piece::Run(run) if run.is_single() && self.h == Some(run.prev) => {
                self.damage.push(Damage::Altered { n: self.e });
                self.move_past(self.e, None, Some(run.prev));
                at + 1
            }
            Piece::Run(run) if self.is_ours(&run) && run.first < self.e && self.outlasts(&run) => {
                self.damage.push(Damage::Foreign { n: run.first });
                self.move_past(run.last, Some(run.own), Some(run.last_prev));
                at + 1
            }
            _ => match self.nearest(at) {
                Some(next) => self.accept(at, next),
                None => self.leave_rest(at),
            },
        }
    }

    /// Whether the chain has come to the end that is known of it, by number and hash.
    fn is_complete(&self) -> bool {
        self.expected.last == Some(self.e - 1) && self.h.is_some() && self.h == self.expected.head
    }

    fn is_ours(&self, run: &Run) -> bool {
        run.tenant == self.expected.tenant
    }

    fn ours_from(&self, at: usize) -> impl Iterator<Item = (usize, &Run)> {
        self.pieces.iter().enumerate().skip(at).filter_map(|(index, piece)| match piece {
            Piece::Run(run) if self.is_ours(run) => Some((index, run)),
            _ => None,
        })
    }

    /// The next run that takes the chain up exactly here.
    fn find_fit(&self, at: usize) -> Option<usize> {
        let fits = |run: &Run| run.first == self.e && self.h.is_none_or(|hash| hash == run.prev);
        self.ours_from(at).find(|(_, run)| fits(run)).map(|(index, _)| index)
    }

    /// The run with the lowest number beyond the expected one: where the chain goes on after a hole.
    fn nearest(&self, at: usize) -> Option<usize> {
        let last = self.expected.last.unwrap_or(u64::MAX);
        self.ours_from(at)
            .filter(|(_, run)| run.first > self.e && run.first <= last)
            .min_by_key(|(_, run)| run.first)
            .map(|(index, _)| index)
    }

    /// Whether this run, and not what was accepted for its numbers, is the chain: it goes on where
    /// the other ends.
    fn outlasts(&self, run: &Run) -> bool {
        run.first >= self.expected.first && (run.last >= self.e || (run.last + 1 == self.e && self.expected.head == Some(run.own)))
    }

    fn accept(&mut self, at: usize, next: usize) -> usize {
        let Piece::Run(run) = self.pieces[next] else { return next + 1 };
        if next > at || run.first > self.e {
            let missing = if run.first > self.e { vec![(self.e, run.first - 1)] } else { Vec::new() };
            self.site(missing, at..next, Some(run.prev), false);
        }
        self.move_past(run.last, Some(run.own), Some(run.last_prev));
        next + 1
    }

    fn leave_rest(&mut self, at: usize) -> usize {
        let missing = self.expected.last.filter(|last| *last >= self.e).map(|last| (self.e, last));
        self.site(missing.into_iter().collect(), at..self.pieces.len(), self.expected.head, true);
        self.pieces.len()
    }

    fn site(&mut self, missing: Vec<(u64, u64)>, strays: std::ops::Range<usize>, right: Option<Link>, at_end: bool) {
        let strays = self.pieces[strays].to_vec();
        let end = missing.last().map_or(0, |hole| hole.1);
        self.sites.push(Site { at: self.e, end, missing, strays, left: self.h, right, at_end });
    }

    fn move_past(&mut self, n: u64, own: Option<Link>, prev: Option<Link>) {
        (self.e, self.h, self.last_prev) = (n.saturating_add(1), own, prev);
    }

    /// Number and place are right, the hash is not: either the entry before was altered, or this
    /// one names another hash than it did. In the second case its own hash changed as well.
    fn blame_seam(&mut self, at: usize, run: &Run) {
        let next_disagrees = match self.pieces.get(at + 1) {
            Some(Piece::Run(next)) => next.first == run.last + 1 && next.prev != run.own,
            Some(Piece::Unreadable(_)) => false,
            None => self.expected.last == Some(run.last) && self.expected.head.is_some_and(|head| head != run.own),
        };
        let before = if self.e == self.expected.first { self.expected.blame_start } else { self.e - 1 };
        let n = if run.is_single() && next_disagrees { self.e } else { before };
        self.damage.push(Damage::Altered { n });
    }

    fn close(&mut self) {
        let Some(last) = self.expected.last else { return };
        let ended = self.sites.last().is_some_and(|site| site.at_end);
        if self.e <= last && !ended {
            self.site(vec![(self.e, last)], 0..0, self.expected.head, true);
        }
        if self.e - 1 > last {
            self.damage.push(Damage::Foreign { n: last + 1 });
        }
        if self.e - 1 == last {
            self.compare_head(last);
        }
    }

    fn compare_head(&mut self, last: u64) {
        let (Some(own), Some(head)) = (self.h, self.expected.head) else { return };
        if own == head || self.damage.iter().any(|it| it.covers(last)) {
            return;
        }
        // An altered last entry still follows the one before it; a chain hashed anew does not.
        let follows = self.expected.before.is_none_or(|before| self.last_prev == Some(before));
        self.damage.push(match follows {
            _ if last < self.expected.first => Damage::Altered { n: self.expected.blame_start },
            true => Damage::Altered { n: last },
            false => Damage::CheckpointMismatch { size: last },
        });
    }

    fn resolve(&mut self) {
        let mut sites = std::mem::take(&mut self.sites);
        for index in 0..sites.len() {
            let at = sites[index].at;
            for stray in std::mem::take(&mut sites[index].strays) {
                match self.home(&mut sites, &stray) {
                    Some(first) => self.damage.push(Damage::Reordered { n: at.min(first) }),
                    None => sites[index].strays.push(stray),
                }
            }
        }
        sites.into_iter().for_each(|site| self.settle(site));
    }

    /// The hole that this stray came from, which it then no longer is.
    fn home(&self, sites: &mut [Site], stray: &Piece) -> Option<u64> {
        let Piece::Run(run) = stray else { return None };
        if !self.is_ours(run) {
            return None;
        }
        sites.iter_mut().find_map(|site| site.take_back(run)).map(|()| run.first)
    }

    /// What is left: strays that came from nowhere, holes that nothing came from.
    fn settle(&mut self, site: Site) {
        let had_hole = !site.missing.is_empty();
        let mut missing = site.missing;
        for stray in &site.strays {
            let (length, ours) = match stray {
                Piece::Run(run) => (run.last - run.first + 1, self.is_ours(run)),
                Piece::Unreadable(count) => (*count, true),
            };
            let replaced = take_front(&mut missing, length);
            let kind = |n| if ours { Damage::Altered { n } } else { Damage::Foreign { n } };
            self.damage.extend(replaced.iter().copied().map(kind));
            let explained = had_hole && matches!(stray, Piece::Unreadable(_));
            if replaced.is_empty() && !explained {
                self.damage.push(Damage::Foreign { n: site.at });
            }
        }
        let expected = self.expected.last;
        self.damage.extend(missing.into_iter().map(|(n, through)| match expected {
            Some(last) if site.at_end && through == last => Damage::Truncated { last: n - 1, expected: last },
            _ => Damage::Gap { n, through },
        }));
    }
}

impl Site {
    /// Fills the hole, or part of it, with a run whose numbers lie there and whose hashes meet the
    /// hole's edges.
    fn take_back(&mut self, run: &Run) -> Option<()> {
        let index = self.missing.iter().position(|(first, last)| *first <= run.first && run.last <= *last)?;
        let (first, last) = self.missing[index];
        let meets = |known: Option<Link>, own: &Link| known.is_none_or(|it| it == *own);
        let left_fits = run.first != self.at || meets(self.left, &run.prev);
        let right_fits = run.last != self.end || meets(self.right, &run.own);
        if !left_fits || !right_fits {
            return None;
        }
        let before = (run.first > first).then(|| (first, run.first - 1));
        let after = (run.last < last).then(|| (run.last + 1, last));
        self.missing.splice(index..=index, before.into_iter().chain(after));
        Some(())
    }
}

/// Takes up to `count` numbers from the front of the holes; told are as many as a verdict can list,
/// and one more so that it knows.
fn take_front(missing: &mut Vec<(u64, u64)>, mut count: u64) -> Vec<u64> {
    let mut taken = Vec::new();
    while count > 0
        && let Some((first, last)) = missing.first().copied()
    {
        let through = last.min(first.saturating_add(count - 1));
        taken.extend((first..=through).take((MAX_DAMAGE + 1).saturating_sub(taken.len())));
        count -= through - first + 1;
        if through == last {
            missing.remove(0);
        } else {
            missing[0].0 = through + 1;
        }
    }
    taken
}
