//! A load of one request over and over, on loopback: as fast as it is answered, or at a pace of its own.
//!
//! At a pace, an answer's time counts from when its request was due, not from when it could be sent: a
//! server that stalls is charged for everybody who waited meanwhile.

use anyhow::{Context, bail};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Bytes of an answer at most; those of the benches are a few hundred.
const ANSWER_BYTES: usize = 16 * 1024;

/// What a load came to.
#[derive(Debug, Clone)]
pub struct Load {
    /// Answers a second.
    pub rate: f64,
    /// Times of all answers, in order of length.
    pub times: Vec<Duration>,
}

impl Load {
    /// The time within which this part of the answers came (0.99 for p99), in milliseconds.
    pub fn within_ms(&self, part: f64) -> f64 {
        let place = ((self.times.len() as f64 * part) as usize).min(self.times.len().saturating_sub(1));
        self.times.get(place).map_or(f64::NAN, |it| it.as_secs_f64() * 1_000.0)
    }
}

/// One request, ready to be sent.
pub fn get(path: &str, bearer: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {bearer}\r\naccept: application/json\r\n\r\n")
}

/// Makes the request of a number.
pub type Make = Arc<dyn Fn(u64) -> String + Send + Sync>;

/// As fast as it is answered, over so many connections.
pub async fn saturate(address: SocketAddr, request: &str, connections: usize, lasts: Duration) -> anyhow::Result<Load> {
    run(address, same(request), connections, lasts, None).await
}

/// The same with another request each time, numbered from 0.
pub async fn each(address: SocketAddr, make: Make, connections: usize, lasts: Duration) -> anyhow::Result<Load> {
    run(address, make, connections, lasts, None).await
}

fn same(request: &str) -> Make {
    let request = request.to_owned();
    Arc::new(move |_| request.clone())
}

/// So many a second, over as many connections as that takes.
pub async fn pace(address: SocketAddr, request: &str, connections: usize, lasts: Duration, rate: f64) -> anyhow::Result<Load> {
    run(address, same(request), connections, lasts, Some(rate)).await
}

async fn run(address: SocketAddr, make: Make, connections: usize, lasts: Duration, rate: Option<f64>) -> anyhow::Result<Load> {
    let (began, next) = (Instant::now(), Arc::new(AtomicU64::new(0)));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (next, make) = (next.clone(), make.clone());
        all.spawn(async move { one(address, &make, began, lasts, rate, &next).await });
    }
    let mut times = Vec::new();
    while let Some(done) = all.join_next().await {
        times.extend(done??);
    }
    let seconds = began.elapsed().as_secs_f64();
    times.sort_unstable();
    Ok(Load { rate: times.len() as f64 / seconds, times })
}

async fn one(
    address: SocketAddr,
    make: &Make,
    began: Instant,
    lasts: Duration,
    rate: Option<f64>,
    next: &AtomicU64,
) -> anyhow::Result<Vec<Duration>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut times, mut buffer) = (Vec::new(), Vec::with_capacity(ANSWER_BYTES));
    loop {
        let place = next.fetch_add(1, Ordering::Relaxed);
        let due = match rate {
            Some(rate) => began + Duration::from_secs_f64(place as f64 / rate),
            None => Instant::now(),
        };
        if due.duration_since(began) >= lasts {
            return Ok(times);
        }
        tokio::time::sleep_until(due.into()).await;
        stream.write_all(make(place).as_bytes()).await?;
        answer(&mut stream, &mut buffer).await?;
        times.push(due.elapsed());
    }
}

/// Reads one answer; anything but 200 ends the bench.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 || buffer.len() > ANSWER_BYTES {
            bail!("no whole answer: {}", String::from_utf8_lossy(buffer));
        }
        let Some(head) = buffer.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
        let text = std::str::from_utf8(&buffer[..head])?.to_ascii_lowercase();
        if !text.starts_with("http/1.1 200") {
            bail!("{}", String::from_utf8_lossy(buffer));
        }
        let length = text.lines().find_map(|it| it.strip_prefix("content-length:")).context("no length")?;
        if buffer.len() >= head + 4 + length.trim().parse::<usize>()? {
            return Ok(());
        }
    }
}
