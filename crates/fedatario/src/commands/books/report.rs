//! `sat report --format`: the completeness report as the signed JSON, as CSV, or as a page to print.

use super::out;
use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use fedatario_api::printed;
use fedatario_app::descarga::{register, report};
use fedatario_app::model::Family;
use fedatario_base::code::Exit;
use fedatario_tables::sheets;
use serde_json::{Value, json};
use std::path::Path;

/// Bytes of a kept report: what its maker keeps at most.
const REPORT_BYTES_AT_MOST: u64 = 1 << 30;

/// Makes the report of a year and writes it in a format.
pub async fn write(
    house: &House,
    screen: &Screen,
    rfc: &str,
    (family, year): (Family, i16),
    format: &str,
    output: Option<&Path>,
) -> Result<Exit, Failure> {
    let taxpayer = register::find(&house.app, &house.scope, rfc).await?;
    let made = report::make(&house.app, &house.scope, &taxpayer, family, year).await?;
    let file = house.app.blobs.get(&made.path, REPORT_BYTES_AT_MOST).await?;
    let bytes = match format {
        "json" => file,
        _ => {
            let signed: Value = serde_json::from_slice(&file).map_err(|error| Failure::internal(error.to_string()))?;
            match format {
                "csv" => sheets::report(&signed["report"]).map_err(|error| Failure::internal(error.to_string()))?,
                _ => printed::report(screen.language(), &signed, &taxpayer.name, made.complete, &made.sha256).html().into_bytes(),
            }
        }
    };
    let path = output.unwrap_or(Path::new("-"));
    out::write_whole(path, &bytes)?;
    if !out::is_standard(path) {
        screen.say("cli-written", &[("path", path.display().to_string())]);
        let result = json!({
            "path": path.display().to_string(), "format": format, "complete": made.complete, "missing": made.totals.missing,
            "not_delivered": made.totals.not_delivered, "unsettled": made.unsettled, "sha256": made.sha256,
        });
        screen.result(&result);
    }
    Ok(if made.complete { Exit::Good } else { Exit::Finding })
}
