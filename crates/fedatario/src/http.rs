//! The API as this process serves it: addresses, the key of cursors, the door, and its end.

use crate::config;
use crate::failure::Failure;
use crate::house::Premises;
use fedatario_api::api::Parts;
use fedatario_api::cursor::CursorKey;
use fedatario_api::lines::Lines;
use fedatario_api::settings::{Network, Rates, Settings};
use fedatario_api::{Api, metrics, routes, server};
use fedatario_app::ports::System;
use fedatario_base::{Code, Secret};
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Where the API answers when nobody says otherwise: this machine alone.
pub const LISTEN: &str = "127.0.0.1:8080";
/// Sites whose pages may call the API, separated by commas.
const ORIGINS: &str = "FEDATARIO_CORS_ORIGINS";
/// Networks of the proxies in front, separated by commas.
const PROXIES: &str = "FEDATARIO_TRUSTED_PROXIES";
/// Calls a minute of a tenant, and of one key or session.
const LIMITS: (&str, &str, &str) = ("FEDATARIO_LIMIT_TENANT", "FEDATARIO_LIMIT_KEY", "FEDATARIO_LIMIT_ADDRESS");
/// The setting that holds the key of cursors, in hex. It guards pages against tampering and opens nothing.
const CURSOR_KEY: &str = "api_cursor_key";

/// Sockets that are bound, before anything else is begun: whoever cannot have them says so at once.
pub struct Bound {
    api: TcpListener,
    figures: Option<TcpListener>,
}

impl Bound {
    /// Binds the address of the API, and that of the figures if there is one.
    pub async fn to(listen: &str, figures: Option<&str>) -> Result<Self, Failure> {
        let figures = match figures.filter(|it| !it.is_empty()) {
            Some(address) => Some(bind(address).await?),
            None => None,
        };
        Ok(Self { api: bind(listen).await?, figures })
    }

    /// Where the API answers.
    pub fn address(&self) -> Result<SocketAddr, Failure> {
        address(&self.api)
    }

    /// Where the figures are, if they are anywhere.
    pub fn figures(&self) -> Result<Option<SocketAddr>, Failure> {
        self.figures.as_ref().map(address).transpose()
    }

    /// Serves until somebody asks to stop and what was under way is answered.
    pub async fn serve(self, api: Api, stopped: watch::Receiver<bool>) {
        let figures = self.figures.and_then(|it| Some((it, metrics::install()?)));
        let router = routes::all().router(api.clone());
        let own = async {
            if let Some((listener, handle)) = figures {
                server::serve(listener, server::figures(move || handle.render()), stopped.clone()).await;
            }
        };
        let mut told = stopped.clone();
        let leave = async {
            let _ = told.wait_for(|it| *it).await; // Nobody left to tell us is a word to stop, too.
            api.leave();
        };
        tokio::join!(server::serve(self.api, router, stopped.clone()), own, leave);
    }
}

async fn bind(address: &str) -> Result<TcpListener, Failure> {
    let refused = |error: std::io::Error| Failure::new(Code::ConfigInvalid, format!("{address}: {error}")).saying("cli-listen");
    TcpListener::bind(address).await.map_err(refused)
}

fn address(listener: &TcpListener) -> Result<SocketAddr, Failure> {
    listener.local_addr().map_err(|error| Failure::internal(error.to_string()))
}

/// The services as the API has them.
pub async fn api(premises: &Premises) -> Result<Api, Failure> {
    let identity = Arc::new(crate::identity::of(premises)?.with_programs(Arc::new(premises.people())));
    let parts = Parts {
        app: premises.app.clone(),
        people: premises.people(),
        door: identity.clone(),
        identity,
        replays: Arc::new(premises.db.clone()),
        cursors: CursorKey::new(&cursor_key(premises).await?),
        settings: settings()?,
        lines: Lines {
            courier: premises.courier.clone(),
            revision: Some(premises.revision(None)?),
            temporary: premises.dir.join("run"),
        },
    };
    Ok(Api::new(parts))
}

/// What the environment says of the edge.
fn settings() -> Result<Settings, Failure> {
    let usual = Rates::default();
    let limits = Rates {
        tenant: one(LIMITS.0)?.unwrap_or(usual.tenant),
        key: one(LIMITS.1)?.unwrap_or(usual.key),
        address: one(LIMITS.2)?.unwrap_or(usual.address),
    };
    Ok(Settings { limits, origins: listed(ORIGINS)?, proxies: listed::<Network>(PROXIES)? })
}

fn one<T: FromStr>(name: &str) -> Result<Option<T>, Failure> {
    let bad = |text: &str| Failure::new(Code::ConfigInvalid, format!("{name}: {text:?} is not what it should be"));
    config::value(name)?.map(|text| text.trim().parse().map_err(|_| bad(&text))).transpose()
}

fn listed<T: FromStr>(name: &str) -> Result<Vec<T>, Failure> {
    let bad = |text: &str| Failure::new(Code::ConfigInvalid, format!("{name}: {text:?} is not what it should be"));
    let text = config::value(name)?.unwrap_or_default();
    let items = text.split(',').map(str::trim).filter(|it| !it.is_empty());
    items.map(|it| it.parse().map_err(|_| bad(it))).collect()
}

/// Made by whoever serves first; all processes of an installation share it, so that a page begun at one
/// is continued at another. Of two that are first, both read what was written last.
async fn cursor_key(premises: &Premises) -> Result<Secret, Failure> {
    let kept = || premises.db.setting(&premises.hands, CURSOR_KEY);
    if kept().await?.is_none() {
        premises
            .db
            .set_setting(
                &premises.hands,
                CURSOR_KEY,
                &CursorKey::fresh_text().map_err(|error| Failure::new(error.code(), error.log()))?,
            )
            .await?;
    }
    Ok(Secret::new(kept().await?.unwrap_or_default()))
}
