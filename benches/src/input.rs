//! Packages to measure with, made once out of a seed and kept in the cache.
//!
//! The documents are the sandbox's: CFDI 4.0 of all kinds, of some six thousand bytes, with seals
//! that shrink as little as real ones. The lines of metadata are about the same documents.

use crate::part::Bench;
use fedatario_sandbox::sat::{Corpus, Seals};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Whose documents they are.
pub const RFC: &str = "EKU9003173C9";
/// The year they are of.
const YEAR: i16 = 2025;
/// Changed whenever the same numbers would give other packages.
const EDITION: u32 = 1;
const SEED: u64 = 20_251_121;

/// The package of that many documents.
pub fn documents(bench: &Bench, count: usize) -> anyhow::Result<PathBuf> {
    kept(bench, "cfdi", count)
}

/// The package of that many lines of metadata.
pub fn metadata(bench: &Bench, count: usize) -> anyhow::Result<PathBuf> {
    kept(bench, "metadata", count)
}

fn kept(bench: &Bench, what: &str, count: usize) -> anyhow::Result<PathBuf> {
    let path = bench.cache.join(format!("{what}-{EDITION}-{count}.zip"));
    if !path.exists() {
        let part = bench.scratch.join(format!("{what}-{count}.part"));
        let name = part.to_string_lossy().into_owned();
        bench.ours(&format!("make-{what}"), &[&count.to_string(), &name])?;
        std::fs::rename(part, &path)?;
    }
    Ok(path)
}

fn corpus(count: usize) -> anyhow::Result<Corpus> {
    Ok(Corpus::generate(u32::try_from(count)?, SEED, RFC, YEAR, Seals::Filler)?)
}

fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated)
}

/// Writes a package of documents.
pub fn make_documents(count: usize, path: &Path) -> anyhow::Result<()> {
    let corpus = corpus(count)?;
    let mut zip = ZipWriter::new(BufWriter::new(File::create_new(path)?));
    for place in 0..corpus.len() {
        zip.start_file(format!("{}.xml", corpus.facts(place).uuid), options())?;
        zip.write_all(&corpus.xml(place)?)?;
    }
    zip.finish()?.flush()?;
    Ok(())
}

/// Writes a package of metadata.
pub fn make_metadata(count: usize, path: &Path) -> anyhow::Result<()> {
    let corpus = corpus(count)?;
    let mut zip = ZipWriter::new(BufWriter::new(File::create_new(path)?));
    zip.start_file("3E4D3B5A-0C5B-4B0E-9C3E-6E0A1C2D3E4F_01.txt", options().large_file(true))?;
    write!(
        zip,
        "Uuid~RfcEmisor~NombreEmisor~RfcReceptor~NombreReceptor~RfcPac~FechaEmision~FechaCertificacionSat~Monto~\
         EfectoComprobante~Estatus~FechaCancelacion\r\n"
    )?;
    for place in 0..corpus.len() {
        let it = corpus.facts(place);
        let stamp = |at: jiff::civil::DateTime| at.to_string().replace('T', " ");
        write!(
            zip,
            "{}~{}~{}~{}~{}~{}~{}~{}~{}~{}~{}~{}\r\n",
            it.uuid.to_string().to_uppercase(),
            it.emisor.rfc,
            it.emisor.name,
            it.receptor.rfc,
            it.receptor.name,
            it.pac,
            stamp(it.emitted),
            stamp(it.stamped),
            it.total,
            it.kind,
            if it.cancelled.is_some() { "0" } else { "1" },
            it.cancelled.map(stamp).unwrap_or_default(),
        )?;
    }
    zip.finish()?.flush()?;
    Ok(())
}
