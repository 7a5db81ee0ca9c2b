//! Which role may call which operation: made from the declarations, kept as a page, and tried.

use crate::support::{OPERATIONS, Stage};
use fedatario_api::operation::Access;
use fedatario_api::routes;
use fedatario_api::testing::person;
use fedatario_app::identity::roles;
use fedatario_base::Permission;
use std::fmt::Write as _;
use std::path::Path;

/// Where the page is kept.
fn page() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/roles.md")
}

fn all_roles() -> Vec<(&'static str, Vec<Permission>)> {
    let names = roles::OF_TENANTS.iter().chain(roles::OF_PLATFORM);
    names.map(|name| (*name, roles::built_in(name).expect("a built-in role"))).collect()
}

/// The page as the declarations make it.
fn made() -> String {
    let mut text = String::from(
        "# Roles\n\nWhat each built-in role may do. Made from the declarations of the operations by a test; a role that a tenant \
         defines allows\nwhat its permissions say. `●` may · `○` may, after proving a factor within the last minutes · nothing: \
         may not (403, told in the audit\nchain). An id of another tenant is *not found* for every role.\n\n## Operations\n\n",
    );
    let roles = all_roles();
    let names: Vec<&str> = roles.iter().map(|it| it.0).collect();
    let _ = writeln!(text, "| Operation | Permission | {} |", names.join(" | "));
    let _ = writeln!(text, "| --- | --- |{}", " :-: |".repeat(names.len()));
    let catalog = routes::all();
    let mut entries: Vec<_> = catalog.entries().iter().map(|it| &it.operation).collect();
    entries.sort_by_key(|it| (it.path, it.method.to_string()));
    for operation in entries {
        let cells = roles.iter().map(|(_, permissions)| match operation.access {
            Access::Needs(permission) if !permissions.contains(&permission) => " ",
            _ if operation.needs_step_up => "○",
            _ => "●",
        });
        let cells: Vec<&str> = cells.collect();
        let _ = writeln!(
            text,
            "| `{} {}` | `{}` | {} |",
            operation.method,
            operation.path,
            operation.permission_text(),
            cells.join(" | ")
        );
    }
    text.push_str("\n## Permissions\n\nWhoever holds one marked † must have a second factor.\n\n");
    let _ = writeln!(text, "| Permission | {} |", names.join(" | "));
    let _ = writeln!(text, "| --- |{}", " :-: |".repeat(names.len()));
    for permission in Permission::ALL {
        let mark = if permission.needs_second_factor() { " †" } else { "" };
        let cells: Vec<&str> = roles.iter().map(|(_, its)| if its.contains(permission) { "●" } else { " " }).collect();
        let _ = writeln!(text, "| `{}`{mark} | {} |", permission.text(), cells.join(" | "));
    }
    text
}

#[test]
fn the_page_of_roles_is_what_the_declarations_make() {
    if std::env::var_os("FEDATARIO_WRITE_ROLES").is_some() {
        std::fs::write(page(), made()).expect("docs/ is writable");
    }
    let kept = std::fs::read_to_string(page()).unwrap_or_default();
    assert!(kept == made(), "docs/roles.md is not what the declarations make; FEDATARIO_WRITE_ROLES=1 writes it");
    fedatario_testkit::covers!("roles: the matrix of roles and operations is made from the declarations and kept as a page");
}

/// Whoever has the permission is not told that it is missing, and whoever has it not is told just that.
#[tokio::test]
async fn every_role_may_what_its_permissions_say_and_nothing_else() {
    let catalog = routes::all();
    for (name, permissions) in all_roles() {
        let stage = Stage::new().await;
        stage.api.knows(name, person(stage.ours, &permissions));
        for entry in catalog.entries() {
            let operation = &entry.operation;
            let path = operation.path.split('/').map(|it| if it.starts_with('{') { "x" } else { it }).collect::<Vec<_>>().join("/");
            let call = stage.api.call(operation.method.clone(), &path).bearer(name);
            let call = call.header("idempotency-key", "0123456789abcdef0123").header("if-match", "*");
            let answer = call.json(&serde_json::json!({})).send().await;
            let may = match operation.access {
                Access::Needs(permission) => permissions.contains(&permission),
                _ => true,
            };
            assert_eq!(answer.code() != "permission_denied", may, "{name} {}: {}", operation.id, answer.status);
            let word = if may { "may" } else { "403" };
            fedatario_testkit::covers!(OPERATIONS, format!("{} {}", operation.method, operation.path), format!("{name}: {word}"));
            stage.clock.advance(jiff::SignedDuration::from_secs(61));
        }
    }
    fedatario_testkit::covers!("roles: every operation refuses every role that lacks its permission, and no other");
}
