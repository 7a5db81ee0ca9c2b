//! The token of a login: a JWT with a tail, in the layout of the real service.
//!
//! Signed with HMAC-SHA256 under a key of this sandbox. Clients treat it as opaque and send it back
//! as received or URL-decoded; both are the same token here. It serves one family until its `exp`.

use super::corpus::Family;
use aws_lc_rs::hmac;
use base64::Engine as _;
use jiff::Timestamp;

const URL: base64::engine::GeneralPurpose = base64::engine::general_purpose::URL_SAFE_NO_PAD;
/// `exp` − `nbf` of the real tokens, in seconds.
pub(super) const LIFETIME_SECONDS: i64 = 600;
/// Difference between two machines' clocks that is forgiven on `nbf`, in seconds.
const SKEW_SECONDS: i64 = 60;
/// Longest token text that is looked at, in bytes; real ones have some four hundred.
const MAX_TOKEN_BYTES: usize = 4_096;
const HEADER: &str = r#"{"alg":"http://www.w3.org/2001/04/xmldsig-more#hmac-sha256","typ":"JWT"}"#;
const TAIL: &str = "%26wrap_subject%3d";
const TAIL_DECODED: &str = "&wrap_subject=";

#[derive(serde::Deserialize)]
struct Claims {
    nbf: i64,
    exp: i64,
    iss: String,
    actort: String,
}

fn issuer(family: Family) -> &'static str {
    match family {
        Family::Cfdi => "LoadSolicitudDecargaMasivaTerceros",
        Family::Retenciones => "LoadServicioDecargaMasivaTercerosRet",
    }
}

fn hex(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(bytes)
}

/// A token for the certificate of that number.
pub(super) fn issue(key: &[u8], family: Family, certificate_number: &str, now: Timestamp) -> String {
    let nbf = now.as_second();
    let once = hex(certificate_number.as_bytes());
    let claims =
        format!(r#"{{"nbf":{nbf},"exp":{},"iat":{nbf},"iss":"{}","actort":"{once}"}}"#, nbf + LIFETIME_SECONDS, issuer(family));
    let signed = format!("{}.{}", URL.encode(HEADER), URL.encode(claims));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    format!("{signed}.{}{TAIL}{once}", URL.encode(tag))
}

/// The certificate number that a token was issued to, if it is ours, of this family and in time.
pub(super) fn check(key: &[u8], family: Family, token: &str, now: Timestamp) -> Option<String> {
    let (jwt, tail) = split(token)?;
    let (signed, tag) = jwt.rsplit_once('.')?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    hmac::verify(&key, signed.as_bytes(), &URL.decode(tag).ok()?).ok()?;
    let claims: Claims = serde_json::from_slice(&URL.decode(signed.split_once('.')?.1).ok()?).ok()?;
    let now = now.as_second();
    let in_time = claims.nbf - SKEW_SECONDS <= now && now < claims.exp;
    let bound = claims.actort == tail && claims.iss == issuer(family);
    let number = data_encoding::HEXLOWER_PERMISSIVE.decode(tail.as_bytes()).ok()?;
    (in_time && bound).then(|| String::from_utf8(number).ok())?
}

fn split(token: &str) -> Option<(&str, &str)> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    [TAIL, "%26wrap_subject%3D", TAIL_DECODED].iter().find_map(|tail| token.split_once(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &str = "30001000000500003415";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_layout_is_that_of_a_captured_token() {
        let root = fedatario_testkit::fixtures_or_skip!();
        for (file, family) in [("autentica-cfdi", Family::Cfdi), ("autentica-retenciones", Family::Retenciones)] {
            let captured = fedatario_testkit::fixtures::read(&root, &format!("mx/soap/captured-2025-09/{file}.xml"));
            let captured = String::from_utf8(captured).unwrap();
            let theirs = captured.split("<AutenticaResult>").nth(1).unwrap().split('<').next().unwrap();
            let claims = URL.decode(theirs.split('.').nth(1).unwrap()).unwrap();
            let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
            let (_, tail) = split(theirs).unwrap();
            let number = String::from_utf8(data_encoding::HEXLOWER.decode(tail.as_bytes()).unwrap()).unwrap();
            let ours = issue(b"key", family, &number, at(claims["nbf"].as_i64().unwrap()));
            let but_signature = |it: &str| {
                let (jwt, tail) = split(it).unwrap();
                (jwt.rsplit_once('.').unwrap().0.to_owned(), tail.to_owned())
            };
            assert_eq!(but_signature(&ours), but_signature(theirs));
            assert_eq!(ours.len(), theirs.len());
        }
        fedatario_testkit::covers!("sandbox: token layout equals the captured ones byte for byte but for the signature");
    }

    #[test]
    fn raw_and_decoded_forms_are_one_token() {
        let token = issue(b"key", Family::Cfdi, NUMBER, at(1_000));
        for form in [token.clone(), token.replace(TAIL, TAIL_DECODED), token.replace(TAIL, "%26wrap_subject%3D")] {
            assert_eq!(check(b"key", Family::Cfdi, &form, at(1_500)).as_deref(), Some(NUMBER), "{form}");
        }
        fedatario_testkit::covers!("sandbox: a token is accepted raw and URL-decoded");
    }

    #[test]
    fn a_foreign_late_or_altered_token_is_none() {
        let token = issue(b"key", Family::Cfdi, NUMBER, at(1_000));
        let other = issue(b"key", Family::Cfdi, "30001000000500003416", at(1_000));
        let swapped = format!("{}{TAIL}{}", split(&token).unwrap().0, split(&other).unwrap().1);
        let cases = [
            check(b"other", Family::Cfdi, &token, at(1_001)),
            check(b"key", Family::Retenciones, &token, at(1_001)),
            check(b"key", Family::Cfdi, &token, at(1_000 + LIFETIME_SECONDS)),
            check(b"key", Family::Cfdi, &token, at(900)),
            check(b"key", Family::Cfdi, &swapped, at(1_001)),
            check(b"key", Family::Cfdi, &token.replacen("eyJ", "eyK", 1), at(1_001)),
            check(b"key", Family::Cfdi, "", at(1_001)),
            check(b"key", Family::Cfdi, &"x".repeat(MAX_TOKEN_BYTES + 1), at(1_001)),
        ];
        assert!(cases.iter().all(Option::is_none), "{cases:?}");
        fedatario_testkit::covers!("sandbox: foreign, late and altered tokens are refused");
    }
}
