//! The signatures of Standard Webhooks 1.0: over `id.timestamp.body`.
//!
//! `v1` is HMAC-SHA256, `v1a` is Ed25519. Every live secret signs, so that a receiver that knows either
//! half of a rotation accepts.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_app::hooks::model::SecretKind;
use fedatario_app::hooks::ports::LiveSecret;

/// A key that cannot sign.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a key of its kind")]
pub struct SigningError;

/// The value of `webhook-signature`.
pub fn signatures(secrets: &[LiveSecret], id: &str, timestamp: i64, body: &str) -> Result<String, SigningError> {
    let signed = format!("{id}.{timestamp}.{body}");
    let each = secrets.iter().map(|it| signature(it, signed.as_bytes()));
    Ok(each.collect::<Result<Vec<_>, _>>()?.join(" "))
}

fn signature(secret: &LiveSecret, signed: &[u8]) -> Result<String, SigningError> {
    let bytes = match secret.kind {
        SecretKind::Hmac => {
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.key.expose());
            hmac::sign(&key, signed).as_ref().to_vec()
        }
        SecretKind::Ed25519 => {
            let pair = Ed25519KeyPair::from_seed_unchecked(secret.key.expose()).map_err(|_| SigningError)?;
            pair.sign(signed).as_ref().to_vec()
        }
    };
    Ok(format!("{},{}", secret.kind, STANDARD.encode(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedatario_base::Secret;

    #[test]
    fn the_published_sample_agrees() {
        let key = Secret::new(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        let secrets = [LiveSecret { kind: SecretKind::Hmac, key }];
        let made = signatures(&secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#).unwrap();
        assert_eq!(made, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        fedatario_testkit::covers!("webhooks: the sample of Standard Webhooks is reproduced");
    }

    #[test]
    fn a_key_of_the_wrong_size_signs_nothing() {
        let secrets = [LiveSecret { kind: SecretKind::Ed25519, key: Secret::new([7; 31]) }];
        assert_eq!(signatures(&secrets, "x", 1, "{}"), Err(SigningError));
    }
}
