//! Points around every object that is written.

use super::{operation, reach};
use async_trait::async_trait;
use fedatario_app::ports::{self, BlobError, Kept, NameByDigest, ReadSeek};
use std::sync::Arc;

/// Objects whose writes can be died at.
pub struct Blobs(pub Arc<dyn ports::Blobs>);

/// A slot of them.
struct Slot {
    inner: Box<dyn ports::Slot>,
    of: &'static str,
}

/// What an object is, by its place in the layout.
fn kind(path: &str) -> &'static str {
    let kinds = [("/certificados/", "register"), ("/tokens/", "token"), ("/solicitudes/", "record"), ("/reporte-", "report")];
    kinds.into_iter().find(|(part, _)| path.contains(part)).map_or("object", |it| it.1)
}

#[async_trait]
impl ports::Blobs for Blobs {
    async fn put(&self, path: &str, bytes: &[u8]) -> Result<(), BlobError> {
        reach(kind(path), "before-put");
        self.0.put(path, bytes).await?;
        reach(kind(path), "after-put");
        Ok(())
    }

    async fn get(&self, path: &str, at_most: u64) -> Result<Vec<u8>, BlobError> {
        self.0.get(path, at_most).await
    }

    async fn open(&self, path: &str) -> Result<Box<dyn ReadSeek>, BlobError> {
        self.0.open(path).await
    }

    async fn slot(&self, folder: &str, name: NameByDigest, at_most: u64) -> Result<Box<dyn ports::Slot>, BlobError> {
        let of = operation().unwrap_or("hand");
        let inner = self.0.slot(folder, name, at_most).await?;
        reach(of, "slot-begun");
        Ok(Box::new(Slot { inner, of }))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, BlobError> {
        self.0.list(prefix).await
    }

    async fn delete(&self, path: &str) -> Result<(), BlobError> {
        self.0.delete(path).await
    }

    async fn room(&self) -> Result<Option<u64>, BlobError> {
        self.0.room().await
    }
}

#[async_trait]
impl ports::Slot for Slot {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        reach(self.of, "before-write");
        self.inner.write(bytes).await?;
        reach(self.of, "bytes-written");
        Ok(())
    }

    async fn keep(self: Box<Self>) -> Result<Kept, BlobError> {
        reach(self.of, "before-keep");
        let kept = self.inner.keep().await?;
        reach(self.of, "slot-kept");
        Ok(kept)
    }
}
