//! Figures for Prometheus, with bounded labels: operations and classes of status, never a tenant, a
//! taxpayer or a path.

use axum::http::StatusCode;
use std::time::Duration;

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
