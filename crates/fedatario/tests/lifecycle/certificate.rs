//! SAT refuses the certificate: for a passing reason, or for good.

use crate::stage::{A_YEAR, RFC, Stage, each, state, tally, those};
use base64::Engine as _;
use fedatario_testkit::covers;
use serde_json::{Value, json};

const MATRIX: &str = "lifecycle fault x operation";
/// The exit of a command that the authority refused.
const REFUSED: i32 = 3;

/// Registers an e.firma that the taxpayer went and got.
fn renew(stage: &Stage) {
    let fiel = stage.control("fiel", &json!({ "rfc": RFC }));
    let file = |name: &str, bytes: Vec<u8>| {
        let path = stage.path(name);
        std::fs::write(&path, bytes).expect("a file");
        path.to_str().expect("UTF-8").to_owned()
    };
    let decoded =
        |name: &str| base64::engine::general_purpose::STANDARD.decode(fiel[name].as_str().expect("text")).expect("base64");
    let (cer, key) = (file("new.cer", decoded("cer")), file("new.key", decoded("key")));
    let password = file("new.txt", fiel["password"].as_str().expect("text").into());
    let done = stage.shell.run(&["sat", "register", "--cer", &cer, "--key", &key, "--password-file", &password, "--json"]).good();
    assert_eq!(done["changed"], true);
}

#[test]
fn a_revoked_certificate_blocks_and_a_new_one_goes_on() {
    each(&["Solicita", "Verifica", "Descargar"], |operation| {
        let stage = Stage::past();
        stage.arm(operation, "304", 1);
        let ended = stage.year();
        let summary = ended.json();
        assert_eq!(
            (ended.exit, &summary["open"]),
            (REFUSED, &json!(0)),
            "a person is needed, nothing is waited for: {operation} {ended:?}"
        );
        let all = stage.solicitudes();
        let blocked = those(&all, "blocked");
        assert!(!blocked.is_empty(), "{operation} {:?}", tally(&all));
        assert!(blocked.iter().all(|it| it["sat"]["cod_estatus"] == "304"), "{operation} {blocked:#?}");
        let refused = stage.sandbox.witness("counts")["refused"].as_u64();
        assert_eq!(refused, Some(1), "{operation}: no further call was made with it");

        assert_eq!(stage.year().exit, REFUSED, "without a new one nothing moves");
        assert_eq!(stage.sandbox.witness("counts")["refused"].as_u64(), refused, "{operation}");
        renew(&stage);
        stage.assert_whole(&stage.year());
        assert_eq!(stage.accepted(), 14, "{operation}: nothing was asked twice");
        covers!(MATRIX, "304", operation.to_lowercase());
    });
    covers!("lifecycle: a refused certificate (304) blocks the credential; a newly registered e.firma continues the year");
}

#[test]
fn a_certificate_refused_for_a_passing_reason_is_tried_again() {
    let stage = Stage::january(20);
    stage.arm("Solicita", "305", 2);
    stage.arm("Verifica", "305", 2);
    stage.arm("Descargar", "305", 1);
    stage.assert_whole(&stage.year());
    assert_eq!((stage.armed(), stage.accepted()), (0, 2));
    ["solicita", "verifica", "descargar"].iter().for_each(|it| covers!(MATRIX, "305", it));
    covers!("lifecycle: 305 has passing causes: tried a few times before anything is blocked");
}

/// Looks until each request was refused so often.
fn until_refused(stage: &Stage, times: u64) {
    stage.until("refused so often", |all| {
        all.len() == A_YEAR && all.iter().all(|it| state(it) == "planned" && it["sat"]["odd_in_a_row"].as_u64() >= Some(times))
    });
}

#[test]
fn a_certificate_refused_time_and_again_blocks() {
    let mut stage = Stage::past();
    stage.arm("Solicita", "305", 1_000);
    for round in 1..=3 {
        let begun = stage.begin();
        until_refused(&stage, round);
        assert_eq!(begun.signal("INT"), 4, "round {round}: try later");
        stage.advance(3_600);
    }
    let ended = stage.year();
    assert_eq!((ended.exit, &ended.json()["open"]), (REFUSED, &json!(0)), "{ended:?}");
    let all = stage.solicitudes();
    assert_eq!(those(&all, "blocked").len(), all.len(), "{:?}", tally(&all));
    stage.disarm();
    renew(&stage);
    stage.assert_whole(&stage.year());
    covers!("lifecycle: a certificate that is refused (305) time and again, hours apart, is blocked");
}

#[test]
fn what_is_blocked_says_why_and_who_must_act() {
    let stage = Stage::january(20);
    stage.arm("Solicita", "304", 1);
    assert_eq!(stage.year().exit, REFUSED);
    let told = stage.shell.run(&["sat", "status", "--rfc", RFC]);
    assert!(told.stdout.contains("304") && told.stdout.contains("e.firma"), "{told:?}");
    let auth: Value = stage.shell.run(&["sat", "auth", "--rfc", RFC, "--json"]).json();
    assert_eq!(auth["error"]["code"], "credential_blocked");
}
