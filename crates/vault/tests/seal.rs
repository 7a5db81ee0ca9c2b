//! Signing: what comes out verifies, and whoever may not is refused before the key is touched.

mod common;

use common::{NOW, ROOT_1, admitted, mint, pair, roots, scope};
use fedatario_base::id::{ApiKeyId, CredentialId, GrantId, JobId, UserId};
use fedatario_base::{Actor, Code, Permission, Scope};
use fedatario_credentials::{Certificate, IssuerStyle, Kind};
use fedatario_testkit::covers;
use fedatario_vault::grant::{Amount, Grant};
use fedatario_vault::log::Ending;
use fedatario_vault::memory::{Logged, Memory};
use fedatario_vault::{CredentialKind, CredentialRow, CredentialState, Owner, Vault};
use fedatario_xmlsig::{Form, Profile, Signatory, prepare, verify_rsa};
use std::process::Command;

const PLAIN: &[u8] = b"<aviso xmlns=\"urn:x\"><monto>1.00</monto></aviso>";
const REQUEST: &[u8] = b"<des:VerificaSolicitudDescarga xmlns:des=\"http://DescargaMasivaTerceros.sat.gob.mx\">\
    <des:solicitud IdSolicitud=\"be2a3e76-684f-416a-afdf-0f9378c346be\" RfcSolicitante=\"EKU9003173C9\"></des:solicitud>\
    </des:VerificaSolicitudDescarga>";
const LOGIN: &[u8] = b"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" \
    xmlns:u=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\"><s:Header>\
    <o:Security s:mustUnderstand=\"1\" xmlns:o=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">\
    <u:Timestamp u:Id=\"_0\"><u:Created>2026-09-01T12:00:00.000Z</u:Created><u:Expires>2026-09-01T12:05:00.000Z</u:Expires></u:Timestamp>\
    <o:BinarySecurityToken u:Id=\"uuid-1\"></o:BinarySecurityToken></o:Security></s:Header>\
    <s:Body><Autentica xmlns=\"http://DescargaMasivaTerceros.gob.mx\"/></s:Body></s:Envelope>";

async fn with_fiel(scope: &Scope) -> (Vault, std::sync::Arc<Memory>, CredentialId, Certificate) {
    let (vault, memory) = Memory::vault(roots(ROOT_1));
    let minted = mint(Kind::Fiel);
    let sealed = admitted(&vault, &memory, scope, &minted).await;
    (vault, memory, sealed.id, sealed.certificate)
}

#[tokio::test]
async fn each_profile_is_signed_by_the_credentials_key() {
    let scope = scope(0);
    let (vault, _, id, certificate) = with_fiel(&scope).await;
    let cases = [
        (Profile::SatToken, LOGIN, IssuerStyle::Phpcfdi),
        (Profile::SatRequest(Form::Phpcfdi), REQUEST, IssuerStyle::Phpcfdi),
        (Profile::SatRequest(Form::Official), REQUEST, IssuerStyle::DotNet),
        (Profile::Plain, PLAIN, IssuerStyle::Phpcfdi),
    ];
    for (profile, document, style) in cases {
        let signed = vault.seal(&scope, id, profile, document, *NOW).await.unwrap_or_else(|error| panic!("{profile:?}: {error}"));
        let signatory = Signatory {
            certificate_der: certificate.der().to_vec(),
            issuer_name: certificate.issuer(style),
            serial_decimal: certificate.serial_decimal(),
        };
        let prepared = prepare(profile, document, &signatory).unwrap();
        let signature = signature_of(&signed);
        verify_rsa(prepared.hash(), certificate.rsa_public_key(), prepared.octets(), &signature).unwrap();
        assert_eq!(prepared.finish(&signature), signed, "{profile:?}");
    }
    covers!("vault: SAT tokens, SAT requests in both forms and plain documents are signed by the credential's key");
}

fn signature_of(signed: &[u8]) -> Vec<u8> {
    use base64::Engine as _;
    let text = std::str::from_utf8(signed).unwrap();
    let (_, rest) = text.split_once("<SignatureValue>").unwrap();
    base64::engine::general_purpose::STANDARD.decode(rest.split_once('<').unwrap().0).unwrap()
}

#[tokio::test]
async fn xmlsec1_accepts_a_plain_document() {
    let scope = scope(0);
    let (vault, _, id, certificate) = with_fiel(&scope).await;
    let signed = vault.seal(&scope, id, Profile::Plain, PLAIN, *NOW).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (xml, der) = (folder.path().join("signed.xml"), folder.path().join("cer.der"));
    std::fs::write(&xml, &signed).unwrap();
    std::fs::write(&der, certificate.der()).unwrap();
    let output = Command::new("xmlsec1").args(["--verify", "--pubkey-cert-der"]).arg(&der).arg(&xml).output();
    let output = output.expect("xmlsec1 is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    covers!("vault: xmlsec1 verifies a plain document sealed by the vault");
}

#[tokio::test]
async fn whoever_may_not_is_refused() {
    let mine = scope(0);
    let (vault, memory, fiel, _) = with_fiel(&mine).await;
    let csd = CredentialId::fresh(*NOW);
    let sealed = vault.admit(&mine, pair(&mint(Kind::Csd)), CredentialKind::Csd, csd, *NOW).await.unwrap();
    memory.put(&mine, &sealed, CredentialState::Active);
    let powerless = mine.clone().only(&[Permission::CredentialUpload, Permission::SatAsk]);
    let (early, late) = ("2024-12-31T00:00:00Z".parse().unwrap(), "2029-01-02T00:00:00Z".parse().unwrap());
    let request = Profile::SatRequest(Form::Phpcfdi);
    let unknown = CredentialId::fresh(*NOW);
    let seed = b"<SemillaModel><valor>x</valor></SemillaModel>".as_slice();
    let cases = [
        (&powerless, fiel, request, REQUEST, *NOW, Code::PermissionDenied),
        (&scope(1), fiel, request, REQUEST, *NOW, Code::CredentialMissing),
        (&mine, unknown, request, REQUEST, *NOW, Code::CredentialMissing),
        (&mine, csd, request, REQUEST, *NOW, Code::PurposeRefused),
        (&mine, csd, Profile::SatToken, LOGIN, *NOW, Code::PurposeRefused),
        (&mine, fiel, Profile::Dgii, PLAIN, *NOW, Code::PurposeRefused),
        (&mine, fiel, request, REQUEST, early, Code::CertificateNotYetValid),
        (&mine, fiel, request, REQUEST, late, Code::CertificateExpired),
        (&mine, fiel, request, PLAIN, *NOW, Code::PurposeRefused),
        (&mine, fiel, Profile::SatToken, REQUEST, *NOW, Code::PurposeRefused),
        // The plain profile is no oracle for messages to an authority.
        (&mine, fiel, Profile::Plain, REQUEST, *NOW, Code::PurposeRefused),
        (&mine, fiel, Profile::Plain, LOGIN, *NOW, Code::PurposeRefused),
        (&mine, fiel, Profile::Plain, seed, *NOW, Code::PurposeRefused),
        (&mine, fiel, Profile::Plain, b"<a>", *NOW, Code::XmlMalformed),
        (&mine, fiel, Profile::Plain, b"<!DOCTYPE a><a/>", *NOW, Code::XmlDoctype),
    ];
    for (scope, id, profile, document, now, code) in cases {
        let outcome = vault.seal(scope, id, profile, document, now).await;
        assert_eq!(outcome.map(|_| ()).map_err(|it| it.code()), Err(code), "{profile:?}");
    }
    let states = [
        (CredentialState::Blocked, Code::CredentialBlocked),
        (CredentialState::Replaced, Code::CredentialMissing),
        (CredentialState::Destroyed, Code::CredentialMissing),
    ];
    for (state, code) in states {
        memory.alter(&mine, fiel, |it| it.state = state);
        assert_eq!(vault.seal(&mine, fiel, request, REQUEST, *NOW).await.unwrap_err().code(), code);
    }
    covers!("vault: permission, tenant, state, kind, profile and dates are checked before a key is opened");
}

#[tokio::test]
async fn a_row_or_object_that_was_touched_signs_nothing() {
    let mine = scope(0);
    let (vault, memory, id, _) = with_fiel(&mine).await;
    let other = admitted(&vault, &memory, &mine, &mint(Kind::Fiel)).await;
    vault.rotate_tenant_key(&mine).await.unwrap();
    let seal = || vault.seal(&mine, id, Profile::Plain, PLAIN, *NOW);
    seal().await.unwrap();
    let (mut row, mut object) = (None, None);
    memory.alter(&mine, id, |it| row = Some(it.clone()));
    memory.alter_object(&mine, id, |it| object = Some(it.clone()));
    let (row, object) = (row.unwrap(), object.unwrap());

    type Change = Box<dyn Fn(&mut CredentialRow)>;
    let stranger = other.row(Owner::User(UserId::fresh(*NOW)), &format!("certificados/{}", other.id), CredentialState::Active);
    let changes: Vec<Change> = vec![
        Box::new(|it| it.data_key[20] ^= 1),
        Box::new(|it| it.key_version = 2),
        Box::new(|it| it.key_version = 9),
        Box::new(|it| it.kind = CredentialKind::Csd),
        Box::new(|it| it.digest[0] ^= 1),
        Box::new(|it| it.object_path.push('x')),
        Box::new(|it| it.certificate[30] ^= 0xff),
        Box::new({
            let data_key = stranger.data_key.clone();
            move |it| it.data_key.clone_from(&data_key)
        }),
        Box::new({
            let certificate = stranger.certificate.clone();
            move |it| it.certificate.clone_from(&certificate)
        }),
        Box::new({
            let stranger = stranger.clone();
            move |it| (it.object_path, it.digest) = (stranger.object_path.clone(), stranger.digest)
        }),
    ];
    for (place, change) in changes.iter().enumerate() {
        memory.alter(&mine, id, change);
        assert_eq!(seal().await.unwrap_err().code(), Code::SealBroken, "change {place}");
        memory.alter(&mine, id, |it| *it = row.clone());
    }
    for place in (0..object.len()).step_by(97) {
        vault.close_keys(); // What is open was read before.
        memory.alter_object(&mine, id, |it| it[place] ^= 1);
        assert_eq!(seal().await.unwrap_err().code(), Code::SealBroken, "object byte {place}");
        memory.alter_object(&mine, id, |it| it.clone_from(&object));
    }
    seal().await.unwrap();
    covers!("vault: a credential whose row or object was altered or swapped is one error and signs nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_goes_on_while_keys_rotate() {
    let mine = scope(0);
    let (vault, memory, id, _) = with_fiel(&mine).await;
    for _ in 0..20 {
        admitted(&vault, &memory, &mine, &mint(Kind::Fiel)).await;
    }
    let signer = tokio::spawn({
        let (vault, mine) = (vault.clone(), mine.clone());
        async move {
            for _ in 0..200 {
                vault.seal(&mine, id, Profile::Plain, PLAIN, *NOW).await.expect("no failed read");
            }
        }
    });
    for version in 2..6 {
        assert_eq!(vault.rotate_tenant_key(&mine).await.unwrap(), version);
        while vault.rewrap_data_keys(&mine).await.unwrap().behind > 0 {}
    }
    signer.await.unwrap();
    covers!("vault: signatures go on while the tenant's key rotates");
}

#[tokio::test]
async fn every_use_is_in_the_log_before_and_after() {
    let mine = scope(0);
    let (vault, memory, id, _) = with_fiel(&mine).await;
    let signed = vault.seal_logged(&mine, id, Profile::Plain, PLAIN, *NOW).await.unwrap();
    vault.seal(&mine, id, Profile::SatToken, LOGIN, *NOW).await.unwrap();
    vault.seal(&mine, id, Profile::SatRequest(Form::Phpcfdi), REQUEST, *NOW).await.unwrap();
    vault.seal(&mine, id, Profile::Plain, LOGIN, *NOW).await.unwrap_err();
    // A key that does not open fails after its intent, and says so.
    memory.alter(&mine, id, |it| it.digest[0] ^= 1);
    vault.seal(&mine, id, Profile::Plain, PLAIN, *NOW).await.unwrap_err();
    let log = memory.logged();
    let expected = [
        Logged::Intended(1, "plain", "document", "aviso".into()),
        Logged::Ended(1, Ending::Signed(signed.digest)),
        Logged::Intended(2, "sat_token", "session", "Envelope".into()),
        log[3].clone(),
        Logged::Intended(3, "sat_request", "request", "VerificaSolicitudDescarga".into()),
        log[5].clone(),
        Logged::Refused(Code::PurposeRefused),
        Logged::Intended(4, "plain", "document", "aviso".into()),
        Logged::Ended(4, Ending::Failed(Code::SealBroken)),
    ];
    assert_eq!(log, expected);
    assert!(matches!(log[3], Logged::Ended(2, Ending::Signed(_))) && matches!(log[5], Logged::Ended(3, Ending::Signed(_))));
    assert_eq!((signed.counter, signed.intended, signed.ended), (1, 1, 2));
    covers!("vault: every use of a key, SAT's too, is in the log before the key is opened and after");
}

#[tokio::test]
async fn a_key_that_is_open_signs_only_for_the_row_it_was_opened_from() {
    let mine = scope(0);
    let (vault, memory, id, _) = with_fiel(&mine).await;
    let seal = || vault.seal(&mine, id, Profile::Plain, PLAIN, *NOW);
    seal().await.unwrap();
    for (state, code) in [
        (CredentialState::Blocked, Code::CredentialBlocked),
        (CredentialState::Replaced, Code::CredentialMissing),
        (CredentialState::Destroyed, Code::CredentialMissing),
    ] {
        memory.alter(&mine, id, |it| it.state = state);
        assert_eq!(seal().await.unwrap_err().code(), code);
        memory.alter(&mine, id, |it| it.state = CredentialState::Active);
        seal().await.unwrap();
    }
    assert_eq!(vault.seal(&scope(1), id, Profile::Plain, PLAIN, *NOW).await.unwrap_err().code(), Code::CredentialMissing);
    covers!("vault: a key that is open signs nothing for a row that was blocked, replaced, destroyed or is another tenant's");
}

#[tokio::test]
async fn a_program_signs_documents_by_a_grant_alone() {
    let mine = scope(0);
    let (vault, memory, id, _) = with_fiel(&mine).await;
    let key = ApiKeyId::fresh(*NOW);
    let program = Scope::signed_in(mine.tenant(), Actor::ApiKey(key), vec![Permission::CredentialSign]);
    let job = Scope::job(mine.tenant(), JobId::fresh(*NOW), key.to_string());
    for scope in [&program, &job] {
        let refused = vault.seal(scope, id, Profile::Plain, PLAIN, *NOW).await.unwrap_err();
        assert_eq!(refused.code(), Code::SignatureGrantMissing);
        // What our own clients need is no document.
        vault.seal(scope, id, Profile::SatToken, LOGIN, *NOW).await.unwrap();
    }
    memory.give(Grant {
        id: GrantId::fresh(*NOW),
        principal: key.to_string(),
        credential: id,
        profile: "plain".into(),
        not_after: *NOW,
        cap: Amount::read("10", "MXN"),
        created_by: "usr_x".into(),
        created: *NOW,
        revoked: None,
    });
    let cfdi = |total: &str| format!("<c:Comprobante xmlns:c=\"http://www.sat.gob.mx/cfd/4\" Total=\"{total}\" Moneda=\"MXN\"/>");
    vault.seal(&program, id, Profile::Plain, cfdi("10.00").as_bytes(), *NOW).await.unwrap();
    let over = vault.seal(&program, id, Profile::Plain, cfdi("10.01").as_bytes(), *NOW).await.unwrap_err();
    assert_eq!(over.code(), Code::SignatureGrantAmount);
    let unread = vault.seal(&program, id, Profile::Plain, PLAIN, *NOW).await.unwrap_err();
    assert_eq!(unread.code(), Code::SignatureGrantUnread);
    covers!("vault: a program, and a job of one, signs documents within its grant alone");
}
