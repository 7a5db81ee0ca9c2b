//! Passwords: what is refused, how they are hashed, and when a hash is made anew.
//!
//! Argon2id, by default with 64 MiB, four passes and two lanes. A hash is a PHC string, so that each
//! tells its own parameters and a raised policy takes effect at the next login. Length is counted in
//! code points of the NFC form; there are no rules of composition (ASVS 6.2), only lengths and what
//! is guessed first.

use crate::{IdentityError, weak};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use fedatario_base::Secret;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// Fewest code points.
pub const LEAST: usize = 12;
/// Most code points.
pub const MOST: usize = 128;
/// Longest input that is looked at, in bytes: four for each code point, and as much again for marks
/// that NFC folds in.
pub const MOST_BYTES: usize = 1_024;
/// Most KiB that a stored hash may ask for: a row written by a stranger is no bomb.
const MOST_STORED_KIB: u32 = 1 << 20;
/// Most passes that a stored hash may ask for.
const MOST_STORED_PASSES: u32 = 64;
/// Cores for one hash at a time: half of two would leave other calls waiting for a login.
const CORES_A_PERMIT: usize = 2;
/// Callers that wait for a permit before the next is told to come back.
pub const QUEUE: usize = 16;

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Cost {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 4, lanes: 2 }
    }
}

/// How many hashes may run at once on a machine of so many cores.
pub fn permits(cores: usize) -> usize {
    (cores / CORES_A_PERMIT).max(1)
}

/// A password in its one form, within what is looked at.
pub fn normal(password: &Secret) -> Result<Zeroizing<String>, IdentityError> {
    let text = password.expose_str().filter(|it| it.len() <= MOST_BYTES).ok_or(IdentityError::PasswordLong)?;
    // The buffer never grows, so that no copy is left behind.
    let mut normal = Zeroizing::new(String::with_capacity(3 * text.len()));
    normal.extend(text.nfc());
    if normal.chars().count() > MOST { Err(IdentityError::PasswordLong) } else { Ok(normal) }
}

/// Whether a new password is good enough for somebody known by these words (name, address, tenant).
pub fn check(password: &Secret, context: &[&str]) -> Result<(), IdentityError> {
    let normal = normal(password)?;
    if normal.chars().count() < LEAST {
        return Err(IdentityError::PasswordShort);
    }
    if weak::is_weak(&normal, context) { Err(IdentityError::PasswordWeak) } else { Ok(()) }
}

/// The name under which lists of leaked passwords know it: SHA-1 in upper-case hex, the form in which
/// such lists are passed around. It protects nothing.
pub fn name_in_lists(password: &Secret) -> Result<Zeroizing<String>, IdentityError> {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, normal(password)?.as_bytes());
    Ok(Zeroizing::new(data_encoding::HEXUPPER.encode(hash.as_ref())))
}

/// Hashes a password. Takes the memory and the time of the cost: never on a thread that serves others.
pub fn hash(password: &Secret, cost: Cost) -> Result<String, IdentityError> {
    let hashed = hasher(cost)?.hash_password(normal(password)?.as_bytes());
    hashed.map(|it| it.to_string()).map_err(|_| IdentityError::Crypto("argon2"))
}

/// A hash of nothing that anybody knows, for the work of comparing where there is nobody.
pub fn decoy(cost: Cost) -> Result<String, IdentityError> {
    let secret = crate::random::<{ crate::SECRET_BYTES }>()?;
    hash(&Secret::new(data_encoding::HEXLOWER.encode(secret.as_slice())), cost)
}

/// What a comparison says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password; its hash is as strong as the policy asks.
    Right,
    /// The password; its hash should be made anew.
    RightButWeaker,
    /// Another one.
    Wrong,
}

/// Compares. What cannot be a password (too long, no UTF-8) is wrong after the same work.
pub fn verify(password: &Secret, stored: &str, cost: Cost) -> Result<Verdict, IdentityError> {
    let parsed = PasswordHash::new(stored).map_err(|_| IdentityError::Stored("password hash"))?;
    let params = Params::try_from(&parsed).map_err(|_| IdentityError::Stored("password hash"))?;
    if params.m_cost() > MOST_STORED_KIB || params.t_cost() > MOST_STORED_PASSES {
        return Err(IdentityError::Stored("password hash"));
    }
    let normal = normal(password).unwrap_or_default();
    match hasher(cost)?.verify_password(normal.as_bytes(), &parsed) {
        Ok(()) if is_weaker(&parsed, &params, cost) => Ok(Verdict::RightButWeaker),
        Ok(()) => Ok(Verdict::Right),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(_) => Err(IdentityError::Crypto("argon2")),
    }
}

fn is_weaker(parsed: &PasswordHash, params: &Params, cost: Cost) -> bool {
    parsed.algorithm.as_str() != Algorithm::Argon2id.as_str()
        || params.m_cost() < cost.memory_kib
        || params.t_cost() < cost.passes
        || params.p_cost() < cost.lanes
}

fn hasher(cost: Cost) -> Result<Argon2<'static>, IdentityError> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(|_| IdentityError::Crypto("argon2 cost"))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    #[test]
    fn length_is_counted_in_code_points_of_the_normal_form() {
        let decomposed = "n\u{303}".repeat(12);
        let table = [
            ("corto y ya", Err(IdentityError::PasswordShort)),
            ("trece gatos z", Ok(())),
            ("ñandúes ñoños y búhos", Ok(())),
            ("🦉🐈🌵🚲🎺🪁🧭🛶🥁🪐🌋🧵", Ok(())),
            (decomposed.as_str(), Err(IdentityError::PasswordWeak)),
        ];
        for (text, expected) in table {
            assert_eq!(check(&secret(text), &[]), expected, "{text}");
        }
        let words = "caballo grapa correcta bateria ".repeat(5);
        assert_eq!(check(&secret(&words[..128]), &[]), Ok(()));
        assert_eq!(check(&secret(&words[..129]), &[]), Err(IdentityError::PasswordLong));
        assert_eq!(check(&secret(&"x".repeat(MOST_BYTES + 1)), &[]), Err(IdentityError::PasswordLong));
        assert_eq!(check(&Secret::new([0xff; 20]), &[]), Err(IdentityError::PasswordLong));
        fedatario_testkit::covers!("identity: passwords are 12 to 128 code points of NFC, without rules of composition");
    }

    #[test]
    fn a_hash_knows_its_password_in_either_form_and_its_own_cost() {
        let stored = hash(&secret("mañana será otro día"), CHEAP).unwrap();
        let same = secret("man\u{303}ana sera\u{301} otro di\u{301}a");
        assert_eq!(verify(&same, &stored, CHEAP), Ok(Verdict::Right));
        assert_eq!(verify(&secret("manana sera otro dia"), &stored, CHEAP), Ok(Verdict::Wrong));
        assert_eq!(verify(&secret(""), &stored, CHEAP), Ok(Verdict::Wrong));
        assert_eq!(verify(&secret(&"x".repeat(1 << 20)), &stored, CHEAP), Ok(Verdict::Wrong));
        let raised = [Cost { memory_kib: 128, ..CHEAP }, Cost { passes: 2, ..CHEAP }, Cost { lanes: 2, memory_kib: 64, passes: 1 }];
        for cost in raised {
            assert_eq!(verify(&same, &stored, cost), Ok(Verdict::RightButWeaker), "{cost:?}");
        }
        assert_ne!(hash(&same, CHEAP).unwrap(), stored, "each hash has its own salt");
        assert_eq!(verify(&secret("anything at all"), &decoy(CHEAP).unwrap(), CHEAP), Ok(Verdict::Wrong));
        fedatario_testkit::covers!(
            "identity: a raised cost is noticed at the next login, and a hash knows its password in either normal form"
        );
    }

    #[test]
    fn what_lies_in_the_database_is_bounded_too() {
        let bombs = [
            "",
            "plain",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$argon2id$v=19$m=64,t=4000000000,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
            "$2b$12$abcdefghijklmnopqrstuv",
        ];
        for stored in bombs {
            assert_eq!(verify(&secret("whatever it was"), stored, CHEAP), Err(IdentityError::Stored("password hash")), "{stored}");
        }
        fedatario_testkit::covers!("identity: a stored hash that asks for the machine's memory or time is refused unread");
    }

    #[test]
    fn a_machine_hashes_half_as_many_at_once_as_it_has_cores() {
        assert_eq!([1, 2, 3, 4, 16].map(permits), [1, 1, 1, 2, 8]);
        fedatario_testkit::covers!("identity: one hash at a time for two cores");
    }
}
