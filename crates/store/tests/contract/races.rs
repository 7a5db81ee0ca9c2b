//! Many at once at the same door: of a refresh token one child, of a code one login.

use crate::bench::{Bench, on_both};
use fedatario_app::error::{AppError, AppResult};
use fedatario_app::identity::bootstrap::OwnerForm;
use fedatario_app::identity::door::{Door, Origin, Principal};
use fedatario_app::identity::login::{LoggedIn, LoginForm, Proof};
use fedatario_app::identity::tokens::Entered;
use fedatario_app::identity::{Identity, IdentitySettings};
use fedatario_base::{Actor, Clock, Code, Secret};
use fedatario_identity::password::Cost;
use fedatario_testkit::FakeClock;
use fedatario_vault::RootKeys;
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use tokio::task::JoinSet;
use totp_rs::Totp;

on_both!(
    sixty_four_refreshes_make_one_child,
    a_spent_refresh_token_ends_its_line,
    a_code_lets_one_in,
    a_recovery_code_lets_one_in,
    the_owner_link_makes_one_owner,
);

const PASSWORD: &str = "el tren sale tarde hoy";
const EMAIL: &str = "ana@example.mx";

struct Stage {
    identity: Arc<Identity>,
    clock: Arc<FakeClock>,
    _dir: tempfile::TempDir,
}

impl Stage {
    async fn new(bench: &Bench) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let roots = RootKeys::open_or_create_file(&dir.path().join("root.key")).unwrap();
        let vault = Arc::new(fedatario_vault::memory::Memory::vault(roots).0);
        let clock = Arc::new(FakeClock::at("2026-09-01T12:00:00Z"));
        let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let settings = IdentitySettings { cost, cores: 64, ..IdentitySettings::default() };
        // One tenant: the other one of the bench is not this installation's.
        bench.tamper("delete from tenants where name = 'theirs'").await;
        let identity = Arc::new(Identity::over(Arc::new(bench.db.clone()), vault, clock.clone(), settings));
        Self { identity, clock, _dir: dir }
    }

    async fn owner(&self) -> (Entered, Principal) {
        let token = self.identity.owner_token(Actor::Os(0)).await.unwrap();
        let entered = self.identity.bootstrap(form(&token), &here()).await.unwrap();
        let principal = self.principal(&entered).await;
        (entered, principal)
    }

    async fn principal(&self, entered: &Entered) -> Principal {
        self.identity.enter(entered.tokens.access.token.expose_str().unwrap(), None, &here()).await.unwrap()
    }

    /// An owner with codes by time and recovery codes.
    async fn owner_with_codes(&self) -> (Totp, Vec<Secret>) {
        let (_, me) = self.owner().await;
        let begun = self.identity.begin_totp(&me, "Teléfono").await.unwrap();
        let totp = Totp::from_url(begun.enrolment.uri.expose_str().unwrap()).unwrap();
        let done = self.identity.confirm_totp(&me, begun.id, &self.code(&totp), &here()).await.unwrap();
        self.clock.advance(SignedDuration::from_secs(60));
        (totp, done.recovery_codes)
    }

    fn code(&self, totp: &Totp) -> Secret {
        Secret::new(totp.generate(self.clock.wall().as_second().unsigned_abs()).to_string())
    }

    /// Past the password.
    async fn half_in(&self) -> Secret {
        let form = LoginForm { email: EMAIL.into(), password: Secret::new(PASSWORD), tenant: None, device: None };
        match self.identity.login(form, &here()).await.unwrap() {
            LoggedIn::Mfa(half) => half.token,
            LoggedIn::In(_) => panic!("a second factor is asked for"),
        }
    }
}

fn form(token: &Secret) -> OwnerForm {
    let token = token.expose_str().unwrap().to_owned();
    OwnerForm { token, email: EMAIL.into(), name: "Ana".into(), password: Secret::new(PASSWORD), language: "es".into() }
}

fn here() -> Origin {
    Origin { address: "192.0.2.7".parse().unwrap(), user_agent: "curl/8".into() }
}

fn text(secret: &Secret) -> String {
    secret.expose_str().unwrap().to_owned()
}

/// Runs `count` at once; what each answered.
async fn crowd<T, F>(count: usize, each: impl Fn(usize) -> F) -> Vec<AppResult<T>>
where
    T: Send + 'static,
    F: Future<Output = AppResult<T>> + Send + 'static,
{
    let mut all = JoinSet::new();
    for number in 0..count {
        all.spawn(each(number));
    }
    all.join_all().await
}

async fn sixty_four_refreshes_make_one_child(bench: &Bench) {
    let stage = Stage::new(bench).await;
    let (entered, _) = stage.owner().await;
    let mut alive = text(&entered.tokens.refresh);
    for round in 0..10 {
        let answers = crowd(64, |_| {
            let (identity, shown) = (stage.identity.clone(), alive.clone());
            async move { identity.refresh(&shown, &here()).await.map(|it| text(&it.refresh)) }
        });
        let children: BTreeSet<String> = answers.await.into_iter().map(|it| it.expect("nobody is logged out")).collect();
        assert_eq!(children.len(), 1, "round {round}");
        alive = children.into_iter().next().unwrap();
    }
    // The same from elsewhere is a thief's, however fast.
    let there = Origin { address: "198.51.100.1".parse().unwrap(), user_agent: "curl/8".into() };
    let next = stage.identity.refresh(&alive, &here()).await.unwrap();
    assert_eq!(code(stage.identity.refresh(&alive, &there).await), Code::RefreshRefused);
    assert_eq!(code(stage.identity.refresh(next.refresh.expose_str().unwrap(), &here()).await), Code::RefreshRefused);
    assert_eq!(code(stage.identity.enter(next.access.token.expose_str().unwrap(), None, &here()).await), Code::Unauthenticated);
    fedatario_testkit::covers!("identity: 64 refreshes at once make one child, on both databases, and from elsewhere end the line");
}

async fn a_spent_refresh_token_ends_its_line(bench: &Bench) {
    let stage = Stage::new(bench).await;
    // (seconds until it is shown again, other words about itself, whether the line lives)
    for (seconds, agent, lives) in [(0, "curl/8", true), (9, "curl/8", true), (10, "curl/8", false), (1, "curl/9", false)] {
        let token = stage.identity.owner_token(Actor::Os(0)).await.unwrap();
        let form = OwnerForm { email: format!("ana{seconds}@example.mx"), ..form(&token) };
        let entered = stage.identity.bootstrap(form, &here()).await.unwrap();
        let first = text(&entered.tokens.refresh);
        let second = text(&stage.identity.refresh(&first, &here()).await.unwrap().refresh);
        stage.clock.advance(SignedDuration::from_secs(seconds));
        let origin = Origin { user_agent: agent.into(), ..here() };
        let again = stage.identity.refresh(&first, &origin).await;
        assert_eq!(again.map(|it| text(&it.refresh)).ok(), lives.then(|| second.clone()), "{seconds} {agent}");
        assert_eq!(stage.identity.refresh(&second, &here()).await.is_ok(), lives, "{seconds} {agent}");
    }
    fedatario_testkit::covers!("identity: a spent refresh token ends its line, but for ten seconds from the same place");
}

async fn a_code_lets_one_in(bench: &Bench) {
    let stage = Stage::new(bench).await;
    let (totp, _) = stage.owner_with_codes().await;
    // Thirty-two tokens of thirty-two passwords, one code.
    let mut tokens = Vec::new();
    for _ in 0..32 {
        tokens.push(text(&stage.half_in().await));
    }
    let shown = text(&stage.code(&totp));
    let answers = crowd(32, |number| {
        let (identity, token, shown) = (stage.identity.clone(), tokens[number].clone(), shown.clone());
        async move { identity.verify_mfa(&token, Proof::Code(Secret::new(shown)), &here()).await }
    });
    let answers = answers.await;
    assert_eq!(answers.iter().filter(|it| it.is_ok()).count(), 1);
    let others: BTreeSet<&str> = answers.into_iter().filter_map(Result::err).map(|it| it.code().slug()).collect();
    let expected = BTreeSet::from([Code::MfaRefused.slug(), Code::TooManyAttempts.slug()]);
    assert!(others.is_subset(&expected), "{others:?}");
    fedatario_testkit::covers!("identity: of 32 logins with one code at once one comes in, on both databases");
}

async fn a_recovery_code_lets_one_in(bench: &Bench) {
    let stage = Stage::new(bench).await;
    let (_, codes) = stage.owner_with_codes().await;
    for code in codes.iter().take(3) {
        let tokens = [text(&stage.half_in().await), text(&stage.half_in().await)];
        let shown = text(code);
        let answers = crowd(2, |number| {
            let (identity, token, shown) = (stage.identity.clone(), tokens[number].clone(), shown.clone());
            async move { identity.verify_mfa(&token, Proof::Recovery(Secret::new(shown)), &here()).await }
        });
        assert_eq!(answers.await.iter().filter(|it| it.is_ok()).count(), 1);
    }
    fedatario_testkit::covers!("identity: a recovery code used twice at once lets one in, on both databases");
}

async fn the_owner_link_makes_one_owner(bench: &Bench) {
    let stage = Stage::new(bench).await;
    let old = stage.identity.owner_token(Actor::Os(0)).await.unwrap();
    let token = stage.identity.owner_token(Actor::Os(0)).await.unwrap();
    assert_eq!(code(stage.identity.bootstrap(form(&old), &here()).await), Code::OneTimeRefused, "a newer link voids it");
    let answers = crowd(8, |number| {
        let (identity, mut form) = (stage.identity.clone(), form(&token));
        form.email = format!("ana{number}@example.mx");
        async move { identity.bootstrap(form, &here()).await }
    });
    let answers = answers.await;
    assert_eq!(answers.iter().filter(|it| it.is_ok()).count(), 1);
    assert!(answers.into_iter().filter_map(Result::err).all(|it| it.code() == Code::OneTimeRefused));
    let late = stage.identity.owner_token(Actor::Os(0)).await.unwrap();
    stage.clock.advance(SignedDuration::from_mins(30));
    assert_eq!(code(stage.identity.bootstrap(form(&late), &here()).await), Code::OneTimeRefused, "half an hour");
    fedatario_testkit::covers!("identity: an owner's link makes one owner, within half an hour");
}

fn code<T>(answer: Result<T, AppError>) -> Code {
    answer.err().expect("a refusal").code()
}
