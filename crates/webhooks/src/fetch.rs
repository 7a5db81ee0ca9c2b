//! What authorities are asked, at addresses that somebody configured: lists of revoked certificates and answers
//! about one.
//!
//! The same guard as for events: the address's text is looked at, its name is resolved by us, every place that
//! it leads to is looked at. What comes is signed by its authority, so that plain `http` is as good here as
//! `https`; authorities offer nothing else. An answer is read as far as whoever asks says, and not a byte farther.

use crate::courier::{CourierError, Resolver, client, fault};
use crate::guard::{self, Errand};
use crate::networks::Networks;
use async_trait::async_trait;
use fedatario_app::hooks::ports::CourierFault;
use fedatario_app::trust::ports::{Ask, FetchFault, Fetcher};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response};
use std::sync::Arc;

/// Fetches over HTTP.
pub struct HttpFetcher {
    client: Client,
    allowed: Networks,
}

impl HttpFetcher {
    /// One that reaches public places, and those of `allowed`.
    pub fn new(allowed: Networks, resolver: Arc<dyn Resolver>) -> Result<Self, CourierError> {
        Ok(Self { client: client(allowed.clone(), resolver)?, allowed })
    }
}

#[async_trait]
impl Fetcher for HttpFetcher {
    async fn fetch(&self, ask: Ask<'_>) -> Result<Vec<u8>, FetchFault> {
        let url = guard::read_for(ask.url, &self.allowed, Errand::Authority).map_err(of_fault)?;
        let request = match ask.question {
            Some(question) => self.client.post(url).header(CONTENT_TYPE, "application/ocsp-request").body(question.to_owned()),
            None => self.client.get(url),
        };
        let response = request.send().await.map_err(|error| of_fault(fault(&error)))?;
        match response.status().as_u16() {
            200 => read(response, ask.bytes_at_most).await,
            other => Err(FetchFault::Status(other)),
        }
    }
}

/// The body, if it is no longer than it may be, whatever its head says of that.
async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, FetchFault> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| of_fault(fault(&error)))? {
        if bytes.len() + chunk.len() > most {
            return Err(FetchFault::TooLarge);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn of_fault(fault: CourierFault) -> FetchFault {
    match fault {
        CourierFault::Url(why) => FetchFault::Url(why),
        CourierFault::Forbidden => FetchFault::Forbidden,
        CourierFault::Unanswered(why) => FetchFault::Unanswered(why),
        CourierFault::Signing => FetchFault::Unanswered("not asked".to_owned()),
    }
}
