//! What the installation learns of the world: lists of article 69-B, certificates by number.

use super::Revision;
use super::certificates::Known;
use super::model::{EfosList, EfosRow, KnownCertificate};
use super::seals::{blocking, numbers_of};
use super::verdict::{Bench, Judged};
use crate::audit_trail::{entry, hex, sha256_of};
use crate::descarga::transition::Moment;
use crate::error::{AppError, AppResult};
use crate::model::Environment;
use fedatario_base::Scope;
use fedatario_base::id::ListId;
use fedatario_credentials::Certificate;
use fedatario_fiscal::mx::cadena;
use fedatario_fiscal::mx::efos::{ListError, ListReader};
use std::fs::File;
use std::io::Seek;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Rows of a list on their way at once.
const BATCH: usize = 1_000;
/// Batches between the reader and the database.
const BATCHES_WAITING: usize = 2;
/// Characters of a source that are kept.
const SOURCE_CHARS: usize = 500;

/// How a list was read to its end.
struct Read {
    dated: String,
    passed_over: u64,
}

/// A list that was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The list.
    pub list: EfosList,
    /// Rows without an RFC.
    pub passed_over: u64,
    /// Whether it was here already.
    pub same: bool,
}

impl Revision {
    /// Loads the list from SAT, or from an address that is given.
    pub async fn load_list_from(&self, scope: &Scope, environment: Environment, address: Option<&str>) -> AppResult<Loaded> {
        let (source, file) = self.counter.list(environment, address).await?;
        self.load_list(scope, &source, file).await
    }

    /// Loads the list from a file: whole, or not at all.
    pub async fn load_list(&self, scope: &Scope, source: &str, mut file: File) -> AppResult<Loaded> {
        let (digest, file) = blocking(move || {
            let digest = sha256_of(&mut file).and_then(|it| file.rewind().map(|()| it));
            (digest.map(|it| it.0), file)
        })
        .await?;
        let digest = digest.map_err(|error| unreadable(&ListError::Io(error)))?;
        let bytes = crate::audit_trail::unhex(&digest).unwrap_or_default();
        if let Some(list) = self.registry.current_list(&self.hands).await?.filter(|it| it.digest == bytes) {
            return Ok(Loaded { list, passed_over: 0, same: true });
        }
        let now = Moment::now(&self.app, scope);
        let id = ListId::fresh(now.wall);
        let (send, mut receive) = mpsc::channel::<Vec<EfosRow>>(BATCHES_WAITING);
        let reading = tokio::task::spawn_blocking(move || read(file, &send));
        let mut rows = 0;
        while let Some(batch) = receive.recv().await {
            rows += batch.len() as u64;
            self.registry.add_listed(&self.hands, id, &batch).await?;
        }
        let read = reading.await.map_err(|error| AppError::Internal(error.to_string()))?.map_err(|error| unreadable(&error))?;
        let source = source.chars().take(SOURCE_CHARS).collect();
        let list = EfosList { id, source, digest: bytes, dated: read.dated, rows, loaded: now.wall };
        self.registry.publish_list(&self.hands, &list).await?;
        let event = entry(&now, "sat.list_69b", &list.id.to_string(), "loaded");
        let mut tx = self.app.store.begin(scope).await?;
        tx.append(event.field("sha256", hex(&list.digest)).field("rows", list.rows).field("dated", list.dated.clone()), None)
            .await?;
        tx.commit().await?;
        Ok(Loaded { list, passed_over: read.passed_over, same: false })
    }

    /// Keeps the certificates of a file, DER or PEM; how many were new.
    pub async fn load_certificate_file(&self, scope: &Scope, bytes: &[u8]) -> AppResult<u64> {
        self.load_certificates(scope, &Certificate::parse_all(bytes)?).await
    }

    /// Keeps certificates by their numbers; how many were new.
    pub async fn load_certificates(&self, scope: &Scope, certificates: &[Certificate]) -> AppResult<u64> {
        let now = Moment::now(&self.app, scope);
        let row = |it: &Certificate| KnownCertificate {
            number: it.number().to_owned(),
            certificate: it.der().to_vec(),
            source: "file".to_owned(),
            added: now.wall,
        };
        let rows: Vec<KnownCertificate> = certificates.iter().map(row).collect();
        let new = self.registry.put_certificates(&self.hands, &rows).await?;
        if new > 0 {
            let mut tx = self.app.store.begin(scope).await?;
            tx.append(entry(&now, "sat.certificates", &scope.tenant().to_string(), "loaded").field("new", new), None).await?;
            tx.commit().await?;
        }
        Ok(new)
    }

    /// Judges one document that is in no table, with the certificates at hand.
    pub async fn judge_alone(&self, environment: Environment, bytes: &[u8], fetch: bool) -> AppResult<Judged> {
        let read = cadena::read_bytes(bytes);
        if let Ok(seals) = &read {
            self.gather(&numbers_of(seals).collect(), environment, fetch).await?;
        }
        Ok(Bench { certificates: &self.certificates, authorities: &self.authorities }.judge(&read))
    }
}

/// Makes certificates ready that are in no registry: for documents judged without a folder.
pub fn remember(certificates: &super::certificates::Certificates, given: &[Certificate]) {
    for it in given {
        certificates.put(it.number(), Known::read(it.der()).ok().map(Arc::new));
    }
}

fn unreadable(error: &ListError) -> AppError {
    AppError::Input { code: error.code(), text: error.to_string() }
}

fn read(file: File, send: &mpsc::Sender<Vec<EfosRow>>) -> Result<Read, ListError> {
    let mut reader = ListReader::new(file);
    let mut batch = Vec::with_capacity(BATCH);
    let mut seq = 0;
    while let Some(it) = reader.next_listed()? {
        seq += 1;
        batch.push(EfosRow { rfc: it.rfc.as_str().to_owned(), seq, name: it.name, situation: it.situation.text().to_owned() });
        if batch.len() == BATCH && send.blocking_send(std::mem::take(&mut batch)).is_err() {
            break;
        }
    }
    if !batch.is_empty() {
        let _ = send.blocking_send(batch);
    }
    Ok(Read { dated: reader.date().map(|it| it.to_string()).unwrap_or_default(), passed_over: reader.passed_over() })
}
