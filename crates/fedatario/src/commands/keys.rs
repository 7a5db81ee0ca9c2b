//! `api-keys …`: keys of programs, of the tenant that the shell works for.

use crate::cli::{ApiKeys, Globals};
use crate::failure::Failure;
use crate::house::{House, Opening};
use crate::present::Screen;
use fedatario_app::identity::program_keys::{KeyAsked, Made};
use fedatario_app::identity::tenancy::ApiKey;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_base::id::ApiKeyId;
use serde_json::{Value, json};

/// Keys read at once.
const PAGE: u32 = 200;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: ApiKeys, screen: &Screen) -> Result<Exit, Failure> {
    let house = House::open(globals, Opening::existing()).await?;
    let people = house.people();
    match command {
        ApiKeys::Make { name, test, scopes, networks, calls_a_minute, days } => {
            let asked = KeyAsked { name, is_test: test, scopes, networks, calls_a_minute, days };
            // Whoever holds the house needs no second factor for it.
            told(people.make_key(&house.scope, asked, true).await?, screen)
        }
        ApiKeys::List => list(&house, screen).await,
        ApiKeys::Rotate { id, overlap_hours } => told(people.rotate_key(&house.scope, parsed(&id)?, overlap_hours).await?, screen),
        ApiKeys::Revoke { id } => {
            let key = people.revoke_key(&house.scope, parsed(&id)?).await?;
            screen.say("cli-key-revoked", &[("id", key.id.to_string()), ("name", key.name.clone())]);
            screen.result(&view(&key));
            Ok(Exit::Good)
        }
    }
}

fn parsed(id: &str) -> Result<ApiKeyId, Failure> {
    id.parse().map_err(|error: fedatario_base::id::IdError| Failure::new(Code::IdFormat, error.to_string()))
}

/// The secret is said this once.
fn told(made: Made, screen: &Screen) -> Result<Exit, Failure> {
    let secret = made.secret.expose_str().unwrap_or_default();
    screen.say("cli-key-made", &[("id", made.key.id.to_string()), ("name", made.key.name.clone())]);
    screen.print(secret);
    let mut shown = view(&made.key);
    shown["secret"] = json!(secret);
    screen.result(&shown);
    Ok(Exit::Good)
}

async fn list(house: &House, screen: &Screen) -> Result<Exit, Failure> {
    let (mut all, mut after) = (Vec::<Value>::new(), None);
    loop {
        let page = house.people().keys(&house.scope, after, PAGE).await?;
        for key in &page {
            let state = match &key.revoked {
                Some(_) => screen.word("key", "revoked"),
                None if key.expires <= house.app.clock.wall() => screen.word("key", "ended"),
                None => screen.word("key", "good"),
            };
            let scopes: Vec<&str> = key.scopes.iter().map(|it| it.text()).collect();
            screen.print(&format!("{} {} {state} {:.0} {}", key.id, key.name, key.expires, scopes.join(" ")));
            all.push(view(key));
        }
        after = page.last().map(|it| it.id);
        if page.len() < PAGE as usize {
            screen.result(&json!({ "api_keys": all }));
            return Ok(Exit::Good);
        }
    }
}

fn view(it: &ApiKey) -> Value {
    let scopes: Vec<&str> = it.scopes.iter().map(|it| it.text()).collect();
    json!({
        "id": it.id.to_string(),
        "name": it.name,
        "environment": if it.is_test { "test" } else { "live" },
        "scopes": scopes,
        "networks": it.networks,
        "calls_a_minute": it.calls_a_minute,
        "expires": it.expires.to_string(),
        "revoked": it.revoked.as_ref().map(|it| it.0.to_string()),
        "used": it.used.as_ref().map(|it| it.0.to_string()),
    })
}
