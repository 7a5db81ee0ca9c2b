//! `xml …`: canonical forms, signatures made and verified, as filters of a pipe.
//!
//! Nothing is fetched and nothing kept: keys and authorities are files that the user names.

use super::cert::{self, instant, now};
use super::pipe;
use crate::cli::{Expected, Xml};
use crate::config;
use crate::failure::Failure;
use crate::present::Screen;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_app::signing::verify::{Outside, outside};
use fedatario_base::code::Exit;
use fedatario_credentials::certificate::MAX_BUNDLE_BYTES;
use fedatario_credentials::{Certificate, CredentialError, Pair, chain};
use fedatario_xmlsig::document::{MAX_BYTES, MAX_SIGNED_BYTES};
use fedatario_xmlsig::{Hash, Method, Profile, PublicKey, Refusal, Verified, VerifyProfile, XmlSigError, canonicalize, verify};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::{Path, PathBuf};

/// Runs one of the commands.
pub fn run(command: Xml, screen: &Screen) -> Result<Exit, Failure> {
    match command {
        Xml::C14n { exclusive, comments, file } => c14n(exclusive, comments, &file),
        Xml::Sign { cer, key, p12, password_file, profile, file } => {
            let pair = cert::pair(cer.as_deref(), key.as_deref(), p12.as_deref(), &config::password(&password_file)?)?;
            sign(&pair, &profile, &file)
        }
        Xml::Verify { ca, profile, at, file } => {
            let authorities = authorities(&ca)?;
            let at = at.map_or_else(|| Ok(now()), |it| instant(&it))?;
            let check = Check { authorities, is_asked: !ca.is_empty(), at };
            check.run(&pipe::read(&file, MAX_SIGNED_BYTES)?, profile, screen)
        }
    }
}

fn c14n(exclusive: bool, comments: bool, file: &Path) -> Result<Exit, Failure> {
    let method = if exclusive { Method::EXCLUSIVE } else { Method::INCLUSIVE };
    let method = if comments { method.with_comments() } else { method };
    pipe::write(&canonicalize(&pipe::read(file, MAX_BYTES)?, &method)?)?;
    Ok(Exit::Good)
}

fn sign(pair: &Pair, profile: &str, file: &Path) -> Result<Exit, Failure> {
    let profile = if profile == "dgii" { Profile::Dgii } else { Profile::Plain };
    let signed = fedatario_vault::seal_with(pair, profile, &pipe::read(file, MAX_SIGNED_BYTES)?, now())?;
    pipe::write(&signed)?;
    Ok(Exit::Good)
}

fn authorities(files: &[PathBuf]) -> Result<Vec<Certificate>, Failure> {
    let mut all = Vec::new();
    for file in files {
        all.extend(Certificate::parse_all(&pipe::read(file, MAX_BUNDLE_BYTES)?)?);
    }
    Ok(all)
}

fn profile_of(expected: Expected) -> VerifyProfile<'static> {
    match expected {
        Expected::Plain => VerifyProfile::Plain,
        Expected::Dgii => VerifyProfile::Dgii,
        Expected::SatToken => VerifyProfile::SatToken,
        Expected::SatRequest => VerifyProfile::SatRequest,
    }
}

/// What a signature is held against.
struct Check {
    authorities: Vec<Certificate>,
    /// Whether the chain was asked for at all.
    is_asked: bool,
    at: Timestamp,
}

impl Check {
    fn run(&self, document: &[u8], expected: Expected, screen: &Screen) -> Result<Exit, Failure> {
        let seen = RefCell::new(None);
        let trust = |der: &[u8]| self.key(der, &seen);
        let result = verify(document, profile_of(expected), &trust);
        let profile = &expected.text();
        let signer = seen.into_inner();
        match result {
            Ok(verified) => {
                let outside = outside(document, &verified);
                self.tell(&verified, signer.as_ref(), profile, outside.as_ref(), screen);
                Ok(Exit::Good)
            }
            Err(error) => Ok(self.refuse(&error, signer.as_ref(), profile, screen)),
        }
    }

    /// The key of whoever signed; the chain only when there is somebody to trust.
    fn key(&self, der: &[u8], seen: &RefCell<Option<Certificate>>) -> Result<PublicKey, Refusal> {
        let refuse = |error: CredentialError| Refusal::new(error.code(), error.to_string());
        let certificate = Certificate::parse(der).map_err(refuse)?;
        let key = PublicKey::from_pkcs1_der(certificate.rsa_public_key());
        let certificate = seen.borrow_mut().insert(certificate).clone();
        if self.is_asked {
            chain::path(&certificate, &self.authorities, &[], self.at).map_err(refuse)?;
        }
        Ok(key)
    }

    fn tell(&self, verified: &Verified, signer: Option<&Certificate>, profile: &str, outside: Option<&Outside>, screen: &Screen) {
        screen.say("cli-verify-good", &[]);
        let arguments = [
            ("root", root(verified)),
            ("bytes", verified.octets().len().to_string()),
            ("reference", verified.reference().to_owned()),
            ("hash", hash(verified.hash()).to_owned()),
            ("digest", STANDARD.encode(verified.digest())),
        ];
        screen.say("cli-verify-signed", &arguments);
        self.tell_signer(signer, screen);
        self.tell_chain(signer, screen);
        match outside {
            Some(it) if it.elements == 0 => {
                let arguments = [("comments", it.comments.to_string()), ("instructions", it.instructions.to_string())];
                screen.say("cli-verify-aside", &arguments);
            }
            Some(it) => screen.say("cli-verify-outside", &[("count", it.elements.to_string()), ("paths", it.paths.join(" "))]),
            None => screen.say("cli-verify-whole", &[]),
        }
        screen.result(&json!({
            "good": true, "profile": profile, "signed": signed(verified),
            "signer": signer.map(|it| self.signer(it)), "chain": self.chain(signer),
            "not_covered": outside.map(|it| {
                json!({ "elements": it.elements, "paths": it.paths, "comments": it.comments, "instructions": it.instructions })
            }),
        }));
    }

    fn tell_signer(&self, signer: Option<&Certificate>, screen: &Screen) {
        let Some(signer) = signer else { return };
        let arguments = [
            ("subject", signer.subject().to_owned()),
            ("tax_id", signer.tax_id().map_or("-".to_owned(), |it| it.number.clone())),
            ("number", signer.number().to_owned()),
            ("from", signer.not_before().to_string()),
            ("until", signer.not_after().to_string()),
        ];
        screen.say("cli-verify-signer", &arguments);
    }

    fn tell_chain(&self, signer: Option<&Certificate>, screen: &Screen) {
        let at = ("at", self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        match self.path(signer) {
            Some(path) => screen.say("cli-verify-chain", &[at, ("path", path.join(" ← "))]),
            None => {
                screen.say("cli-verify-unchecked", &[]);
                if signer.is_some_and(|it| it.check_valid_at(self.at).is_err()) {
                    screen.say("cli-verify-lapsed", &[at]);
                }
            }
        }
    }

    /// The subjects from the signer to the trusted authority, if the chain was checked.
    fn path(&self, signer: Option<&Certificate>) -> Option<Vec<String>> {
        let signer = signer.filter(|_| self.is_asked)?;
        let path = chain::path(signer, &self.authorities, &[], self.at).ok()?;
        Some(path.iter().map(|it| it.subject().to_owned()).collect())
    }

    fn chain(&self, signer: Option<&Certificate>) -> Value {
        match self.path(signer) {
            Some(path) => json!({ "state": "holds", "at": self.at.to_string(), "path": path }),
            None => json!({ "state": "unchecked", "at": self.at.to_string(), "path": [] }),
        }
    }

    fn signer(&self, signer: &Certificate) -> Value {
        let mut told = cert::of(signer);
        told["valid_at"] = json!(signer.check_valid_at(self.at).is_ok());
        told
    }

    /// A signature that is not good is a finding, and its reason has a code; input that is no
    /// document at all ends as the code says.
    fn refuse(&self, error: &XmlSigError, signer: Option<&Certificate>, profile: &str, screen: &Screen) -> Exit {
        let code = error.code();
        let what = screen.text(code.slug(), &[]);
        screen.say("cli-verify-bad", &[("code", code.slug().to_owned()), ("what", format!("{what} {error}"))]);
        self.tell_signer(signer, screen);
        screen.result(&json!({
            "good": false, "profile": profile, "code": code.slug(), "title": what, "detail": error.to_string(),
            "signer": signer.map(|it| self.signer(it)),
        }));
        if matches!(error, XmlSigError::Untrusted(_)) { Exit::Finding } else { code.exit() }
    }
}

fn signed(verified: &Verified) -> Value {
    let root = verified.root();
    json!({
        "root": root.qualified_name(), "namespace": root.namespace(), "reference": verified.reference(),
        "bytes": verified.octets().len(), "digest": STANDARD.encode(verified.digest()),
        "digest_algorithm": hash(verified.hash()), "signature": STANDARD.encode(verified.signature()),
    })
}

fn root(verified: &Verified) -> String {
    let root = verified.root();
    match root.namespace() {
        "" => root.local().to_owned(),
        namespace => format!("{{{namespace}}}{}", root.local()),
    }
}

fn hash(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "sha1",
        Hash::Sha256 => "sha256",
    }
}
