//! Who may ask how much more.

use crate::support::Stage;
use fedatario_api::testing::{person, program};
use jiff::SignedDuration;

#[tokio::test]
async fn a_key_stops_at_its_quota_and_comes_back_after_the_window() {
    let stage = Stage::new().await;
    stage.api.knows("slow", program(stage.ours, &[], Some(3)));
    stage.api.knows("other", person(stage.ours, &[]));
    for left in [2, 1, 0] {
        let answer = stage.api.get("/api/limits").bearer("slow").send().await;
        assert_eq!(answer.is(200)["limits"][0]["remaining"], left);
        assert_eq!(answer.header("ratelimit-policy"), "\"key\";q=3;w=60, \"tenant\";q=600;w=60");
        assert!(answer.header("ratelimit").starts_with(&format!("\"key\";r={left};t=60")), "{}", answer.header("ratelimit"));
    }
    stage.clock.advance(SignedDuration::from_secs(20));
    let refused = stage.api.get("/api/limits").bearer("slow").send().await;
    assert_eq!(refused.is(429)["code"], "rate_limited");
    assert_eq!(refused.header("retry-after"), "40");
    // What was refused counted nowhere, and others of the tenant go on.
    let other = stage.api.get("/api/limits").bearer("other").send().await.is(200);
    assert_eq!(other["limits"][1]["remaining"], 600 - 3 - 1);
    stage.clock.advance(SignedDuration::from_secs(40));
    assert_eq!(stage.api.get("/api/limits").bearer("slow").send().await.is(200)["limits"][0]["remaining"], 2);
    for _ in 0..200 {
        stage.api.get("/healthz").send().await.is(200);
    }
    fedatario_testkit::covers!("api: limits of a key and its tenant are exact, told on every answer, and readable");
}
