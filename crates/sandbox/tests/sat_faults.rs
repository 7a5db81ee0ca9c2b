//! The sandbox misbehaves as told, and its books stay true while it does.

mod support;

use fedatario_sandbox::sat::{Fault, Operation, Script, Target};
use fedatario_testkit::covers;
use reqwest::Method;
use support::{RFC, World, emitidos, unbase64};

async fn arm(world: &World, operation: &str, fault: &str, times: u32) {
    let body = serde_json::json!({"operation": operation, "fault": fault, "times": times}).to_string();
    let armed = world.control(Method::POST, "faults", &body).await;
    assert_eq!(armed["waiting"], times, "{armed}");
}

#[tokio::test]
async fn what_goes_wrong_before_leaves_no_trace_and_after_is_in_the_books() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let cases = [
        ("close", None, 0),
        ("refuse", None, 0),
        ("500", Some(500), 0),
        ("503", Some(503), 0),
        ("404", Some(404), 0),
        ("http:429", Some(429), 0),
        ("html", Some(200), 0),
        ("cut", None, 1),
        ("truncated", None, 1),
        ("truncated_gzip", None, 1),
    ];
    for (n, (fault, status, done)) in cases.into_iter().enumerate() {
        let before = world.sandbox.counts().requests;
        arm(&world, "Solicita", fault, 1).await;
        let start = format!("2026-01-02T00:00:{n:02}");
        let body = world.fiel.request("SolicitaDescargaEmitidos", &emitidos(&[("FechaInicial", &start)]), &[]);
        // A fresh client: a pooled connection would be tried again behind our back.
        let fresh = World { http: support::client(), ..clone(&world) };
        let answer = fresh.send("SolicitaDescargaEmitidos", &token, body).await;
        assert_eq!(answer.as_ref().ok().map(|it| it.status), status, "{fault}: {answer:?}");
        assert!(answer.ok().is_none_or(|it| !it.body.contains("CodEstatus")), "{fault}");
        assert_eq!(world.sandbox.counts().requests - before, done, "{fault}");
        assert_eq!(world.sandbox.faults_waiting(), 0, "{fault}");
    }
    covers!("sandbox: faults before a call leave no trace, faults after it are in the books");
}

/// The same sandbox through the same address.
fn clone(world: &World) -> World {
    World {
        base: world.base.clone(),
        sandbox: world.sandbox.clone(),
        clock: world.clock.clone(),
        http: world.http.clone(),
        fiel: support::Signer::new(RFC, &world.sandbox.mint_fiel(RFC, "X").unwrap()),
    }
}

#[tokio::test]
async fn a_hanging_call_is_let_go_and_a_held_one_answered() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    for (fault, answered, done) in [("hang_before", false, 0), ("hang", false, 1), ("hold", true, 2)] {
        arm(&world, "emitidos", fault, 1).await;
        let start = format!("2026-01-0{}T00:00:00", done + 1);
        let body = world.fiel.request("SolicitaDescargaEmitidos", &emitidos(&[("FechaInicial", &start)]), &[]);
        let call = world.send("SolicitaDescargaEmitidos", &token, body);
        tokio::pin!(call);
        // The books show that the call has arrived and what was done; the caller still has nothing.
        let arrived = async {
            while world.sandbox.faults_waiting() > 0 || world.sandbox.counts().requests < done {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            early = &mut call => panic!("{fault}: {early:?}"),
            () = arrived => {}
        }
        assert_eq!(world.sandbox.counts().requests, done, "{fault}: durable before the answer");
        world.control(Method::POST, "release", "").await;
        let late = call.await;
        assert_eq!(late.as_ref().is_ok_and(|it| it.code() == 5000), answered, "{fault}: {late:?}");
    }
    covers!("sandbox: calls hang before, hang after, or are held until released");
}

#[tokio::test]
async fn codes_and_shapes_on_request() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let asked = world.emitidos(&token, &[]).await;
    let id = asked.attribute("IdSolicitud").unwrap();
    let package = world.verify(&token, &id).await.text("IdsPaquetes").remove(0);
    for code in [300, 305, 304, 404] {
        let fault = Fault::Code(code);
        for operation in [Operation::VerificaSolicitudDescarga, Operation::Descargar, Operation::SolicitaDescargaEmitidos] {
            world.sandbox.fault(Target::Only(operation), fault, 1).unwrap();
        }
        assert_eq!(world.verify(&token, &id).await.code(), code);
        assert_eq!(world.download(&token, &package).await.code(), code);
        let again = world.emitidos(&token, &[("TipoSolicitud", "Metadata")]).await;
        assert_eq!((again.code(), again.attribute("IdSolicitud").is_some()), (code, code == 404));
    }
    assert_eq!(world.sandbox.counts().requests, 1);
    arm(&world, "Solicita", "error_404_done", 1).await;
    let lost = world.emitidos(&token, &[("TipoSolicitud", "Metadata")]).await;
    let lost = lost.attribute("IdSolicitud").unwrap();
    assert_eq!((world.sandbox.counts().requests, world.verify(&token, &lost).await.code()), (2, 5000));

    arm(&world, "Descargar", "empty_paquete", 1).await;
    let empty = world.download(&token, &package).await;
    assert!(empty.code() == 5000 && empty.body.contains("<Paquete/>"));
    assert_eq!(world.download(&token, &package).await.code(), 5000);
    assert_eq!(world.download(&token, &package).await.code(), 5008);

    for (fault, state, reason) in [
        ("stuck", "1", "5000"),
        ("state4", "4", "404"),
        ("5003", "5", "5003"),
        ("expired", "6", "5000"),
        ("5010", "3", "5010"),
        ("rejected:5002", "5", "5002"),
    ] {
        arm(&world, "Verifica", fault, 1).await;
        let answer = world.verify(&token, &id).await;
        let found = (answer.attribute("EstadoSolicitud").unwrap(), answer.attribute("CodigoEstadoSolicitud").unwrap());
        assert_eq!(found, (state.to_owned(), reason.to_owned()), "{fault}");
    }
    arm(&world, "Verifica", "zero_count", 1).await;
    let zero = world.verify(&token, &id).await;
    assert!(zero.attribute("NumeroCFDIs").as_deref() == Some("0") && !zero.text("IdsPaquetes").is_empty());
    arm(&world, "Verifica", "wrong_id", 1).await;
    assert_ne!(world.verify(&token, &id).await.text("IdsPaquetes")[0], package);
    arm(&world, "Verifica", "unknown_code", 1).await;
    assert_eq!(world.verify(&token, &id).await.code(), 5999);
    assert_eq!(world.verify(&token, &id).await.text("IdsPaquetes"), [package]);
    covers!("sandbox: codes, states, counts and ids on request");
}

#[tokio::test]
async fn a_request_can_be_scripted_for_good() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let cases = [
        (Script::Stuck, "1"),
        (Script::State4, "4"),
        (Script::Rejected(5011), "5"),
        (Script::Code5010, "3"),
        (Script::Expired, "6"),
    ];
    for (n, (script, state)) in cases.into_iter().enumerate() {
        world.sandbox.fault(Target::Solicita, Fault::Scripted(script), 1).unwrap();
        let start = format!("2026-01-01T00:00:{n:02}");
        let id = world.emitidos(&token, &[("FechaInicial", &start)]).await.attribute("IdSolicitud").unwrap();
        for _ in 0..2 {
            assert_eq!(world.verify(&token, &id).await.attribute("EstadoSolicitud").as_deref(), Some(state), "{script:?}");
        }
    }
    world.sandbox.advance(jiff::SignedDuration::from_hours(24 * 9)).unwrap();
    let again = world.emitidos(&token, &[("FechaInicial", "2026-01-01T00:00:00")]).await;
    assert_eq!(again.code(), 5005); // What is stuck is active for ever: only a wider window helps.
    assert_eq!(world.emitidos(&token, &[("FechaInicial", "2025-12-31T23:59:59")]).await.code(), 5000);
    covers!("sandbox: a request can be stuck, fail, be rejected or expire for good");
}

#[tokio::test]
async fn a_slow_answer_is_whole_in_the_end() {
    let world = World::new().await;
    let token = world.login(&world.fiel).await;
    let id = world.emitidos(&token, &[]).await.attribute("IdSolicitud").unwrap();
    let package = world.verify(&token, &id).await.text("IdsPaquetes").remove(0);
    arm(&world, "Descargar", "slow", 1).await;
    let slow = world.download(&token, &package).await;
    assert_eq!(&unbase64(&slow.text("Paquete")[0])[..2], b"PK");
    arm(&world, "Autentica", "unknown_code", 1).await;
    assert_eq!(world.try_login(&world.fiel, "").await.unwrap().status, 500);
    covers!("sandbox: a slow answer arrives whole");
}

#[tokio::test]
async fn nonsense_on_the_control_address_is_refused() {
    let world = World::new().await;
    let cases = [
        ("faults", r#"{"operation":"Bailar","fault":"cut"}"#),
        ("faults", r#"{"operation":"any","fault":"bailar"}"#),
        ("faults", "nada"),
        ("clock", r#"{"advance_s":-1}"#),
        ("clock", r#"{"advance_s":99999999999999}"#),
        ("fiel", r#"{"rfc":"x"}"#),
        ("bailar", "{}"),
    ];
    for (path, body) in cases {
        let answer = world.control(Method::POST, path, body).await;
        assert!(answer["error"].is_string(), "{path} {body}: {answer}");
    }
    arm(&world, "any", "503", 2).await;
    assert_eq!(world.control(Method::DELETE, "faults", "").await["waiting"], 0);
    let minted = world.control(Method::POST, "fiel", r#"{"rfc":"H&E951128469"}"#).await;
    let cer = unbase64(minted["cer"].as_str().unwrap());
    assert_eq!(fedatario_credentials::Certificate::parse(&cer).unwrap().rfc(), "H&E951128469");
    covers!("sandbox: control address");
}
