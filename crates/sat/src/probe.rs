//! Is SAT there? One GET to each address: no credentials, no session, nothing that counts.
//!
//! Says whether a connection with TLS comes about and how far the server's clock is from ours. Any
//! HTTP status is a sign of life: these addresses answer a GET as they please.

use crate::client::SatClient;
use crate::endpoints::Door;
use fedatario_app::model::{Environment, Family};
use std::time::Duration;

/// How long one address may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(15);

/// What was seen at one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Which of the two services.
    pub family: Family,
    /// Which of its four doors.
    pub door: Door,
    /// The address, without credentials: none are ever in it.
    pub url: String,
    /// Who answered, or why nobody did.
    pub seen: Result<Alive, String>,
}

/// A server that answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alive {
    /// Its HTTP status, whatever it is.
    pub status: u16,
    /// Seconds that our clock is ahead of its `Date`; none if it sent no date.
    pub ahead_s: Option<i64>,
}

impl SatClient {
    /// Looks at the four addresses of one service.
    pub async fn probe(&self, environment: Environment, family: Family) -> Vec<Probe> {
        let mut found = Vec::new();
        for door in Door::ALL {
            let Ok(url) = self.wires.addresses.find(environment, family, door) else { continue };
            let seen = self.wires.http.look(url, PROBE_TIMEOUT, self.ports.clock.as_ref()).await;
            found.push(Probe { family, door, url: url.to_string(), seen });
        }
        found
    }
}
