//! Every command that acts on an installation has its route: the table of `docs/api.md`, held against
//! the commands and the operations as they are.

use super::Arguments;
use clap::CommandFactory;
use fedatario_api::routes;
use std::collections::{BTreeMap, BTreeSet};

/// What a cell begins with that names a reason in place of a route.
const REASON: &str = "— ";

/// Commands that do something, by their words.
fn leaves(command: &clap::Command, words: &str, found: &mut BTreeSet<String>) {
    let mut subs = command.get_subcommands().filter(|it| it.get_name() != "help").peekable();
    if subs.peek().is_none() {
        found.insert(words.to_owned());
    }
    for sub in subs {
        leaves(sub, format!("{words} {}", sub.get_name()).trim(), found);
    }
}

/// The rows of the table: what a command's cell says.
fn rows() -> BTreeMap<String, String> {
    let page = include_str!("../../../../docs/api.md");
    let section = page.split("\n## ").find(|it| it.starts_with("Shell and routes")).expect("the section");
    let cells = section.lines().filter_map(|it| it.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "));
    cells.map(|(command, cell)| (command.to_owned(), cell.to_owned())).collect()
}

/// What stands in backticks.
fn quoted(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_command_has_its_route_or_says_why_not() {
    let mut commands = BTreeSet::new();
    leaves(&Arguments::command(), "", &mut commands);
    let rows = rows();
    let named: BTreeSet<String> = rows.keys().cloned().collect();
    assert_eq!(commands, named, "the commands, and those of the table");
    let catalog = routes::all();
    let known: BTreeSet<String> =
        catalog.entries().iter().map(|it| format!("{} {}", it.operation.method, it.operation.path)).collect();
    for (command, cell) in &rows {
        match cell.strip_prefix(REASON) {
            Some(reason) => assert!(reason.len() > 10, "{command}: {reason}"),
            None => {
                assert!(quoted(cell).next().is_some(), "{command} has neither a route nor a reason");
                quoted(cell).for_each(|route| assert!(known.contains(route), "{command}: there is no {route}"));
            }
        }
    }
    fedatario_testkit::covers!("shell: every command that acts on an installation has its route, or a reason why not");
}
