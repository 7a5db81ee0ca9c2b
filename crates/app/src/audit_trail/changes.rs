//! What was before and after a change, beside the entry that tells of it.
//!
//! Values are personal as often as not, so they are sealed under the tenant's key and only their salted
//! digest is in the entry; secrets are masked first ([`crate::called::masked`]). The key is taken before the
//! transaction ([`Telling::begin`]): what was before is known for certain only inside of it, and making a
//! key may write. A function that takes a [`Telling`] cannot be called by anybody who forgot.

use crate::App;
use crate::called::Pen;
use crate::descarga::transition::Moment;
use crate::error::AppResult;
use crate::model::{CredentialRow, Delegation, ScheduleRow, SignatureConfig, Taxpayer};
use crate::ports::Tx;
use fedatario_audit::Event;
use fedatario_base::Scope;
use fedatario_vault::grant::Grant;
use serde_json::{Value, json};
use std::ops::Deref;

/// The instants and the actor of one move, with what seals the values that it changes.
pub struct Telling {
    now: Moment,
    pen: Pen,
}

impl Telling {
    /// Now, for whoever the scope names. Before the transaction.
    pub async fn begin(app: &App, scope: &Scope) -> AppResult<Self> {
        Ok(Self { now: Moment::now(app, scope), pen: Pen::of(&app.vault, scope.tenant()).await? })
    }

    /// Appends an event with the values before and after; null before a beginning, null after an end.
    pub async fn change(&self, tx: &mut dyn Tx, event: Event, before: Value, after: Value) -> AppResult<()> {
        let (event, detail) = self.pen.change(event, &before, &after)?;
        tx.append(event, detail).await?;
        Ok(())
    }
}

impl Deref for Telling {
    type Target = Moment;

    fn deref(&self) -> &Moment {
        &self.now
    }
}

/// What can be changed of a taxpayer.
pub fn of_taxpayer(it: &Taxpayer) -> Value {
    json!({ "kind": it.kind.text(), "tax_id": it.tax_id, "name": it.name, "environment": it.environment.text() })
}

/// What can be changed of a credential. Its key is nobody's to see.
pub fn of_credential(it: &CredentialRow) -> Value {
    json!({
        "id": it.id.to_string(), "name": it.name, "kind": it.kind.text(), "number": it.number, "state": it.state.text(),
        "reason": it.reason, "activates_at": it.activate.map(|it| it.to_string()), "not_after": it.not_after.to_string(),
    })
}

/// What a person chose of how they sign.
pub fn of_config(it: &SignatureConfig) -> Value {
    json!({
        "mode": it.mode.text(), "credential": it.credential.map(|it| it.to_string()),
        "auto_sign": it.auto_sign, "notify": it.notify,
    })
}

/// A delegation.
pub fn of_delegation(it: &Delegation) -> Value {
    json!({ "rnc": it.rnc, "from": it.from.to_string(), "to": it.to.map(|it| it.to_string()), "granted_by": it.granted_by })
}

/// A grant to sign.
pub fn of_grant(it: &Grant) -> Value {
    json!({
        "principal": it.principal, "credential": it.credential.to_string(), "profile": it.profile,
        "not_after": it.not_after.to_string(), "max_amount": it.cap.as_ref().map(|it| it.value.to_string()),
        "currency": it.cap.as_ref().map(|it| it.currency.clone()), "revoked": it.revoked.map(|it| it.to_string()),
    })
}

/// A schedule.
pub fn of_schedule(it: &ScheduleRow) -> Value {
    json!({ "cron": it.expression, "enabled": it.enabled, "spread_s": it.spread_s, "what": it.payload })
}
