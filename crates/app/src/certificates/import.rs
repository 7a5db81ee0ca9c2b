//! Certificates let in by the hundred: each by itself, so that one that is refused holds up no other.

use super::upload::{self, Asked, Uploaded};
use crate::App;
use crate::error::AppResult;
use fedatario_base::Scope;
use fedatario_credentials::Certificate;
use futures_util::{StreamExt as _, stream};

/// Certificates of one call that are looked at, at once: as many as the vault opens keys, so that a call holds
/// no more than that of the places in which others wait.
const AT_ONCE: usize = 2;

/// What became of a line.
#[derive(Debug)]
pub enum Imported {
    /// It was let in, or was in use already.
    Done(Box<Uploaded>),
    /// It would be.
    WouldBe {
        /// The certificate.
        certificate: Box<Certificate>,
        /// Whose it would be.
        tax_id: String,
        /// Whether anything would change.
        changes: bool,
    },
}

/// Lets them in, in their order; with `dry_run` nothing is stored, and everything else is as it would be.
pub async fn import(app: &App, scope: &Scope, lines: Vec<Asked>, dry_run: bool) -> Vec<AppResult<Imported>> {
    let prepared = stream::iter(lines).map(|it| upload::prepare(app, scope, it)).buffered(AT_ONCE);
    let done = prepared.then(|prepared| async move {
        let prepared = prepared?;
        if dry_run {
            let (certificate, tax_id) = (Box::new(prepared.certificate().clone()), prepared.taxpayer().tax_id.clone());
            return Ok(Imported::WouldBe { certificate, tax_id, changes: prepared.changes() });
        }
        Ok(Imported::Done(Box::new(prepared.store(app, scope).await?)))
    });
    done.collect().await
}
