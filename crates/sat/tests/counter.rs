//! SAT's public doors on the wire: a server that answers as told, byte by byte.

use fedatario_app::model::Environment;
use fedatario_app::revision::ports::Counter;
use fedatario_base::Code;
use fedatario_credentials::mint::{Authority, Subject};
use fedatario_fiscal::mx::expresion::{Facts, Form, Receiver};
use fedatario_sat::{CounterSettings, PublicAddresses, PublicEndpoints, SatCounter, Timeouts};
use fedatario_testkit::FakeClock;
use fedatario_upstream::memory::{FixedJitter, Memory, TellingPause};
use fedatario_upstream::{CallError, Rate};
use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const NOW: &str = "2026-09-01T12:00:00Z";
const NUMBER: &str = "30001000000500003416";
const LIMIT: Duration = Duration::from_secs(60);

type Script = Arc<Mutex<VecDeque<(u16, String, Vec<u8>)>>>;
type Seen = Arc<Mutex<Vec<String>>>;

/// Serves the script, one connection an answer; what was asked is kept whole.
async fn server(script: Script, seen: Seen) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = vec![0; 64 << 10];
            let mut size = 0;
            let whole = |text: &str| {
                let (head, body) = text.split_once("\r\n\r\n")?;
                let length =
                    head.lines().find_map(|it| it.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
                (body.len() >= length.map_or(0, |it| it.parse().unwrap())).then_some(())
            };
            while whole(&String::from_utf8_lossy(&bytes[..size])).is_none() {
                match stream.read(&mut bytes[size..]).await {
                    Ok(read) if read > 0 => size += read,
                    _ => break,
                }
            }
            seen.lock().unwrap().push(String::from_utf8_lossy(&bytes[..size]).into_owned());
            let (status, headers, body) = script.lock().unwrap().pop_front().unwrap_or((500, String::new(), Vec::new()));
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n{headers}Connection: close\r\n\r\n", body.len());
            let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        }
    });
    base
}

struct Rig {
    counter: SatCounter,
    script: Script,
    seen: Seen,
    waits: Arc<Mutex<Vec<Duration>>>,
}

impl Rig {
    fn answer(&self, status: u16, headers: &str, body: impl AsRef<[u8]>) -> &Self {
        self.script.lock().unwrap().push_back((status, headers.to_owned(), body.as_ref().to_vec()));
        self
    }

    fn waited(&self) -> Vec<Duration> {
        std::mem::take(&mut self.waits.lock().unwrap())
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }
}

/// A client whose waits take no time, and move its clock.
async fn rig(rate: Rate) -> Rig {
    let (script, seen) = (Script::default(), Seen::default());
    let base = server(script.clone(), seen.clone()).await;
    let (memory, clock, waits) = (Memory::new(), Arc::new(FakeClock::at(NOW)), Arc::new(Mutex::new(Vec::new())));
    let telling = {
        let (clock, waits) = (clock.clone(), waits.clone());
        move |wait: Duration| {
            clock.advance(wait.try_into().unwrap());
            waits.lock().unwrap().push(wait);
        }
    };
    let ports = memory.ports(Arc::new(TellingPause(telling)), clock, Arc::new(FixedJitter(0.5)));
    let timeouts = Timeouts { connect: LIMIT, login: LIMIT, call: LIMIT, download: LIMIT, idle: LIMIT };
    let addresses = PublicAddresses::configured(Environment::Sandbox, PublicEndpoints::from_base(&base).unwrap());
    let settings = CounterSettings { rate, timeouts, ..CounterSettings::default() };
    Rig { counter: SatCounter::new(addresses, ports, settings).unwrap(), script, seen, waits }
}

const FAST: Rate = Rate { per_minute: 60_000, burst: 1_000 };

fn facts(form: Form) -> Facts {
    Facts {
        form,
        uuid: "26da5355-e4bd-57d7-8e8e-b567754a287f".parse().unwrap(),
        issuer: "H&E951128469".into(),
        receiver: Receiver::Rfc("ÑAÑ010101AAA".into()),
        total: "1160.00".into(),
        seal_tail: Some("AbCd12==".into()),
    }
}

fn answer(estado: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><ConsultaResponse xmlns=\"http://tempuri.org/\">\
         <ConsultaResult xmlns:a=\"http://schemas.datacontract.org/2004/07/Sat.Cfdi.Negocio.ConsultaCfdi.Servicio\">\
         <a:CodigoEstatus>S - Comprobante obtenido satisfactoriamente.</a:CodigoEstatus><a:Estado>{estado}</a:Estado></ConsultaResult>\
         </ConsultaResponse></s:Body></s:Envelope>"
    )
}

#[tokio::test]
async fn a_question_names_the_document_in_its_own_way() {
    let rig = rig(FAST).await;
    rig.answer(200, "", answer("Vigente"));
    let found = rig.counter.status(Environment::Sandbox, &facts(Form::Cfdi)).await.unwrap();
    assert_eq!((found.estado.as_str(), found.validacion_efos.as_str()), ("Vigente", ""));
    let asked = rig.asked().remove(0);
    assert!(asked.starts_with("POST /ConsultaCFDIService.svc HTTP/1.1\r\n"), "{asked}");
    let head = asked.to_ascii_lowercase();
    assert!(head.contains("soapaction: \"http://tempuri.org/iconsultacfdiservice/consulta\""), "{asked}");
    assert!(!head.contains("authorization"), "no credential is shown at a public door");
    assert!(asked.contains(
        "id=26DA5355-E4BD-57D7-8E8E-B567754A287F&amp;re=H&amp;amp;E951128469&amp;rr=ÑAÑ010101AAA&amp;tt=1160.0&amp;fe=AbCd12=="
    ));

    let page = "<tr><th>Estado CFDI</th></tr><tr><td>Vigente</td></tr>";
    rig.answer(200, "", page);
    let found = rig.counter.status(Environment::Sandbox, &facts(Form::Retenciones2)).await.unwrap();
    assert_eq!(found.estado, "Vigente");
    let asked = rig.asked().remove(0);
    let query = "/Home/ConsultaRetencion?folio=26DA5355-E4BD-57D7-8E8E-B567754A287F&rfcEmisor=H%26E951128469&rfcReceptor=%C3%91A%C3%91010101AAA";
    assert!(asked.starts_with(&format!("GET {query} HTTP/1.1\r\n")), "{asked}");
    fedatario_testkit::covers!("status: a question at SAT's own path, as SAT reads it, without any credential");
}

#[tokio::test]
async fn a_busy_or_broken_server_is_left_alone_and_asked_again() {
    let rig = rig(FAST).await;
    rig.answer(503, "Retry-After: 7\r\n", "busy").answer(429, "", "busy").answer(200, "", "<html/>").answer(
        200,
        "",
        answer("Cancelado"),
    );
    let found = rig.counter.status(Environment::Sandbox, &facts(Form::Cfdi)).await.unwrap();
    assert_eq!(found.estado, "Cancelado");
    let waits = rig.waited();
    assert_eq!(waits[..2], [Duration::from_secs(7), Duration::from_secs(5)]);
    assert_eq!((waits.len(), rig.asked().len()), (3, 4));

    // Never an answer of its own: the call is given back, and in the end the door stays shut.
    let later = rig.counter.status(Environment::Sandbox, &facts(Form::Cfdi)).await.unwrap_err();
    assert!(matches!(later, CallError::Later { .. }), "{later}");
    let sends = rig.asked().len();
    assert_eq!(sends, 5);
    for _ in 0..3 {
        assert!(rig.counter.status(Environment::Sandbox, &facts(Form::Cfdi)).await.is_err());
    }
    let breaks = rig.waited();
    assert!(breaks.iter().any(|it| *it >= Duration::from_secs(30)), "the breaker made it wait: {breaks:?}");
    fedatario_testkit::covers!("status: 503, 429, garbage and silence are waited out within bounds; then the breaker opens");
}

#[tokio::test]
async fn the_pace_is_kept_whoever_asks() {
    let rig = rig(Rate { per_minute: 60, burst: 1 }).await;
    for _ in 0..5 {
        rig.answer(200, "", answer("Vigente"));
        rig.counter.status(Environment::Sandbox, &facts(Form::Cfdi)).await.unwrap();
    }
    assert_eq!(rig.waited(), vec![Duration::from_secs(1); 4], "one a second, by the clock of the bucket");
    fedatario_testkit::covers!("status: questions keep the pace that was set");
}

#[tokio::test]
async fn certificates_bear_the_number_that_was_asked_for() {
    let rig = rig(FAST).await;
    let now = NOW.parse().unwrap();
    let authority = Authority::generate("AC DE PRUEBA", now).unwrap();
    let (rfc, name, branch) = ("EKU9003173C9".into(), "ESCUELA".into(), Some("MATRIZ".into()));
    let subject = Subject { rfc, representative_rfc: None, name, curp: None, branch };
    let minted =
        authority.issue(&subject, fedatario_credentials::Kind::Csd, NUMBER, now, authority.certificate().not_after()).unwrap();
    rig.answer(200, "", &minted.cer_der).answer(404, "", "<h2>404</h2>").answer(200, "", &minted.cer_der);
    let found = rig.counter.certificate(Environment::Sandbox, NUMBER).await.unwrap();
    assert_eq!(found.as_deref(), Some(minted.cer_der.as_slice()));
    assert!(rig.asked()[0].starts_with("GET /rccf/300010/000005/00/00/34/30001000000500003416.cer HTTP/1.1"));
    assert_eq!(rig.counter.certificate(Environment::Sandbox, "30001000000500003417").await.unwrap(), None);
    let other = rig.counter.certificate(Environment::Sandbox, "30001000000500003418").await.unwrap_err();
    assert!(matches!(other, CallError::Fault(_)), "another's certificate is none: {other}");
    rig.asked();
    assert_eq!(rig.counter.certificate(Environment::Sandbox, "../../etc/passwd").await.unwrap(), None);
    assert!(rig.asked().is_empty(), "what is no number is not asked for");
    fedatario_testkit::covers!("certificates: by number, at SAT's own path, and none under another number");
}

#[tokio::test]
async fn a_list_goes_to_a_file_and_worlds_are_not_crossed() {
    let rig = rig(FAST).await;
    rig.answer(200, "", b"1,AAA080808HL8,A,Definitivo\n").answer(404, "", "none");
    let (source, mut file) = rig.counter.list(Environment::Sandbox, None).await.unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "1,AAA080808HL8,A,Definitivo\n");
    assert!(source.ends_with("/agsc-publicaciones/Datos_abiertos/Documents_AGAFF/Listado_completo_69-B.csv"), "{source}");
    let none = rig.counter.list(Environment::Sandbox, Some(&source.replace("69-B", "69-C"))).await.unwrap_err();
    assert!(matches!(none, CallError::Fault(_)), "{none}");
    let odd = rig.counter.list(Environment::Sandbox, Some("ftp://x/69b.csv")).await.unwrap_err();
    assert_eq!(odd.code(), Code::ConfigInvalid);

    // Nothing of a production taxpayer reaches a simulator that takes SAT's place.
    let mixed = PublicEndpoints::production().with(fedatario_sat::PublicDoor::Estado, &source).unwrap();
    let ports = |memory: Arc<Memory>| {
        memory.ports(Arc::new(TellingPause(|_| ())), Arc::new(FakeClock::at(NOW)), Arc::new(FixedJitter(0.5)))
    };
    let addresses = PublicAddresses::configured(Environment::Production, mixed);
    let crossed = SatCounter::new(addresses, ports(Memory::new()), CounterSettings::default()).unwrap();
    rig.asked();
    let refused = crossed.status(Environment::Production, &facts(Form::Cfdi)).await.unwrap_err();
    assert_eq!(refused.code(), Code::EnvironmentMismatch);
    let refused = crossed.status(Environment::Sandbox, &facts(Form::Cfdi)).await.unwrap_err();
    assert_eq!(refused.code(), Code::EnvironmentMismatch);
    assert!(rig.asked().is_empty());
    fedatario_testkit::covers!("69-B: a list comes into a file, from SAT's own path or any address that is given");
}
