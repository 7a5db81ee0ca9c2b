//! Every way in which SAT fails, met by every operation, over real connections.

mod common;

use common::*;
use fedatario_app::ports::{Recalled, Sat};
use fedatario_base::Code;
use fedatario_base::id::{PackageId, SolicitudId};
use fedatario_sat::Door;
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use fedatario_upstream::breaker::OPENS_AFTER;
use fedatario_upstream::{CallError, Fault, Why};
use std::time::Duration;

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// SAT's own code.
    Coded(&'static str),
    /// Nothing took effect: try later, for a reason.
    Later(Code),
    /// It may have taken effect.
    Uncertain,
    /// SAT's no.
    Refused(&'static str),
    /// SAT's no to the login.
    LoginRefused(&'static str),
}

use End::*;

fn name(door: Door) -> &'static str {
    match door {
        Door::Autentica => "autentica",
        Door::Solicita => "solicita",
        Door::Verifica => "verifica",
        Door::Descargar => "descargar",
    }
}

/// Makes the one call that goes through a door; answers how it ended, and the texts of any error.
async fn make(rig: &Rig, door: Door, shelf: &MemoryShelf) -> (Result<String, CallError>, String) {
    let at = NOW.parse().unwrap();
    let result = match door {
        Door::Autentica => rig.client.login(&rig.account).await.map(|_| "5000".to_owned()),
        Door::Solicita => rig.client.ask(&rig.account, &request(), SolicitudId::fresh(at), None).await.map(|it| it.cod_estatus),
        Door::Verifica => rig.client.verify(&rig.account, "id", SolicitudId::fresh(at), None).await.map(|it| it.cod_estatus),
        Door::Descargar => {
            let done = rig.client.download(&rig.account, "P_01", PackageId::fresh(at), None, shelf).await;
            done.map(|it| it.cod_estatus)
        }
    };
    let texts = result.as_ref().err().map(|it| format!("{it} {it:?}")).unwrap_or_default();
    (result, texts)
}

fn end(result: &Result<String, CallError>) -> String {
    match result {
        Ok(code) => format!("Coded({code:?})"),
        Err(CallError::Later { why, .. }) => format!("Later({:?})", why.code()),
        Err(CallError::Uncertain { .. }) => "Uncertain".into(),
        Err(CallError::Fault(Fault::Rejected(notice))) => format!("Refused({:?})", notice.code),
        Err(CallError::LoginRefused(notice)) => format!("LoginRefused({:?})", notice.code),
        Err(other) => format!("{other:?}"),
    }
}

/// One fault, by each operation: what it ends in, in the order of the doors.
async fn check(fault: &str, act: impl Fn(Door) -> Act, expected: [End; 4]) {
    check_in(PATIENT, fault, act, expected).await;
}

async fn check_in(limit: Duration, fault: &str, act: impl Fn(Door) -> Act, expected: [End; 4]) {
    let cells = Door::ALL.into_iter().zip(expected).map(|(door, expected)| cell(limit, fault, door, act(door), expected));
    futures_util::future::join_all(cells).await;
}

async fn cell(limit: Duration, fault: &str, door: Door, act: Act, expected: End) {
    let (script, base) = Script::start().await;
    let (rig, shelf) = (rig_in(&base, limit), MemoryShelf::default());
    script.always(door, act);
    let (result, texts) = make(&rig, door, &shelf).await;
    let place = format!("{fault} x {}: {texts}", name(door));
    assert_eq!(end(&result), format!("{expected:?}"), "{place}");
    for secret in [TOKEN, "SECRET-SIGNATURE"] {
        assert!(!texts.contains(secret), "{place}");
    }
    let (sent, repeatable) = (script.seen(door).len(), matches!(door, Door::Autentica | Door::Verifica));
    match expected {
        Later(Code::AuthorityThrottled) | Uncertain | Coded(_) | LoginRefused(_) => assert_eq!(sent, 1, "{place}"),
        Later(_) => assert!(repeatable && sent > 1, "{place}"),
        Refused(code) => assert_eq!(sent, if code == "300" { 2 } else { 1 }, "{place}"),
    }
    let kept = usize::from(door == Door::Descargar && expected == Coded("5000"));
    assert_eq!(shelf.kept.lock().unwrap().len(), kept, "{place}");
    covers!("authority fault x operation", fault, name(door));
}

/// What a lost answer ends in.
fn silence() -> [End; 4] {
    let later = Later(Code::AuthorityUnanswered);
    [later.clone(), Uncertain, later, Uncertain]
}

fn all(end: End) -> [End; 4] {
    [end.clone(), end.clone(), end.clone(), end]
}

#[tokio::test]
async fn nobody_listens() {
    for door in Door::ALL {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = format!("http://{}/x", listener.local_addr().unwrap());
        drop(listener);
        let (script, base) = Script::start().await;
        let endpoints = fedatario_sat::Endpoints::from_base(&base).unwrap();
        let endpoints = endpoints.with(fedatario_app::model::Family::Cfdi, door, &dead).unwrap();
        let memory = fedatario_upstream::memory::Memory::new();
        let rig = rig_at(fedatario_sat::Addresses { production: None, sandbox: Some(endpoints) }, memory, PATIENT);
        let (result, texts) = make(&rig, door, &MemoryShelf::default()).await;
        assert_eq!(end(&result), format!("{:?}", Later(Code::AuthorityUnreachable)), "{}: {texts}", name(door));
        assert!(script.seen(door).is_empty());
        covers!("authority fault x operation", "refuses connections", name(door));
    }
}

#[tokio::test]
async fn it_hangs() {
    check_in(HASTY, "hangs after accepting", |_| Act::hang(), silence()).await;
    let half = |door| coded(door, "5000")[..100].to_owned();
    check_in(HASTY, "hangs in the middle of the answer", |door| Act::unended(half(door), true), silence()).await;
    check_in(HASTY, "hangs before the last chunk", |door| Act::unended(coded(door, "5000"), true), silence()).await;
}

#[tokio::test]
async fn it_cuts() {
    check("closes without answering", |_| Act::cut(), silence()).await;
    check("truncated body", |door| Act::answer(200, coded(door, "5000")).without_last(20), silence()).await;
    check("chunked body without end", |door| Act::unended(coded(door, "5000"), false), silence()).await;
    check(
        "truncated XML in a whole body",
        |door| Act::answer(200, &coded(door, "5000")[..coded(door, "5000").len() - 9]),
        silence(),
    )
    .await;
    check("truncated headers", |door| Act::answer(200, coded(door, "5000")).without_last(coded(door, "5000").len() + 3), silence())
        .await;
}

#[tokio::test]
async fn it_answers_with_an_error_page() {
    let page = "<html><head><title>x</title></head><body>Service Unavailable<br></body></html>";
    for status in [400, 404, 500, 502, 503, 504] {
        check(&format!("HTTP {status}"), |_| Act::answer(status, page), silence()).await;
    }
    check("HTTP 500 with SAT's answer", |door| Act::answer(500, coded(door, "5000")), silence()).await;
    check("redirect", |_| Act::headed(302, "Location: http://127.0.0.1:9/elsewhere\r\n", ""), silence()).await;
    let doctype = format!("<!DOCTYPE html>{page}");
    check("HTML with HTTP 200", |_| Act::answer(200, &doctype), silence()).await;
    check("XHTML with HTTP 200", |_| Act::answer(200, "<html><body/></html>"), silence()).await;
}

#[tokio::test]
async fn it_answers_with_something_else() {
    check("empty body", |_| Act::answer(200, ""), silence()).await;
    check("garbage", |_| Act::answer(200, b"\x00\xff\xfe PK not xml"), silence()).await;
    let other = |door| if door == Door::Verifica { Door::Solicita } else { Door::Verifica };
    check("another operation's answer", |door| Act::answer(200, coded(other(door), "5000")), silence()).await;
    check("no result element", |_| Act::answer(200, soap("", "")), silence()).await;
    check("entity bomb", |_| Act::answer(200, "<!DOCTYPE a [<!ENTITY b 'x'>]><a>&b;</a>"), silence()).await;
    check("over the size bound", |_| Act::answer(200, "<a>".repeat(2 << 20)), silence()).await;
    let packed = |door| gzip(coded(door, "5000").as_bytes());
    let half = |door| Act::headed(200, "Content-Encoding: gzip\r\n", &packed(door)[..packed(door).len() / 2]);
    check("truncated gzip", half, silence()).await;
    let bomb = gzip(&vec![b' '; 64 << 20]);
    check("gzip bomb", |_| Act::headed(200, "Content-Encoding: gzip\r\n", &bomb), silence()).await;
    check("gzip that is none", |door| Act::headed(200, "Content-Encoding: gzip\r\n", coded(door, "5000")), silence()).await;
}

#[tokio::test]
async fn it_is_slow_and_whole() {
    check("slow pieces", |door| Act::answer(200, coded(door, "5000")).in_pieces(200), all(Coded("5000"))).await;
}

#[tokio::test]
async fn it_is_busy() {
    let throttled = Later(Code::AuthorityThrottled);
    let expected = [throttled.clone(), Uncertain, throttled, Uncertain];
    check("HTTP 503 with Retry-After", |_| Act::headed(503, "Retry-After: 120\r\n", "busy"), expected.clone()).await;
    check("HTTP 429 with Retry-After", |_| Act::headed(429, "Retry-After: 120\r\n", "busy"), expected).await;
}

#[tokio::test]
async fn it_answers_with_a_fault() {
    for code in ["InvalidSecurity", "ActionNotSupported", "DeserializationFailed"] {
        let expected = [LoginRefused(code), Refused(code), Refused(code), Refused(code)];
        check(&format!("fault {code}"), |_| Act::answer(500, fault(code)), expected).await;
    }
    check("unknown fault", |_| Act::answer(500, fault("InternalServiceFault")), silence()).await;
}

#[tokio::test]
async fn it_answers_with_a_code() {
    let unknown = |door| if door == Door::Autentica { soap("", "<AutenticaResponse/>") } else { coded(door, "7777") };
    let expected = [Later(Code::AuthorityUnanswered), Coded("7777"), Coded("7777"), Coded("7777")];
    check("unknown code", |door| Act::answer(200, unknown(door)), expected).await;

    let uncontrolled = |door| if door == Door::Autentica { fault("404") } else { coded(door, "404") };
    // A verification has SAT's own answer, so that this is no silence: it is asked to come back.
    let expected = [Later(Code::AuthorityUnanswered), Coded("404"), Later(Code::AuthorityThrottled), Coded("404")];
    check("code 404", |door| Act::answer(200, uncontrolled(door)), expected).await;

    let refused = |door| if door == Door::Autentica { fault("InvalidSecurity") } else { coded(door, "300") };
    let expected = [LoginRefused("InvalidSecurity"), Refused("300"), Refused("300"), Refused("300")];
    check("session refused for good", |door| Act::answer(200, refused(door)), expected).await;
}

#[tokio::test]
async fn an_uncontrolled_error_of_verifications_is_no_outage() {
    let (script, base) = Script::start().await;
    let rig = rig(&base);
    script.always(Door::Verifica, Act::answer(200, coded(Door::Verifica, "404")));
    for _ in 0..2 * OPENS_AFTER {
        rig.clock.advance(jiff::SignedDuration::from_secs(1));
        let (result, _) = make(&rig, Door::Verifica, &MemoryShelf::default()).await;
        let Err(CallError::Later { after, why: Why::Fault(Fault::Throttled { notice, .. }) }) = result else {
            panic!("{result:?}")
        };
        assert_eq!((after, notice.unwrap().code.as_str()), (Duration::from_secs(30), "404"));
    }
    let (other, texts) = make(&rig, Door::Solicita, &MemoryShelf::default()).await;
    assert_eq!(end(&other), "Coded(\"5000\")", "{texts}");
    covers!("sat: code 404 of a verification is asked again after a while and never opens the breaker");
}

#[tokio::test]
async fn a_refused_session_is_replaced_once_and_the_call_repeated_once() {
    for door in [Door::Solicita, Door::Verifica, Door::Descargar] {
        let (script, base) = Script::start().await;
        let (rig, shelf) = (rig(&base), MemoryShelf::default());
        script.next(door, Act::answer(200, coded(door, "300")));
        let (result, texts) = make(&rig, door, &shelf).await;
        assert_eq!(end(&result), "Coded(\"5000\")", "{texts}");
        assert_eq!((script.seen(door).len(), script.seen(Door::Autentica).len()), (2, 2), "{}", name(door));
        covers!("authority fault x operation", "session refused once", name(door));
    }
}

#[tokio::test]
async fn published_faults_over_the_wire() {
    let root = fixtures_or_skip!();
    let cases = [
        ("fault-invalid-security", "InvalidSecurity"),
        ("fault-action-not-supported", "ActionNotSupported"),
        ("fault-deserialization", "DeserializationFailed"),
    ];
    for (file, code) in cases {
        let body = fixtures::read(&root, &format!("mx/soap/derived/{file}.xml"));
        let expected = [LoginRefused(code), Refused(code), Refused(code), Refused(code)];
        check(&format!("published {file}"), |_| Act::answer(500, &body), expected).await;
    }
}

#[tokio::test]
async fn a_wrong_clock_is_blamed_before_the_key() {
    let cases =
        [("Tue, 01 Sep 2026 11:50:00 GMT", Some("600 s ahead")), ("Tue, 01 Sep 2026 12:01:00 GMT", None), ("yesterday", None)];
    for (date, hint) in cases {
        let (script, base) = Script::start().await;
        let rig = rig(&base);
        script.next(Door::Autentica, Act::headed(500, &format!("Date: {date}\r\n"), fault("InvalidSecurity")));
        let error = rig.client.login(&rig.account).await.unwrap_err();
        let CallError::LoginRefused(notice) = &error else { panic!("{error:?}") };
        assert_eq!(notice.text.contains("our clock"), hint.is_some(), "{notice}");
        assert!(notice.text.contains(hint.unwrap_or("No.")), "{notice}");
    }
    covers!("sat: a refused login names a wrong clock by the server's Date");
}

#[tokio::test]
async fn an_uncertain_ask_is_remembered_and_never_sent_again() {
    let (script, base) = Script::start().await;
    let rig = rig(&base);
    let subject = SolicitudId::fresh(NOW.parse().unwrap());
    assert_eq!(rig.client.recall_ask(&rig.account, subject, None).await.unwrap(), Recalled::Nothing);
    script.next(Door::Solicita, Act::cut());
    assert!(matches!(rig.client.ask(&rig.account, &request(), subject, None).await, Err(CallError::Uncertain { .. })));
    assert_eq!(rig.client.recall_ask(&rig.account, subject, None).await.unwrap(), Recalled::Uncertain(1));
    let again = rig.client.ask(&rig.account, &request(), subject, None).await;
    assert!(matches!(again, Err(CallError::AttemptsExhausted { made: 1 })), "{again:?}");
    assert_eq!(script.seen(Door::Solicita).len(), 1);
    covers!("sat: a request whose answer was lost is uncertain and never sent again");
}

#[tokio::test]
async fn a_package_is_fetched_twice_at_most() {
    let (script, base) = Script::start().await;
    let (rig, shelf) = (rig(&base), MemoryShelf::default());
    let subject = PackageId::fresh(NOW.parse().unwrap());
    for lost in 1..=2 {
        script.next(Door::Descargar, Act::answer(200, coded(Door::Descargar, "5000")).without_last(40));
        let cut = rig.client.download(&rig.account, "P_01", subject, None, &shelf).await;
        assert!(matches!(cut, Err(CallError::Uncertain { .. })), "{cut:?}");
        assert_eq!(rig.client.recall_download(&rig.account, subject, None).await.unwrap(), Recalled::Uncertain(lost));
    }
    let third = rig.client.download(&rig.account, "P_01", subject, None, &shelf).await;
    assert!(matches!(third, Err(CallError::AttemptsExhausted { made: 2 })), "{third:?}");
    assert_eq!(script.seen(Door::Descargar).len(), 2);
    assert!(shelf.kept.lock().unwrap().is_empty());
    covers!("sat: a package is fetched twice at most, a cut transfer leaves nothing behind");
}

#[tokio::test]
async fn answers_are_recalled_and_an_exchange_found_open_is_uncertain() {
    let (script, base) = Script::start().await;
    let (rig, shelf) = (rig(&base), MemoryShelf::default());
    let (ask, package) = (SolicitudId::fresh(NOW.parse().unwrap()), PackageId::fresh(NOW.parse().unwrap()));
    let asked = rig.client.ask(&rig.account, &request(), ask, None).await.unwrap();
    assert_eq!(rig.client.recall_ask(&rig.account, ask, None).await.unwrap(), Recalled::Answered(asked));
    let got = rig.client.download(&rig.account, "P_01", package, None, &shelf).await.unwrap();
    assert_eq!(rig.client.recall_download(&rig.account, package, None).await.unwrap(), Recalled::Answered(got));

    // Killed while the answer is awaited: the row is open, and the next life finds it.
    let dying = SolicitudId::fresh(NOW.parse().unwrap());
    script.next(Door::Solicita, Act::hang());
    let request = request();
    let call = rig.client.ask(&rig.account, &request, dying, None);
    tokio::select! {
        biased;
        it = call => panic!("{it:?}"),
        () = async { while script.seen(Door::Solicita).len() < 2 { tokio::task::yield_now().await } } => {}
    }
    assert_eq!(rig.client.recall_ask(&rig.account, dying, None).await.unwrap(), Recalled::Uncertain(1));

    // Refused as such: it was not processed, so there is nothing to resolve.
    let refused = SolicitudId::fresh(NOW.parse().unwrap());
    script.next(Door::Solicita, Act::answer(500, fault("DeserializationFailed")));
    assert!(rig.client.ask(&rig.account, &request, refused, None).await.is_err());
    assert_eq!(rig.client.recall_ask(&rig.account, refused, None).await.unwrap(), Recalled::Nothing);
    covers!("sat: after a crash an answer is recalled, and an open exchange is closed as uncertain");
}
