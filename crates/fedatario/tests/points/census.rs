//! Which points a life without death passes, and how often.

use crate::points::Course;
use crate::stage::Stage;
use std::collections::BTreeMap;

/// Points of moments that say nothing: jobs of a kind that only a schedule makes, and what depends
/// on which of two jobs comes first.
const APART: &[&str] = &["job.", "session.", "import.before-commit-ended", "import.after-commit-ended", "object."];

/// Whether a point need not be in the list.
pub fn is_apart(name: &str) -> bool {
    APART.iter().any(|it| name.starts_with(it))
}

/// All points of all courses, with how often they were passed.
pub fn all() -> BTreeMap<String, u64> {
    let courses = [Course::Register, Course::Year, Course::Troubled, Course::ByHand];
    let mut all = BTreeMap::new();
    let passed: Vec<String> = std::thread::scope(|scope| {
        let each: Vec<_> = courses.map(|it| scope.spawn(move || Stage::set(it, None).census())).into_iter().collect();
        each.into_iter().flat_map(|it| it.join().expect("a course ends well")).collect()
    });
    passed.into_iter().for_each(|it| *all.entry(it).or_default() += 1);
    all
}
