//! `sat report --check`: a signed report, checked by anybody who has the file.
//!
//! Nothing but the file is needed: then only its own key vouches for it, and that is said. A key that
//! is given, or that of a folder that is there, must be the one that signed; and a folder also says
//! whether its tables still count the same.

use crate::cli::Globals;
use crate::failure::Failure;
use crate::house::{Opening, Premises, user};
use crate::present::Screen;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use fedatario_app::audit_trail;
use fedatario_app::descarga::report::{self, Signed};
use fedatario_app::ports::System;
use fedatario_audit::PublicKey;
use fedatario_base::code::Exit;
use fedatario_base::{Code, Scope};
use fedatario_vault::NotePurpose;
use serde_json::json;
use std::path::Path;

/// Whose key the file names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// The one that was given, or a tenant's own.
    Pinned,
    /// Nobody here knows: only the file vouches for it.
    Unpinned,
    /// Another than was given, or none of the folder's.
    Other,
}

impl Trust {
    fn text(self) -> &'static str {
        match self {
            Trust::Pinned => "pinned",
            Trust::Unpinned => "unpinned",
            Trust::Other => "other",
        }
    }
}

/// Checks the file and tells what was found.
pub async fn run(globals: &Globals, screen: &Screen, file: &Path, key: Option<&str>) -> Result<Exit, Failure> {
    let bytes = super::sat::read(file)?;
    let (signature, its_key) = signature(&bytes)?;
    let (trust, agrees) = match key {
        Some(text) => {
            let given: PublicKey = text.trim().parse()?;
            (if given.bytes() == &its_key { Trust::Pinned } else { Trust::Other }, None)
        }
        None if Premises::exist(globals)? => beside_the_tables(globals, &bytes, its_key).await?,
        None => (Trust::Unpinned, None),
    };
    let yes = |it: bool| screen.text(if it { "cli-yes" } else { "cli-no" }, &[]);
    let said = [("signature", yes(signature)), ("key", trust.text().to_owned()), ("agrees", agrees.map_or("-".to_owned(), yes))];
    screen.say("cli-checked", &said);
    match trust {
        Trust::Pinned => {}
        Trust::Unpinned => screen.say("cli-report-unpinned", &[]),
        Trust::Other => screen.say("cli-report-other-key", &[]),
    }
    screen.result(&json!({ "signature": signature, "key": trust.text(), "agrees": agrees }));
    let good = signature && trust != Trust::Other && agrees != Some(false);
    Ok(if good { Exit::Good } else { Exit::Finding })
}

/// Whether the signature is good under the key that the file names, and that key.
fn signature(file: &[u8]) -> Result<(bool, [u8; 32]), Failure> {
    let bad = |text: String| Failure::new(Code::ReportSignature, text);
    let signed: Signed = serde_json::from_slice(file).map_err(|error| bad(error.to_string()))?;
    let canonical = audit_trail::canonical(&signed.report)?;
    let bytes = |text: &str| STANDARD.decode(text).map_err(|error| bad(error.to_string()));
    let key: [u8; 32] = bytes(&signed.key)?.try_into().map_err(|_| bad("the key has not 32 bytes".to_owned()))?;
    let good = fedatario_vault::verify_note(&key, NotePurpose::Report, &canonical, &bytes(&signed.signature)?);
    Ok((good, key))
}

/// Looks for the tenant whose key it is, among the one named or all, and counts again there.
async fn beside_the_tables(globals: &Globals, file: &[u8], its_key: [u8; 32]) -> Result<(Trust, Option<bool>), Failure> {
    let premises = Premises::open(globals, Opening::existing()).await?;
    let tenants = premises.db.tenants(&premises.hands).await?;
    if tenants.is_empty() {
        return Ok((Trust::Unpinned, None));
    }
    let meant = |name: &str, id: String| globals.tenant().is_none_or(|it| it == name || it == id);
    for (id, _) in tenants.iter().filter(|(id, name)| meant(name, id.to_string())) {
        let scope = Scope::shell(*id, user());
        if premises.app.vault.public_key(&scope).await? == its_key {
            return Ok((Trust::Pinned, report::check(&premises.app, &scope, file).await?.agrees));
        }
    }
    Ok((Trust::Other, None))
}
