//! Access tokens: JWT of one kind, signed with Ed25519, judged by a closed table of keys.
//!
//! The kind is `at+jwt` (RFC 9068). The header holds `alg`, `typ`, `kid` and nothing else; the claims
//! are a closed set without permissions, which are read where they are kept. Signature and encoding
//! are `jsonwebtoken`'s; what a token must say, and when it is good, is checked here against the
//! instant that is handed in.
//!
//! Promises: nothing is parsed before its size is known; a key is looked up by its exact name and
//! never fetched or built from what the token says; every refusal is the same [`IdentityError::Token`].

use crate::{IdentityError, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use data_encoding::BASE64URL_NOPAD;
use fedatario_base::Secret;
use fedatario_base::id::{SessionId, TenantId, UserId};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How long an access token is good.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(15);
/// Longest token that is looked at, in bytes: ours have about 700.
pub const MOST_BYTES: usize = 4_096;
/// How far the clocks of two nodes may stand apart, for what a token says about the past.
pub const SKEW: SignedDuration = SignedDuration::from_secs(5);
/// Most keys in a table: the one that signs, the next, and those whose tokens still live.
pub const KEYS_MOST: usize = 8;
/// What a token says that it is.
pub const TYPE: &str = "at+jwt";
/// Tokens that a table remembers as judged: a few hundred bytes each.
pub const SEEN_MOST: usize = 8_192;
/// Most ways of proving that one token names.
const METHODS_MOST: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictHeader {
    alg: String,
    typ: String,
    kid: String,
}

/// The claims on the wire.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    sub: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant_id: Option<String>,
    sid: String,
    epoch: i64,
    amr: Vec<String>,
    auth_time: i64,
}

/// What an access token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Whose it is.
    pub user: UserId,
    /// For which tenant; none for somebody who is in none.
    pub tenant: Option<TenantId>,
    /// Of which line.
    pub session: SessionId,
    /// The person's epoch when it was signed.
    pub epoch: i64,
    /// How its person came in (RFC 8176).
    pub methods: Vec<String>,
    /// When its person last proved a factor.
    pub authenticated: Timestamp,
    /// When it was signed.
    pub issued: Timestamp,
    /// Until when it is good.
    pub expires: Timestamp,
}

/// Who signs and for whom: the same at signing and judging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audience {
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
}

/// A key that signs.
pub struct SigningKey {
    kid: String,
    public: [u8; 32],
    encoding: EncodingKey,
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

impl SigningKey {
    /// A fresh one, and its PKCS#8 form to be sealed.
    pub fn fresh() -> Result<(Self, Secret), IdentityError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| IdentityError::Crypto("no entropy"))?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| IdentityError::Crypto("key form"))?;
        let secret = Secret::new(der.as_ref());
        Ok((Self::open(&secret)?, secret))
    }

    /// From its PKCS#8 form.
    pub fn open(pkcs8: &Secret) -> Result<Self, IdentityError> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8.expose()).map_err(|_| IdentityError::Stored("signing key"))?;
        let public: [u8; 32] = pair.public_key().as_ref().try_into().map_err(|_| IdentityError::Stored("signing key"))?;
        Ok(Self { kid: kid_of(&public), public, encoding: EncodingKey::from_ed_der(pkcs8.expose()) })
    }

    /// Its name.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// Its public half.
    pub fn public(&self) -> [u8; 32] {
        self.public
    }

    /// Signs a token with a name of its own.
    pub fn sign(&self, to: &Audience, access: &Access) -> Result<Secret, IdentityError> {
        let header = Header { typ: Some(TYPE.into()), kid: Some(self.kid.clone()), ..Header::new(Algorithm::EdDSA) };
        let claims = Claims {
            iss: to.issuer.clone(),
            aud: to.audience.clone(),
            exp: access.expires.as_second(),
            nbf: access.issued.as_second(),
            iat: access.issued.as_second(),
            jti: BASE64URL_NOPAD.encode(crate::random::<16>()?.as_slice()),
            sub: access.user.to_string(),
            tenant_id: access.tenant.map(|it| it.to_string()),
            sid: access.session.to_string(),
            epoch: access.epoch,
            amr: access.methods.clone(),
            auth_time: access.authenticated.as_second(),
        };
        let token = jsonwebtoken::encode(&header, &claims, &self.encoding).map_err(|_| IdentityError::Crypto("signing a token"))?;
        Ok(Secret::new(token))
    }
}

/// The name of a key: 128 bits of a digest of its public half.
pub fn kid_of(public: &[u8; 32]) -> String {
    BASE64URL_NOPAD.encode(&digest("fedatario.kid.v1", &[public])[..16])
}

/// A key that verifies, until an instant.
struct KnownKey {
    kid: String,
    public: [u8; 32],
    until: Timestamp,
    decoding: DecodingKey,
}

/// The keys whose tokens are good: nothing is added to it by a token.
pub struct KeyTable {
    to: Audience,
    keys: Vec<KnownKey>,
    validation: Validation,
    seen: Seen,
}

/// A token whose signature is good and whose claims are ours; whether it is good now is asked each time.
struct Judged {
    access: Access,
    begins: Timestamp,
    key_until: Timestamp,
}

/// Tokens that were judged, by their digest. It goes with its table, which is read anew each minute.
#[derive(Default)]
struct Seen(Mutex<HashMap<[u8; 32], Arc<Judged>>>);

impl Seen {
    fn get(&self, name: &[u8; 32]) -> Option<Arc<Judged>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// A full one begins anew: whoever floods it makes others verify once more, and no more than that.
    fn keep(&self, name: [u8; 32], judged: Arc<Judged>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SEEN_MOST {
            all.clear();
        }
        all.insert(name, judged);
    }
}

impl KeyTable {
    /// Over public halves, each until an instant; the newest [`KEYS_MOST`] count.
    pub fn new(to: Audience, keys: &[([u8; 32], Timestamp)]) -> Self {
        let newest = &keys[keys.len().saturating_sub(KEYS_MOST)..];
        let keys = newest.iter().map(|(public, until)| KnownKey {
            kid: kid_of(public),
            public: *public,
            until: *until,
            decoding: DecodingKey::from_ed_der(public),
        });
        Self { to, keys: keys.collect(), validation: signature_only(), seen: Seen::default() }
    }

    /// What a token says, if it is good now.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Access, IdentityError> {
        let judged = self.judged(token).filter(|it| self.is_good(it, now)).ok_or(IdentityError::Token)?;
        Ok(judged.access.clone())
    }

    /// What was signed, whenever that is good. A signature is verified once: whoever shows the same
    /// bytes again is told by their digest.
    fn judged(&self, token: &str) -> Option<Arc<Judged>> {
        if token.len() > MOST_BYTES || token.bytes().filter(|it| *it == b'.').count() != 2 {
            return None;
        }
        let name = digest("fedatario.jwt.seen.v1", &[token.as_bytes()]);
        if let Some(known) = self.seen.get(&name) {
            return Some(known);
        }
        let judged = Arc::new(self.judge(token)?);
        self.seen.keep(name, judged.clone());
        Some(judged)
    }

    fn judge(&self, token: &str) -> Option<Judged> {
        let header = BASE64URL_NOPAD.decode(token.split('.').next()?.as_bytes()).ok()?;
        let header: StrictHeader = serde_json::from_slice(&header).ok()?;
        if header.alg != "EdDSA" || header.typ != TYPE {
            return None;
        }
        let key = self.keys.iter().find(|it| it.kid == header.kid)?;
        let claims: Claims = jsonwebtoken::decode(token, &key.decoding, &self.validation).ok()?.claims;
        self.read(claims, key.until)
    }

    fn read(&self, claims: Claims, key_until: Timestamp) -> Option<Judged> {
        let instant = |it: i64| Timestamp::from_second(it).ok();
        let (issued, begins, expires) = (instant(claims.iat)?, instant(claims.nbf)?, instant(claims.exp)?);
        let is_ours = claims.iss == self.to.issuer && claims.aud == self.to.audience;
        let is_short = expires.duration_since(issued) <= LIFETIME && issued < expires;
        let is_plain = claims.amr.len() <= METHODS_MOST && !claims.jti.is_empty() && claims.epoch >= 0;
        if !(is_ours && is_short && is_plain) {
            return None;
        }
        let access = Access {
            user: claims.sub.parse().ok()?,
            tenant: claims.tenant_id.map(|it| it.parse()).transpose().ok()?,
            session: claims.sid.parse().ok()?,
            epoch: claims.epoch,
            methods: claims.amr,
            authenticated: instant(claims.auth_time)?,
            issued,
            expires,
        };
        Some(Judged { access, begins, key_until })
    }

    fn is_good(&self, it: &Judged, now: Timestamp) -> bool {
        let Ok(latest) = now.checked_add(SKEW) else { return false };
        let begun = it.begins <= latest && it.access.issued <= latest && it.access.authenticated <= latest;
        begun && now < it.access.expires && now < it.key_until
    }

    /// The public halves as a JWK set (RFC 7517, RFC 8037).
    pub fn jwks(&self, now: Timestamp) -> serde_json::Value {
        let keys = self.keys.iter().filter(|it| now < it.until).map(|it| {
            let x = BASE64URL_NOPAD.encode(&it.public);
            serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": it.kid, "use": "sig", "alg": "EdDSA" })
        });
        serde_json::json!({ "keys": keys.collect::<Vec<_>>() })
    }
}

/// The library checks the signature; it would read the system's clock for the rest.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}
