//! Relative links of Markdown files: each must lead to something.

use crate::repository::Repository;
use std::path::Path;

/// Links that lead nowhere.
pub fn check(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for file in repository.files(&[".md"])? {
        let text = repository.read(&file)?;
        let folder = Path::new(&file).parent().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
        for target in targets(&text) {
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !repository.path(&folder).join(path).exists() {
                found.push(format!("{file}: {target} leads nowhere"));
            }
        }
    }
    Ok(found)
}

/// The relative targets of `[text](target)`, outside code.
fn targets(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Odd pieces lie between back-quotes.
        let prose = line.split('`').step_by(2);
        found.extend(prose.flat_map(|it| it.split("](").skip(1)).filter_map(|it| it.split(')').next()));
    }
    // A label in back-quotes leaves its `](target)` at the start of the next piece, which the split above keeps.
    found.retain(|it| !it.contains("://") && !it.starts_with("mailto:"));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_links_in_prose_are_followed() {
        let text = "[a](b.md) `[no](code.md)` [c](https://x.mx/y) [`d`](e.md#f)\n```\n[no](block.md)\n```\n[g](#h)";
        assert_eq!(targets(text), ["b.md", "e.md#f", "#h"]);
    }

    #[test]
    fn a_dead_link_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::at(folder.path());
        repository.write("docs/a.md", "[b](b.md) [up](../c.md#x) [self](#y) [gone](../docs/d.md)").expect("a file");
        repository.write("docs/b.md", "").expect("a file");
        repository.write("c.md", "").expect("a file");
        assert_eq!(check(&repository).expect("a check"), ["docs/a.md: ../docs/d.md leads nowhere"]);
        fedatario_testkit::covers!("workspace: dead relative links are found");
    }
}
