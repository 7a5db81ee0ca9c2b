//! What stands beside the entries of a chain, held against them.
//!
//! The hashes bind the entries alone. By the columns beside an entry it is found, filtered and ordered, and
//! what is sealed beside it is what people are shown: if either says something else than the entry, a list
//! leaves it out, or tells a lie. So whoever verifies a database compares all of it. What was sealed under a
//! key that is destroyed says nothing any more, and contradicts nothing.

use super::ports::{AuditFound, AuditQuestion, AuditRow};
use crate::App;
use crate::called::{Beside as Stands, Opener};
use crate::error::AppResult;
use crate::ports::Tx;
use fedatario_audit::event::{Says, says};
use fedatario_audit::{ChainVerifier, Row};
use fedatario_base::clock::to_millis;
use jiff::Timestamp;

/// Feeds a verifier with the rows after an entry, up to one, and tells it of each that is contradicted.
pub(super) async fn feed(app: &App, tx: &mut dyn Tx, verifier: &mut ChainVerifier, after: u64, last: Option<u64>) -> AppResult<()> {
    let (mut after, mut opener) = (after, Opener::default());
    while last.is_none_or(|it| after < it) {
        let rows = tx.audit_found(&AuditQuestion::default(), Some(after), super::PAGE).await?;
        let Some(end) = rows.last().map(|it| it.row.n) else { break };
        for found in rows.iter().filter(|it| last.is_none_or(|last| it.row.n <= last)) {
            let row = &found.row;
            verifier.feed(Row { n: row.n, prev: &row.prev, hash: &row.hash, entry: &row.entry });
            let Some(says) = says(&row.entry) else { continue };
            if columns_differ(row, &says) || seals_differ(app, &mut opener, found, &says).await? {
                verifier.contradict(row.n);
            }
        }
        after = end;
    }
    Ok(())
}

fn columns_differ(row: &AuditRow, it: &Says<'_>) -> bool {
    let at = it.at.parse::<Timestamp>().ok().map(to_millis);
    row.actor != it.actor
        || row.action != it.action
        || row.object.as_deref() != it.object.as_deref()
        || row.result != it.result
        || row.request.as_deref() != it.request.as_deref()
        || at != Some(row.at_ms)
}

async fn seals_differ(app: &App, opener: &mut Opener, found: &AuditFound, it: &Says<'_>) -> AppResult<bool> {
    let detail = match (&found.detail, it.detail.as_deref()) {
        (None, None) => false,
        (Some(sealed), Some(digest)) => opener.detail_beside(app, found.row.tenant, sealed, Some(digest)).await? == Stands::False,
        _ => true,
    };
    let origin = match (&found.origin, it.address.as_deref()) {
        (None, None) => false,
        (Some(sealed), Some(digest)) => opener.origin_beside(app, sealed, Some(digest)).await? == Stands::False,
        _ => true,
    };
    Ok(detail || origin)
}
