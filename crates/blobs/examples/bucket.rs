//! Tries a bucket with a stream and a package, and says what they took:
//! `cargo run --release -p fedatario-blobs --example bucket -- 's3://bucket?endpoint=…' write 1073741824`
//! `cargo run --release -p fedatario-blobs --example bucket -- 's3://bucket?endpoint=…' read PATH`
//!
//! Keys come from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`. One line of JSON: path, bytes,
//! seconds, and the greatest memory that this process ever had.

use fedatario_app::ports::Blobs;
use fedatario_base::Secret;
use fedatario_base::clock::SystemClock;
use fedatario_blobs::{S3, S3Config, S3Keys};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

/// What a download hands over at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or_else(|| format!("{what} is missing"));
    let (url, action, what) = (next("an address")?, next("write or read")?, next("bytes or a path")?);
    let keys = S3Keys {
        access_key_id: std::env::var("AWS_ACCESS_KEY_ID")?,
        secret_access_key: Secret::new(std::env::var("AWS_SECRET_ACCESS_KEY")?),
        session_token: None,
    };
    let store = S3::new(S3Config::parse(&url)?, &keys, Arc::new(SystemClock::default()))?;
    let began = Instant::now();
    let (path, bytes) = match action.as_str() {
        "write" => write(&store, what.parse()?).await?,
        _ => (what.clone(), read(&store, &what).await?),
    };
    let (seconds, peak_kib) = (began.elapsed().as_secs_f64(), peak_kib()?);
    println!("{{\"path\": \"{path}\", \"bytes\": {bytes}, \"seconds\": {seconds:.2}, \"peak_mib\": {}}}", peak_kib / 1024);
    Ok(())
}

async fn write(store: &S3, bytes: u64) -> Result<(String, u64), Box<dyn Error>> {
    let mut slot = store.slot("example", Box::new(|sha256| format!("{sha256}.zip")), u64::MAX).await?;
    let mut chunk = vec![0_u8; CHUNK_BYTES];
    let mut left = bytes;
    while left > 0 {
        // Each chunk differs, so that no server keeps it once.
        chunk[..8].copy_from_slice(&left.to_be_bytes());
        let now = usize::try_from(left)?.min(CHUNK_BYTES);
        slot.write(&chunk[..now]).await?;
        left -= now as u64;
    }
    Ok((slot.keep().await?.path, bytes))
}

async fn read(store: &S3, path: &str) -> Result<u64, Box<dyn Error>> {
    let mut object = store.open(path).await?;
    let read = tokio::task::spawn_blocking(move || std::io::copy(&mut object, &mut std::io::sink()));
    Ok(read.await??)
}

fn peak_kib() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|it| it.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
