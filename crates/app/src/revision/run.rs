//! A run: what is asked, the passes in their order, and what is said at the end.
//!
//! A run has a row from its beginning, an audit entry at its end with its counts, and keeps its
//! findings. What the passes learned is theirs: the next run begins where this one was cut.

use super::Revision;
use super::model::{Reason, RunRow, SealCount, Trust, Verdict};
use super::seals::{Scan, Scanned};
use super::status::StatusDone;
use super::telling::{Listener, Told};
use crate::audit_trail::entry;
use crate::descarga::transition::Moment;
use crate::error::AppResult;
use crate::hooks;
use crate::model::Taxpayer;
use fedatario_base::Scope;
use fedatario_base::id::RevisionId;
use jiff::civil::{Date, DateTime};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Sorts before and after every emission.
const ALWAYS: (&str, &str) = ("", "9999-12-31T23:59:59");

/// Which questions are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Parts {
    /// Seals and stamps.
    pub seals: bool,
    /// Status at SAT, and in the metadata.
    pub status: bool,
    /// The list of article 69-B.
    pub efos: bool,
}

/// What a run is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Emission from this day.
    pub from: Option<Date>,
    /// Emission until this day, included.
    pub to: Option<Date>,
    /// Only these documents; all when empty.
    pub uuids: Vec<String>,
    /// Which questions.
    pub parts: Parts,
    /// Ask SAT about all documents, not only those of which too little is known.
    pub status_of_all: bool,
    /// Ask SAT for certificates that are not at hand.
    pub fetch_certificates: bool,
    /// Judge and ask again what was judged and asked.
    pub again: bool,
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The run.
    pub run: RevisionId,
    /// Everything counted, as it is told and kept.
    pub summary: Value,
    /// Whether anything was found that has to be looked at, or something could not be looked at.
    pub anything: bool,
    /// Whether SAT has to be asked again later.
    pub later: bool,
}

impl Asked {
    fn scan(&self) -> Scan {
        let begins = self.from.map(|it| it.at(0, 0, 0, 0));
        let ends = self.to.map(|it| it.at(23, 59, 59, 0));
        let text = |at: Option<DateTime>, none: &str| at.map_or_else(|| none.to_owned(), fedatario_fiscal::mx::time::format);
        Scan {
            from: begins,
            to: ends,
            dates: (text(begins, ALWAYS.0), text(ends, ALWAYS.1)),
            only: self.uuids.iter().map(|it| it.trim().to_lowercase()).collect::<BTreeSet<_>>(),
            again: self.again,
            fetch: self.fetch_certificates,
        }
    }

    pub(super) fn told(&self) -> Value {
        json!({
            "from": self.from.map(|it| it.to_string()), "to": self.to.map(|it| it.to_string()), "uuids": self.uuids.len(),
            "parts": self.parts, "status_of_all": self.status_of_all, "fetch_certificates": self.fetch_certificates,
            "again": self.again,
        })
    }
}

impl Revision {
    /// Looks at a taxpayer's documents; each finding is told to `listener` once everything was
    /// looked at, `tick` hears of progress.
    pub async fn revise(
        &self,
        scope: &Scope,
        taxpayer: &Taxpayer,
        asked: &Asked,
        listener: &mut Listener<'_>,
        tick: &(dyn Fn(u64) + Sync),
    ) -> AppResult<Outcome> {
        let id = RevisionId::fresh(self.app.clock.wall());
        self.revise_as(id, scope, taxpayer, asked, listener, tick).await
    }

    /// The same under a name that is known already.
    pub async fn revise_as(
        &self,
        id: RevisionId,
        scope: &Scope,
        taxpayer: &Taxpayer,
        asked: &Asked,
        listener: &mut Listener<'_>,
        tick: &(dyn Fn(u64) + Sync),
    ) -> AppResult<Outcome> {
        let begun = Moment::now(&self.app, scope);
        let scan = asked.scan();
        let mut run = RunRow { id, taxpayer: taxpayer.id, begun: begun.wall, ended: None, asked: asked.told(), counts: json!({}) };
        self.put_run(scope, &run).await?;
        let scanned = if asked.parts.seals { Some(self.scan(scope, taxpayer, &scan, tick).await?) } else { None };
        let status = match asked.parts.status {
            true => Some(self.ask_status(scope, taxpayer, &scan, asked.status_of_all, tick).await?),
            false => None,
        };
        let told = self.tell(scope, taxpayer, (run.id, &scan, asked.parts), listener).await?;
        let counts = self.counts(scope, taxpayer, &scan).await?;
        let list = self.registry.current_list(&self.hands).await?;
        let mut summary = summary(asked, scanned.as_ref(), status.as_ref(), &told, &counts);
        summary["run"] = json!(run.id.to_string());
        summary["rfc"] = json!(taxpayer.tax_id);
        summary["trust"] = json!(if self.authorities.is_empty() { "not_checked" } else { "checked" });
        if asked.parts.efos {
            summary["list"] = json!(list.map(|it| json!({ "source": it.source, "dated": it.dated, "rows": it.rows })));
        }
        run.counts = summary.clone();
        self.end(scope, &mut run).await?;
        let unchecked = asked.parts.seals && counts.unchecked > 0 && scan.only.is_empty();
        let later = status.is_some_and(|it| it.cut.is_some() || it.unanswered > 0);
        Ok(Outcome { run: run.id, summary, anything: told.anything() || unchecked, later })
    }

    async fn put_run(&self, scope: &Scope, run: &RunRow) -> AppResult<()> {
        let mut tx = self.app.store.begin(scope).await?;
        tx.put_run(run).await?;
        Ok(tx.commit().await?)
    }

    /// The end of a run and its audit entry are one.
    async fn end(&self, scope: &Scope, run: &mut RunRow) -> AppResult<()> {
        let now = Moment::now(&self.app, scope);
        run.ended = Some(now.wall);
        let count = |path: &str| run.counts.pointer(path).and_then(Value::as_u64).unwrap_or_default();
        let event = entry(&now, "sat.check", &run.id.to_string(), "ended")
            .field("taxpayer", run.taxpayer.to_string())
            .field("judged", count("/seals/judged"))
            .field("asked", count("/status/asked"))
            .field("forged", count("/findings/forged"))
            .field("altered", count("/findings/altered"))
            .field("cancelled", count("/findings/cancelled"))
            .field("unverifiable", count("/findings/unverifiable"))
            .field("listed", count("/findings/listed"));
        let mut tx = self.app.store.begin(scope).await?;
        tx.put_run(run).await?;
        tx.append(event, None).await?;
        hooks::check_ended(tx.as_mut(), &now, run, count).await?;
        Ok(tx.commit().await?)
    }

    async fn counts(&self, scope: &Scope, taxpayer: &Taxpayer, scan: &Scan) -> AppResult<Counts> {
        let rows = self.app.store.read(scope).await?.seal_counts(taxpayer.id, (&scan.dates.0, &scan.dates.1)).await?;
        Ok(Counts::of(&rows))
    }
}

/// Documents of the period by what became of their seals.
#[derive(Debug, Default)]
struct Counts {
    documents: u64,
    unchecked: u64,
    verdicts: BTreeMap<Verdict, u64>,
    good_unvouched: u64,
}

impl Counts {
    fn of(rows: &[SealCount]) -> Self {
        let mut counts = Self::default();
        for it in rows {
            counts.documents += it.count;
            match it.verdict {
                None => counts.unchecked += it.count,
                Some(verdict) => *counts.verdicts.entry(verdict).or_default() += it.count,
            }
            if it.verdict == Some(Verdict::Good) && it.trust != Some(Trust::Chained) {
                counts.good_unvouched += it.count;
            }
        }
        counts
    }
}

fn summary(asked: &Asked, scanned: Option<&Scanned>, status: Option<&StatusDone>, told: &Told, counts: &Counts) -> Value {
    let of = |verdict: Verdict| told.verdicts.get(&verdict).copied().unwrap_or_default();
    let reasons: BTreeMap<&str, u64> =
        told.reasons.iter().map(|(reason, count): (&Reason, &u64)| (reason.text(), *count)).collect();
    let mut summary = json!({
        "documents": counts.documents,
        "findings": {
            "forged": of(Verdict::Forged), "altered": of(Verdict::Altered), "cancelled": of(Verdict::Cancelled),
            "unverifiable": of(Verdict::Unverifiable), "listed": told.listed, "listed_otherwise": told.listed_otherwise,
        },
        "reasons": reasons,
    });
    if let Some(scanned) = scanned {
        let verdicts: BTreeMap<&str, u64> = counts.verdicts.iter().map(|(verdict, count)| (verdict.text(), *count)).collect();
        summary["seals"] = json!(scanned);
        summary["seals"]["verdicts"] = json!(verdicts);
        summary["seals"]["unchecked"] = json!(counts.unchecked);
        // Good under certificates that nobody vouched for is said to be just that.
        summary["seals"]["good_trust_not_checked"] = json!(counts.good_unvouched);
    }
    if let Some(status) = status {
        summary["status"] = json!(status);
        summary["status"]["of_all"] = json!(asked.status_of_all);
    }
    summary
}
