//! The client of one bucket: how it is made, how patient it is, and what every part of it shares.

use super::config::{S3Config, S3ConfigError, S3Keys, Sse};
use super::fault::fault;
use crate::path::{MAX_PATH_BYTES, ObjectPath};
use fedatario_app::ports::BlobError;
use fedatario_base::Clock;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::list::{PaginatedListOptions, PaginatedListStore};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectMeta, ObjectStoreExt, RetryConfig};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take: a server that is there answers within a round trip or two.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one request may take with its body: a part over a line of half a megabit a second, or
/// the server's copying of the largest package.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(180);
/// How often a request is repeated after a 5xx or a broken connection. All of them may be: an object
/// is written whole under a name that no other bytes have, or replaced by the same.
const RETRIES_AT_MOST: usize = 4;
/// After so long no repetition begins: jobs repeat at their own pace.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
/// The wait before the first repetition and the longest one; doubling with jitter between them.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// Pages of a listing, a thousand keys each: beyond that a server is going round in circles.
const PAGES_AT_MOST: usize = 10_000;

/// A bucket that can be asked.
pub(crate) struct Bucket {
    pub store: AmazonS3,
    pub config: S3Config,
    pub clock: Arc<dyn Clock>,
}

/// The address, never the keys.
impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bucket").field(&self.config).finish()
    }
}

impl Bucket {
    pub fn new(config: S3Config, keys: &S3Keys, clock: Arc<dyn Clock>) -> Result<Self, S3ConfigError> {
        let secret = |it: &fedatario_base::Secret, name| {
            it.expose_str().filter(|it| !it.is_empty()).map(str::to_owned).ok_or(S3ConfigError::KeyMissing(name))
        };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(&keys.access_key_id)
            .with_secret_access_key(secret(&keys.secret_access_key, "AWS_SECRET_ACCESS_KEY")?)
            .with_virtual_hosted_style_request(!config.path_style)
            .with_disable_bulk_delete(true) // Not every server has it.
            .with_retry(patience())
            .with_client_options(client(&config));
        if let Some(token) = &keys.session_token {
            builder = builder.with_token(secret(token, "AWS_SESSION_TOKEN")?);
        }
        if let Some(endpoint) = endpoint(&config) {
            builder = builder.with_endpoint(endpoint);
        }
        let store = encrypted(builder, config.sse.as_ref())?.build().map_err(|_| S3ConfigError::Client)?;
        Ok(Self { store, config, clock })
    }

    /// The key of an object.
    pub fn key(&self, path: &ObjectPath) -> Result<Path, BlobError> {
        self.key_of(path.as_str())
    }

    pub fn key_of(&self, relative: &str) -> Result<Path, BlobError> {
        let key = format!("{}{relative}", self.before());
        if key.len() > MAX_PATH_BYTES {
            return Err(BlobError::Path(relative.to_owned()));
        }
        Path::parse(key).map_err(|_| BlobError::Path(relative.to_owned()))
    }

    fn before(&self) -> String {
        if self.config.prefix.is_empty() { String::new() } else { format!("{}/", self.config.prefix) }
    }

    /// What is there under a key. The answer to a HEAD has no body, so whether it is the object or
    /// the whole bucket that is missing takes a second question.
    pub async fn find(&self, path: &str, key: &Path) -> Result<Option<ObjectMeta>, BlobError> {
        let failure = |error: object_store::Error| fault("look up", path, &error);
        match self.store.head(key).await {
            Ok(found) => return Ok(Some(found)),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(failure(error)),
        }
        match self.store.get(key).await.map_err(failure) {
            Ok(found) => Ok(Some(found.meta)),
            Err(BlobError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Everything whose path begins so, page by page, paths without the bucket's prefix.
    pub async fn each(&self, prefix: &str, mut take: impl FnMut(&str, &ObjectMeta)) -> Result<(), BlobError> {
        let before = self.before();
        let whole = format!("{before}{prefix}");
        let mut page_token = None;
        for _ in 0..PAGES_AT_MOST {
            let options = PaginatedListOptions { page_token, ..PaginatedListOptions::default() };
            let page = self.store.list_paginated(Some(whole.as_str()).filter(|it| !it.is_empty()), options).await;
            let page = page.map_err(|error| not_an_object(fault("list", prefix, &error)))?;
            for object in &page.result.objects {
                if let Some(path) = object.location.as_ref().strip_prefix(&before) {
                    take(path, object);
                }
            }
            page_token = page.page_token;
            if page_token.is_none() {
                return Ok(());
            }
        }
        Err(BlobError::Unavailable(format!("list {prefix}: no end after {PAGES_AT_MOST} pages")))
    }
}

/// A listing of nothing is empty, never absent: what is absent is the bucket.
fn not_an_object(error: BlobError) -> BlobError {
    match error {
        BlobError::NotFound => BlobError::Refused("list: HTTP 404 (the bucket does not exist)".to_owned()),
        other => other,
    }
}

fn patience() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig { init_backoff: BACKOFF.0, max_backoff: BACKOFF.1, base: 2.0 },
        max_retries: RETRIES_AT_MOST,
        retry_timeout: RETRY_TIMEOUT,
    }
}

fn client(config: &S3Config) -> ClientOptions {
    // The address was judged when it was read.
    let is_http = config.endpoint.as_ref().is_some_and(|it| it.starts_with("http://"));
    ClientOptions::new().with_allow_http(is_http).with_connect_timeout(CONNECT_TIMEOUT).with_timeout(REQUEST_TIMEOUT)
}

/// The server's address, with the bucket in the host if it is to be there.
fn endpoint(config: &S3Config) -> Option<String> {
    let endpoint = config.endpoint.as_ref()?;
    match endpoint.split_once("://") {
        Some((scheme, host)) if !config.path_style => Some(format!("{scheme}://{}.{host}", config.bucket)),
        _ => Some(endpoint.clone()),
    }
}

fn encrypted(builder: AmazonS3Builder, sse: Option<&Sse>) -> Result<AmazonS3Builder, S3ConfigError> {
    let kind: AmazonS3ConfigKey = "aws_server_side_encryption".parse().map_err(|_| S3ConfigError::Client)?;
    Ok(match sse {
        None => builder,
        Some(Sse::S3) => builder.with_config(kind, "AES256"),
        Some(Sse::Kms(None)) => builder.with_config(kind, "aws:kms"),
        Some(Sse::Kms(Some(key))) => builder.with_sse_kms_encryption(key),
    })
}
