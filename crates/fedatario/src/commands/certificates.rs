//! `certificates …`: certificates let in, looked up, put into use, destroyed.
//!
//! With `--json` they look as over the API.

use crate::cli::{Certificate, Globals, Upload};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use crate::{commands, config};
use fedatario_api::routes::certificate_views::{ListedView, UploadedView};
use fedatario_app::certificates::{self, Asked, Files, Handed, Imported, Place};
use fedatario_app::model::{CredentialFilter, CredentialKind, CredentialRow, CredentialState};
use fedatario_base::code::Exit;
use fedatario_base::id::TaxpayerId;
use fedatario_base::{Code, Secret};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Certificates of one listing: an installation's worth of clients.
const LISTED_AT_MOST: u32 = 10_000;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Certificate, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    match command {
        Certificate::Upload(asked) => upload(&house, asked, screen).await,
        Certificate::List { state, kind } => list(&house, state, kind, screen).await,
        Certificate::History { certificate } => {
            let history = certificates::history(&house.app, &house.scope, id(&certificate)?).await?;
            told(&house, &history.rows, screen)
        }
        Certificate::Activate { certificate } => {
            let row = certificates::put_into_use(&house.app, &house.scope, id(&certificate)?).await?;
            told(&house, &[row], screen)
        }
        Certificate::Destroy { certificate } => {
            certificates::destroy(&house.app, &house.scope, id(&certificate)?).await?;
            screen.say("cli-certificate-destroyed", &[("id", certificate.clone())]);
            screen.result(&json!({ "id": certificate, "state": "destroyed" }));
            Ok(Exit::Good)
        }
        Certificate::Delegate { certificate, rnc, end } => {
            let id = id(&certificate)?;
            match end {
                true => certificates::undelegate(&house.app, &house.scope, id, &rnc).await?,
                false => certificates::delegate(&house.app, &house.scope, id, &rnc, None).await.map(|_| ())?,
            }
            screen.say(if end { "cli-certificate-undelegated" } else { "cli-certificate-delegated" }, &[("rnc", rnc.clone())]);
            screen.result(&json!({ "id": certificate, "rnc": rnc, "delegated": !end }));
            Ok(Exit::Good)
        }
        Certificate::Import { list, dry_run } => import(&house, &list, dry_run, screen).await,
    }
}

fn id<T: std::str::FromStr>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| Failure::new(Code::IdFormat, text.to_owned()))
}

fn files(cer: Option<&Path>, key: Option<&Path>, p12: Option<&Path>) -> Result<Files, Failure> {
    let secret = |path: &Path| commands::read(path).map(Secret::new);
    match (cer, key, p12) {
        (Some(cer), Some(key), None) => Ok(Files::Two { cer: secret(cer)?, key: secret(key)? }),
        (None, None, Some(p12)) => Ok(Files::Pkcs12(secret(p12)?)),
        _ => Err(Failure::new(Code::Usage, "--cer FILE --key FILE, or --p12 FILE")),
    }
}

async fn upload(house: &House, asked: Upload, screen: &Screen) -> Result<Exit, Failure> {
    let password = config::password(&asked.password_file)?;
    let files = files(asked.cer.as_deref(), asked.key.as_deref(), asked.p12.as_deref())?;
    let taxpayer = asked.taxpayer.as_deref().map(id::<TaxpayerId>).transpose()?;
    let place = Place::of(taxpayer, asked.register);
    let activate = asked.activate_at.as_deref().map(commands::cert::instant).transpose()?;
    let handed = Handed::new(files, password);
    let asked = Asked { handed, name: asked.name, place, tax_id: None, activate, delegated: asked.delegated };
    let done = certificates::upload(&house.app, &house.scope, asked).await?;
    let key = if done.changed { "cli-certificate-in" } else { "cli-certificate-already" };
    let arguments = [
        ("id", done.row.id.to_string()),
        ("name", done.row.name.clone()),
        ("kind", done.row.kind.text().to_owned()),
        ("state", done.row.state.text().to_owned()),
        ("until", done.row.not_after.to_string()),
    ];
    screen.say(key, &arguments);
    let view = UploadedView::new(done, house.app.clock.wall()).map_err(unread)?;
    screen.result(&json!(view));
    Ok(Exit::Good)
}

fn unread(error: fedatario_api::ApiError) -> Failure {
    Failure::new(error.code(), error.log().to_owned())
}

async fn list(house: &House, state: Option<String>, kind: Option<String>, screen: &Screen) -> Result<Exit, Failure> {
    let filter = CredentialFilter {
        states: state.as_deref().and_then(CredentialState::from_text).into_iter().collect(),
        kind: kind.as_deref().and_then(CredentialKind::from_text),
        ..CredentialFilter::default()
    };
    let rows = certificates::page(&house.app, &house.scope, &filter, None, LISTED_AT_MOST).await?;
    told(house, &rows, screen)
}

fn told(house: &House, rows: &[CredentialRow], screen: &Screen) -> Result<Exit, Failure> {
    let now = house.app.clock.wall();
    let views = rows.iter().map(|it| ListedView::new(it, now)).collect::<Result<Vec<_>, _>>().map_err(unread)?;
    for row in rows {
        let line = format!("{}  {:<5} {:<9} {}  {}", row.id, row.kind, row.state, row.not_after.strftime("%F"), row.name);
        screen.print(&line);
    }
    screen.result(&json!({ "certificates": views }));
    Ok(Exit::Good)
}

/// A line of a list: files beside it, and what the form takes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(default)]
    cer: Option<PathBuf>,
    #[serde(default)]
    key: Option<PathBuf>,
    #[serde(default)]
    p12: Option<PathBuf>,
    password: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    taxpayer: Option<String>,
    #[serde(default)]
    register: bool,
    #[serde(default)]
    activate_at: Option<Timestamp>,
    #[serde(default)]
    delegated: bool,
}

impl Line {
    /// Paths are relative to the list's folder.
    fn asked(self, folder: &Path) -> Result<Asked, Failure> {
        let beside = |it: Option<PathBuf>| it.map(|it| folder.join(it));
        let (cer, key, p12) = (beside(self.cer), beside(self.key), beside(self.p12));
        let files = files(cer.as_deref(), key.as_deref(), p12.as_deref())?;
        let place = Place::of(self.taxpayer.as_deref().map(id::<TaxpayerId>).transpose()?, self.register);
        let handed = Handed::new(files, Secret::new(self.password.into_bytes()));
        Ok(Asked { handed, name: self.name, place, tax_id: None, activate: self.activate_at, delegated: self.delegated })
    }
}

/// The lines of a list, whose paths begin at its folder.
fn lines(text: &[u8], folder: &Path) -> Result<Vec<Asked>, Failure> {
    let lines = text.split(|it| *it == b'\n').filter(|it| !it.trim_ascii().is_empty());
    let bad = |error: serde_json::Error| Failure::new(Code::JsonMalformed, format!("line {} of the list", error.line()));
    lines.map(|it| serde_json::from_slice::<Line>(it).map_err(bad)?.asked(folder)).collect()
}

async fn import(house: &House, list: &Path, dry_run: bool, screen: &Screen) -> Result<Exit, Failure> {
    let text = Secret::new(commands::read(list)?);
    let folder = list.parent().unwrap_or(Path::new("."));
    let asked = match certificates::is_bundle(text.expose()) {
        true => certificates::unpack(text.expose()).map_err(|error| Failure::new(error.code(), error.to_string()))?,
        false => lines(text.expose(), folder)?.into_iter().map(Ok).collect(),
    };
    let (at, asked): (Vec<Option<Code>>, Vec<Option<Asked>>) =
        asked.into_iter().map(|it| it.map_or_else(|code| (Some(code), None), |it| (None, Some(it)))).unzip();
    let mut done = certificates::import(&house.app, &house.scope, asked.into_iter().flatten().collect(), dry_run).await.into_iter();
    let refused_before = |code: Code| Err(fedatario_app::AppError::Refused(code));
    let done: Vec<_> = at.into_iter().filter_map(|it| it.map_or_else(|| done.next(), |code| Some(refused_before(code)))).collect();
    let (mut rows, mut imported, mut refused) = (Vec::new(), 0, 0);
    for (n, outcome) in (1..).zip(&done) {
        let (row, changed) = match outcome {
            Ok(Imported::Done(it)) => (json!({ "line": n, "id": it.row.id.to_string(), "changed": it.changed }), it.changed),
            Ok(Imported::WouldBe { tax_id, changes, .. }) => (json!({ "line": n, "tax_id": tax_id, "changed": changes }), *changes),
            Err(error) => {
                let slug = error.code().slug();
                screen.print(&format!("  {n}: {slug}: {}", screen.text(slug, &[])));
                refused += 1;
                (json!({ "line": n, "code": slug }), false)
            }
        };
        imported += u64::from(changed);
        rows.push(row);
    }
    let key = if dry_run { "cli-certificates-would" } else { "cli-certificates-imported" };
    screen.say(key, &[("imported", imported.to_string()), ("total", done.len().to_string()), ("refused", refused.to_string())]);
    screen.result(
        &json!({ "dry_run": dry_run, "total": done.len(), "imported": imported, "refused": refused, "rows": Value::Array(rows) }),
    );
    Ok(if refused == 0 { Exit::Good } else { Exit::Finding })
}
