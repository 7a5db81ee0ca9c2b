//! `sat export`: everything that answers, in the format that was asked for, in flat memory.
//!
//! Documents are read here and written on a blocking thread, a few batches apart, so that neither
//! waits for the other for long and nothing piles up between them.

use super::out::{Out, is_standard};
use super::query;
use crate::cli::Export;
use crate::failure::Failure;
use crate::house::House;
use crate::present::Screen;
use fedatario_app::books::flat;
use fedatario_app::books::originals::{self, Archived};
use fedatario_app::books::question::Question;
use fedatario_app::books::sheet::SheetWriter;
use fedatario_app::books::walk::{Read, Walk};
use fedatario_app::descarga::register;
use fedatario_app::model::Taxpayer;
use fedatario_base::Code;
use fedatario_base::code::Exit;
use fedatario_tables::{Archive, Csv, CsvOptions, Parquet, Xlsx};
use serde_json::json;
use std::io::{self, BufWriter, Write};
use tokio::sync::mpsc;

/// Batches between the reader and the writer.
const BATCHES_IN_FLIGHT: usize = 3;
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
        rows(house, screen, &taxpayer, question, Form { name: &export.format, csv, flat: export.flat }, out.clone()).await
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
struct Form<'a> {
    name: &'a str,
    csv: CsvOptions,
    flat: bool,
}

/// What takes documents.
enum Sink {
    Sheet(Box<dyn SheetWriter>),
    Json(BufWriter<Out>),
    FlatJson(BufWriter<Out>),
}

impl Sink {
    fn open(form: &Form<'_>, out: Out) -> io::Result<Self> {
        let out = BufWriter::with_capacity(BUFFER_BYTES, out);
        Ok(match form.name {
            "csv" => Sink::Sheet(Box::new(Csv::begin(out, flat::COLUMNS, form.csv)?)),
            "xlsx" => Sink::Sheet(Box::new(Xlsx::begin(out, flat::COLUMNS)?)),
            "parquet" => Sink::Sheet(Box::new(Parquet::begin(out, flat::COLUMNS)?)),
            _ if form.flat => Sink::FlatJson(out),
            _ => Sink::Json(out),
        })
    }

    fn take(&mut self, read: &Read) -> io::Result<()> {
        match self {
            Sink::Sheet(sheet) => sheet.row(&flat::cells(read)),
            Sink::Json(out) => writeln!(out, "{}", read.found.row.json),
            Sink::FlatJson(out) => writeln!(out, "{}", serde_json::Value::Object(query::object(read))),
        }
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Sink::Sheet(sheet) => sheet.finish(),
            Sink::Json(mut out) | Sink::FlatJson(mut out) => out.flush(),
        }
    }
}

async fn rows(
    house: &House,
    screen: &Screen,
    taxpayer: &Taxpayer,
    question: Question,
    form: Form<'_>,
    out: Out,
) -> Result<Archived, Failure> {
    let failed = |error: io::Error| Failure::new(Code::OutputFailed, error.to_string());
    let mut walk = Walk::begin(&house.app, &house.scope, taxpayer, question, None, None).await?;
    if form.name == "ndjson" && !form.flat {
        walk = walk.without_amounts();
    }
    let mut sink = Sink::open(&form, out).map_err(failed)?;
    let (send, mut receive) = mpsc::channel::<Vec<Read>>(BATCHES_IN_FLIGHT);
    let writing = tokio::task::spawn_blocking(move || {
        let mut count = 0;
        while let Some(batch) = receive.blocking_recv() {
            batch.iter().try_for_each(|it| sink.take(it))?;
            count += batch.len() as u64;
        }
        Ok((sink, count))
    });
    let read = hand_over(screen, &mut walk, &send).await;
    drop(send);
    let written: io::Result<(Sink, u64)> = writing.await.map_err(|error| Failure::internal(error.to_string()))?;
    let (sink, documents) = written.map_err(failed)?;
    read?; // A reader that failed leaves no file that looks whole.
    let finished = tokio::task::spawn_blocking(move || sink.finish()).await;
    finished.map_err(|error| Failure::internal(error.to_string()))?.map_err(failed)?;
    Ok(Archived { documents, ..Archived::default() })
}

async fn hand_over(screen: &Screen, walk: &mut Walk, send: &mpsc::Sender<Vec<Read>>) -> Result<(), Failure> {
    let progress = screen.progress(0);
    while let Some(batch) = walk.next().await? {
        progress.inc_length(batch.len() as u64);
        progress.inc(batch.len() as u64);
        if send.send(batch).await.is_err() {
            break; // The writer failed, and says why.
        }
    }
    progress.finish_and_clear();
    Ok(())
}
