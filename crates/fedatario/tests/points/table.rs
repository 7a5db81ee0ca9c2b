//! `docs/crash-table.md`: the points and what came of dying there, as the last soak counted.

use crate::points::{Course, POINTS};
use crate::stage::Fate;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Writes what a run of so many seeds counted.
pub fn write(fates: &BTreeMap<&str, Fate>, seeds: u64) {
    let mut text = format!(
        "# Killed at every point\n\n\
         Made by `scripts/soak`; not to be edited. The program dies by an abort at a point (no destructor, no flush), in up to\n\
         two lives of {seeds} folders each; then the same command is run until it is done, and once more. *Lost* and *doubled* are\n\
         counted against a life without death and by the simulator's own books, *uncertain* are requests whose answer died with\n\
         the process: each was replaced once, none was repeated. `scripts/test` does the same with fewer seeds.\n"
    );
    for (course, title) in [
        (Course::Register, "Registering an e.firma"),
        (Course::Year, "A year"),
        (Course::Troubled, "A year in trouble: lost answers, a request given up, one too large, packages cut twice"),
        (Course::ByHand, "A package given by hand"),
    ] {
        let _ = write!(text, "\n## {title}\n\n| Point | When it is reached | Kills | Resumed | Lost | Doubled | Uncertain |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
        for point in POINTS.iter().filter(|it| it.course == course) {
            let Fate { kills, resumed, lost, doubled, uncertain } = fates[point.name];
            let _ = writeln!(
                text,
                "| `{}` | {} | {kills} | {resumed} of {seeds} | {lost} | {doubled} | {uncertain} |",
                point.name, point.says
            );
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/crash-table.md");
    std::fs::write(path, text).expect("the document can be written");
}
