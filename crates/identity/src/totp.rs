//! Codes by time (RFC 6238): six digits, thirty seconds, HMAC-SHA-1, as every authenticator has it.
//!
//! What is answered is the time step of a code; that no step is accepted twice is for whoever keeps
//! the last one.

use crate::{IdentityError, random};
use fast_qr::convert::svg::SvgBuilder;
use fast_qr::{ECL, QRBuilder};
use fedatario_base::Secret;
use jiff::Timestamp;
use totp_rs::{Algorithm, Builder, Totp};

/// Bytes of a secret: as many as the hash has (RFC 4226 §4).
pub const SECRET_BYTES: usize = 20;
/// Seconds of a step.
pub const STEP_S: u64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Most steps of tolerance that may be configured.
pub const TOLERANCE_MOST: u16 = 1;

/// A fresh secret.
pub fn fresh() -> Result<Secret, IdentityError> {
    Ok(Secret::new(random::<SECRET_BYTES>()?.to_vec()))
}

/// The step whose code this is, now or within the tolerance; none for anything else.
pub fn step_of(secret: &Secret, code: &str, now: Timestamp, tolerance: u16) -> Option<i64> {
    if code.len() != DIGITS || !code.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let totp = totp(secret, tolerance.min(TOLERANCE_MOST)).ok()?;
    let step = totp.check(code, u64::try_from(now.as_second()).ok()?)?;
    i64::try_from(step).ok()
}

/// What an authenticator is given.
pub struct Enrolment {
    /// `otpauth://totp/…`; it holds the secret.
    pub uri: Secret,
    /// The secret in base32, for those who type.
    pub typed: Secret,
    /// The address as a QR code, SVG.
    pub qr: Secret,
}

/// What an authenticator of `account` is given, under the name of `issuer`.
pub fn enrolment(secret: &Secret, issuer: &str, account: &str) -> Result<Enrolment, IdentityError> {
    let named = builder(secret, 0).with_issuer(Some(issuer.replace(':', " "))).with_account_name(account.replace(':', " "));
    let totp = named.build().map_err(|_| IdentityError::Stored("TOTP secret"))?;
    let uri = totp.to_url().map_err(|_| IdentityError::Stored("TOTP account"))?;
    let typed = Secret::new(totp.secret().to_base32());
    let code = QRBuilder::new(uri.as_bytes()).ecl(ECL::M).build().map_err(|_| IdentityError::Crypto("QR code"))?;
    let qr = Secret::new(SvgBuilder::default().to_str(&code));
    Ok(Enrolment { uri: Secret::new(uri), typed, qr })
}

fn totp(secret: &Secret, tolerance: u16) -> Result<Totp, IdentityError> {
    builder(secret, tolerance).build().map_err(|_| IdentityError::Stored("TOTP secret"))
}

fn builder(secret: &Secret, tolerance: u16) -> Builder {
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(DIGITS as u8).with_step_duration(STEP_S);
    builder.with_skew(tolerance).with_secret(secret.expose().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, SHA-1: the last six of its eight digits.
    const RFC: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_published_vectors_have_their_steps() {
        let secret = Secret::new("12345678901234567890");
        for (second, code) in RFC {
            assert_eq!(step_of(&secret, code, at(second), 0), Some(second / 30), "{second}");
            assert_eq!(step_of(&secret, code, at(second + 30), 0), None);
            assert_eq!(step_of(&secret, code, at(second + 30), 1), Some(second / 30));
            assert_eq!(step_of(&secret, code, at(second - 30), 1), Some(second / 30));
            assert_eq!(step_of(&secret, code, at(second + 60), 1), None);
            assert_eq!(step_of(&secret, code, at(second + 60), 9), None, "no configuration takes more than one step");
        }
        fedatario_testkit::covers!("identity: codes by time agree with RFC 6238, at most one step apart");
    }

    #[test]
    fn what_is_no_code_has_no_step() {
        let secret = Secret::new("12345678901234567890");
        let odd = [
            "",
            "28708",
            "2870820",
            "287 082",
            "28708２",
            "+87082",
            "-87082",
            "28708a",
            " 287082",
            "0x4616a",
            "٢٨٧٠٨٢",
            "287082\n",
        ];
        for code in odd {
            assert_eq!(step_of(&secret, code, at(59), 1), None, "{code:?}");
        }
        assert_eq!(step_of(&secret, &"2".repeat(1 << 20), at(59), 1), None);
        assert_eq!(step_of(&Secret::new("short"), "287082", at(59), 1), None);
        assert_eq!(step_of(&secret, "287082", at(-59), 1), None);
        fedatario_testkit::covers!("identity: what is no code of six digits has no step");
    }

    #[test]
    fn an_authenticator_is_given_the_same_secret_three_times() {
        let secret = fresh().unwrap();
        let given = enrolment(&secret, "Fedatario: pruebas", "ana@example.mx").unwrap();
        let (uri, typed) = (given.uri.expose_str().unwrap(), given.typed.expose_str().unwrap());
        assert!(uri.starts_with("otpauth://totp/Fedatario") && uri.contains(&format!("secret={typed}")), "{uri}");
        let read = Totp::from_url(uri).unwrap();
        assert_eq!(read.secret().as_bytes(), secret.expose());
        let code = read.generate(1_800_000_000).to_string();
        assert_eq!(step_of(&secret, &code, at(1_800_000_000), 0), Some(60_000_000));
        let qr = given.qr.expose_str().unwrap();
        assert!(qr.starts_with("<svg") && qr.ends_with("</svg>") && !qr.contains(typed));
        fedatario_testkit::covers!("identity: an authenticator is given one secret as address, as text and as QR code");
    }
}
