//! Points around every call to the authority: its record, its departure, its answer.

use super::reach;
use async_trait::async_trait;
use fedatario_base::Scope;
use fedatario_base::id::{ExchangeId, HolderId};
use fedatario_upstream::ports::{self, Claim, Closing, ExchangeRecord, NewExchange, Opening, Slot, StoredSession};
use fedatario_upstream::{LeaseProof, PortError, Refusal};
use jiff::Timestamp;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The exchanges, each step of which can be died at.
pub struct Ledger {
    inner: Arc<dyn ports::Ledger>,
    open: Mutex<HashMap<ExchangeId, &'static str>>,
}

/// What an operation of the engine is called here.
fn name(operation: &str) -> &'static str {
    match operation {
        "sat.autentica" => "login",
        "sat.solicita" => "ask",
        "sat.verifica" => "verify",
        "sat.descargar" => "fetch",
        _ => "session",
    }
}

impl Ledger {
    /// Around another.
    pub fn new(inner: Arc<dyn ports::Ledger>) -> Self {
        Self { inner, open: Mutex::default() }
    }

    fn of(&self, id: ExchangeId) -> &'static str {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied().unwrap_or("session")
    }
}

#[async_trait]
impl ports::Ledger for Ledger {
    async fn open(&self, scope: &Scope, exchange: NewExchange) -> Result<ExchangeId, Refusal> {
        let of = name(exchange.operation);
        reach(of, "before-open");
        let id = self.inner.open(scope, exchange).await?;
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(id, of);
        reach(of, "after-open");
        Ok(id)
    }

    async fn depart(&self, scope: &Scope, id: ExchangeId, lease: Option<LeaseProof>, now: Timestamp) -> Result<(), Refusal> {
        reach(self.of(id), "before-depart");
        self.inner.depart(scope, id, lease, now).await?;
        reach(self.of(id), "before-send");
        Ok(())
    }

    async fn close(&self, scope: &Scope, id: ExchangeId, closing: Closing) -> Result<(), PortError> {
        reach(self.of(id), "after-answer");
        self.inner.close(scope, id, closing).await?;
        reach(self.of(id), "after-record");
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
        Ok(())
    }

    async fn last(&self, scope: &Scope, operation: &str, subject: Option<&str>) -> Result<Option<ExchangeRecord>, PortError> {
        self.inner.last(scope, operation, subject).await
    }

    async fn count(&self, scope: &Scope, operation: &str, subject: Option<&str>) -> Result<u32, PortError> {
        self.inner.count(scope, operation, subject).await
    }

    async fn reclaim(
        &self,
        scope: &Scope,
        operation: &str,
        subject: &str,
        lease: Option<LeaseProof>,
        now: Timestamp,
    ) -> Result<Vec<ExchangeRecord>, Refusal> {
        reach(name(operation), "before-recall");
        let closed = self.inner.reclaim(scope, operation, subject, lease, now).await?;
        reach(name(operation), "after-recall");
        Ok(closed)
    }

    async fn sweep(&self, scope: &Scope, opened_before: Timestamp, now: Timestamp) -> Result<Vec<ExchangeRecord>, PortError> {
        self.inner.sweep(scope, opened_before, now).await
    }
}

/// The sessions, whose keeping can be died at.
pub struct Sessions(pub Arc<dyn ports::Sessions>);

#[async_trait]
impl ports::Sessions for Sessions {
    async fn load(&self, scope: &Scope, slot: Slot) -> Result<Option<StoredSession>, PortError> {
        self.0.load(scope, slot).await
    }

    async fn claim(&self, scope: &Scope, slot: Slot, opening: Opening) -> Result<Claim, PortError> {
        let claim = self.0.claim(scope, slot, opening).await?;
        if matches!(claim, Claim::Yours { .. }) {
            reach("login", "claimed");
        }
        Ok(claim)
    }

    async fn store(
        &self,
        scope: &Scope,
        slot: Slot,
        holder: HolderId,
        sealed: Vec<u8>,
        expires: Timestamp,
    ) -> Result<Option<u64>, PortError> {
        reach("login", "before-keep");
        let generation = self.0.store(scope, slot, holder, sealed, expires).await?;
        reach("login", "after-keep");
        Ok(generation)
    }

    async fn release(&self, scope: &Scope, slot: Slot, holder: HolderId) -> Result<(), PortError> {
        self.0.release(scope, slot, holder).await
    }

    async fn forget(&self, scope: &Scope, slot: Slot, generation: u64) -> Result<(), PortError> {
        self.0.forget(scope, slot, generation).await
    }

    async fn cool(&self, scope: &Scope, slot: Slot, holder: HolderId, until: Timestamp) -> Result<(), PortError> {
        self.0.cool(scope, slot, holder, until).await
    }
}
