//! One request at a time: every kind there is, what is foreseen of it, and what is too much.

use crate::stage::{RFC, Stage, is_home, state};
use crate::support::{Ended, examples};
use fedatario_testkit::covers;
use serde_json::Value;

/// How far ahead the service clock runs, so that the authored year is over.
const AHEAD_S: i64 = 31_536_000;

/// The authored documents, some of them cancelled.
fn authored() -> Stage {
    let cfdi = examples();
    let mut stage = Stage::with(2025, &["--cfdi", cfdi.to_str().expect("UTF-8")]);
    stage.advance(AHEAD_S);
    stage
}

fn ask(stage: &Stage, command: &str, more: &[&str]) -> Ended {
    let mut all = vec!["sat", command, "--rfc", RFC, "--json"];
    all.extend_from_slice(more);
    stage.shell.run(&all)
}

fn requests(stage: &Stage) -> Vec<Value> {
    stage.sandbox.witness("requests").as_array().expect("a list").clone()
}

fn tally(it: &Value, name: &str) -> u64 {
    it["tally"][name].as_u64().unwrap_or_else(|| panic!("{it}"))
}

/// The folio of an authored document.
fn folio(file: &str) -> String {
    let xml = std::fs::read_to_string(examples().join(file)).expect("an example");
    let stamp = xml.find("TimbreFiscalDigital").expect("a stamp");
    let from = stamp + xml[stamp..].find(" UUID=\"").expect("its folio") + 7;
    xml[from..from + 36].to_owned()
}

#[test]
fn every_kind_of_request_comes_home() {
    let stage = authored();
    let year = ["--from", "2025-01-01", "--to", "2025-12-31"];
    let kinds: [(&[&str], &str, &str); 8] = [
        (&["--issued"], "Todos", ""),
        (&["--issued", "--type", "i"], "Todos", "\"tipo_comprobante\":\"I\""),
        (&["--issued", "--estado", "vigente", "--complement", "nomina12"], "Vigente", "\"complemento\":\"nomina12\""),
        (&["--issued", "--metadata", "--third-party", "JUFA7608212V6"], "Todos", "\"rfc_a_cuenta_terceros\":\"JUFA7608212V6\""),
        (&["--issued", "--counterparty", "XAXX010101000", "--counterparty", "AAA010101AAA"], "Todos", "XAXX010101000"),
        (&["--received"], "Vigente", ""),
        (&["--received", "--metadata", "--estado", "cancelado"], "Cancelado", "\"tipo\":\"Metadata\""),
        (&["--received", "--counterparty", "AAA010101AAA"], "Vigente", "\"rfc_emisor\":\"AAA010101AAA\""),
    ];
    for (at, (kind, estado, filter)) in kinds.iter().enumerate() {
        let arguments: Vec<&str> = kind.iter().chain(&year).copied().collect();
        let done = ask(&stage, "request", &arguments).good();
        assert!(done["solicitudes"].as_array().unwrap().iter().all(is_home), "{kind:?} {done:#}");
        let asked = requests(&stage);
        assert_eq!(asked.len(), at + 1, "one each: {kind:?}");
        let criteria = asked[at]["criteria"].to_string();
        assert!(criteria.contains(filter) && criteria.contains(&format!("\"estado\":\"{estado}\"")), "{kind:?} {criteria}");
    }
    let all = ask(&stage, "request", &["--issued", "--from", "2025-01-01", "--to", "2025-12-31"]).good();
    assert!(tally(&all, "cfdi") >= 8, "what came home first: {all:#}");
    assert_eq!(all["asked"][0]["held"]["state"], "imported", "the same wish is one request");
    assert_eq!(requests(&stage).len(), kinds.len(), "and is not asked again");
    stage.assert_fair();
    covers!("requests: each kind comes home: direction, kind, state, complement, counterparties, third party");
    covers!("requests: the same wish is one request, joined while it runs and pointed at when it is home");
}

#[test]
fn a_period_is_to_the_second_and_again_is_one_second_wider() {
    let stage = authored();
    let hour = ["--issued", "--from", "2025-01-15T09:00:00", "--to", "2025-01-15T09:59:59"];
    ask(&stage, "request", &hour).good();
    let again: Vec<&str> = hour.iter().copied().chain(["--again"]).collect();
    let again = ask(&stage, "request", &again).good();
    assert_eq!(again["asked"][0]["planned"].as_array().map(Vec::len), Some(1));
    let starts: Vec<String> = requests(&stage).iter().map(|it| it["criteria"]["fecha_inicial"].to_string()).collect();
    assert_eq!(starts, ["\"2025-01-15T09:00:00\"", "\"2025-01-15T08:59:59\""]);
    stage.assert_fair();
    covers!("requests: a period is to the second; asked again it is one second wider");
}

#[test]
fn a_folio_is_asked_for_by_itself() {
    let stage = authored();
    let (good, cancelled) = (folio("emitido-01-colegiatura.xml"), folio("recibido-04-cancelado.xml"));
    let one = ask(&stage, "request", &["--folio", &good.to_uppercase()]).good();
    assert_eq!((tally(&one, "cfdi"), one["solicitudes"][0]["direction"].is_null()), (1, true), "{one:#}");
    assert_eq!(one["solicitudes"][0]["filters"]["folio"], good.to_lowercase());
    ask(&stage, "request", &["--folio", &good]).good();
    assert_eq!(requests(&stage).len(), 1, "held");

    let refused = ask(&stage, "request", &["--folio", &cancelled]);
    let told = refused.json();
    assert_eq!((refused.exit, state(&told["solicitudes"][0])), (3, "rejected"), "{told:#}");
    assert_eq!(told["solicitudes"][0]["sat"]["cod_estatus"], "5012");
    // Once the metadata are here it is known before.
    ask(&stage, "request", &["--received", "--metadata", "--from", "2025-01-01", "--to", "2025-12-31"]).good();
    let foreseen = ask(&stage, "plan", &["--folio", &cancelled]);
    assert_eq!((foreseen.exit, codes(&foreseen.json())[0].as_str()), (1, "5012"));
    stage.assert_fair();
    covers!("requests: a folio is asked for by itself, once; one that is cancelled is final, and foreseen by its metadata");
}

#[test]
fn a_folio_waits_for_tomorrow_and_keeps_an_id_that_came_with_a_failure() {
    let mut stage = authored();
    let one = folio("emitido-02-taller-credito.xml");
    stage.arm("Solicita", "code:5011", 1);
    ask(&stage, "request", &["--folio", &one, "--detach"]).good();
    let serving = stage.serve();
    let waits = |all: &[Value]| all.iter().any(|it| it["sat"]["cod_estatus"] == "5011" && state(it) == "planned");
    stage.until("put off", waits);
    serving.signal("TERM");
    assert_eq!(requests(&stage).len(), 0);
    stage.advance(2 * 86_400);
    ask(&stage, "request", &["--folio", &one]).good();
    assert_eq!(requests(&stage).len(), 1, "asked on another day");

    let other = folio("emitido-03-nota-de-credito.xml");
    stage.arm("Solicita", "error_404_done", 1);
    let done = ask(&stage, "request", &["--folio", &other]).good();
    assert!(is_home(&done["solicitudes"][0]), "{done:#}");
    assert_eq!(requests(&stage).len(), 2, "the id that came with 404 was asked about, and nothing sent again");
    stage.assert_fair();
    covers!("requests: a folio at its daily limit waits for tomorrow; an id that comes with 404 is kept and asked about");
}

/// What SAT would say, by its codes.
fn codes(plan: &Value) -> Vec<String> {
    let findings = plan["requests"][0]["forecast"]["findings"].as_array().unwrap_or_else(|| panic!("{plan:#}"));
    findings.iter().map(|it| it["sat"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_would_be_refused_is_said_before() {
    let stage = authored();
    let january = ["--from", "2025-01-01", "--to", "2025-01-31"];
    let six = ["A", "B", "C", "D", "E", "F"].map(|it| format!("{it}AA010101AAA"));
    let six: Vec<&str> = six.iter().flat_map(|it| ["--counterparty", it.as_str()]).collect();
    let mut crowd = vec!["--issued"];
    crowd.extend(&six);
    crowd.extend(january);
    let refused: [(Vec<&str>, &str); 6] = [
        (vec!["--issued", "--from", "2025-02-01", "--to", "2025-01-01"], "window_order"),
        (vec!["--issued", "--from", "2015-01-01", "--to", "2015-01-31"], "window_too_old"),
        (vec!["--issued", "--from", "2029-01-01", "--to", "2029-01-31"], "window_future"),
        (vec!["--received", "--estado", "todos", "--from", "2025-01-01", "--to", "2025-01-31"], "window_received_cancelled"),
        (crowd, "request_counterparties"),
        (vec!["--issued", "--complement", "cartaporte31", "--from", "2025-01-01", "--to", "2025-01-31"], "request_filter"),
    ];
    for (arguments, code) in &refused {
        let plan = ask(&stage, "plan", arguments);
        assert_eq!((plan.exit, codes(&plan.json())), (1, vec!["301".to_owned()]), "{arguments:?}");
        let asked = ask(&stage, "request", arguments);
        assert_eq!((asked.exit, asked.json()["error"]["code"].as_str()), (2, Some(*code)), "{arguments:?}");
    }
    assert_eq!(requests(&stage).len(), 0, "nothing was asked");

    let mut plain = vec!["--issued"];
    plain.extend(january);
    let dry: Vec<&str> = plain.iter().copied().chain(["--dry-run"]).collect();
    assert_eq!(ask(&stage, "request", &dry).good()["requests"][0]["accepted"], true);
    ask(&stage, "request", &plain).good();
    let same = ask(&stage, "plan", &plain).json();
    assert_eq!(codes(&same), ["5002"]);
    let forecast = &same["requests"][0]["forecast"];
    assert_eq!((forecast["next_k"].as_u64(), forecast["earlier"].as_array().map(Vec::len)), (Some(1), Some(1)));
    assert_eq!(forecast["earlier"][0]["state"], "imported");
    let narrower: Vec<&str> = plain.iter().copied().chain(["--type", "I"]).collect();
    let other = ask(&stage, "plan", &narrower).json();
    let finding = &other["requests"][0]["forecast"]["findings"][0];
    assert_eq!((finding["sat"].as_str(), finding["remedy"].as_str()), (Some("5002"), Some("next_variant")), "filters do not count");
    ask(&stage, "request", &narrower).good();
    assert_eq!(stage.sandbox.witness("counts")["refused"], 0, "SAT never had to refuse anything");

    let february = ["--issued", "--from", "2025-02-01", "--to", "2025-02-28"];
    let left: Vec<&str> = february.iter().copied().chain(["--detach"]).collect();
    ask(&stage, "request", &left).good();
    assert_eq!(codes(&ask(&stage, "plan", &february).json()), ["5005"]);
    ask(&stage, "request", &february).good();
    assert_eq!(requests(&stage).len(), 3, "joined, not doubled");
    covers!("prediction: 301, 5002 and 5005 are said before asking, with the request that is why and the variant that is next");
}

/// A sandbox that puts little into a request, and a shell that knows.
fn crowded(at_most: &str) -> Stage {
    let arguments = ["--generate", "120", "--rfc", RFC, "--year", "2025", "--max-cfdi", at_most];
    let mut stage = Stage::with(2025, &arguments);
    let house = stage.shell.dir.clone();
    stage.shell = stage.elsewhere(house).with("FEDATARIO_SAT_CFDI_AT_MOST", at_most);
    stage
}

#[test]
fn what_is_too_much_is_offered_in_parts() {
    let stage = crowded("7");
    let year = ["--issued", "--from", "2025-01-01", "--to", "2025-12-31"];
    let metadata: Vec<&str> = year.iter().copied().chain(["--metadata"]).collect();
    let lines = tally(&ask(&stage, "request", &metadata).good(), "metadata");
    let plan = ask(&stage, "plan", &year);
    let forecast = &plan.json()["requests"][0]["forecast"];
    assert_eq!((plan.exit, codes(&plan.json())), (1, vec!["5003".to_owned()]));
    let parts = forecast["parts"].as_array().unwrap();
    let expected: Vec<u64> = parts.iter().map(|it| it["expected"].as_u64().unwrap()).collect();
    assert_eq!((forecast["expected"].as_u64(), expected.iter().sum::<u64>()), (Some(lines), lines));
    assert!(expected.iter().all(|it| *it <= 7), "{expected:?}");

    let refused = ask(&stage, "request", &year);
    assert_eq!((refused.exit, refused.json()["error"]["code"].as_str()), (1, Some("request_too_large")));
    assert_eq!(requests(&stage).len(), 1, "only with somebody's word");
    let agreed: Vec<&str> = year.iter().copied().chain(["--yes"]).collect();
    let done = ask(&stage, "request", &agreed).good();
    assert_eq!(tally(&done, "cfdi"), lines, "{done:#}");
    assert_eq!(requests(&stage).len(), 1 + parts.len());
    let log = stage.sandbox.witness("log").to_string();
    assert!(!log.contains("5003"), "no refusal was burnt");
    ask(&stage, "request", &agreed).good();
    assert_eq!(requests(&stage).len(), 1 + parts.len(), "done is done");
    stage.assert_fair();
    covers!("prediction: 5003 is foreseen by counts, the parts are offered, asked with a word of consent, and no refusal is burnt");
}

#[test]
fn a_year_divides_the_months_that_its_metadata_shows_to_be_too_much() {
    let stage = crowded("7");
    let metadata = ["--issued", "--metadata", "--from", "2025-01-01", "--to", "2025-12-31"];
    ask(&stage, "request", &metadata).good();
    let summary = stage.assert_whole(&stage.year());
    let all = stage.solicitudes();
    let divided: Vec<&Value> = all.iter().filter(|it| state(it) == "too_large").collect();
    assert!(!divided.is_empty());
    assert!(divided.iter().all(|it| it["id_solicitud"].is_null()), "divided without being asked: {divided:#?}");
    assert_eq!(summary["missing"], 0);
    covers!("prediction: a year asks the parts of a month that its metadata shows to be too much, and burns no refusal");
}

#[test]
fn a_request_of_just_a_month_counts_in_its_year() {
    let stage = Stage::past();
    ask(&stage, "request", &["--issued", "--from", "2025-03-01", "--to", "2025-03-31"]).good();
    ask(&stage, "request", &["--issued", "--type", "E", "--from", "2025-04-01", "--to", "2025-04-30"]).good();
    let summary = stage.assert_whole(&stage.year());
    assert_eq!((summary["planned"].as_u64(), summary["held"].as_array().map(Vec::len)), (Some(13), Some(1)), "{summary}");
    let april: Vec<Value> = stage.solicitudes().into_iter().filter(|it| it["to"] == "2025-04-30T23:59:59").collect();
    let ks: Vec<u64> = april.iter().map(|it| it["k"].as_u64().unwrap()).collect();
    assert_eq!((ks.len(), ks.iter().sum::<u64>()), (2, 1), "filters are no part of the identity: {april:#?}");
    covers!("requests: one for just a month counts in its year; one with filters does not, and takes a variant of its own");
}

#[test]
fn a_request_whose_answer_is_lost_is_widened_like_any_other() {
    let stage = Stage::past();
    stage.arm("Solicita", "cut", 1);
    let done = ask(&stage, "request", &["--issued", "--type", "I", "--from", "2025-03-01", "--to", "2025-03-31"]).good();
    let all = done["solicitudes"].as_array().unwrap();
    let lost: Vec<&Value> = all.iter().filter(|it| state(it) == "uncertain").collect();
    crate::stage::assert_widened_once(all, &lost, "variant");
    assert_eq!(lost.len(), 1);
    stage.assert_fair();
    covers!("requests: a lost answer is replaced by a widened request with the same filters");
}

#[test]
fn a_job_that_dies_blocks_its_request_and_a_retry_takes_it_up() {
    let stage = Stage::past();
    ask(&stage, "request", &["--issued", "--from", "2025-03-01", "--to", "2025-03-31", "--detach"]).good();
    let sql = |statement: &str| {
        let script = "import sqlite3,sys\nc=sqlite3.connect(sys.argv[1]);c.execute(sys.argv[2]);c.commit()";
        let database = stage.shell.dir.join("fedatario.db");
        let ran = std::process::Command::new("python3").args(["-c", script]).arg(database).arg(statement).status();
        assert!(ran.expect("python3 runs").success());
    };
    // Its worker was gone nineteen times; this one finds that, once more, and does not begin.
    sql("update jobs set lapses = 20 where kind = 'sat.ask'");
    let told = ask(&stage, "request", &["--issued", "--from", "2025-05-01", "--to", "2025-05-31", "--detach"]).good();
    assert_eq!(told["detached"], true);
    let serving = stage.serve();
    stage.until("blocked", |all| all.iter().any(|it| state(it) == "blocked"));
    serving.signal("TERM");
    let status = stage.status();
    let blocked = status["solicitudes"].as_array().unwrap().iter().find(|it| state(it) == "blocked").unwrap().clone();
    assert!(blocked["problem"].as_str().unwrap().starts_with("job_dead: sat.ask"), "{blocked:#}");
    let dead = &status["dead_jobs"][0];
    assert!(dead["error"].as_str().unwrap().starts_with("job_dead"), "{dead:#}");
    let job = dead["id"].as_str().unwrap();
    stage.shell.run(&["jobs", "retry", job, "--json"]).good();
    let done = ask(&stage, "request", &["--issued", "--from", "2025-03-01", "--to", "2025-03-31"]).good();
    assert!(is_home(&done["solicitudes"][0]), "{done:#}");
    assert_eq!(stage.status()["dead_jobs"], serde_json::json!([]));
    stage.assert_fair();
    covers!(
        "jobs: one that dies blocks its request in the same transaction, the status shows its last words, a retry takes both up"
    );
}

#[test]
fn people_read_words_and_programs_codes() {
    let stage = Stage::past();
    ask(&stage, "request", &["--issued", "--from", "2025-03-01", "--to", "2025-03-31"]).good();
    let spanish = stage.shell.run(&["sat", "status", "--rfc", RFC]).stdout;
    assert!(spanish.contains("emitidos") && spanish.contains("importada"), "{spanish}");
    let house = stage.shell.dir.clone();
    let english = stage.elsewhere(house).with("FEDATARIO_LANG", "en").run(&["sat", "status", "--rfc", RFC]).stdout;
    assert!(english.contains("issued") && english.contains("imported"), "{english}");
    for (arguments, says) in [
        (vec!["sat", "request", "--rfc", RFC, "--issued", "--form", "2025-01-01"], "--form"),
        (vec!["sat", "request", "--rfc", RFC, "--issued", "--from", "2025-01-01"], "--to"),
        (vec!["sat", "year", "--rfc", RFC, "--year", "mil"], "mil"),
        (vec!["sat", "report", "--family", "todo"], "retenciones"),
        (vec!["sat", "peticion"], "peticion"),
    ] {
        let wrong = stage.shell.run(&arguments);
        assert_eq!(wrong.exit, 2);
        assert!(wrong.stderr.contains(says), "{wrong:?}");
        for english in ["unexpected", "required", "invalid", "unrecognized", "possible values"] {
            assert!(!wrong.stderr.contains(english), "{wrong:?}");
        }
    }
    covers!("cli: states, directions and usage errors in the reader's language; JSON keeps the codes");
}
