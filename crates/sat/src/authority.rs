//! SAT as the engine knows it: how a session is opened, kept and found again.
//!
//! One authority for each world and family, because hosts, tokens, limits and outages are theirs
//! alone. What a session is used for is [`crate::client`]'s.

use crate::endpoints::{Addresses, Door};
use crate::envelope::AUTENTICA_ACTION;
use crate::http::{Arrived, Http, Post};
use crate::reply;
use crate::sealing::{self, Signer};
use crate::token::Token;
use fedatario_app::model::{Environment, Family};
use fedatario_app::ports::SatAccount;
use fedatario_base::{Clock, Secret};
use fedatario_upstream::{Authority, Effects, Fault, Lease, Notice, Operation, PortError};
use std::sync::Arc;
use std::time::Duration;

/// What all doors of all worlds share.
pub(crate) struct Wires {
    pub(crate) http: Http,
    pub(crate) addresses: Addresses,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) login_timeout: Duration,
}

/// One family of SAT's services in one world.
pub struct SatAuthority {
    environment: Environment,
    family: Family,
    wires: Arc<Wires>,
}

impl SatAuthority {
    pub(crate) fn new(environment: Environment, family: Family, wires: Arc<Wires>) -> Self {
        Self { environment, family, wires }
    }

    /// Its permanent name: part of the key of every session, bucket and breaker.
    pub fn name_of(environment: Environment, family: Family) -> &'static str {
        match (environment, family) {
            (Environment::Production, Family::Cfdi) => "sat.cfdi",
            (Environment::Production, Family::Retenciones) => "sat.retenciones",
            (Environment::Sandbox, Family::Cfdi) => "sat.cfdi.sandbox",
            (Environment::Sandbox, Family::Retenciones) => "sat.retenciones.sandbox",
        }
    }

    async fn login(&self, account: &SatAccount) -> Result<Lease<Token>, Fault> {
        let wires = &self.wires;
        let url = wires.addresses.find(account.environment, self.family, Door::Autentica);
        let url = url.map_err(|error| Fault::Rejected(Notice::new(error.code().slug(), error.to_string())))?;
        let asked_at = wires.clock.wall();
        let body = sealing::login(wires.signer.as_ref(), account, asked_at).await.map_err(unsigned)?;
        let post = Post { url, action: AUTENTICA_ACTION, body: body.into(), token: None, timeout: wires.login_timeout };
        let arrived = Arrived::read(wires.http.post(post).await?).await?;
        if let Some(busy) = arrived.busy() {
            return Err(busy);
        }
        let login = arrived.settle(reply::login).map_err(|fault| self.blame(fault, &arrived))?.value;
        // From when we asked, so that the way of the answer shortens our trust and never lengthens it.
        let expires = asked_at.saturating_add(login.lifetime).unwrap_or(asked_at);
        Ok(Lease { session: Token::new(login.token, expires), expires })
    }

    /// A refused login says nothing about its reason; a wrong clock can be told from here.
    fn blame(&self, fault: Fault, arrived: &Arrived) -> Fault {
        match (fault, arrived.skew(self.wires.clock.as_ref())) {
            (Fault::Rejected(notice), Some(skew)) => Fault::Rejected(Notice::new(notice.code, format!("{} ({skew})", notice.text))),
            (fault, _) => fault,
        }
    }
}

/// Nothing was sent. Whether that can pass is for the vault's code to say.
fn unsigned(error: PortError) -> Fault {
    let slug = error.code().slug();
    if error.code().retryable() {
        return Fault::Unreachable(format!("the login could not be signed ({slug})"));
    }
    Fault::Rejected(Notice::new(slug, "the login could not be signed"))
}

impl Authority for SatAuthority {
    type Credential = SatAccount;
    type Session = Token;

    fn name(&self) -> &'static str {
        Self::name_of(self.environment, self.family)
    }

    // SAT renews nothing: every session is a login.
    async fn open(&self, account: &SatAccount, _prior: Option<&Token>) -> Result<Lease<Token>, Fault> {
        self.login(account).await
    }

    fn freeze(&self, session: &Token) -> Secret {
        session.freeze()
    }

    fn thaw(&self, frozen: &[u8]) -> Option<Token> {
        Token::thaw(frozen)
    }

    fn login(&self) -> Operation {
        Operation { name: "sat.autentica", effects: Effects::Freely, timeout: self.wires.login_timeout, attempts_at_most: None }
    }
}
