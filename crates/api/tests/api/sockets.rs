//! The sockets: what strangers send before anything is a request, and the end of a process.

use crate::support::Stage;
use fedatario_api::answer::{Download, Nothing};
use fedatario_api::extract::Raw;
use fedatario_api::operation::Operation;
use fedatario_api::problem::ApiError;
use fedatario_api::routing::{Catalog, Routes};
use fedatario_api::server;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

struct Serving {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

async fn serve(stage: &Stage, catalog: &Catalog) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (stop, stopped) = watch::channel(false);
    let router = catalog.router(stage.api.api.clone());
    Serving { address, stop, task: tokio::spawn(server::serve(listener, router, stopped)) }
}

/// Sends bytes and reads all that comes until the other end closes.
async fn exchange(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let _ = stream.write_all(bytes).await; // Whoever is refused may be cut off while it still sends.
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    String::from_utf8_lossy(&text).into_owned()
}

fn answers(text: &str) -> usize {
    text.matches("HTTP/1.1 ").count()
}

#[tokio::test]
async fn heads_without_end_are_refused() {
    let stage = Stage::new().await;
    let serving = serve(&stage, &fedatario_api::routes::all()).await;
    let many: String = (0..100).map(|n| format!("x-{n}: y\r\n")).collect();
    let long = format!("x-long: {}\r\n", "y".repeat(40_000));
    for head in [many, long] {
        let text =
            exchange(serving.address, format!("GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{head}\r\n").as_bytes())
                .await;
        assert!(text.starts_with("HTTP/1.1 431 ") || text.is_empty(), "{text}");
    }
    let fine = exchange(serving.address, b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
    assert!(fine.starts_with("HTTP/1.1 200 OK") && fine.ends_with("{\"status\":\"ok\"}"), "{fine}");
    fedatario_testkit::covers!("api: heads are bounded in bytes and headers");
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let stage = Stage::new().await;
    let serving = serve(&stage, &fedatario_api::routes::all()).await;
    let mut stream = TcpStream::connect(serving.address).await.expect("a connection");
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: ").await.expect("written");
    tokio::time::pause(); // From here on time is what is waited for, and nothing else.
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text).await;
    assert!(!String::from_utf8_lossy(&text).contains("200 OK"));
    fedatario_testkit::covers!("api: a head that never ends is cut off");
}

/// Frames whose end a proxy and we might see in different places (request smuggling). Whatever is said of
/// the first request, the one hidden behind it is never answered.
#[tokio::test]
async fn nothing_is_smuggled_behind_a_request() {
    let stage = Stage::new().await;
    let serving = serve(&stage, &fedatario_api::routes::all()).await;
    let hidden = "GET /api/openapi.json HTTP/1.1\r\nhost: a\r\n\r\n";
    let heads = [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5, 6\r\n",
        "content-length: +5\r\n",
        "content-length: -1\r\n",
        "content-length: 0x5\r\n",
        "content-length : 5\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: xchunked\r\n",
        "transfer-encoding: chunked, identity\r\n",
        "transfer-encoding: identity\r\n",
        "transfer-encoding : chunked\r\n",
        "transfer-encoding:\tchunked\r\ntransfer-encoding: identity\r\n",
        " transfer-encoding: chunked\r\n",
        "x: y\r\n transfer-encoding: chunked\r\n",
        "x\0: y\r\n",
        "x: y\rz\r\n",
        ": y\r\n",
    ];
    for head in heads {
        let frame = format!("POST /healthz HTTP/1.1\r\nhost: a\r\n{head}\r\n0\r\n\r\n{hidden}");
        let text = exchange(serving.address, frame.as_bytes()).await;
        assert!(answers(&text) <= 1 && !text.contains("\"openapi\""), "{head:?}: {text}");
    }
    for line in ["GET /healthz HTTP/3.0", "GET  /healthz HTTP/1.1", "GET /healthz", "\0", "GET http://[::1 HTTP/1.1"] {
        let text = exchange(serving.address, format!("{line}\r\nhost: a\r\n\r\n").as_bytes()).await;
        assert!(!text.contains("200 OK"), "{line:?}: {text}");
    }
    fedatario_testkit::covers!("api: nothing is smuggled behind a request");
}

#[tokio::test]
async fn what_is_under_way_is_answered_when_the_process_is_told_to_stop() {
    let (begun, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (begun, go) = (begun.clone(), go.clone());
        move |_: Raw| {
            let (begun, go) = (begun.clone(), go.clone());
            async move {
                begun.notify_one();
                go.notified().await;
                Ok::<_, ApiError>(Nothing)
            }
        }
    };
    let catalog = Catalog::new(vec![Routes::of("test").add(Operation::post("/slow", "test.slow", "Waits").anyone(), slow)]);
    let stage = Stage::of(&catalog).await;
    let serving = serve(&stage, &catalog).await;
    let address = serving.address;
    let call = tokio::spawn(async move { exchange(address, b"POST /slow HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n").await });
    begun.notified().await;
    serving.stop.send(true).expect("somebody listens");
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    go.notify_one();
    let text = call.await.expect("an answer");
    assert!(text.starts_with("HTTP/1.1 204 "), "{text}");
    serving.task.await.expect("it ends by itself");
    fedatario_testkit::covers!("api: told to stop, nothing new is taken and what is under way is answered");
}

/// Tells when it is dropped.
struct Feed(Arc<Notify>);

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

#[tokio::test]
async fn whoever_reads_nothing_of_an_answer_is_cut_off() {
    let ended = Arc::new(Notify::new());
    let feed = ended.clone();
    let endless = move || {
        let feed = Feed(feed.clone());
        async move {
            let piece = bytes::Bytes::from(vec![b'x'; 64 * 1024]);
            let stream = futures_util::stream::unfold(feed, move |feed| {
                let piece = piece.clone();
                async move { Some((Ok::<_, std::io::Error>(piece), feed)) }
            });
            let body = axum::body::Body::from_stream(stream);
            Ok::<_, ApiError>(Download { media: "application/octet-stream", name: "x".to_owned(), body })
        }
    };
    let catalog =
        Catalog::new(vec![Routes::of("test").add(Operation::get("/test/endless", "test.endless", "For tests").anyone(), endless)]);
    let stage = Stage::of(&catalog).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (_stop, stopped) = watch::channel(false);
    let patience = std::time::Duration::from_millis(50);
    tokio::spawn(server::serve_patiently(listener, catalog.router(stage.api.api.clone()), stopped, patience));
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(b"GET /test/endless HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("written");
    // Nothing is read: what feeds the answer is dropped by itself, and only then.
    ended.notified().await;
    drop(stream);
    fedatario_testkit::covers!("api: whoever reads nothing of an answer is cut off after a while");
}
