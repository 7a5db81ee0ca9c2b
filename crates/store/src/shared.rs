//! What shares the commits of a tenant: claims and answers of calls that named themselves, and the log of
//! signatures.
//!
//! A signature over HTTP asks four times for something durable: the claim, the intent, the outcome, the
//! answer. Each waits for one commit, and everything that waits at a moment goes into the same one, so that
//! a call pays for a share of four commits and the disk is asked as seldom as it can be. What one of them
//! cannot write, none of them wrote, and each is told.

use crate::db::Db;
use crate::group::{Group, Writes};
use crate::reach::Reach;
use crate::replays;
use crate::signatures::{self, Decided};
use async_trait::async_trait;
use fedatario_app::ports::Stored;
use fedatario_app::replay::Claim;
use uuid::Uuid;

/// What waits to be written.
pub(crate) enum Asked {
    Replay(replays::Asked),
    Signature(signatures::Asked),
}

#[async_trait]
impl Writes<Asked> for Db {
    fn group(&self) -> &Group<Asked> {
        &self.1
    }

    async fn write_all(&self, tenant: Uuid, batch: Vec<Asked>) {
        let (mut calls, mut signatures) = (Vec::new(), Vec::new());
        for asked in batch {
            match asked {
                Asked::Replay(it) => calls.push(it),
                Asked::Signature(it) => signatures.push(it),
            }
        }
        match self.write_shared(tenant, &calls, &signatures).await {
            Ok((claims, decided)) => {
                replays::answer(calls, claims);
                signatures::answer(self, tenant, signatures, decided);
            }
            Err(error) => {
                replays::fail(calls, &error);
                signatures::fail(signatures, &error);
            }
        }
    }
}

impl Db {
    async fn write_shared(
        &self,
        tenant: Uuid,
        calls: &[replays::Asked],
        signatures: &[signatures::Asked],
    ) -> Stored<(Vec<Claim>, Vec<(Decided, u64)>)> {
        // Whoever writes to the chain takes its head before anything else.
        let mut work = match signatures {
            [] => self.writing(Reach::Tenant(tenant)).await?,
            _ => self.writing_in(tenant).await?,
        };
        let claims = replays::write(&mut work, tenant, calls).await?;
        let decided = signatures::write(&mut work, tenant, signatures).await?;
        work.commit().await?;
        Ok((claims, decided))
    }
}
