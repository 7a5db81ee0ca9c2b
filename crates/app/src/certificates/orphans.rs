//! Sealed keys that no credential names: written by a call that did not live to write its row, or left behind
//! when an object could not be removed.
//!
//! An object is written first, so that a row never names what is not there. What lies between is collected
//! once a week. Its name is its credential's id, which says when it was made: whatever is younger than a day
//! may still get its row. Without the data key of a row it opens for nobody, so that nothing is lost but room.

use crate::App;
use crate::audit_trail::entry;
use crate::descarga::layout;
use crate::descarga::transition::Moment;
use crate::error::AppResult;
use crate::jobs::schedule;
use crate::model::{ClaimedJob, CredentialState, NewJob};
use crate::ports::LeaseProof;
use fedatario_base::Scope;
use fedatario_base::id::CredentialId;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

/// The job that collects them; it comes back every week by itself.
pub const COLLECT: &str = "certificates.collect";

/// When, each week: while few upload anything.
const WEEKLY: &str = "30 4 * * 0 America/Mexico_City";
/// If a cron expression of ours could not be read: a week.
const A_WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The only key: one look at a time.
const KEY: &str = "weekly";
/// How old an object is that nobody is about to name any more: no call takes that long.
const GRACE: SignedDuration = SignedDuration::from_hours(24);
/// Objects that one look collects; the next takes the rest.
const COLLECTED_AT_MOST: usize = 1_000;

/// The job that looks for them.
pub fn collect_job(due: Timestamp) -> NewJob {
    NewJob { kind: COLLECT, key: KEY.to_owned(), payload: json!({}), due, run: None }
}

/// One look: the objects go first, and what was not removed is found again the next time.
pub(super) async fn collect(app: &App, scope: &Scope, job: &ClaimedJob) -> AppResult<()> {
    // Whoever enqueued the job may see less than there is; what they do not see is no orphan.
    let whole = Scope::system(scope.tenant());
    let now = Moment::now(app, &whole);
    let orphans = orphans(app, &whole, now.wall).await?;
    for path in &orphans {
        app.blobs.delete(path).await?;
    }
    let again = schedule::next_after(WEEKLY, now.service).unwrap_or(now.service + A_WEEK);
    let mut tx = app.store.begin(&whole).await?;
    if !orphans.is_empty() {
        let event = entry(&now, "credential.objects", &scope.tenant().to_string(), "collected");
        tx.append(event.field("count", orphans.len() as u64), None).await?;
    }
    tx.postpone_job(LeaseProof { job: job.id, token: job.token }, again, None).await?;
    Ok(tx.commit().await?)
}

/// The sealed keys of a tenant that are old enough and that no row names, or only one whose key was destroyed.
async fn orphans(app: &App, whole: &Scope, now: Timestamp) -> AppResult<Vec<String>> {
    let paths = app.blobs.list(&layout::tenant(whole.tenant())).await?;
    let mut tx = app.store.read(whole).await?;
    let mut found = Vec::new();
    for path in paths {
        let Some(id) = credential_of(&path).filter(|it| made(*it) + GRACE < now) else { continue };
        let row = tx.credential(id).await?;
        if !row.is_some_and(|it| it.object == path && it.state != CredentialState::Destroyed) {
            found.push(path);
        }
        if found.len() == COLLECTED_AT_MOST {
            break;
        }
    }
    Ok(found)
}

/// Whose sealed key a path is: nothing else of ours has such a name in such a folder.
fn credential_of(path: &str) -> Option<CredentialId> {
    let (folder, name) = path.rsplit_once('/')?;
    let id = name.strip_suffix(".sealed").filter(|_| folder.ends_with("/certificados"))?;
    id.parse().ok()
}

/// When an id was made; one that does not say is as new as can be, and left alone.
fn made(id: CredentialId) -> Timestamp {
    let (seconds, _) = id.0.get_timestamp().map_or((i64::MAX as u64, 0), |it| it.to_unix());
    Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX - GRACE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sealed_keys_of_credentials_are_looked_at() {
        let at: Timestamp = "2026-09-01T12:00:00Z".parse().unwrap();
        let id = CredentialId::fresh(at);
        let of = |text: &str| credential_of(&text.replace('*', &id.to_string()));
        assert_eq!(of("tenants/t/clientes/EKU9003173C9/certificados/*.sealed"), Some(id));
        assert_eq!(of("tenants/t/personas/usr_1/certificados/*.sealed"), Some(id));
        for other in [
            "tenants/t/clientes/E/certificados/*.cer",
            "tenants/t/clientes/E/tokens/*.sealed",
            "tenants/t/clientes/E/certificados/cfdi.sealed",
            "*.sealed",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
        assert_eq!(made(id), at);
        let without_time = CredentialId(uuid::Uuid::from_u128(7));
        assert!(made(without_time) + GRACE > "9000-01-01T00:00:00Z".parse().unwrap(), "nobody knows how old it is");
        fedatario_testkit::covers!("certificates: only sealed keys whose id says how old they are may be collected");
    }
}
