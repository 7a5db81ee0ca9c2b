//! Identity as this process has it: what the environment says of tokens, factors and passwords.

use crate::config;
use crate::failure::Failure;
use crate::house::Premises;
use fedatario_app::identity::letters::Outside;
use fedatario_app::identity::settings::Leaked;
use fedatario_app::identity::{Identity, IdentitySettings};
use fedatario_base::{Code, Secret};
use fedatario_identity::password;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

/// `iss` of access tokens: as a rule the address at which people reach this installation.
const ISSUER: &str = "FEDATARIO_ISSUER";
/// Where people reach this installation: links in mails begin with it.
const PUBLIC_URL: &str = "FEDATARIO_PUBLIC_URL";
/// Steps of tolerance of codes by time: 0 or 1.
const TOLERANCE: &str = "FEDATARIO_TOTP_TOLERANCE";
/// A file of leaked passwords: SHA-1 in upper-case hex, one a line, sorted; what follows a colon is passed over.
const LEAKED: &str = "FEDATARIO_PASSWORDS_LEAKED";

/// Identity over the services of the premises.
pub fn of(premises: &Premises) -> Result<Identity, Failure> {
    Ok(Identity::new(&premises.app, settings()?))
}

/// Where people reach this installation.
pub fn public_url() -> Result<String, Failure> {
    let Some(url) = config::value(PUBLIC_URL)? else { return Ok(Outside::default().public_url) };
    let bad = || Failure::new(Code::ConfigInvalid, format!("{PUBLIC_URL}: {url:?} does not begin with http:// or https://"));
    (url.starts_with("https://") || url.starts_with("http://")).then_some(()).ok_or_else(bad)?;
    Ok(url)
}

fn settings() -> Result<IdentitySettings, Failure> {
    let mut settings = IdentitySettings::default();
    if let Some(issuer) = config::value(ISSUER)? {
        settings.audience.issuer = issuer;
    }
    settings.public_url = public_url()?;
    if let Some(text) = config::value(TOLERANCE)? {
        let bad = || Failure::new(Code::ConfigInvalid, format!("{TOLERANCE}: {text:?} is neither 0 nor 1"));
        settings.totp_tolerance = text.trim().parse().ok().filter(|it| *it <= 1).ok_or_else(bad)?;
    }
    if let Some(path) = std::env::var_os(LEAKED).filter(|it| !it.is_empty()) {
        let path = PathBuf::from(path);
        File::open(&path).map_err(|error| Failure::new(Code::ConfigInvalid, format!("{LEAKED}: {}: {error}", path.display())))?;
        settings.leaked = Some(Arc::new(LeakedFile(path)));
    }
    Ok(settings)
}

/// A sorted file of names, searched where it lies: such lists have tens of gigabytes.
struct LeakedFile(PathBuf);

impl Leaked for LeakedFile {
    fn holds(&self, password: &Secret) -> bool {
        let Ok(name) = password::name_in_lists(password) else { return false };
        found(&self.0, &name).unwrap_or_else(|error| {
            tracing::error!(%error, "the list of leaked passwords cannot be read");
            false
        })
    }
}

fn found(path: &PathBuf, name: &str) -> std::io::Result<bool> {
    let file = File::open(path)?;
    let (mut low, mut high) = (0, file.metadata()?.len());
    let mut reader = BufReader::new(file);
    // Halves the bytes in which a line with the name could begin.
    while low < high {
        let middle = low + (high - low) / 2;
        let (begins, line) = line_from(&mut reader, middle)?;
        match line.split(':').next().unwrap_or_default().trim_end().cmp(name) {
            _ if line.is_empty() => high = middle,
            std::cmp::Ordering::Equal => return Ok(true),
            std::cmp::Ordering::Less => low = begins + line.len() as u64,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    Ok(false)
}

/// The first line that begins at an offset or after it, and where.
fn line_from(reader: &mut BufReader<File>, offset: u64) -> std::io::Result<(u64, String)> {
    let mut begins = offset;
    if offset > 0 {
        reader.seek(SeekFrom::Start(offset - 1))?;
        let mut rest = Vec::new();
        begins = offset - 1 + reader.read_until(b'\n', &mut rest)? as u64;
    } else {
        reader.seek(SeekFrom::Start(0))?;
    }
    let mut line = String::new();
    reader.read_line(&mut line)?;
    Ok((begins, line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_searched_where_it_lies() {
        let leaked: Vec<String> = (0..500).map(|it| format!("una clave filtrada {it}")).collect();
        let name = |it: &str| password::name_in_lists(&Secret::new(it)).unwrap().to_string();
        let mut lines: Vec<String> = leaked.iter().enumerate().map(|(n, it)| format!("{}:{n}", name(it))).collect();
        lines.sort();
        let dir = tempfile::tempdir().unwrap();
        for (file, end) in [("unix", "\n"), ("windows", "\r\n")] {
            let path = dir.path().join(file);
            std::fs::write(&path, lines.join(end)).unwrap();
            let list = LeakedFile(path);
            assert!(leaked.iter().all(|it| list.holds(&Secret::new(it.as_str()))), "{file}");
            assert!((500..1_000).all(|it| !list.holds(&Secret::new(format!("una clave filtrada {it}")))), "{file}");
        }
        assert!(!LeakedFile(dir.path().join("gone")).holds(&Secret::new("una clave filtrada 1")));
        fedatario_testkit::covers!("identity: a list of leaked passwords is searched where it lies");
    }
}
