//! The signer alone: how this process reaches it, or is it.

use crate::config;
use crate::failure::Failure;
use crate::house::{Opening, Premises};
use crate::present::Screen;
use crate::signals::Stop;
use crate::{hygiene, roots};
use fedatario_app::called::{self, Called, Sealed};
use fedatario_app::custody;
use fedatario_app::ports::System as _;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_signer::call::Work;
use fedatario_signer::{Call, Client, Identity, Origin, Served, Timeouts, Within};
use fedatario_vault::{KeyClass, RemoteSigner};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

/// Where the signer answers when nobody says otherwise: this machine alone.
pub const LISTEN: &str = "127.0.0.1:8090";
/// Where the signer is, for the other roles: `tls://HOST:PORT`.
const URL: &str = "FEDATARIO_SIGNER_URL";
/// The folder with this process's certificate, its key and the authority, on both sides.
const IDENTITY: &str = "FEDATARIO_SIGNER_IDENTITY";

/// The signer that the environment names. Nothing is asked of it yet.
pub fn remote() -> Result<Option<Arc<dyn RemoteSigner>>, Failure> {
    let Some(url) = config::value(URL)? else { return Ok(None) };
    let bad = |text: String| Failure::new(Code::ConfigInvalid, text);
    let address = url.strip_prefix("tls://").unwrap_or(&url).trim_end_matches('/');
    let has_port = address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !has_port || address.contains('/') {
        return Err(bad(format!("{URL}: {url:?} is not tls://HOST:PORT")));
    }
    if roots::is_given(KeyClass::Signer)? {
        return Err(bad(format!("{URL} is set: this process is not to hold the keys of the signer")));
    }
    check()?;
    Ok(Some(Arc::new(Client::new(address, &identity()?, Timeouts::default())?.telling(Arc::new(asking)))))
}

/// The call under way here, as it goes over.
fn asking() -> Option<Call> {
    let called = called::now()?;
    let origin = called.origin.map(|Sealed { tenant, bytes, digest }| Origin { tenant, bytes, digest });
    Some(Call { request: called.by, origin })
}

/// Entries of the signer name the call that asked.
struct Calls;

impl Within for Calls {
    fn within<'a>(&self, call: Call, work: Work<'a>) -> Work<'a> {
        let origin = call.origin.map(|Origin { tenant, bytes, digest }| Sealed { tenant, bytes, digest });
        Box::pin(called::within(Called { by: call.request, origin }, work))
    }
}

/// Two processes that write one file would each wait for the other: refused before anything is opened.
pub fn check() -> Result<(), Failure> {
    if config::value(crate::wiring::DATABASE_URL)?.is_some() {
        return Ok(());
    }
    let text = "a signer in a process of its own needs PostgreSQL: set FEDATARIO_DATABASE_URL";
    Err(Failure::new(Code::ConfigInvalid, text).saying("cli-signer-sqlite"))
}

fn identity() -> Result<Identity, Failure> {
    let missing = || Failure::new(Code::ConfigInvalid, format!("{IDENTITY} is not set")).saying("cli-signer-identity");
    Ok(Identity::open(Path::new(&config::value(IDENTITY)?.ok_or_else(missing)?))?)
}

/// Is the signer, until it is told to stop.
pub async fn serve(globals: &crate::cli::Globals, listen: &str, screen: &Screen) -> Result<Exit, Failure> {
    hygiene::close()?;
    let identity = identity()?;
    let refused = |error: std::io::Error| Failure::new(Code::ConfigInvalid, format!("{listen}: {error}")).saying("cli-listen");
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let premises = Premises::open(globals, Opening::signer()).await?;
    let stop = Stop::listen(screen)?;
    settle(&premises).await?;
    let address = listener.local_addr().map_err(|error| Failure::internal(error.to_string()))?;
    screen.say("cli-signer-serving", &[("address", address.to_string())]);
    screen.result(&json!({ "signer": format!("tls://{address}") }));
    let served = Served { vault: premises.app.vault.clone(), clock: premises.app.clock.clone(), within: Arc::new(Calls) };
    fedatario_signer::serve(listener, &identity, served, stop.receiver()).await?;
    Ok(Exit::Good)
}

/// What an older version wrapped is moved, wherever this process holds what opens it: keys of taxpayers
/// that a key of the house still wraps, and rotations that were cut off.
pub async fn settle(premises: &Premises) -> Result<(), Failure> {
    if premises.app.vault.is_remote() {
        return Ok(());
    }
    for (tenant, _) in premises.db.tenants(&premises.hands).await? {
        if let Err(error) = custody::settle(&premises.app, tenant).await {
            tracing::warn!(code = error.code().slug(), %error, %tenant, "keys of credentials could not be moved");
        }
    }
    Ok(())
}
