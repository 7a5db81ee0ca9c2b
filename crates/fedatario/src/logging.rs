//! Logs: lines for people, or one JSON object a line for whoever gathers them.
//!
//! An object has `timestamp` (UTC, RFC 3339), `level`, `service`, `target`, `message`, and what the event
//! and its spans carry: `trace_id` and `tenant_id` among them, null where there is none. Line ends and
//! control characters of strangers are escaped by JSON, so nobody writes a line of their own.

use crate::cli::{Arguments, Command};
use fedatario_base::Clock;
use fedatario_base::clock::SystemClock;
use serde_json::{Map, Value, json};
use std::fmt::Debug;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// What `service` says.
const SERVICE: &str = "fedatario";
/// What is logged when nobody says: warnings.
const QUIET: &str = "warn";
/// The same for who serves: requests, too.
const SERVING: &str = "warn,fedatario_api=info";

/// Logs go to standard error; `FEDATARIO_LOG` chooses. JSON with `--log-json`.
pub fn begin(arguments: &Arguments) {
    let usual = if matches!(arguments.command, Command::Serve(_)) { SERVING } else { QUIET };
    let filter = tracing_subscriber::EnvFilter::try_from_env("FEDATARIO_LOG").unwrap_or_else(|_| usual.into());
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let base = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    if arguments.globals.log_json { base.event_format(Json).init() } else { base.compact().init() }
}

/// One JSON object a line.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> std::fmt::Result {
        let meta = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut line = json!({
            "timestamp": SystemClock::default().wall().to_string(),
            "level": meta.level().as_str(),
            "service": SERVICE,
            "trace_id": null,
            "tenant_id": null,
            "target": meta.target(),
        });
        if let Some(line) = line.as_object_mut() {
            line.extend(fields.0);
        }
        writeln!(writer, "{line}")
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }
}
