//! The pass over the status at SAT: who has to be asked about, and what an answer says.
//!
//! SAT is asked at the pace of its door, a few questions at once, and the answers are written in
//! small groups: a run that was cut goes on where it was. An answer is read by its own words;
//! what nobody here knows is *unverifiable*, never good.

use super::model::{Askable, Reason, StatusCheck};
use super::ports::StatusAnswer;
use super::seals::Scan;
use super::{FRESH, FRESH_NOT_FOUND, QUESTIONS_AT_ONCE, Revision, YOUNG};
use crate::descarga::transition::mexico;
use crate::error::{AppError, AppResult};
use crate::model::{Content, Direction, Role, Solicitud, SolicitudState, Taxpayer};
use crate::ports::CallError;
use fedatario_base::Scope;
use fedatario_fiscal::mx::expresion::{Facts, Form, Receiver, expression};
use fedatario_fiscal::mx::rfc::Rfc;
use futures_util::StreamExt;
use jiff::civil::DateTime;
use jiff::{SignedDuration, Timestamp};

/// Documents looked at by one query.
const PAGE: u32 = 500;
/// Answers written at once: ten seconds of work at SAT's pace.
const GROUP: usize = 32;

/// What the pass did.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct StatusDone {
    /// Documents that SAT answered about.
    pub asked: u64,
    /// Documents about which nothing had to be asked.
    pub known: u64,
    /// Documents that no question can be made of.
    pub unaskable: u64,
    /// Questions that SAT refused, or did not answer in time.
    pub unanswered: u64,
    /// Why the pass ended early, if it did: an error slug.
    pub cut: Option<String>,
}

/// How an answer came back.
enum Back {
    Answered(StatusCheck),
    Refused,
    Later(&'static str),
}

/// Metadata that was brought, as far as it says how old what it says is.
pub(super) struct Coverage(Vec<(Direction, DateTime, DateTime, Timestamp)>);

impl Coverage {
    pub(super) fn of(solicitudes: &[Solicitud]) -> Self {
        let brought = |it: &&Solicitud| {
            it.content == Content::Metadata
                && matches!(it.state, SolicitudState::Imported | SolicitudState::Reconciled | SolicitudState::Empty)
        };
        let of = |it: &Solicitud| Some((it.direction, it.from, it.to, it.accepted_at?));
        Self(solicitudes.iter().filter(brought).filter_map(of).collect())
    }

    /// When SAT was last asked for metadata that would name a document of this role and day.
    fn last(&self, role: Role, date: &str) -> Option<Timestamp> {
        let date: DateTime = date.parse().ok()?;
        let sees = |direction: Direction| match role {
            Role::Issued => direction == Direction::Issued,
            Role::Received => direction == Direction::Received,
            Role::Both | Role::Foreign => true,
        };
        self.0.iter().filter(|(direction, from, to, _)| sees(*direction) && *from <= date && date <= *to).map(|it| it.3).max()
    }
}

impl Revision {
    /// Asks SAT about those documents of which too little is known; with `all`, about all.
    pub(super) async fn ask_status(
        &self,
        scope: &Scope,
        taxpayer: &Taxpayer,
        scan: &Scan,
        all: bool,
        tick: &(dyn Fn(u64) + Sync),
    ) -> AppResult<StatusDone> {
        let coverage = Coverage::of(&self.app.store.read(scope).await?.solicitudes(taxpayer.id, None).await?);
        let mut done = StatusDone::default();
        let mut after = String::new();
        while done.cut.is_none() {
            let mut tx = self.app.store.read(scope).await?;
            let page = tx.askable(taxpayer.id, (&scan.dates.0, &scan.dates.1), &after, PAGE).await?;
            drop(tx);
            let Some(last) = page.last() else { break };
            after = last.uuid.clone();
            let named = page.iter().filter(|it| scan.only.is_empty() || scan.only.contains(&it.uuid));
            let (wanted, known): (Vec<&Askable>, Vec<&Askable>) =
                named.partition(|it| self.must_ask(it, scan.again, all, &coverage));
            done.known += known.len() as u64;
            let facts: Vec<Facts> = wanted.iter().filter_map(|it| facts(it)).collect();
            done.unaskable += (wanted.len() - facts.len()) as u64;
            for group in facts.chunks(GROUP) {
                self.group(scope, taxpayer, group, &mut done).await?;
                tick(group.len() as u64);
                if done.cut.is_some() {
                    break;
                }
            }
        }
        Ok(done)
    }

    async fn group(&self, scope: &Scope, taxpayer: &Taxpayer, group: &[Facts], done: &mut StatusDone) -> AppResult<()> {
        // Each is asked when its turn comes: a future that nobody polls does nothing.
        let questions: Vec<_> = group.iter().map(|it| self.ask_one(taxpayer, it)).collect();
        let answers = futures_util::stream::iter(questions).buffered(QUESTIONS_AT_ONCE);
        let mut answers = std::pin::pin!(answers);
        let mut rows = Vec::with_capacity(group.len());
        let mut failed = None;
        while let Some(back) = answers.next().await {
            match back {
                Ok(Back::Answered(row)) => rows.push(row),
                Ok(Back::Refused) => done.unanswered += 1,
                Ok(Back::Later(slug)) => {
                    done.unanswered += 1;
                    done.cut = Some(slug.to_owned());
                }
                Err(error) => failed = Some(error),
            }
        }
        // What was answered is kept, whatever became of the rest.
        let mut tx = self.app.store.begin(scope).await?;
        tx.put_status_checks(taxpayer.id, &rows).await?;
        tx.commit().await?;
        done.asked += rows.len() as u64;
        failed.map_or(Ok(()), Err)
    }

    async fn ask_one(&self, taxpayer: &Taxpayer, facts: &Facts) -> AppResult<Back> {
        match self.counter.status(taxpayer.environment, facts).await {
            Ok(answer) => Ok(Back::Answered(StatusCheck { uuid: facts.uuid.to_string(), answer, asked: self.app.clock.service() })),
            Err(CallError::Fault(fault)) => {
                tracing::warn!(uuid = %facts.uuid, %fault, "SAT refused a question about a document");
                Ok(Back::Refused)
            }
            Err(error @ CallError::Later { .. }) => Ok(Back::Later(error.code().slug())),
            Err(error) => Err(AppError::Call(error)),
        }
    }

    fn must_ask(&self, it: &Askable, again: bool, all: bool, coverage: &Coverage) -> bool {
        let now = self.app.clock.service();
        if let Some((asked, estado)) = it.asked.as_ref().filter(|_| !again) {
            let fresh = if estado == NOT_FOUND { FRESH_NOT_FOUND } else { FRESH };
            // Nothing that was cancelled ever becomes current again.
            if estado == CANCELLED || now.duration_since(*asked) < SignedDuration::try_from(fresh).unwrap_or_default() {
                return false;
            }
        }
        if all {
            return true;
        }
        let stale = SignedDuration::from_hours(24 * i64::from(self.settings.stale_days));
        let asked = it.asked.as_ref().map(|(asked, _)| now.duration_since(*asked));
        let brought = it.metadata.map(|package| self.age_of(package, coverage.last(it.role, &it.date)));
        asked.into_iter().chain(brought).all(|age| age > stale)
    }

    /// How old metadata is: as its package's id, or as the last request that would have told
    /// something new.
    fn age_of(&self, package: fedatario_base::id::PackageId, asked: Option<Timestamp>) -> SignedDuration {
        let made =
            package.0.get_timestamp().map(|it| it.to_unix().0).and_then(|it| Timestamp::from_second(i64::try_from(it).ok()?).ok());
        let wall = made.map_or(SignedDuration::MAX, |it| self.app.clock.wall().duration_since(it));
        asked.map_or(wall, |it| wall.min(self.app.clock.service().duration_since(it)))
    }
}

/// The facts of a document that a question can be made of.
fn facts(it: &Askable) -> Option<Facts> {
    let is_retencion = matches!(it.version.as_str(), "1.0" | "2.0");
    let receiver = match Rfc::parse_lenient(&it.receiver) {
        Ok(rfc) => Receiver::Rfc(rfc.as_str().to_owned()),
        Err(_) if is_retencion => Receiver::Foreign(it.receiver.clone()),
        Err(_) => Receiver::Rfc(it.receiver.clone()),
    };
    let facts = Facts {
        form: Form::of(is_retencion, &it.version)?,
        uuid: it.uuid.parse().ok()?,
        issuer: it.issuer.clone(),
        receiver,
        total: it.total.clone(),
        seal_tail: it.seal_tail.clone(),
    };
    expression(&facts).is_some().then_some(facts)
}

const FOUND: &str = "S - ";
const REFUSED: &str = "N - 601";
const UNKNOWN: &str = "N - 602";
const CURRENT: &str = "Vigente";
const CANCELLED: &str = "Cancelado";
const NOT_FOUND: &str = "No Encontrado";

/// What an answer says against a document: nothing, if SAT says that it is current.
pub(super) fn against(answer: &StatusAnswer, asked: Timestamp, date: &str, stamped_at: &str) -> Option<Reason> {
    let code = answer.codigo_estatus.as_str();
    if code.starts_with(FOUND) {
        return match answer.estado.as_str() {
            CURRENT => None,
            CANCELLED => Some(Reason::CancelledAtSat),
            _ => Some(Reason::StatusUnknown),
        };
    }
    if code.starts_with(UNKNOWN) {
        let young = is_young(asked, date, stamped_at);
        return Some(if young { Reason::NotYetKnown } else { Reason::UnknownToSat });
    }
    Some(if code.starts_with(REFUSED) { Reason::ExpressionRefused } else { Reason::StatusUnknown })
}

/// Whether SAT may not have had it yet when it was asked. A document is stamped within 72 hours; of
/// one that does not say when, the latest is assumed, and of one without a date that it is young.
fn is_young(asked: Timestamp, date: &str, stamped_at: &str) -> bool {
    let young = SignedDuration::try_from(YOUNG).unwrap_or_default();
    let stamped: Option<DateTime> = stamped_at.parse().ok();
    let latest = stamped.or_else(|| date.parse::<DateTime>().ok()?.checked_add(young).ok());
    let (Some(latest), Ok(asked)) = (latest, mexico(asked)) else { return true };
    latest.checked_add(young).map_or(true, |known_by| asked < known_by)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, estado: &str, asked: &str, date: &str, stamped: &str, expected: Option<Reason>) {
        let answer = StatusAnswer { codigo_estatus: code.into(), estado: estado.into(), ..StatusAnswer::default() };
        assert_eq!(against(&answer, asked.parse().unwrap(), date, stamped), expected, "{code} {estado} {asked} {date} {stamped}");
    }

    #[test]
    fn an_answer_is_good_only_when_it_says_so() {
        let (at, day) = ("2026-09-10T18:00:00Z", "2026-09-01T12:00:00");
        let found = "S - Comprobante obtenido satisfactoriamente.";
        check(found, "Vigente", at, day, day, None);
        check(found, "Cancelado", at, day, day, Some(Reason::CancelledAtSat));
        for odd in ["", "vigente", "Suspendido", "No Encontrado"] {
            check(found, odd, at, day, day, Some(Reason::StatusUnknown));
        }
        check("N - 601: La expresión", "", at, day, day, Some(Reason::ExpressionRefused));
        for odd in ["", "Vigente", "N - 603: otra cosa", "X - nueva"] {
            check(odd, "Vigente", at, day, day, Some(Reason::StatusUnknown));
        }
        fedatario_testkit::covers!("status: only SAT's own words for current are taken for good; the unknown is unverifiable");
    }

    #[test]
    fn a_young_document_that_sat_does_not_know_is_not_forged() {
        let not_found = "N - 602: Comprobante no encontrado.";
        // Asked at noon of the tenth in Mexico City.
        let at = "2026-09-10T18:00:00Z";
        for (date, stamped, expected) in [
            ("2026-09-10T11:00:00", "2026-09-10T11:00:01", Reason::NotYetKnown),
            ("2026-09-07T12:00:01", "2026-09-07T12:00:01", Reason::NotYetKnown),
            ("2026-09-07T11:59:59", "2026-09-07T12:00:00", Reason::UnknownToSat),
            ("2026-09-04T13:00:00", "2026-09-07T13:00:00", Reason::NotYetKnown),
            ("2026-09-04T13:00:00", "", Reason::NotYetKnown),
            ("2026-09-04T11:00:00", "", Reason::UnknownToSat),
            ("", "", Reason::NotYetKnown),
        ] {
            check(not_found, "No Encontrado", at, date, stamped, Some(expected));
        }
        fedatario_testkit::covers!("status: 602 within 72 hours of the stamp is not yet known; after that nobody stamped it");
    }
}
