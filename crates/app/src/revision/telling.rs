//! What was found, read back from the tables: one finding for each document or counterparty.
//!
//! The worst that is known of a document is its verdict; everything else that speaks against it
//! stands beside it. Findings go to whoever listens and into the run's own rows, page by page.

use super::Revision;
use super::model::{FindingRow, ListedCounterparty, Reason, Suspect, Trust, Verdict};
use super::run::Parts;
use super::seals::Scan;
use super::status::against;
use crate::error::AppResult;
use crate::model::{DocumentStatus, Role, Taxpayer};
use fedatario_base::Scope;
use fedatario_base::id::RevisionId;
use fedatario_fiscal::mx::efos::Situation;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Findings read and kept at once.
const PAGE: u32 = 500;

/// Who is told each finding, as it is found.
pub type Listener<'a> = dyn FnMut(&Value) + Send + 'a;

/// What was found, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// Documents by verdict.
    pub verdicts: BTreeMap<Verdict, u64>,
    /// Documents by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// Counterparties on the list whose situation is a finding.
    pub listed: u64,
    /// Counterparties on the list in any other situation.
    pub listed_otherwise: u64,
    seq: u64,
}

impl Told {
    /// Whether anything was found that has to be looked at.
    pub fn anything(&self) -> bool {
        self.listed > 0 || self.verdicts.values().any(|it| *it > 0)
    }
}

impl Revision {
    /// Tells what the tables know of a taxpayer's documents, and keeps it as findings of the run.
    pub(super) async fn tell(
        &self,
        scope: &Scope,
        taxpayer: &Taxpayer,
        (run, scan, parts): (RevisionId, &Scan, Parts),
        listener: &mut Listener<'_>,
    ) -> AppResult<Told> {
        let mut told = Told::default();
        if parts.seals || parts.status {
            self.tell_documents(scope, taxpayer, (run, scan, parts), listener, &mut told).await?;
        }
        if parts.efos {
            self.tell_listed(scope, taxpayer, (run, scan), listener, &mut told).await?;
        }
        Ok(told)
    }

    async fn tell_documents(
        &self,
        scope: &Scope,
        taxpayer: &Taxpayer,
        (run, scan, parts): (RevisionId, &Scan, Parts),
        listener: &mut Listener<'_>,
        told: &mut Told,
    ) -> AppResult<()> {
        let mut after = String::new();
        loop {
            let mut tx = self.app.store.read(scope).await?;
            let page = tx.suspects(taxpayer.id, (&scan.dates.0, &scan.dates.1), &after, PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else { return Ok(()) };
            after = last.uuid.clone();
            let named = page.iter().filter(|it| scan.only.is_empty() || scan.only.contains(&it.uuid));
            let rows: Vec<FindingRow> = named.filter_map(|it| document(it, parts, told)).collect();
            self.keep_findings(scope, run, &rows, listener).await?;
        }
    }

    async fn tell_listed(
        &self,
        scope: &Scope,
        taxpayer: &Taxpayer,
        (run, scan): (RevisionId, &Scan),
        listener: &mut Listener<'_>,
        told: &mut Told,
    ) -> AppResult<()> {
        let mut tx = self.app.store.read(scope).await?;
        let listed = tx.listed_counterparties(taxpayer.id, (&scan.dates.0, &scan.dates.1)).await?;
        drop(tx);
        let mut by_who: BTreeMap<(String, String, Role), Vec<ListedCounterparty>> = BTreeMap::new();
        for it in listed {
            by_who.entry((it.rfc.clone(), it.situation.clone(), it.role)).or_default().push(it);
        }
        let rows: Vec<FindingRow> = by_who.values().map(|it| counterparty(it, told)).collect();
        for page in rows.chunks(PAGE as usize) {
            self.keep_findings(scope, run, page, listener).await?;
        }
        Ok(())
    }

    async fn keep_findings(
        &self,
        scope: &Scope,
        run: RevisionId,
        rows: &[FindingRow],
        listener: &mut Listener<'_>,
    ) -> AppResult<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut tx = self.app.store.begin(scope).await?;
        tx.add_findings(run, rows).await?;
        tx.commit().await?;
        rows.iter().for_each(|it| listener(&it.told));
        Ok(())
    }
}

/// Everything that speaks against a document, the worst first.
fn reasons(it: &Suspect, parts: Parts) -> Vec<Reason> {
    let seal = it.seal.as_ref().filter(|_| parts.seals).and_then(|(_, reason, _)| *reason);
    let asked = it.asked.as_ref().filter(|_| parts.status);
    let status = asked.and_then(|(answer, asked)| against(answer, *asked, &it.date, &it.stamped_at));
    let metadata = (parts.status && it.status == DocumentStatus::Cancelado).then_some(Reason::CancelledInMetadata);
    let mut all: Vec<Reason> = seal.into_iter().chain(status).chain(metadata).collect();
    all.sort_by_key(|it| std::cmp::Reverse(it.verdict()));
    all
}

fn document(it: &Suspect, parts: Parts, told: &mut Told) -> Option<FindingRow> {
    let reasons = reasons(it, parts);
    let worst = *reasons.first()?;
    *told.verdicts.entry(worst.verdict()).or_default() += 1;
    *told.reasons.entry(worst).or_default() += 1;
    told.seq += 1;
    let also: Vec<&str> = reasons[1..].iter().map(|it| it.text()).collect();
    let mut said = json!({
        "finding": "document", "verdict": worst.verdict(), "reason": worst, "uuid": it.uuid, "role": it.role,
        "issuer": it.issuer, "receiver": it.receiver, "date": it.date, "total": it.total, "currency": it.currency,
        "trust": it.seal.as_ref().map_or(Trust::NotChecked, |it| it.2), "metadata": it.status, "also": also,
    });
    if let Some((answer, asked)) = &it.asked {
        said["status"] = json!(answer);
        said["status"]["asked"] = json!(asked.to_string());
    }
    Some(FindingRow {
        seq: told.seq,
        subject: it.uuid.clone(),
        verdict: worst.verdict().text().to_owned(),
        reason: worst.text().to_owned(),
        told: said,
    })
}

fn counterparty(rows: &[ListedCounterparty], told: &mut Told) -> FindingRow {
    let first = &rows[0];
    let is_finding = Situation::parse(&first.situation).is_finding();
    if is_finding {
        told.listed += 1
    } else {
        told.listed_otherwise += 1
    }
    told.seq += 1;
    let amounts: serde_json::Map<String, Value> = rows.iter().map(|it| (it.currency.clone(), amount(it.total_e6).into())).collect();
    let said = json!({
        "finding": "listed", "is_finding": is_finding, "rfc": first.rfc, "name": first.name, "situation": first.situation,
        "role": first.role, "documents": rows.iter().map(|it| it.documents).sum::<u64>(), "amounts": amounts,
        "first": rows.iter().map(|it| &it.first).min(), "last": rows.iter().map(|it| &it.last).max(),
    });
    FindingRow {
        seq: told.seq,
        subject: first.rfc.clone(),
        verdict: "listed".to_owned(),
        reason: first.situation.clone(),
        told: said,
    }
}

/// Millionths as an amount; it was exact before.
fn amount(e6: i64) -> String {
    let (sign, e6) = (if e6 < 0 { "-" } else { "" }, e6.unsigned_abs());
    format!("{sign}{}.{:06}", e6 / 1_000_000, e6 % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millionths_become_amounts() {
        for (e6, expected) in [(0, "0.000000"), (1, "0.000001"), (1_160_000_000, "1160.000000"), (-5_500_000, "-5.500000")] {
            assert_eq!(amount(e6), expected);
        }
    }
}
