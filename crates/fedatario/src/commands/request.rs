//! `sat request` and `sat plan`: one request, said before it is asked.

use super::{sat, year};
use crate::cli::SatRequest;
use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use crate::signals::Stop;
use fedatario_app::descarga::request::{self, Asked, Consent, Forecast};
use fedatario_app::descarga::wish::Wish;
use fedatario_app::descarga::{register, status, transition};
use fedatario_app::model::{Content, Direction, Estado, Family, Taxpayer, Wanted};
use fedatario_base::Code;
use fedatario_base::code::Exit;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// `sat request`: asks, waits and brings home; with `--dry-run` it only says what would come of it.
pub async fn run(house: &House, screen: &Screen, wish: &SatRequest) -> Result<Exit, Failure> {
    if wish.dry_run {
        return foresee(house, screen, wish).await;
    }
    let taxpayer = register::find_for_calls(&house.app, &house.scope, &wish.rfc).await?;
    house.sat.sweep(&house.scope).await.map_err(|error| Failure::new(error.code(), error.to_string()))?;
    let consent = Consent { split: wish.yes, again: wish.again };
    let (mut all, mut pairs) = (Vec::new(), Vec::new());
    for wanted in wanted(wish)? {
        let asked = request::ask(&house.app, &house.scope, &taxpayer, &wanted, consent).await?;
        tell_asked(screen, &asked);
        if asked.needs_split {
            return unsplit(screen, &taxpayer, &wanted, &asked);
        }
        pairs.push((wanted, asked.run.clone()));
        all.push(asked);
    }
    if wish.detach {
        screen.result(&json!({ "rfc": wish.rfc, "asked": all, "detached": true }));
        return Ok(Exit::Good);
    }
    for (_, run) in &pairs {
        year::run_to_its_end(house, screen, &taxpayer, run.clone(), None).await?;
        if Stop::listen(screen)?.is_asked() {
            screen.say("cli-interrupted", &[]);
            break;
        }
    }
    tell_home(house, screen, &taxpayer, &pairs, &all).await
}

/// What came of it: each request that stands for the wish, and what its packages brought.
async fn tell_home(
    house: &House,
    screen: &Screen,
    taxpayer: &Taxpayer,
    pairs: &[(Wanted, String)],
    asked: &[Asked],
) -> Result<Exit, Failure> {
    let mut ids = BTreeSet::new();
    for (wanted, _) in pairs {
        ids.extend(request::of(&house.app, &house.scope, taxpayer, wanted).await?.into_iter().map(|it| it.id));
    }
    let status = status::year(&house.app, &house.scope, taxpayer, None).await?.only(|it| ids.contains(&it.id));
    for (s, packages) in &status.solicitudes {
        sat::tell_request(screen, s, packages.len());
    }
    let tally = status.tally();
    let rows: Vec<Value> = status.solicitudes.iter().map(|(s, packages)| status::record(s, packages)).collect();
    let arguments = [("cfdi", tally.cfdi.to_string()), ("metadata", tally.metadata.to_string())];
    screen.say("cli-request-home", &arguments);
    screen.result(&json!({
        "rfc": taxpayer.tax_id, "asked": asked, "solicitudes": rows, "tally": tally,
        "open": status.open(), "blocked": status.blocked(),
    }));
    Ok(year::exit_by(&status, 0))
}

/// Somebody has to agree to the parts first.
fn unsplit(screen: &Screen, taxpayer: &Taxpayer, wanted: &Wanted, asked: &Asked) -> Result<Exit, Failure> {
    screen.say("request_too_large", &[]);
    screen.say("request_too_large.fix", &[]);
    let code = Code::RequestTooLarge;
    let error = json!({ "code": code.slug(), "title": screen.text(code.slug(), &[]), "retryable": code.retryable() });
    let forecast = json!({ "wanted": wanted, "forecast": asked.forecast });
    screen.result(&json!({ "rfc": taxpayer.tax_id, "error": error, "requests": [forecast] }));
    Ok(code.exit())
}

/// `sat plan`: what would come of a request, and nothing is asked.
pub async fn foresee(house: &House, screen: &Screen, wish: &SatRequest) -> Result<Exit, Failure> {
    let taxpayer = register::find(&house.app, &house.scope, &wish.rfc).await?;
    let (mut all, mut found) = (Vec::new(), false);
    for wanted in wanted(wish)? {
        let forecast = request::forecast(&house.app, &house.scope, &taxpayer, &wanted).await?;
        tell_forecast(screen, &wanted, &forecast);
        found |= !forecast.findings.is_empty();
        all.push(json!({ "wanted": wanted, "forecast": forecast, "accepted": forecast.findings.is_empty() }));
    }
    screen.result(&json!({ "rfc": wish.rfc, "requests": all }));
    Ok(if found { Exit::Finding } else { Exit::Good })
}

fn tell_asked(screen: &Screen, asked: &Asked) {
    tell_findings(screen, &asked.forecast);
    screen.say(
        "cli-planned",
        &[("planned", asked.planned.len().to_string()), ("held", usize::from(asked.held.is_some()).to_string())],
    );
    asked.held.iter().for_each(|it| sat::tell_held(screen, it));
}

fn tell_forecast(screen: &Screen, wanted: &Wanted, forecast: &Forecast) {
    let (from, to) = (wanted.from, wanted.to);
    match &wanted.filters.folio {
        Some(folio) => screen.print(&format!("folio {folio}")),
        None => {
            let (direction, content) =
                (screen.word("direction", wanted.direction.text()), screen.word("content", wanted.content.text()));
            screen.print(&format!("{direction} {content} {from}/{to} {}", transition::filters_text(&wanted.filters)));
            let arguments = [("expected", forecast.expected.to_string()), ("most", forecast.at_most.to_string())];
            screen.say("cli-expected", &arguments);
        }
    }
    tell_findings(screen, forecast);
    if forecast.findings.is_empty() {
        screen.say("cli-foreseen-good", &[]);
    }
}

fn tell_findings(screen: &Screen, forecast: &Forecast) {
    for it in &forecast.findings {
        screen.print(&format!("  {} {}: {}", it.sat, screen.text(it.code, &[]), it.detail));
        let remedy = serde_json::to_value(it.remedy).ok().and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default();
        screen.print(&format!("    {}", screen.text(&format!("cli-remedy-{}", remedy.replace('_', "-")), &[])));
    }
    for part in &forecast.parts {
        let expected = part.expected.map_or_else(|| "?".to_owned(), |it| it.to_string());
        screen.print(&format!("    {}/{} {} ≈ {expected}", part.from, part.to, transition::filters_text(&part.filters)));
    }
}

/// What the arguments mean: one window, or each folio.
fn wanted(it: &SatRequest) -> Result<Vec<Wanted>, Failure> {
    let wish = Wish {
        family: Family::from_text(&it.family),
        direction: Some(if it.received { Direction::Received } else { Direction::Issued }),
        content: Some(if it.metadata { Content::Metadata } else { Content::Cfdi }),
        estado: it.estado.as_deref().and_then(Estado::from_text),
        from: it.from.clone(),
        to: it.to.clone(),
        kind: it.r#type.clone(),
        complement: it.complement.clone(),
        counterparties: it.counterparty.clone(),
        third_party: it.third_party.clone(),
        folios: it.folio.clone(),
    };
    Ok(wish.wanted()?)
}
