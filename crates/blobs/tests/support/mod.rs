//! The bucket that the tests run against, and servers that answer as they are told.

#![allow(dead_code, reason = "each test file uses its part")]

use bytes::Bytes;
use fedatario_base::Secret;
use fedatario_base::clock::SystemClock;
use fedatario_blobs::{S3, S3Config, S3Keys};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The keys of servers of our own.
pub fn keys() -> S3Keys {
    S3Keys { access_key_id: "ID-OF-A-KEY".into(), secret_access_key: Secret::new("the-key-itself"), session_token: None }
}

/// The machine's clock: servers know no other.
pub fn clock() -> Arc<SystemClock> {
    Arc::new(SystemClock::default())
}

/// The real server's address and keys.
pub fn server() -> (S3Config, S3Keys) {
    let url = std::env::var("FEDATARIO_TEST_S3_URL").expect("FEDATARIO_TEST_S3_URL names a bucket; scripts/test starts a server");
    let pair = std::env::var("FEDATARIO_TEST_S3_KEY").expect("FEDATARIO_TEST_S3_KEY is id:secret");
    let (id, secret) = pair.split_once(':').expect("id:secret");
    let keys = S3Keys { access_key_id: id.into(), secret_access_key: Secret::new(secret), session_token: None };
    (S3Config::parse(&url).expect("an address of a bucket"), keys)
}

/// A place of its own in the real bucket.
pub fn place(name: &str) -> (S3Config, S3Keys) {
    let (mut config, keys) = server();
    config.prefix = format!("{name}-{}-{}", std::process::id(), uuid::Uuid::new_v4());
    (config, keys)
}

/// A store in the real bucket that nobody else uses.
pub fn bucket(name: &str) -> S3 {
    let (config, keys) = place(name);
    S3::new(config, &keys, clock()).expect("a client")
}

/// A store at a server of ours.
pub fn at(host: &str, parameters: &str) -> S3 {
    let config = S3Config::parse(&format!("s3://bucket/prefix?endpoint=http://{host}{parameters}")).expect("an address");
    S3::new(config, &keys(), clock()).expect("a client")
}

/// One request as it came: its first line, and its headers as `name: value`.
#[derive(Debug, Clone)]
pub struct Seen {
    pub line: String,
    pub headers: Vec<String>,
    pub body: Bytes,
}

impl Seen {
    pub fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|it| it == header)
    }
}

pub type Log = Arc<Mutex<Vec<Seen>>>;

/// A server that answers each request as `answer` says, and writes down what came.
pub async fn stub(answer: impl Fn(&Seen) -> Response<Full<Bytes>> + Clone + Send + Sync + 'static) -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = listener.local_addr().expect("bound").to_string();
    let log = Log::default();
    let seen = log.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (answer, seen) = (answer.clone(), seen.clone());
            let serve = service_fn(move |request: Request<Incoming>| {
                let (answer, seen) = (answer.clone(), seen.clone());
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.map(|it| it.to_bytes()).unwrap_or_default();
                    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
                        format!("{name}: {}", value.to_str().unwrap_or("?"))
                    };
                    let headers = head.headers.iter().map(header).collect();
                    let one = Seen { line: format!("{} {}", head.method, head.uri), headers, body };
                    seen.lock().expect("no holder panics").push(one.clone());
                    Ok::<_, Infallible>(answer(&one))
                }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
        }
    });
    (host, log)
}

/// An answer.
pub fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Full::new(Bytes::from(body.to_owned()))).expect("a response")
}

/// The body of an error, with what a server should keep to itself.
pub fn error(code: &str) -> String {
    format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><StringToSign>AWS4 the-key-itself</StringToSign></Error>")
}

/// A server that keeps whatever it is given, and has nothing.
pub fn agreeable(seen: &Seen) -> Response<Full<Bytes>> {
    let etag = [("ETag", "\"1\"")];
    let (method, uri) = seen.line.split_once(' ').expect("a method");
    match method {
        "HEAD" => answer(404, &[], ""),
        "GET" => answer(404, &[], &error("NoSuchKey")),
        "DELETE" => answer(204, &[], ""),
        "POST" if uri.contains("uploads") => {
            let id = "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
            answer(200, &[], id)
        }
        "POST" => answer(200, &[], "<CompleteMultipartUploadResult><ETag>\"1\"</ETag></CompleteMultipartUploadResult>"),
        _ => answer(200, &etag, "<CopyObjectResult><ETag>\"1\"</ETag></CopyObjectResult>"),
    }
}

/// A way to the real server that ends for good once so many bytes went up.
pub async fn breaking(after_bytes: usize) -> (S3, S3) {
    let (config, keys) = place("breaking");
    let server = config.endpoint.clone().expect("an endpoint").replace("http://", "");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let host = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        let left = Arc::new(Mutex::new(after_bytes));
        let mut ways = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    let Ok((client, _)) = accepted else { return };
                    ways.spawn(carry(client, server.clone(), left.clone()));
                }
                // The first way that is cut takes the listener and every other way along.
                Some(Ok(true)) = ways.join_next() => return,
            }
        }
    });
    let through = S3Config { endpoint: Some(format!("http://{host}")), ..config.clone() };
    (S3::new(through, &keys, clock()).expect("a client"), S3::new(config, &keys, clock()).expect("a client"))
}

/// Carries one connection; true once the last byte that may go up went.
async fn carry(mut client: TcpStream, server: String, left: Arc<Mutex<usize>>) -> bool {
    let Ok(mut upstream) = TcpStream::connect(&server).await else { return true };
    let (mut up, mut down) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let count = read.unwrap_or(0);
                if count == 0 || upstream.write_all(&up[..count]).await.is_err() {
                    return false;
                }
                let mut left = left.lock().expect("no holder panics");
                *left = left.saturating_sub(count);
                if *left == 0 {
                    return true;
                }
            }
            read = upstream.read(&mut down) => {
                let count = read.unwrap_or(0);
                if count == 0 || client.write_all(&down[..count]).await.is_err() {
                    return false;
                }
            }
        }
    }
}
