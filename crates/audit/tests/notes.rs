//! Signed notes: openssl judges the signature, and no two texts are the same note.

mod common;

use common::*;
use fedatario_audit::{AuditError, PublicKey, parse_note, verify_note};
use fedatario_base::Code;
use fedatario_testkit::covers;
use std::path::Path;
use std::process::Command;

/// The DER prefix of an Ed25519 public key, RFC 8410.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

fn openssl_accepts(dir: &Path, key: &PublicKey, text: &str, signature: &[u8]) -> bool {
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.join(name), bytes).unwrap();
    write("key.der", &[SPKI.as_slice(), key.bytes()].concat());
    write("text", text.as_bytes());
    write("signature", signature);
    let arguments = "pkeyutl -verify -pubin -keyform DER -inkey key.der -rawin -in text -sigfile signature";
    let run = Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output();
    run.expect("openssl is installed").status.success()
}

#[test]
fn openssl_accepts_the_signature_over_exactly_the_text() {
    let dir = tempfile::tempdir().unwrap();
    let signer = Signer::new(1);
    let checkpoint = checkpoint(&chain(TENANT, 5, 1), 5);
    let note = signer.sign(&checkpoint);
    let (text, rest) = note.split_once("\n\n").unwrap();
    let parsed = parse_note(&note).unwrap();
    assert!(rest.starts_with("— fedatario.audit/ten_") && rest.ends_with('\n'));
    assert_eq!(parsed.checkpoint, checkpoint);
    let signature = &parsed.signatures[0].signature;
    assert!(openssl_accepts(dir.path(), &signer.key, &format!("{text}\n"), signature));
    assert!(!openssl_accepts(dir.path(), &signer.key, text, signature));
    assert!(!openssl_accepts(dir.path(), &Signer::new(2).key, &format!("{text}\n"), signature));
    covers!("audit: openssl verifies a checkpoint's Ed25519 signature");
}

#[test]
fn a_note_verifies_under_its_key_alone_and_beside_witnesses() {
    let signer = Signer::new(1);
    let checkpoint = checkpoint(&chain(TENANT, 5, 1), 5);
    let note = signer.sign(&checkpoint);
    assert_eq!(verify_note(&note, &signer.key).unwrap(), checkpoint);
    let witnessed = format!("{note}— witness.example AAAAAAECAwQ=\n");
    assert_eq!(verify_note(&witnessed, &signer.key).unwrap(), checkpoint);
    let renamed = PublicKey::new("else", *signer.key.bytes()).unwrap();
    for key in [Signer::new(2).key, renamed] {
        let error = verify_note(&note, &key).unwrap_err();
        assert!(matches!(error, AuditError::Signature) && error.code() == Code::AuditCheckpoint);
    }
    for at in 0..note.len() {
        let mut bytes = note.clone().into_bytes();
        bytes[at] ^= 1;
        let refused = String::from_utf8(bytes).map_or(true, |it| verify_note(&it, &signer.key).is_err());
        assert!(refused, "byte {at}");
    }
}

#[test]
fn what_is_no_checkpoint_is_refused_without_a_panic() {
    let good = Signer::new(1).sign(&checkpoint(&chain(TENANT, 5, 1), 5));
    let cases = [
        String::new(),
        "\n\n".into(),
        "x\n\n— a b\n".into(),
        good.trim_end().into(),
        good.replacen("\n5\n", "\n05\n", 1),
        good.replacen("\n5\n", "\n-5\n", 1),
        good.replacen("\n5\n", "\n99999999999999999999\n", 1),
        good.replacen("fedatario.audit/", "other/", 1),
        good.replacen("before ", "", 1),
        good.replacen(".000Z", "Z", 1),
        good.replacen("—", "-", 1),
        format!("{good}{}", "x".repeat(20_000)),
    ];
    for text in cases {
        let error = parse_note(&text).unwrap_err();
        assert_eq!(error.code(), Code::AuditFormat, "{text}");
    }
}

#[test]
fn a_verifier_key_has_one_spelling() {
    let key = Signer::new(1).key;
    let text = key.to_string();
    assert_eq!(text.parse::<PublicKey>().unwrap(), key);
    // The published example of C2SP signed-note.
    let example = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    assert_eq!(example.parse::<PublicKey>().unwrap().to_string(), example);
    let wrong = ["", "a", "a+b", "a+00000000+AQ==", "a b+00000000+AQ==", &text.replacen('+', "+0", 1), &text[..text.len() - 1]];
    for text in wrong {
        assert_eq!(text.parse::<PublicKey>().unwrap_err().code(), Code::AuditFormat, "{text}");
    }
}
