//! `users …`: people, across organisations.

use crate::cli::{Globals, Users};
use crate::failure::Failure;
use crate::house::{Opening, Premises, user};
use crate::identity;
use crate::present::Screen;
use fedatario_app::identity::model::UserState;
use fedatario_app::identity::people::Steward;
use fedatario_app::identity::tenancy_ports::Person;
use fedatario_base::code::Exit;
use serde_json::{Value, json};

/// People read at once.
const PAGE: u32 = 200;

/// Runs one of the commands.
pub async fn run(globals: &Globals, command: Users, screen: &Screen) -> Result<Exit, Failure> {
    let premises = Premises::open(globals, Opening::existing()).await?;
    let (people, by) = (premises.people(), Steward::shell(user()));
    let (who, state) = match command {
        Users::List => return list(&premises, &by, screen).await,
        Users::Disable { who } => (who, UserState::Disabled),
        Users::Enable { who } => (who, UserState::Active),
        Users::Unlock { who } => return unlock(&premises, &by, &who, screen).await,
        Users::Logout { who } => return log_out(&premises, &by, &who, screen).await,
        Users::Recover { who, force } => return recover(&premises, &by, &who, force, screen).await,
    };
    let id = people.user(&by, &who).await?.id;
    let person = people.set_user(&by, id, state).await?;
    tell(&person, screen);
    screen.result(&view(&person));
    Ok(Exit::Good)
}

async fn list(premises: &Premises, by: &Steward, screen: &Screen) -> Result<Exit, Failure> {
    let (mut all, mut after) = (Vec::<Value>::new(), None);
    loop {
        let page = premises.people().users(by, after, PAGE).await?;
        for person in &page {
            tell(person, screen);
            all.push(view(person));
        }
        after = page.last().map(|it| it.id);
        if page.len() < PAGE as usize {
            screen.result(&json!({ "users": all }));
            return Ok(Exit::Good);
        }
    }
}

async fn unlock(premises: &Premises, by: &Steward, who: &str, screen: &Screen) -> Result<Exit, Failure> {
    let person = premises.people().user(by, who).await?;
    identity::of(premises)?.unlock_user(by, person.id).await?;
    screen.say("cli-users-unlocked", &[("who", person.email.clone())]);
    screen.result(&view(&person));
    Ok(Exit::Good)
}

async fn log_out(premises: &Premises, by: &Steward, who: &str, screen: &Screen) -> Result<Exit, Failure> {
    let person = premises.people().user(by, who).await?;
    let ended = identity::of(premises)?.log_user_out(by, person.id).await?;
    screen.say("cli-users-logged-out", &[("who", person.email.clone()), ("count", ended.to_string())]);
    screen.result(&json!({ "id": person.id.to_string(), "ended": ended }));
    Ok(Exit::Good)
}

async fn recover(premises: &Premises, by: &Steward, who: &str, force: bool, screen: &Screen) -> Result<Exit, Failure> {
    let person = premises.people().user(by, who).await?;
    identity::of(premises)?.recover_at_once(by, person.id, force).await?;
    screen.say("cli-users-recovered", &[("who", person.email.clone())]);
    screen.result(&view(&person));
    Ok(Exit::Good)
}

fn tell(it: &Person, screen: &Screen) {
    screen.print(&format!("{} {} {}", it.id, it.email, screen.word("user", it.state.text())));
}

fn view(it: &Person) -> Value {
    json!({ "id": it.id.to_string(), "email": it.email, "name": it.name, "state": it.state.text() })
}
