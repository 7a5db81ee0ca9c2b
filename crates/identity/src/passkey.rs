//! Passkeys: keys that stay in a device (WebAuthn, level 3), as a second factor.
//!
//! A [`Site`] is this installation as browsers and devices know it. It words what a device is asked,
//! and reads what the device answers; the ceremonies' rules, CBOR and COSE are `webauthn-rs-core`'s.
//! Promises: an answer is bounded before it is parsed; it counts only for the very question, the very
//! origin and the very key; a counter that does not rise is told apart from every other refusal.
//!
//! It leaves to the services to keep questions and keys, and to ask each question once. Only with the
//! feature `passkeys` (docs/decisions/0013-passkeys-behind-a-feature.md).

use fedatario_base::Code;
use fedatario_base::id::UserId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use url::{Host, Url};
use webauthn_rs_core::WebauthnCore;
use webauthn_rs_core::error::WebauthnError;
use webauthn_rs_core::proto::{
    AuthenticationState, Credential, PublicKeyCredential, RegisterPublicKeyCredential, RegistrationState, UserVerificationPolicy,
};

/// Largest answer of a device, in bytes of JSON: an attestation with its chain of certificates is half of it.
pub const ANSWER_BYTES_MOST: usize = 16 * 1024;
/// Longest name of a key, in bytes (WebAuthn, "Credential ID").
pub const KEY_NAME_BYTES_MOST: usize = 1023;
/// How long a question is good, in seconds; devices are told the same.
pub const QUESTION_GOOD_S: u64 = 300;

/// A refusal. No variant holds what was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// The address of this installation is none that keys can be bound to.
    #[error("passkeys need an address with https and a name, or localhost")]
    Origin,
    /// Not an answer of a device, or too long to be one.
    #[error("not an answer of a device")]
    Shape,
    /// Another question, another origin, another key, or a wrong signature.
    #[error("the device proves nothing")]
    Refused,
    /// The signature is right and the counter did not rise: there may be two of the device.
    #[error("the counter of the device did not rise")]
    CounterBack,
    /// What was kept cannot be read.
    #[error("a kept passkey or question cannot be used")]
    Stored,
}

impl PasskeyError {
    /// Its place in the table of codes.
    pub fn code(self) -> Code {
        match self {
            PasskeyError::Origin => Code::PasskeyOrigin,
            PasskeyError::Shape => Code::FieldInvalid,
            PasskeyError::Refused | PasskeyError::CounterBack => Code::MfaRefused,
            PasskeyError::Stored => Code::CryptoFailed,
        }
    }
}

/// A key of a device: its name and its public half.
pub struct Passkey(Credential);

impl Passkey {
    /// As it was kept.
    pub fn read(bytes: &[u8]) -> Result<Self, PasskeyError> {
        serde_json::from_slice(bytes).map(Self).map_err(|_| PasskeyError::Stored)
    }

    /// To be kept.
    pub fn bytes(&self) -> Result<Vec<u8>, PasskeyError> {
        serde_json::to_vec(&self.0).map_err(|_| PasskeyError::Stored)
    }

    /// SHA-256 of its name, under a domain: what is compared to find it among the keys of everybody.
    pub fn digest(&self) -> [u8; 32] {
        key_digest(&self.0.cred_id)
    }

    /// How often the device said that it was used; 0 for devices that do not count.
    pub fn counter(&self) -> u32 {
        self.0.counter
    }
}

fn key_digest(name: &[u8]) -> [u8; 32] {
    crate::digest("fedatario.passkey.key", &[name])
}

/// A question for a device.
pub struct Question {
    /// SHA-256 of its challenge, under a domain: by this it is found again.
    pub digest: [u8; 32],
    /// What a browser is given: `PublicKeyCredentialCreationOptions` or `…RequestOptions`, as JSON.
    pub options: Value,
    /// What reading the answer needs; no secret.
    pub state: Value,
}

/// What a device answers when it makes a key.
pub struct Made(RegisterPublicKeyCredential);

/// What a device answers when it proves a key.
pub struct Proven(PublicKeyCredential);

impl Made {
    /// Reads what a browser hands on (`PublicKeyCredential.toJSON()`).
    pub fn read(answer: Value) -> Result<Self, PasskeyError> {
        bounded(answer).map(Self)
    }

    /// Which question it answers.
    pub fn question(&self) -> Result<[u8; 32], PasskeyError> {
        question_in(self.0.response.client_data_json.as_ref())
    }
}

impl Proven {
    /// Reads what a browser hands on (`PublicKeyCredential.toJSON()`).
    pub fn read(answer: Value) -> Result<Self, PasskeyError> {
        bounded(answer).map(Self)
    }

    /// Which question it answers.
    pub fn question(&self) -> Result<[u8; 32], PasskeyError> {
        question_in(self.0.response.client_data_json.as_ref())
    }

    /// Whether it is of this key, by its name alone.
    pub fn is_of(&self, key: &Passkey) -> bool {
        key.0.cred_id == self.0.raw_id
    }
}

fn bounded<T: DeserializeOwned>(answer: Value) -> Result<T, PasskeyError> {
    // Written again without blanks: what is measured is what is read.
    let text = serde_json::to_string(&answer).map_err(|_| PasskeyError::Shape)?;
    if text.len() > ANSWER_BYTES_MOST {
        return Err(PasskeyError::Shape);
    }
    serde_json::from_str(&text).map_err(|_| PasskeyError::Shape)
}

/// What a browser says that it was asked.
#[derive(Deserialize)]
struct Asked {
    challenge: String,
}

fn question_in(client_data: &[u8]) -> Result<[u8; 32], PasskeyError> {
    use base64::Engine as _;
    let asked: Asked = serde_json::from_slice(client_data).map_err(|_| PasskeyError::Shape)?;
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(asked.challenge).map_err(|_| PasskeyError::Shape)?;
    Ok(question_digest(&challenge))
}

fn question_digest(challenge: &[u8]) -> [u8; 32] {
    crate::digest("fedatario.passkey.question", &[challenge])
}

/// This installation, as browsers and devices know it.
pub struct Site(WebauthnCore);

impl Site {
    /// At the address where people reach it. Keys are bound to its name, answers to its origin: `https`
    /// with a name, or `http` at `localhost`.
    pub fn at(public_url: &str, product: &str) -> Result<Self, PasskeyError> {
        let url = Url::parse(public_url).map_err(|_| PasskeyError::Origin)?;
        let Some(Host::Domain(name)) = url.host() else { return Err(PasskeyError::Origin) };
        if !(url.scheme() == "https" || (url.scheme() == "http" && name == "localhost")) {
            return Err(PasskeyError::Origin);
        }
        let origin = Url::parse(&url.origin().ascii_serialization()).map_err(|_| PasskeyError::Origin)?;
        let good_for = Duration::from_secs(QUESTION_GOOD_S);
        // The exact origin: no other port, no name below this one.
        Ok(Self(WebauthnCore::new_unsafe_experts_only(product, name, vec![origin], good_for, Some(false), Some(false))))
    }

    /// Asks for a new key for somebody, none of those that they have.
    pub fn ask_new(&self, user: UserId, email: &str, name: &str, known: &[Passkey]) -> Result<Question, PasskeyError> {
        let name = if name.is_empty() { email } else { name };
        let builder = self.0.new_challenge_register_builder(&user.bytes(), email, name).map_err(|_| PasskeyError::Stored)?;
        let known = known.iter().map(|it| it.0.cred_id.clone()).collect();
        let builder = builder.user_verification_policy(UserVerificationPolicy::Preferred).exclude_credentials(Some(known));
        let (asked, state) = self.0.generate_challenge_register(builder).map_err(|_| PasskeyError::Stored)?;
        Ok(Question {
            digest: question_digest(asked.public_key.challenge.as_ref()),
            options: serde_json::to_value(&asked.public_key).map_err(|_| PasskeyError::Stored)?,
            state: serde_json::to_value(&state).map_err(|_| PasskeyError::Stored)?,
        })
    }

    /// The new key, if the answer is one to that question.
    pub fn read_new(&self, answer: &Made, state: &Value) -> Result<Passkey, PasskeyError> {
        let state: RegistrationState = serde_json::from_value(state.clone()).map_err(|_| PasskeyError::Stored)?;
        let key = self.0.register_credential(&answer.0, &state, None).map_err(refused)?;
        let is_named = (1..=KEY_NAME_BYTES_MOST).contains(&key.cred_id.len());
        if is_named { Ok(Passkey(key)) } else { Err(PasskeyError::Refused) }
    }

    /// Asks for a proof of one of these keys.
    pub fn ask_proof(&self, known: &[Passkey]) -> Result<Question, PasskeyError> {
        let keys = known.iter().map(|it| it.0.clone()).collect();
        let policy = Some(UserVerificationPolicy::Preferred);
        let builder = self.0.new_challenge_authenticate_builder(keys, policy).map_err(|_| PasskeyError::Stored)?;
        let (asked, mut state) = self.0.generate_challenge_authenticate(builder).map_err(|_| PasskeyError::Stored)?;
        // The keys are read anew when the answer comes: one may be gone by then.
        state.set_allowed_credentials(Vec::new());
        Ok(Question {
            digest: question_digest(asked.public_key.challenge.as_ref()),
            options: serde_json::to_value(&asked.public_key).map_err(|_| PasskeyError::Stored)?,
            state: serde_json::to_value(&state).map_err(|_| PasskeyError::Stored)?,
        })
    }

    /// What the device's counter says now, if the answer is this key's to that question and the counter
    /// rose since `counter`, or the device does not count.
    pub fn read_proof(&self, answer: &Proven, state: &Value, key: &Passkey, counter: u32) -> Result<u32, PasskeyError> {
        let state: AuthenticationState = serde_json::from_value(state.clone()).map_err(|_| PasskeyError::Stored)?;
        let key = Credential { counter, ..key.0.clone() };
        self.0.authenticate_single_credential(&answer.0, &state, &key).map(|it| it.counter()).map_err(refused)
    }
}

fn refused(error: WebauthnError) -> PasskeyError {
    match error {
        WebauthnError::CredentialPossibleCompromise => PasskeyError::CounterBack,
        _ => PasskeyError::Refused,
    }
}
