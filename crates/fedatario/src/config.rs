//! What the environment says. Every secret may also come from a file named by `*_FILE`.

use crate::cli::Globals;
use crate::failure::Failure;
use fedatario_base::text::Language;
use fedatario_base::{Code, Secret};
use std::env::VarError;
use std::path::{Path, PathBuf};

/// The language of the shell: `FEDATARIO_LANG`, else `LANG`; Spanish unless English is asked for.
pub fn language() -> Language {
    let tag = std::env::var("FEDATARIO_LANG").or_else(|_| std::env::var("LC_ALL")).or_else(|_| std::env::var("LANG"));
    Language::from_tag(&tag.unwrap_or_default())
}

/// The folder of the arguments or the environment, else the one of that name in its usual place.
pub fn data(globals: &Globals, name: &str) -> Result<PathBuf, Failure> {
    match globals.data.as_ref().filter(|it| !it.as_os_str().is_empty()) {
        Some(dir) => Ok(dir.clone()),
        None => default_data(name),
    }
}

/// Where everything embedded lies when nobody said: `$XDG_DATA_HOME/<name>`.
fn default_data(name: &str) -> Result<PathBuf, Failure> {
    let base = match (std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME")) {
        (Some(data), _) if !data.is_empty() => PathBuf::from(data),
        (_, Some(home)) if !home.is_empty() => Path::new(&home).join(".local/share"),
        _ => return Err(Failure::new(Code::Usage, "neither --data, FEDATARIO_DATA, XDG_DATA_HOME nor HOME is set")),
    };
    Ok(base.join(name))
}

/// A value of the environment, or of the file that `<name>_FILE` names.
pub fn value(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(value) => return Ok(Some(value).filter(|it| !it.is_empty())),
        Err(VarError::NotUnicode(_)) => return Err(Failure::new(Code::ConfigInvalid, format!("{name}: not a text"))),
        Err(VarError::NotPresent) => {}
    }
    let Some(path) = std::env::var_os(format!("{name}_FILE")).filter(|it| !it.is_empty()) else { return Ok(None) };
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::new(Code::ConfigInvalid, format!("{name}_FILE {}: {error}", Path::new(&path).display())))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// The same, for what must not be printed.
pub fn secret(name: &str) -> Result<Option<Secret>, Failure> {
    Ok(value(name)?.map(Secret::new))
}

/// A password file: its first line, without the end of line.
pub fn password(path: &Path) -> Result<Secret, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::new(Code::Usage, format!("{}: {error}", path.display())))?;
    let bytes = Secret::new(bytes); // Wiped, whatever else stands in the file.
    let line = bytes.expose().split(|it| *it == b'\n').next().unwrap_or_default();
    Ok(Secret::new(line.strip_suffix(b"\r").unwrap_or(line)))
}
