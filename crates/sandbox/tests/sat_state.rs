//! The books survive: a new process on the same file knows all that was answered.

mod support;

use fedatario_sandbox::sat::{Corpus, JournalError, Sandbox, SandboxError, SatConfig, StatePath, Waits};
use fedatario_testkit::{FakeClock, covers};
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use support::{RFC, World};

fn config(path: &Path, clock: Arc<FakeClock>) -> SatConfig {
    SatConfig {
        state: StatePath::File(path.to_owned()),
        corpus: support::generated(300),
        clock,
        waits: Waits::NONE,
        ..SatConfig::default()
    }
}

#[tokio::test]
async fn a_second_process_stands_by_what_the_first_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sandbox/sat.journal");
    let mut world = World::with(|it| it.state = StatePath::File(path.clone())).await;
    let token = world.login(&world.fiel).await;
    let id = world.emitidos(&token, &[]).await.attribute("IdSolicitud").unwrap();
    let package = world.verify(&token, &id).await.text("IdsPaquetes").remove(0);
    let bytes = world.download(&token, &package).await.text("Paquete").remove(0);
    world.sandbox.advance(jiff::SignedDuration::from_hours(1)).unwrap();
    let (counts, requests) = (world.sandbox.counts(), world.sandbox.requests());

    // What a kill leaves: the bytes that were written, and half of a line that was being written.
    let copy = folder.path().join("after-kill.journal");
    std::fs::copy(&path, &copy).unwrap();
    std::fs::OpenOptions::new().append(true).open(&copy).unwrap().write_all(br#"{"event":"accepted","solic"#).unwrap();

    world.sandbox = Sandbox::new(config(&copy, world.clock.clone())).unwrap();
    world.base = support::listen(world.sandbox.clone()).await;
    assert_eq!((world.sandbox.counts(), world.sandbox.requests()), (counts, requests));
    assert_eq!(world.control(reqwest::Method::GET, "clock", "").await["service"], "2026-11-21T19:00:00Z");
    let again = world.download(&token, &package).await; // The token is still good, and the e.firma known.
    assert_eq!((again.code(), again.text("Paquete").remove(0)), (5000, bytes));
    assert_eq!(world.download(&token, &package).await.code(), 5008);
    assert_eq!(world.emitidos(&token, &[]).await.code(), 5000);
    assert_eq!(world.emitidos(&token, &[]).await.code(), 5002);
    drop(Sandbox::new(config(&copy, world.clock.clone())).unwrap_err());
    covers!("sandbox: books survive a kill, half a line is dropped");
}

#[test]
fn two_processes_cannot_keep_the_same_books() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sat.journal");
    let clock = Arc::new(FakeClock::at(support::NOW));
    let first = Sandbox::new(config(&path, clock.clone())).unwrap();
    let second = Sandbox::new(config(&path, clock.clone())).unwrap_err();
    assert!(matches!(second, SandboxError::Journal(JournalError::Busy)));
    drop(first);
    std::fs::write(&path, "no es un diario\n").unwrap();
    let broken = Sandbox::new(config(&path, clock)).unwrap_err();
    assert!(matches!(broken, SandboxError::Journal(JournalError::Broken { line: 1, .. })));
    covers!("sandbox: one process holds the books; foreign books are refused");
}

#[test]
fn real_authorities_are_refused_unless_told() {
    let root = fedatario_testkit::fixtures_or_skip!();
    let read = |file: &str| {
        let bytes = fedatario_testkit::fixtures::read(&root, &format!("mx/fiel/{file}"));
        fedatario_credentials::Certificate::parse(&bytes).unwrap()
    };
    let start = |file: &str, told: bool| {
        let config = SatConfig { trust: vec![read(file)], production_authorities: told, ..SatConfig::default() };
        Sandbox::new(config).is_ok()
    };
    for test in ["ca/AC_UAT_2022.cer", "ca/AC_4096_2018.cer", "ca/ac2_4096_DER.cer", "synthetic/SIM_CA.cer"] {
        assert!(start(test, false), "{test}");
    }
    for real in ["ca/AC5_SAT.cer", "ca/ARC5_IES.cer"] {
        assert!(!start(real, false) && start(real, true), "{real}");
    }
    covers!("sandbox: real authorities are refused unless told");
}

#[test]
fn a_corpus_says_whose_year_it_is() {
    assert_eq!(support::generated(100).majority(), Some((RFC.to_owned(), 2026)));
    assert_eq!(Corpus::empty().majority(), None);
    covers!("sandbox: a corpus names its main RFC and year");
}
