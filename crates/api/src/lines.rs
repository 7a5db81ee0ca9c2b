//! What the lines of work need of the binary beyond the services: who sends events, who looks at
//! documents, where a large body may lie for a moment.

use async_trait::async_trait;
use fedatario_app::hooks::ports::{Answer, Courier, CourierFault, Parcel};
use fedatario_app::revision::Revision;
use std::path::PathBuf;
use std::sync::Arc;

/// The parts.
#[derive(Clone)]
pub struct Lines {
    /// Who knows where events may be sent.
    pub courier: Arc<dyn Courier>,
    /// Who looks at documents; without it those operations are not there.
    pub revision: Option<Revision>,
    /// A folder of this installation's own, for bodies on their way in or out.
    pub temporary: PathBuf,
}

impl Lines {
    /// Nothing of it: events go nowhere, and nobody looks at documents.
    pub fn closed() -> Self {
        Self { courier: Arc::new(Nowhere), revision: None, temporary: std::env::temp_dir() }
    }
}

/// A courier that goes nowhere.
struct Nowhere;

#[async_trait]
impl Courier for Nowhere {
    fn check(&self, _: &str) -> Result<(), CourierFault> {
        Err(CourierFault::Forbidden)
    }

    async fn deliver(&self, _: Parcel<'_>) -> Result<Answer, CourierFault> {
        Err(CourierFault::Forbidden)
    }
}
