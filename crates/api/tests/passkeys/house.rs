//! The API behind its own door at an address of its own, people in it, and devices that soft-webauthn plays.

use crate::support::Stage;
use fedatario_api::testing::{TestAnswer, TestApi};
use fedatario_app::identity::model::{MemberState, Membership, RoleGrant};
use fedatario_app::identity::{Identity, IdentitySettings};
use fedatario_base::id::RoleId;
use fedatario_base::{Actor, Clock, PlatformScope, Secret};
use fedatario_identity::password::Cost;
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Where people reach the installation of the tests.
pub const HERE: &str = "https://fedatario.empresa.mx";
pub const ANA: &str = "ana@example.mx";
pub const BETO: &str = "beto@example.mx";
pub const PASSWORD: &str = "el tren sale tarde hoy";

pub struct House {
    pub stage: Stage,
    pub api: TestApi,
    identity: Arc<Identity>,
    devices: Devices,
}

impl House {
    pub async fn new() -> Self {
        Self::at(HERE).await
    }

    pub async fn at(public_url: &str) -> Self {
        let stage = Stage::new().await;
        let door = stage.api.door.clone().expect("a door");
        let mut parts = fedatario_api::testing::parts(stage.people.clone(), Arc::new(stage.db.clone()), door);
        let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let settings = IdentitySettings { cost, cores: 8, public_url: public_url.into(), ..IdentitySettings::default() };
        let identity = Arc::new(Identity::new(&stage.app, settings));
        (parts.identity, parts.door) = (identity.clone(), identity.clone());
        let api = TestApi::over(parts, &fedatario_api::routes::all());
        let house = Self { api, identity, stage, devices: Devices::start() };
        house.member(ANA, "tenant_admin").await;
        house.member(BETO, "viewer").await;
        house
    }

    async fn member(&self, email: &str, role: &str) {
        let (now, tenant) = (self.stage.clock.wall(), self.stage.ours);
        let user = self.identity.newcomer(email, "", &Secret::new(PASSWORD), "es").await.expect("somebody");
        let mut tx = self.stage.app.people.begin(&PlatformScope::of(Actor::System)).await.expect("a transaction");
        tx.add_user(&user).await.expect("a person");
        let membership = Membership { tenant, tenant_name: String::new(), user: user.id, state: MemberState::Active, created: now };
        tx.add_membership(&membership).await.expect("a membership");
        let (role, granted_by) = (role.to_owned(), "system".to_owned());
        let grant =
            RoleGrant { id: RoleId::fresh(now), user: user.id, role, from: now, until: None, in_place_of: None, granted_by };
        tx.grant_role(tenant, &grant).await.expect("a role");
        tx.commit().await.expect("it is kept");
    }

    pub async fn post(&self, path: &str, bearer: Option<&str>, body: Value) -> TestAnswer {
        let call = self.api.post(path).json(&body);
        match bearer {
            Some(bearer) => call.bearer(bearer).send().await,
            None => call.send().await,
        }
    }

    pub async fn login(&self, email: &str) -> Value {
        self.post("/api/auth/login", None, json!({ "email": email, "password": PASSWORD })).await.is(200)
    }

    pub fn pass(&self, seconds: i64) {
        self.stage.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// What a device answers; `with` says what is odd about it.
    pub fn device(&self, does: &str, name: &str, asked: &Value, with: Value) -> Value {
        let mut line = json!({ "do": does, "device": name, "options": asked["options"], "origin": HERE });
        for (key, value) in with.as_object().expect("an object") {
            line[key] = value.clone();
        }
        self.devices.ask(&line)
    }

    /// In by password alone, with a passkey begun: the token, the factor's path, what the device is asked.
    pub async fn begun(&self, email: &str) -> (String, String, Value) {
        let token = text(&self.login(email).await, "access_token");
        let asked = self.post("/api/auth/factors/passkey", Some(&token), json!({ "label": "Llave azul" })).await.is(201);
        let path = format!("/api/auth/factors/{}", text(&asked, "factor_id"));
        (token, path, asked)
    }

    /// Enrols a device: a token that knows it, the factor's path, the recovery codes.
    pub async fn enrol(&self, email: &str, device: &str) -> (String, String, Vec<String>) {
        let (token, path, asked) = self.begun(email).await;
        let credential = self.device("new", device, &asked, json!({}));
        let done = self.post(&format!("{path}/passkey/confirm"), Some(&token), json!({ "credential": credential })).await.is(200);
        let codes = done["recovery_codes"].as_array().expect("codes").iter().map(|it| it.as_str().unwrap_or_default().to_owned());
        (text(&done, "access_token"), path, codes.collect())
    }

    /// Half in: the token that stands for the password, and what a device is asked.
    pub async fn half(&self, email: &str) -> (String, Value) {
        let half = text(&self.login(email).await, "mfa_token");
        let asked = self.post("/api/auth/mfa/passkey", None, json!({ "mfa_token": half })).await.is(200);
        (half, asked)
    }

    /// The second half of a login, by what a device answered.
    pub async fn verify(&self, half: &str, credential: &Value) -> TestAnswer {
        self.post("/api/auth/mfa/passkey/verify", None, json!({ "mfa_token": half, "credential": credential })).await
    }

    /// In by password and device.
    pub async fn enter(&self, email: &str, device: &str) -> Value {
        let (half, asked) = self.half(email).await;
        self.verify(&half, &self.device("prove", device, &asked, json!({}))).await.is(200)
    }
}

pub fn text(body: &Value, name: &str) -> String {
    body[name].as_str().unwrap_or_else(|| panic!("{name} in {body}")).to_owned()
}

/// Devices, in a process of python3.
struct Devices(Mutex<(Child, ChildStdin, BufReader<ChildStdout>)>);

impl Devices {
    fn start() -> Self {
        let tools = std::env::var("FEDATARIO_TEST_PASSKEY_TOOLS").expect("a folder with soft-webauthn, as scripts/test makes it");
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/passkeys/device.py");
        let mut child = Command::new("python3")
            .arg(script)
            .env("PYTHONPATH", tools)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let (to, from) = (child.stdin.take().expect("its input"), child.stdout.take().expect("its output"));
        Self(Mutex::new((child, to, BufReader::new(from))))
    }

    fn ask(&self, line: &Value) -> Value {
        let mut held = self.0.lock().expect("no holder panics");
        writeln!(held.1, "{line}").expect("the device hears");
        let mut answer = String::new();
        held.2.read_line(&mut answer).expect("the device answers");
        serde_json::from_str(&answer).expect("an answer of the device; its complaint is above")
    }
}

impl Drop for Devices {
    fn drop(&mut self) {
        if let Ok(held) = self.0.get_mut() {
            let _ = held.0.kill();
            let _ = held.0.wait();
        }
    }
}
