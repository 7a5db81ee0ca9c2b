//! `sat summary`: the books of a period, and what each figure is made of.

use super::figures;
use super::out;
use crate::cli;
use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use fedatario_api::printed;
use fedatario_app::books::period::Period;
use fedatario_app::books::summary::{self, Summary, Traced, shown};
use fedatario_app::descarga::register;
use fedatario_app::model::Taxpayer;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_fiscal::mx::books::Figure;
use fedatario_tables::sheets;
use serde_json::json;
use std::path::Path;

/// Documents of one figure that `--json` puts into its one object; a larger figure has an export.
const TRACED_AT_MOST: usize = 100_000;

/// Runs the command.
pub async fn run(house: &House, screen: &Screen, asked: &cli::Summary) -> Result<Exit, Failure> {
    let period = super::period(&asked.span)?.ok_or_else(|| Failure::new(Code::Usage, "--year, --period, or --from and --to"))?;
    let taxpayer = register::find(&house.app, &house.scope, &asked.rfc).await?;
    if let Some(figure) = &asked.explain {
        return explain(house, screen, &taxpayer, period, figure).await;
    }
    let made = summary::summarise(&house.app, &house.scope, &taxpayer, period).await?;
    let Some(format) = &asked.format else {
        figures::print(screen, &printed::summary(screen.language(), &made));
        screen.result(&made.json());
        return Ok(exit(&made));
    };
    let bytes = match format.as_str() {
        "json" => format!("{:#}\n", made.json()).into_bytes(),
        "csv" => sheets::summary(&made).map_err(|error| Failure::internal(error.to_string()))?,
        _ => printed::summary(screen.language(), &made).html().into_bytes(),
    };
    let path = asked.output.as_deref().unwrap_or(Path::new("-"));
    out::write_whole(path, &bytes)?;
    if !out::is_standard(path) {
        screen.say("cli-written", &[("path", path.display().to_string())]);
        screen.result(&json!({ "path": path.display().to_string(), "format": format, "uncounted": made.uncounted.len() }));
    }
    Ok(exit(&made))
}

/// Something that could not be counted is a finding: the figures are not the whole truth.
fn exit(made: &Summary) -> Exit {
    if made.uncounted.is_empty() { Exit::Good } else { Exit::Finding }
}

async fn explain(house: &House, screen: &Screen, taxpayer: &Taxpayer, period: Period, name: &str) -> Result<Exit, Failure> {
    let unknown = || {
        let known = Figure::all().map(|it| it.to_string()).collect::<Vec<_>>().join(", ");
        Failure::new(Code::FilterFormat, format!("{name:?} is no figure; there are: {known}"))
    };
    let figure = Figure::parse(name).ok_or_else(unknown)?;
    let mut all = Vec::new();
    let mut count = 0u64;
    let mut take = |it: Traced| {
        count += 1;
        screen.print(&format!(
            "{}  {}  {:<14} {} {:>18}  {}",
            it.day,
            it.uuid,
            it.counterparty,
            it.kind,
            shown(it.amount),
            it.name
        ));
        if screen.is_json() && all.len() < TRACED_AT_MOST {
            all.push(json!({
                "uuid": it.uuid, "type": it.kind, "day": it.day, "counterparty": it.counterparty, "name": it.name,
                "amount": it.amount.normalize().to_string(),
            }));
        }
    };
    let total = summary::explain(&house.app, &house.scope, taxpayer, period, figure, &mut take).await?;
    screen.say("cli-summary-explained", &[("figure", name.to_owned()), ("total", shown(total)), ("count", count.to_string())]);
    screen.result(&json!({ "figure": name, "total": shown(total), "count": count, "documents": all }));
    Ok(Exit::Good)
}
