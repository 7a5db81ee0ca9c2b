//! Figures for Prometheus, with bounded labels: operations and classes of status, never a tenant, a
//! taxpayer or a path.

use axum::http::StatusCode;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::time::Duration;

/// Bounds of the histogram of requests, in seconds: from a row read to a slow export.
const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// From now on figures are gathered in this process; `None` if somebody gathers them already.
pub fn install() -> Option<PrometheusHandle> {
    let seconds = Matcher::Suffix("_seconds".to_owned());
    PrometheusBuilder::new().set_buckets_for_metric(seconds, SECONDS).ok()?.install_recorder().ok()
}

/// Counts a request and how long it took.
pub fn request(operation: &'static str, status: StatusCode, elapsed: Duration) {
    let class = match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    metrics::counter!("fedatario_http_requests_total", "operation" => operation, "status" => class).increment(1);
    metrics::histogram!("fedatario_http_request_seconds", "operation" => operation).record(elapsed.as_secs_f64());
}
