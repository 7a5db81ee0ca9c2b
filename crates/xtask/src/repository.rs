//! The files of the repository, as the chores see them: by path from its root, text only.

use anyhow::Context;
use std::path::{Path, PathBuf};

/// Folders that are made, not written.
const SKIPPED: &[&str] = &[".git", "target", "node_modules"];

/// A tree of files with a root.
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The one that the current folder is the root of, else the one that this program was built from: a
    /// target folder that several clones share holds the program of one of them.
    pub fn here() -> Self {
        let current = std::env::current_dir().ok().filter(|it| it.join("crates/xtask/Cargo.toml").exists());
        Self { root: current.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")) }
    }

    /// Another tree, for tests.
    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// A path in it.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// The text of a file.
    pub fn read(&self, relative: &str) -> anyhow::Result<String> {
        std::fs::read_to_string(self.path(relative)).with_context(|| format!("reading {relative}"))
    }

    /// Writes a file, with its folders.
    pub fn write(&self, relative: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path(relative);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        }
        std::fs::write(&path, text).with_context(|| format!("writing {relative}"))
    }

    /// Every file with one of the endings, in order of path; all files for an empty list.
    pub fn files(&self, endings: &[&str]) -> anyhow::Result<Vec<String>> {
        let mut found = Vec::new();
        self.walk("", &mut found)?;
        found.retain(|it| endings.is_empty() || endings.iter().any(|ending| it.ends_with(ending)));
        found.sort();
        Ok(found)
    }

    fn walk(&self, folder: &str, found: &mut Vec<String>) -> anyhow::Result<()> {
        let entries = std::fs::read_dir(self.path(folder)).with_context(|| format!("looking into {folder}"))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.contains(&name.as_str()) {
                self.walk(&path, found)?;
            } else if kind.is_file() {
                found.push(path);
            }
        }
        Ok(())
    }

    /// The names in a folder, in order.
    pub fn names(&self, folder: &str) -> anyhow::Result<Vec<String>> {
        let entries = std::fs::read_dir(self.path(folder)).with_context(|| format!("looking into {folder}"))?;
        let mut names: Vec<String> =
            entries.map(|it| Ok(it?.file_name().to_string_lossy().into_owned())).collect::<anyhow::Result<_>>()?;
        names.sort();
        Ok(names)
    }
}
