//! The pages for people, and pages of others.

use crate::support::Stage;
use axum::http::Method;
use fedatario_api::routes;
use fedatario_api::testing::TestApi;
use fedatario_base::Code;

#[tokio::test]
async fn the_reference_names_every_operation_and_loads_nothing_from_outside() {
    let stage = Stage::new().await;
    for (language, word) in [("es", "Permiso"), ("en", "Permission")] {
        let page = stage.api.get("/api/reference").header("accept-language", language).send().await;
        assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
        let text = String::from_utf8_lossy(&page.bytes).into_owned();
        assert!(text.contains(word) && text.contains(&format!("<html lang=\"{language}\">")));
        for entry in routes::all().entries() {
            assert!(text.contains(&format!("<article id=\"{}\">", entry.operation.id)), "{entry:?}");
        }
        for outside in ["=\"http://", "=\"https://", "<script", "style=", "src=\"//"] {
            assert!(!text.contains(outside), "{outside}");
        }
        assert!(page.header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"));
    }
    let style = stage.api.get("/api/reference/style.css").send().await;
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(!String::from_utf8_lossy(&style.bytes).contains("url("));
    fedatario_testkit::covers!("api: the reference page names every operation and works offline");
}

#[tokio::test]
async fn every_problem_type_leads_to_a_page() {
    let stage = Stage::new().await;
    for code in Code::ALL {
        stage.clock.advance(jiff::SignedDuration::from_secs(61));
        let page = stage.api.get(&format!("/api/reference/errors/{}", code.slug())).send().await;
        assert_eq!(page.status.as_u16(), 200, "{}", code.slug());
    }
    assert_eq!(stage.api.get("/api/reference/errors/nothing").send().await.is(404)["code"], "not_found");
    let kind = stage.api.get("/api/limits").send().await.is(401)["type"].as_str().expect("a type").to_owned();
    stage.api.get(&kind).send().await.is(200);
    fedatario_testkit::covers!("api: the type of every problem is a page that explains it");
}

#[tokio::test]
async fn pages_of_other_sites_may_call_only_if_they_are_named() {
    let stage = Stage::new().await;
    let site = "https://erp.example.mx";
    let preflight = |api: &TestApi, origin: &str| {
        let call = api.call(Method::OPTIONS, "/api/limits").header("origin", origin);
        call.header("access-control-request-method", "GET").header("access-control-request-headers", "authorization").send()
    };
    let closed = preflight(&stage.api, site).await;
    assert_eq!((closed.status.as_u16(), closed.header("access-control-allow-origin")), (405, ""));
    let mut parts = fedatario_api::testing::parts(
        stage.people.clone(),
        std::sync::Arc::new(stage.db.clone()),
        stage.api.door.clone().expect("a door"),
    );
    parts.settings.origins = vec![site.to_owned()];
    let open = TestApi::over(parts, &routes::all());
    let answer = preflight(&open, site).await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-origin")), (200, site));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    assert!(answer.header("access-control-allow-headers").contains("authorization"));
    for other in ["https://erp.example.mx.evil.example", "http://erp.example.mx", "https://erp.example.mx:8443", "null", "*"] {
        assert_eq!(preflight(&open, other).await.header("access-control-allow-origin"), "", "{other}");
    }
    let read = open.get("/healthz").header("origin", site).send().await;
    assert!(read.header("access-control-expose-headers").contains("x-request-id"));
    fedatario_testkit::covers!("api: only sites that are named exactly may call from a browser, without cookies");
}
