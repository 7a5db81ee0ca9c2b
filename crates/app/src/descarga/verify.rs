//! Waiting for a request: asking SAT how it stands, on a schedule that backs off.
//!
//! Three codes are in play and decide in this order: `CodEstatus` (was this call all right),
//! `EstadoSolicitud` (where it stands), `CodigoEstadoSolicitud` (why). What nobody knows is pending.

use super::transition::{self, Moment, end, end_and_widen, list_packages, step, supersede_rivals};
use crate::App;
use crate::error::{AppError, AppResult};
use crate::jobs::JobFailure;
use crate::model::*;
use crate::ports::{LeaseProof, SatVerified, Tx};
use fedatario_base::Scope;
use fedatario_base::id::{CredentialId, SolicitudId};
use fedatario_fiscal::mx::sat_codes::{self, EstadoSolicitud, Reaction, Standing};
use std::time::Duration;

/// An answer that nobody has explained is pending; after so many in a row a person looks at it. At
/// SAT's pace that is half a day and more.
const UNEXPLAINED_AT_MOST: u32 = 40;
/// 305 has passing causes: after so many in a row the certificate counts as refused.
const REFUSED_AT_MOST: u32 = 20;

/// How long to wait before check `checks` of a request of this age, in the pace of the service's
/// reference (§9.4): one unit ×5, five ×6, fifteen until the 360th, then sixty. `random` in 0..1
/// adds up to a tenth.
pub fn poll_delay(checks: u32, age: Duration, unit: Duration, random: f64) -> Duration {
    let units = match checks {
        0..5 => 1,
        5..11 => 5,
        _ if age < unit * 360 => 15,
        _ => 60,
    };
    (unit * units).mul_f64(1.0 + 0.1 * random.clamp(0.0, 1.0))
}

/// The job `sat.verify`.
pub async fn verify(app: &App, scope: &Scope, id: SolicitudId, lease: LeaseProof) -> Result<(), JobFailure> {
    let mut tx = app.store.begin(scope).await?;
    let found = tx.solicitud(id).await?.filter(is_waiting);
    let Some((s, authority_id)) = found.and_then(|it| it.authority_id.clone().map(|id| (it, id))) else {
        tx.finish_job(lease).await?;
        return Ok(tx.commit().await?);
    };
    let account = match transition::account(tx.as_mut(), scope, &s).await {
        Ok(account) => account,
        Err(AppError::CredentialBlocked { reason, .. }) => return Ok(transition::block(app, scope, tx, s, lease, &reason).await?),
        Err(error) => return Err(error.into()),
    };
    let s = notice_stuck(app, scope, tx, s).await?;
    let verified = app.sat.verify(&account, &authority_id, s.id, Some(lease)).await.map_err(AppError::from)?;
    Ok(settle(app, scope, account.credential, s, verified, lease).await?)
}

/// Also when SAT does not answer at all: the age of a request does not wait for it.
async fn notice_stuck(app: &App, scope: &Scope, mut tx: Box<dyn Tx>, mut s: Solicitud) -> AppResult<Solicitud> {
    let now = Moment::now(app, scope);
    let before = s.state;
    stuck(app, tx.as_mut(), &now, &mut s).await?;
    if s.state != before {
        tx.commit().await?;
    }
    Ok(s)
}

fn is_waiting(s: &Solicitud) -> bool {
    matches!(s.state, SolicitudState::Accepted | SolicitudState::Running | SolicitudState::Stuck)
}

async fn settle(
    app: &App,
    scope: &Scope,
    credential: CredentialId,
    mut s: Solicitud,
    v: SatVerified,
    lease: LeaseProof,
) -> AppResult<()> {
    let now = Moment::now(app, scope);
    s.checks += 1;
    s.codes = AuthorityCodes {
        cod_estatus: Some(v.cod_estatus.clone()),
        estado: Some(v.estado),
        codigo_estado: v.codigo_estado.clone(),
        mensaje: Some(v.mensaje.clone()),
        odd_in_a_row: s.codes.odd_in_a_row,
    };
    s.announced = Some(v.numero_cfdis);
    let estado = EstadoSolicitud::from(v.estado);
    let standing = sat_codes::standing(&v.cod_estatus, Some(estado), v.codigo_estado.as_deref(), v.packages.len());
    let counted = match standing {
        Standing::TooLarge => super::counts::parts_of(app, scope, &s).await?,
        _ => None,
    };
    let odd = matches!(standing, Standing::Unexplained | Standing::CallFailed(_));
    s.codes.odd_in_a_row = if odd { s.codes.odd_in_a_row + 1 } else { 0 };
    let mut tx = app.store.begin(scope).await?;
    if matches!(standing, Standing::CallFailed(Reaction::BlockCredential)) && certificate_is_refused(&s, &v) {
        super::ask::block_credential(tx.as_mut(), &now, credential, &v.cod_estatus).await?;
        end(tx.as_mut(), &now, &mut s, SolicitudState::Blocked).await?;
        tx.finish_job(lease).await?;
    } else if decide(app, tx.as_mut(), &now, &mut s, Answered { v: &v, standing, counted }).await? {
        wait(app, tx.as_mut(), &now, &mut s, estado, lease).await?;
    } else {
        tx.finish_job(lease).await?;
    }
    Ok(tx.commit().await?)
}

/// SAT's answer, what it comes to, and the parts that our own counts give if it is too much.
struct Answered<'a> {
    v: &'a SatVerified,
    standing: Standing,
    counted: Option<Vec<transition::PartPlan>>,
}

/// Moves the request as its standing says; true while it has to be waited for.
async fn decide(app: &App, tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, answered: Answered<'_>) -> AppResult<bool> {
    match answered.standing {
        Standing::Pending => stuck(app, tx, now, s).await?,
        Standing::Unexplained if s.codes.odd_in_a_row >= UNEXPLAINED_AT_MOST => {
            end(tx, now, s, SolicitudState::Blocked).await?;
            return Ok(false);
        }
        Standing::Unexplained => stuck(app, tx, now, s).await?,
        Standing::CallFailed(reaction) => return call_failed(tx, now, s, reaction).await,
        _ => {
            ended_as(tx, now, s, answered).await?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// The request has come to an end at SAT, one way or another.
async fn ended_as(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, answered: Answered<'_>) -> AppResult<()> {
    match answered.standing {
        Standing::Ready => {
            step(tx, now, s, SolicitudState::Ready).await?;
            list_packages(tx, now, s, &answered.v.packages).await?;
            supersede_rivals(tx, now, s).await
        }
        Standing::Empty => {
            end(tx, now, s, SolicitudState::Empty).await?;
            supersede_rivals(tx, now, s).await
        }
        Standing::TooLarge => {
            transition::split(tx, now, s, answered.counted).await?;
            supersede_rivals(tx, now, s).await
        }
        Standing::Failed => end_and_widen(tx, now, s, SolicitudState::Failed).await,
        Standing::Expired => end_and_widen(tx, now, s, SolicitudState::Expired).await,
        Standing::Rejected(reaction) => rejected(tx, now, s, reaction).await,
        Standing::Pending | Standing::Unexplained | Standing::CallFailed(_) => Ok(()),
    }
}

async fn rejected(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, reaction: Reaction) -> AppResult<()> {
    match reaction {
        Reaction::NextVariant | Reaction::ReuseActive | Reaction::AskAgain | Reaction::RetryLater | Reaction::Uncertain => {
            end_and_widen(tx, now, s, SolicitudState::Rejected).await
        }
        // Nobody has heard this reason before: it is shown, and a person decides.
        Reaction::Unknown => end(tx, now, s, SolicitudState::Blocked).await,
        Reaction::Accepted
        | Reaction::Empty
        | Reaction::Split
        | Reaction::Reauthenticate
        | Reaction::Permanent
        | Reaction::BlockCredential => end(tx, now, s, SolicitudState::Rejected).await,
    }
}

/// The call failed and says nothing about the request; true while it is worth asking again.
async fn call_failed(tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud, reaction: Reaction) -> AppResult<bool> {
    match reaction {
        // SAT does not know its own request any more: the window is asked anew.
        Reaction::AskAgain | Reaction::Empty => end_and_widen(tx, now, s, SolicitudState::Failed).await?,
        Reaction::Permanent => end(tx, now, s, SolicitudState::Rejected).await?,
        _ => return Ok(true),
    }
    Ok(false)
}

/// 304 is final; 305 only when it stays.
fn certificate_is_refused(s: &Solicitud, v: &SatVerified) -> bool {
    v.cod_estatus == "304" || s.codes.odd_in_a_row >= REFUSED_AT_MOST
}

/// In process for too long: an equivalent request runs beside it, and whichever ends first wins.
async fn stuck(app: &App, tx: &mut dyn Tx, now: &Moment, s: &mut Solicitud) -> AppResult<()> {
    if s.state == SolicitudState::Stuck || age(now, s) < app.settings.stuck_after {
        return Ok(());
    }
    transition::plan_variant(tx, now, s, Relation::Stuck).await?;
    step(tx, now, s, SolicitudState::Stuck).await
}

fn age(now: &Moment, s: &Solicitud) -> Duration {
    let since = s.accepted_at.unwrap_or(now.service);
    Duration::try_from(now.service.duration_since(since)).unwrap_or_default()
}

async fn wait(
    app: &App,
    tx: &mut dyn Tx,
    now: &Moment,
    s: &mut Solicitud,
    estado: EstadoSolicitud,
    lease: LeaseProof,
) -> AppResult<()> {
    let due = now.after(poll_delay(s.checks, age(now, s), app.settings.poll_unit, rand::random()));
    s.next_check = Some(due);
    let state = match s.state {
        SolicitudState::Stuck => SolicitudState::Stuck,
        _ => transition::waiting_state(&estado),
    };
    step(tx, now, s, state).await?;
    tx.postpone_job(lease, due, None).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polling_backs_off_as_the_reference_says() {
        let minute = Duration::from_secs(60);
        let cases = [(0, 0, 1), (4, 4, 1), (5, 5, 5), (10, 30, 5), (11, 35, 15), (30, 359, 15), (31, 360, 60), (200, 4000, 60)];
        for (checks, age_minutes, expected) in cases {
            assert_eq!(poll_delay(checks, minute * age_minutes, minute, 0.0), minute * expected, "check {checks}");
        }
        assert_eq!(poll_delay(0, minute, minute, 1.0), Duration::from_secs(66));
    }
}
