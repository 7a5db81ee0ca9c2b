//! `sign …`: documents signed with a certificate that is kept here, grants, and every use of a key.

use super::cert::instant;
use super::pipe;
use crate::cli::{Globals, Grants, Sign};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use fedatario_app::audit_trail::hex;
use fedatario_app::signing::grants::{self, GrantAsked};
use fedatario_app::signing::ports::SignatureRow;
use fedatario_app::signing::{self, DOCUMENT_BYTES, Grant, Kind, Wish};
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_base::id::{CredentialId, IdError};
use serde_json::{Value, json};
use std::str::FromStr;

/// Rows read at once.
const PAGE: u32 = 200;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Sign, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    match command {
        Sign::Xml { taxpayer, profile, file } => {
            let taxpayer = taxpayer.as_deref().map(parsed).transpose()?;
            // Whoever holds the house has proven enough.
            let wish = Wish { taxpayer, kind: kind(&profile)?, is_stepped_up: true };
            let sealed = signing::sign(&house.app, &house.scope, wish, &pipe::read(&file, DOCUMENT_BYTES)?).await?;
            if screen.is_json() {
                screen.result(&json!({
                    "document": String::from_utf8_lossy(&sealed.document), "sha256": hex(&sealed.digest),
                    "certificate": sealed.credential.to_string(), "counter": sealed.counter,
                    "entries": [sealed.intended, sealed.ended],
                }));
            } else {
                pipe::write(&sealed.document)?;
            }
            Ok(Exit::Good)
        }
        Sign::Log { certificate } => log(&house, parsed(&certificate)?, screen).await,
        Sign::Grants { command } => grant(&house, command, screen).await,
    }
}

fn parsed<T: FromStr<Err = IdError>>(id: &str) -> Result<T, Failure> {
    id.parse().map_err(|error: IdError| Failure::new(Code::IdFormat, error.to_string()))
}

fn kind(text: &str) -> Result<Kind, Failure> {
    Kind::from_text(text).ok_or_else(|| Failure::new(Code::Usage, format!("{text} is no profile")))
}

async fn log(house: &House, certificate: CredentialId, screen: &Screen) -> Result<Exit, Failure> {
    let (mut all, mut before) = (Vec::<Value>::new(), None);
    loop {
        let page = signing::usage(&house.app, &house.scope, certificate, before, PAGE).await?;
        for it in &page {
            let outcome = it.outcome.as_deref().unwrap_or("-");
            let (at, entry) = it.intended;
            screen.print(&format!("{} {at:.0} {} {} {} {outcome} {entry}", it.counter, it.actor, it.purpose, it.root));
            all.push(used(it));
        }
        before = page.last().map(|it| it.counter);
        if page.len() < PAGE as usize {
            screen.result(&json!({ "signatures": all }));
            return Ok(Exit::Good);
        }
    }
}

fn used(it: &SignatureRow) -> Value {
    json!({
        "counter": it.counter, "actor": it.actor, "on_behalf_of": it.on_behalf, "profile": it.profile,
        "purpose": it.purpose, "root": it.root, "document_sha256": hex(&it.document),
        "signed_sha256": it.signed.map(|it| hex(&it)), "intended_at": it.intended.0.to_string(),
        "ended_at": it.ended.map(|it| it.0.to_string()), "outcome": it.outcome, "code": it.code,
        "entries": [Some(it.intended.1), it.ended.map(|it| it.1)],
    })
}

async fn grant(house: &House, command: Grants, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Grants::Add { principal, certificate, profile, until, max_amount, currency } => {
            let asked = GrantAsked {
                principal,
                credential: parsed(&certificate)?,
                kind: kind(&profile)?,
                not_after: instant(&until)?,
                cap: max_amount.zip(currency),
            };
            let given = grants::give(&house.people(), &house.scope, asked).await?;
            screen.say("cli-grant-given", &[("id", given.id.to_string()), ("principal", given.principal.clone())]);
            screen.result(&view(&given));
        }
        Grants::List => return list(house, screen).await,
        Grants::Revoke { id } => {
            grants::revoke(&house.app, &house.scope, parsed(&id)?).await?;
            screen.say("cli-grant-revoked", &[("id", id.clone())]);
            screen.result(&json!({ "id": id }));
        }
    }
    Ok(Exit::Good)
}

async fn list(house: &House, screen: &Screen) -> Result<Exit, Failure> {
    let (mut all, mut before) = (Vec::<Value>::new(), None);
    loop {
        let page = grants::page(&house.app, &house.scope, before, PAGE).await?;
        for it in &page {
            let cap = it.cap.as_ref().map_or("-".to_owned(), |it| format!("{} {}", it.value, it.currency));
            let state = if it.revoked.is_some() { screen.word("key", "revoked") } else { screen.word("key", "good") };
            screen.print(&format!("{} {} {} {} {state} {:.0} {cap}", it.id, it.principal, it.credential, it.profile, it.not_after));
            all.push(view(it));
        }
        before = page.last().map(|it| it.id);
        if page.len() < PAGE as usize {
            screen.result(&json!({ "grants": all }));
            return Ok(Exit::Good);
        }
    }
}

fn view(it: &Grant) -> Value {
    json!({
        "id": it.id.to_string(), "principal": it.principal, "certificate": it.credential.to_string(), "profile": it.profile,
        "not_after": it.not_after.to_string(), "max_amount": it.cap.as_ref().map(|it| it.value.to_string()),
        "currency": it.cap.as_ref().map(|it| it.currency.clone()), "revoked": it.revoked.map(|it| it.to_string()),
    })
}
