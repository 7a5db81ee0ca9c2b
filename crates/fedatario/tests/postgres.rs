//! The same program on PostgreSQL: one variable, nothing else changes.

mod support;

use support::{Shell, database, examples};

#[test]
fn a_year_comes_home_on_postgresql_too() {
    let base = tempfile::tempdir().unwrap();
    let cfdi = examples();
    let arguments = ["demo", "--once", "--json", "--cfdi", cfdi.to_str().expect("UTF-8")];
    let lite = Shell::new(base.path().join("lite")).run(&arguments).good();
    let shell = Shell::new(base.path().join("pg")).with("FEDATARIO_DATABASE_URL", &database("year"));
    let first = shell.run(&arguments).good();
    for count in ["requests", "packages", "cfdi", "metadata", "missing", "not_delivered"] {
        assert_eq!(first[count], lite[count], "{count}");
    }
    assert!(!shell.dir.join("fedatario.db").exists());
    let second = shell.run(&arguments).good();
    assert_eq!(second["authority"], first["authority"]);
    assert_eq!(shell.run(&["audit", "verify", "--json"]).good()["intact"], true);
    fedatario_testkit::covers!("store: the whole flow on PostgreSQL, chosen by one variable");
}

#[test]
fn the_demo_leaves_a_firms_database_alone() {
    let base = tempfile::tempdir().unwrap();
    let url = database("firm");
    let firm = Shell::new(base.path().join("firm")).with("FEDATARIO_DATABASE_URL", &url);
    firm.run(&["tenant", "add", "firma", "--json"]).good();
    let demo = Shell::new(base.path().join("demo")).with("FEDATARIO_DATABASE_URL", &url);
    let refused = demo.run(&["demo", "--once", "--json"]);
    assert_eq!((refused.exit, refused.json()["error"]["code"].as_str()), (2, Some("data_foreign")), "{refused:?}");
    // Its clock was not set ahead: it still is one for SAT's own service.
    assert_eq!(firm.run(&["tenant", "list", "--json"]).good()["tenants"].as_array().unwrap().len(), 1);
    fedatario_testkit::covers!("demo: refuses a PostgreSQL database that it did not fill");
}
