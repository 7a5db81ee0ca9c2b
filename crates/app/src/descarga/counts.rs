//! How much a request would bring, by the metadata that is here, and the parts it has to be asked in.
//!
//! Days are counted first; only what does not fit into one request is looked at more finely. What
//! metadata cannot tell (complements) is passed over, so that a count is an upper bound.

use super::plan;
use super::transition::PartPlan;
use crate::App;
use crate::error::AppResult;
use crate::model::*;
use crate::ports::Tx;
use fedatario_base::Scope;
use fedatario_base::id::TaxpayerId;
use fedatario_fiscal::mx::planner::{self, Bucket, Piece};
use fedatario_fiscal::mx::window::Window;
use std::num::NonZeroU64;

/// Of what a request may hold, how much is planned for: documents may still be stamped up to three
/// days after the moment they bear.
const FILLED_PERCENT: u64 = 90;

/// The most that one request brings, as the operator set it.
pub fn at_most(app: &App, content: Content) -> NonZeroU64 {
    match content {
        Content::Cfdi => app.settings.cfdi_at_most,
        Content::Metadata => app.settings.metadata_at_most,
    }
}

/// The parts of a request that our metadata shows to be too much; none if it fits, or nobody knows.
pub async fn parts_of(app: &App, scope: &Scope, s: &Solicitud) -> AppResult<Option<Vec<PartPlan>>> {
    if s.filters.folio.is_some() {
        return Ok(None);
    }
    let wanted = Wanted {
        family: s.family,
        direction: s.direction,
        content: s.content,
        estado: s.estado,
        from: s.base_from,
        to: s.to,
        filters: s.filters.clone(),
    };
    let mut tx = app.store.read(scope).await?;
    let (expected, parts) = look(tx.as_mut(), s.taxpayer, &wanted, at_most(app, s.content).get()).await?;
    Ok(parts.filter(|_| expected > at_most(app, s.content).get()))
}

/// How much a window should bring, and its parts if that is too much for one request.
pub async fn look(tx: &mut dyn Tx, taxpayer: TaxpayerId, wanted: &Wanted, cap: u64) -> AppResult<(u64, Option<Vec<PartPlan>>)> {
    let days = tx.count_metadata(taxpayer, &count_of(wanted, period(wanted)), Grain::Day).await?;
    let expected = days.iter().map(|(_, n)| n).sum();
    if expected <= cap {
        return Ok((expected, None));
    }
    let room = (cap * FILLED_PERCENT / 100).max(1);
    let buckets = buckets(tx, taxpayer, wanted, room, days).await?;
    let mut parts = Vec::new();
    for piece in planner::pieces(period(wanted), room, &buckets) {
        match piece.expected > cap {
            true => parts.extend(sieved(tx, taxpayer, wanted, room, piece).await?),
            false => parts.push(part(piece.window, wanted.filters.clone(), piece.expected)),
        }
    }
    Ok((expected, Some(parts)))
}

fn part(window: Window, filters: Filters, expected: u64) -> PartPlan {
    PartPlan { from: window.from, to: window.to, filters, expected: Some(expected) }
}

fn period(wanted: &Wanted) -> Window {
    Window { from: wanted.from, to: wanted.to }
}

fn count_of(wanted: &Wanted, window: Window) -> CountOf {
    let status = match wanted.estado {
        Estado::Todos => None,
        Estado::Vigente => Some(DocumentStatus::Vigente),
        Estado::Cancelado => Some(DocumentStatus::Cancelado),
    };
    CountOf {
        family: wanted.family,
        direction: wanted.direction,
        status,
        from: window.from,
        to: window.to,
        filters: wanted.filters.clone(),
    }
}

/// Stretches that fit, each as long as it can be; seconds where nothing else does.
async fn buckets(
    tx: &mut dyn Tx,
    taxpayer: TaxpayerId,
    wanted: &Wanted,
    room: u64,
    days: Vec<(String, u64)>,
) -> AppResult<Vec<Bucket>> {
    let mut found = Vec::new();
    let mut open = vec![(Grain::Day, period(wanted), days)];
    while let Some((grain, within, stretches)) = open.pop() {
        for (prefix, count) in stretches {
            let Some(start) = grain.start(&prefix) else { continue };
            let window = grain.stretch(start, within);
            match grain.finer().filter(|_| count > room) {
                Some(finer) => {
                    open.push((finer, window, tx.count_metadata(taxpayer, &count_of(wanted, window), finer).await?));
                }
                None => found.push(Bucket { window, count }),
            }
        }
    }
    found.sort_by_key(|it| it.window);
    Ok(found)
}

/// A second that is too much, by what SAT filters by; itself if it is narrowed already.
async fn sieved(tx: &mut dyn Tx, taxpayer: TaxpayerId, wanted: &Wanted, room: u64, piece: Piece) -> AppResult<Vec<PartPlan>> {
    if !wanted.filters.counterparties.is_empty() && wanted.filters.kind.is_some() {
        return Ok(vec![part(piece.window, wanted.filters.clone(), piece.expected)]);
    }
    let shares = tx.share_metadata(taxpayer, &count_of(wanted, piece.window)).await?;
    let has_kinds = wanted.family == Family::Cfdi && wanted.filters.kind.is_none();
    let sieves = planner::by_filter(plan::side(wanted.direction), has_kinds, room, &shares);
    let narrowed = |it: planner::Sieve| {
        let counterparties = if it.counterparties.is_empty() { wanted.filters.counterparties.clone() } else { it.counterparties };
        let kind = it.kind.or_else(|| wanted.filters.kind.clone());
        part(piece.window, Filters { counterparties, kind, ..wanted.filters.clone() }, it.expected)
    };
    Ok(sieves.into_iter().map(narrowed).collect())
}
