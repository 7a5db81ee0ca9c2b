//! What happens by itself: the night's look, whoever was away meanwhile, and both of SAT's services.

use crate::stage::{RFC, Stage, is_home, state};
use crate::support::examples;
use fedatario_testkit::covers;
use serde_json::{Value, json};
use std::path::Path;

/// Seconds of a day.
const DAY_S: i64 = 86_400;

/// A folder with one authored document, issued at a moment and cancelled at another.
fn one_document(dir: &Path, issued: &str, cancelled: &str) -> String {
    let xml = std::fs::read_to_string(examples().join("emitido-01-colegiatura.xml")).expect("an example");
    let xml = with_attribute(&with_attribute(&xml, " Fecha=\"", issued), " FechaTimbrado=\"", issued);
    std::fs::create_dir_all(dir).expect("a folder");
    std::fs::write(dir.join("late.xml"), &xml).expect("a file");
    // One more of the same taxpayer, so that whose documents these are is beyond doubt.
    std::fs::copy(examples().join("recibido-02-papeleria.xml"), dir.join("other.xml")).expect("a copy");
    let index = json!([
        { "file": "late.xml", "estatus": "Cancelado", "fecha_cancelacion": cancelled },
        { "file": "other.xml", "estatus": "Vigente", "fecha_cancelacion": null },
    ]);
    std::fs::write(dir.join("index.json"), index.to_string()).expect("a file");
    let from = xml.find(" UUID=\"").expect("a stamp") + 7;
    xml[from..from + 36].to_lowercase()
}

fn with_attribute(xml: &str, name: &str, value: &str) -> String {
    let from = xml.find(name).expect("an attribute") + name.len();
    let to = from + xml[from..].find('"').expect("its end");
    format!("{}{value}{}", &xml[..from], &xml[to..])
}

fn jobs(stage: &Stage, kind: &str) -> usize {
    let all = stage.shell.run(&["jobs", "list", "--limit", "10000", "--json"]).good();
    all["jobs"].as_array().expect("a list").iter().filter(|it| it["kind"] == kind).count()
}

/// Serves until every request is home, and some condition holds.
fn a_night(stage: &Stage, what: &str, holds: impl Fn(&[Value]) -> bool) {
    let serving = stage.serve();
    stage.until(what, |all| !all.is_empty() && all.iter().all(is_home) && holds(all));
    serving.signal("TERM");
}

#[test]
fn a_late_cancellation_is_seen_and_missed_nights_are_one() {
    let base = tempfile::tempdir().expect("a folder");
    let now = jiff::Zoned::now().in_tz("America/Mexico_City").expect("a zone");
    let new_year = jiff::civil::date(now.year(), 1, 1).at(0, 1, 0, 0);
    let issued = (now.datetime() - jiff::SignedDuration::from_hours(120)).max(new_year);
    let cancelled = now.datetime() + jiff::SignedDuration::from_hours(60);
    let seconds = |it: jiff::civil::DateTime| it.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let cfdi = base.path().join("cfdi");
    let uuid = one_document(&cfdi, &seconds(issued), &seconds(cancelled));

    let mut stage = Stage::with(now.year(), &["--cfdi", cfdi.to_str().expect("UTF-8"), "--rfc", RFC]);
    let set = stage.shell.run(&["schedule", "set", "--rfc", RFC, "--json"]).good();
    assert_eq!(set["cron"], "0 23 * * * America/Mexico_City");
    assert!(set["spread_s"].as_u64().expect("a number") < 1_800, "{set}");
    assert_eq!((&set["payload"]["families"], &set["payload"]["recheck_months"]), (&json!(["cfdi"]), &json!(2)));

    stage.advance(DAY_S);
    a_night(&stage, "the first night", |_| true);
    let first = stage.status();
    assert_eq!((first["cfdi"].as_u64(), first["cancelled_late"]["count"].as_u64()), (Some(1), Some(0)), "{first:#}");
    assert!(first["solicitudes"].as_array().unwrap().iter().all(|it| it["purpose"] == "year"), "nothing to ask again yet");
    assert_eq!(jobs(&stage, "sat.sync"), 1);

    // Four nights without anybody there.
    stage.advance(4 * DAY_S);
    a_night(&stage, "looked again", |all| all.iter().any(|it| it["purpose"] == "recheck" && it["direction"] == "issued"));
    assert_eq!(jobs(&stage, "sat.sync"), 2, "nights that were missed are one");
    let then = stage.status();
    let late = &then["cancelled_late"];
    assert_eq!((late["count"].as_u64(), late["last"][0]["uuid"].as_str()), (Some(1), Some(uuid.as_str())), "{late:#}");
    assert_eq!(late["last"][0]["has_document"], true, "its XML came home while it was in force");
    let rechecks: Vec<&Value> = then["solicitudes"].as_array().unwrap().iter().filter(|it| it["purpose"] == "recheck").collect();
    assert_eq!(rechecks.len(), 2, "one a direction");
    assert!(rechecks.iter().all(|it| it["content"] == "metadata" && state(it) != "blocked"), "{rechecks:#?}");
    let audit = stage.shell.run(&["audit", "export", "--json"]);
    let exported = stage.path("audit.ndjson");
    stage.shell.run(&["audit", "export", "--output", exported.to_str().unwrap(), "--json"]).good();
    let entries = std::fs::read_to_string(&exported).expect("an export");
    let counted = entries.lines().any(|it| it.contains("sat.package") && it.contains("\"cancelled\":1"));
    assert!(counted, "{audit:?}");
    stage.assert_fair();
    covers!("schedule: daily at 23:00 in Mexico City unless changed, each taxpayer some minutes later of its own");
    covers!("schedule: nights that were missed become one, run at the next start");
    covers!("schedule: metadata of the last months is asked again, and a late cancellation is shown and counted in the audit");
}

#[test]
fn schedules_are_set_for_all_listed_and_switched_off() {
    let stage = Stage::january(20);
    let set = stage.shell.run(&["schedule", "set", "--all", "--family", "all", "--months", "5", "--exact", "--json"]).good();
    let one = &set["schedules"][0];
    assert_eq!((&one["payload"]["families"], &one["spread_s"]), (&json!(["cfdi", "retenciones"]), &json!(0)), "{set:#}");
    assert_eq!((&one["payload"]["recheck_months"], one["next"].as_array().map(Vec::len)), (&json!(5), Some(5)));
    let off = stage.shell.run(&["schedule", "off", "--rfc", RFC, "--json"]).good();
    assert_eq!(
        (off["enabled"].as_bool(), &off["payload"]["recheck_months"]),
        (Some(false), &json!(5)),
        "it keeps what it was told"
    );
    let list = stage.shell.run(&["schedule", "list", "--json"]).good();
    assert_eq!(list["schedules"].as_array().map(Vec::len), Some(1));
    let wrong = stage.shell.run(&["schedule", "set", "--rfc", RFC, "--cron", "mañana", "--json"]);
    assert_eq!(wrong.json()["error"]["code"], "schedule_format");

    let file = |name: &str| stage.sandbox.fiel.join(name).to_str().expect("UTF-8").to_owned();
    let (cer, key, password) = (file("fiel.cer"), file("fiel.key"), file("password.txt"));
    let daily = stage
        .shell
        .run(&["sat", "register", "--cer", &cer, "--key", &key, "--password-file", &password, "--daily", "--json"])
        .good();
    assert_eq!(daily["schedule"]["enabled"], true, "{daily:#}");
    covers!("schedule: set, list and off, for one or for all; registering sets one only if asked");
}

/// A retención as a stamp left it.
fn retencion(dir: &Path, number: u8, issuer: &str, receiver: &str, date: &str) {
    let uuid = format!("00000000-0000-4000-8000-0000000000{number:02}");
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><retenciones:Retenciones \
         xmlns:retenciones=\"http://www.sat.gob.mx/esquemas/retencionpago/2\" Version=\"2.0\" FolioInt=\"R{number}\" Sello=\"AAAA\" \
         NoCertificado=\"30001000000500003416\" Certificado=\"\" FechaExp=\"{date}\" LugarExpRetenc=\"06000\" CveRetenc=\"14\">\
         <retenciones:Emisor RfcE=\"{issuer}\" NomDenRazSocE=\"UNO\" RegimenFiscalE=\"601\"/>\
         <retenciones:Receptor NacionalidadR=\"Nacional\"><retenciones:Nacional RfcR=\"{receiver}\" NomDenRazSocR=\"OTRO\" \
         DomicilioFiscalR=\"06000\"/></retenciones:Receptor>\
         <retenciones:Periodo MesIni=\"01\" MesFin=\"01\" Ejercicio=\"2025\"/>\
         <retenciones:Totales MontoTotOperacion=\"1000\" MontoTotGrav=\"1000\" MontoTotExent=\"0\" MontoTotRet=\"100\"/>\
         <retenciones:Complemento><tfd:TimbreFiscalDigital xmlns:tfd=\"http://www.sat.gob.mx/TimbreFiscalDigital\" Version=\"1.1\" \
         UUID=\"{uuid}\" FechaTimbrado=\"{date}\" RfcProvCertif=\"SPR190613I52\" SelloCFD=\"AAAA\" \
         NoCertificadoSAT=\"30001000000500003456\" SelloSAT=\"AAAA\"/></retenciones:Complemento></retenciones:Retenciones>"
    );
    std::fs::write(dir.join(format!("ret-{number}.xml")), xml).expect("a file");
}

#[test]
fn a_year_of_retenciones_is_whole_and_apart() {
    let base = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(examples()).expect("the examples") {
        let file = file.expect("a file").path();
        std::fs::copy(&file, base.path().join(file.file_name().expect("a name"))).expect("a copy");
    }
    let other = "AAA010101AAA";
    retencion(base.path(), 1, RFC, other, "2025-01-01T00:00:00");
    retencion(base.path(), 2, RFC, other, "2025-06-30T23:59:59");
    retencion(base.path(), 3, other, RFC, "2025-12-31T23:59:59");
    let mut index: Vec<Value> =
        serde_json::from_slice(&std::fs::read(examples().join("index.json")).expect("an index")).expect("JSON");
    index.extend((1..=3).map(|n| json!({ "file": format!("ret-{n}.xml"), "estatus": "Vigente", "fecha_cancelacion": null })));
    std::fs::write(base.path().join("index.json"), json!(index).to_string()).expect("an index");
    let mut stage = Stage::with(2025, &["--cfdi", base.path().to_str().expect("UTF-8"), "--rfc", RFC]);
    stage.advance(365 * DAY_S);

    let year =
        |family: &str| stage.shell.run(&["sat", "year", "--rfc", RFC, "--year", "2025", "--family", family, "--json"]).good();
    let cfdi = year("cfdi");
    assert_eq!((cfdi["missing"].as_u64(), stage.accepted()), (Some(0), 28), "{cfdi:#}");
    let retenciones = year("retenciones");
    assert_eq!((retenciones["missing"].as_u64(), retenciones["complete"].as_bool()), (Some(0), Some(true)), "{retenciones:#}");
    assert_eq!((retenciones["planned"].as_u64(), stage.accepted()), (Some(28), 56));
    assert_eq!(stage.logins(), 2, "a session of its own");
    assert!(retenciones["report"].as_str().unwrap().ends_with("reporte-retenciones-2025.json"));
    let status = stage.status();
    assert_eq!(
        (status["retenciones"]["cfdi"].as_u64(), status["retenciones"]["metadata"].as_u64()),
        (Some(3), Some(3)),
        "{status:#}"
    );
    let report = |it: &Value| -> Value {
        let path = stage.shell.dir.join("objects").join(it["report"].as_str().unwrap());
        let checked = stage.shell.run(&["sat", "report", "--check", path.to_str().unwrap(), "--json"]).good();
        assert_eq!((checked["signature"].as_bool(), checked["agrees"].as_bool()), (Some(true), Some(true)));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let (ours, theirs) = (report(&cfdi), report(&retenciones));
    assert_eq!((&theirs["report"]["totals"]["all"]["cfdi"], &theirs["report"]["family"]), (&json!(3), &json!("retenciones")));
    assert_eq!(ours["report"]["extra"], json!([]), "a retención is no CFDI without metadata");
    assert!(ours["report"].get("family").is_none());
    let both = year("all");
    assert_eq!(both["families"].as_array().map(Vec::len), Some(2), "{both:#}");
    assert_eq!(stage.accepted(), 56, "nothing is asked twice");
    assert!(status["third_party"].as_u64() >= Some(1), "the authored document on account of somebody else: {status:#}");
    stage.assert_fair();
    covers!("retenciones: a year of the other service comes home with 0 missing, its session, run and report its own");
    covers!("retenciones: the third-party file of metadata is kept and counted");
}

#[test]
fn a_truncated_package_by_hand_is_kept_aside() {
    let stage = Stage::past();
    stage.year().good();
    let mut packages = Vec::new();
    find_zips(&stage.shell.dir.join("objects"), &mut packages);
    let whole = std::fs::read(packages.first().expect("a package")).unwrap();
    let cut = stage.path("cut.zip");
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    let import = |path: &Path| stage.shell.run(&["sat", "import", "--rfc", RFC, path.to_str().unwrap(), "--json"]);
    let done = import(&cut);
    assert_eq!((done.exit, done.json()["quarantined"].as_u64() >= Some(1)), (1, true), "{done:?}");
    let mut kept = Vec::new();
    find_zips(&stage.shell.dir.join("objects"), &mut kept);
    assert_eq!(kept.len(), packages.len() + 1, "kept, as one from SAT is");
    assert!(stage.status()["quarantined"].as_u64() >= Some(1));
    let noise = stage.path("noise.zip");
    std::fs::write(&noise, "no archive at all").unwrap();
    assert_eq!(import(&noise).exit, 2, "what was never an archive is refused");
    let wal = stage.shell.dir.join("fedatario.db-wal");
    assert!(!wal.exists() || std::fs::metadata(wal).unwrap().len() == 0, "the log is folded when a command ends");
    covers!("import: a damaged archive by hand is kept and set aside with its reason");
    covers!("store: the log of SQLite is folded when the last command ends");
}

fn find_zips(dir: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder").map(|it| it.expect("an entry").path()) {
        if entry.is_dir() {
            find_zips(&entry, found);
        } else if entry.extension().is_some_and(|it| it == "zip") {
            found.push(entry);
        }
    }
}
