//! The published table of crash points is of the points that there are, and says that nothing was lost.

#[path = "points/points.rs"]
mod points;

use points::POINTS;
use std::path::Path;

#[test]
fn every_point_is_in_the_table_and_nothing_was_lost() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/crash-table.md");
    let table = std::fs::read_to_string(path).expect("docs/crash-table.md; scripts/soak makes it");
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|it| it.starts_with("| `")).map(|it| it.split('|').map(str::trim).collect()).collect();
    let names: Vec<String> = rows.iter().map(|it| it[1].trim_matches('`').to_owned()).collect();
    assert_eq!(names, POINTS.iter().map(|it| it.name).collect::<Vec<_>>(), "scripts/soak makes the table anew");
    for (row, point) in rows.iter().zip(POINTS) {
        assert_eq!(row[2], point.says, "{}", point.name);
        let [kills, lost, doubled] = [row[3], row[5], row[6]].map(|it| it.parse::<u64>().expect("a number"));
        assert!(kills > 0 && (lost, doubled) == (0, 0), "{row:?}");
        let (resumed, of) = row[4].split_once(" of ").expect("so many of so many");
        assert_eq!(resumed, of, "{row:?}");
        assert!(format!("{:?}", point.course).len() > 3);
    }
    fedatario_testkit::covers!("crash: the table of points and outcomes names every point, with 0 lost and 0 doubled");
}
