//! `sat export`: everything that answers, in the format that was asked for, in flat memory.

use super::out::{Out, is_standard};
use crate::cli::Export;
use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use fedatario_app::books::originals::{self, Archived};
use fedatario_app::books::question::Question;
use fedatario_app::books::walk::Walk;
use fedatario_app::descarga::register;
use fedatario_app::model::Taxpayer;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_tables::{Archive, CsvOptions, Format, Rows};
use serde_json::json;
use std::io::{self, BufWriter};

/// Bytes gathered before the output is asked to take them.
const BUFFER_BYTES: usize = 256 << 10;

/// Runs an export.
pub async fn run(house: &House, screen: &Screen, export: &Export) -> Result<Exit, Failure> {
    let (question, period) = super::question(&export.filters)?;
    let csv = CsvOptions { separator: separator(&export.separator)?, mark: export.bom };
    let taxpayer = register::find(&house.app, &house.scope, &export.filters.rfc).await?;
    let out = Out::open(&export.output)?;
    let done = if export.format == "zip" {
        let archive = Box::new(Archive::begin(BufWriter::with_capacity(BUFFER_BYTES, out.clone()), csv));
        originals::take_out(&house.app, &house.scope, &taxpayer, question, period, archive).await.map_err(Failure::from)
    } else {
        let format = Format::named(&export.format, export.flat);
        let format = format.ok_or_else(|| Failure::new(Code::Usage, format!("--format {}", export.format)))?;
        rows(house, screen, &taxpayer, question, Form { format, csv }, out.clone()).await
    };
    match done {
        Err(_) if out.is_deserted() => Ok(Exit::Good),
        Err(failure) => Err(failure),
        Ok(archived) => {
            out.publish()?;
            Ok(tell(screen, export, &archived))
        }
    }
}

fn separator(text: &str) -> Result<u8, Failure> {
    let named = match text {
        "tab" | "\\t" => "\t",
        other => other,
    };
    match named.as_bytes() {
        [byte @ (b',' | b';' | b'\t' | b'|')] => Ok(*byte),
        _ => Err(Failure::new(Code::FilterFormat, format!("separator: {text:?}"))),
    }
}

fn tell(screen: &Screen, export: &Export, done: &Archived) -> Exit {
    if !is_standard(&export.output) {
        let path = export.output.display().to_string();
        screen.say("cli-exported", &[("count", done.documents.to_string()), ("path", path.clone())]);
        if done.lost > 0 {
            screen.say("cli-export-lost", &[("count", done.lost.to_string()), ("first", done.lost_uuids.join(", "))]);
        }
        screen.result(&json!({
            "documents": done.documents, "metadata": done.metadata, "lost": done.lost, "lost_uuids": done.lost_uuids,
            "format": export.format, "path": path,
        }));
    }
    if done.lost > 0 { Exit::Finding } else { Exit::Good }
}

/// How rows are written.
struct Form {
    format: Format,
    csv: CsvOptions,
}

async fn rows(
    house: &House,
    screen: &Screen,
    taxpayer: &Taxpayer,
    question: Question,
    form: Form,
    out: Out,
) -> Result<Archived, Failure> {
    let mut walk = Walk::begin(&house.app, &house.scope, taxpayer, question, None, None).await?;
    if !form.format.needs_amounts() {
        walk = walk.without_amounts();
    }
    let failed = |error: io::Error| Failure::new(Code::OutputFailed, error.to_string());
    let sink = Rows::begin(form.format, form.csv, out).map_err(failed)?;
    let progress = screen.progress(0);
    let tick = |count| {
        progress.inc_length(count);
        progress.inc(count);
    };
    let documents = fedatario_app::books::out::rows(&mut walk, sink, &tick).await?;
    progress.finish_and_clear();
    Ok(Archived { documents, ..Archived::default() })
}
