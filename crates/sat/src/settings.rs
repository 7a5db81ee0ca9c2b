//! What an operator may choose about the client, with the values that suit SAT.

use crate::download::MAX_PACKAGE_BYTES;
use crate::sealing::Form;
use fedatario_upstream::Rates;
use std::time::Duration;

/// How long each part of a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until there is a connection, TLS included.
    pub connect: Duration,
    /// A login. A process that dies in one keeps others out for twice as long.
    pub login: Duration,
    /// A request or a verification, from departure to answer.
    pub call: Duration,
    /// A download, from departure to its last byte.
    pub download: Duration,
    /// Between two signs of life of an answer.
    pub idle: Duration,
}

impl Default for Timeouts {
    /// Slow evenings and month ends are normal at SAT, hence minutes.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            login: Duration::from_secs(60),
            call: Duration::from_secs(60),
            download: Duration::from_secs(15 * 60),
            idle: Duration::from_secs(60),
        }
    }
}

/// The settings of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// In which form requests are signed.
    pub form: Form,
    /// How long things may take.
    pub timeouts: Timeouts,
    /// How often SAT is called, by credential and in all.
    pub rates: Rates,
    /// How long one call waits for its turn (rate, backoff, another's login) before the job is
    /// given back.
    pub patience: Duration,
    /// How long a verification is left alone that SAT answered with its "error no controlado".
    pub uncontrolled_wait: Duration,
    /// Bytes of one package.
    pub package_ceiling: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            form: Form::default(),
            timeouts: Timeouts::default(),
            rates: Rates::default(),
            patience: Duration::from_secs(20),
            // Longer than the patience: the job is given back, and others have their turn.
            uncontrolled_wait: Duration::from_secs(30),
            package_ceiling: MAX_PACKAGE_BYTES,
        }
    }
}
