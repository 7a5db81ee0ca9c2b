//! Events over real connections: signed as others verify, sent nowhere they must not go.

use async_trait::async_trait;
use fedatario_app::hooks::model::SecretKind;
use fedatario_app::hooks::ports::{Answer, Courier, CourierFault, LiveSecret, Parcel};
use fedatario_base::Secret;
use fedatario_webhooks::{HttpCourier, Resolver, SystemResolver};
use std::io::Write as _;
use std::net::IpAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// A receiver that answers every request the same way, and hands on what it was sent.
async fn receiver(answer: &'static str) -> (u16, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (send, receive) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut text, mut buffer) = (String::new(), vec![0; 64 << 10]);
            while !is_whole(&text) {
                match stream.read(&mut buffer).await {
                    Ok(0) | Err(_) => break,
                    Ok(read) => text.push_str(&String::from_utf8_lossy(&buffer[..read])),
                }
            }
            let _ = send.send(text);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, receive)
}

fn is_whole(text: &str) -> bool {
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.to_lowercase().lines().find_map(|it| it.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    body.len() >= length.unwrap_or_default()
}

fn local() -> HttpCourier {
    HttpCourier::new("127.0.0.0/8".parse().unwrap(), Arc::new(SystemResolver)).unwrap()
}

const BODY: &str = r#"{"type":"webhook.test","data":{"ñ":"1"}}"#;

fn secret(kind: SecretKind, byte: u8) -> LiveSecret {
    LiveSecret { kind, key: Secret::new([byte; 32]) }
}

async fn send(courier: &HttpCourier, url: &str, secrets: Vec<LiveSecret>) -> Result<Answer, CourierFault> {
    courier.deliver(Parcel { url, id: "evt_1".into(), at: jiff::Timestamp::now(), body: BODY, secrets }).await
}

/// Standard Webhooks' own verifier, and Ed25519 as another library does it.
const JUDGE: &str = r#"
import base64, json, sys
from standardwebhooks import Webhook
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

it = json.load(sys.stdin)
for byte in it['secrets']:
    Webhook('whsec_' + base64.b64encode(bytes([byte] * 32)).decode()).verify(it['body'], it['headers'])
try:
    Webhook('whsec_' + base64.b64encode(bytes([99] * 32)).decode()).verify(it['body'], it['headers'])
    sys.exit('a foreign secret verified')
except Exception as error:
    if 'signature' not in str(error).lower():
        raise
signed = '{}.{}.{}'.format(it['headers']['webhook-id'], it['headers']['webhook-timestamp'], it['body']).encode()
own = [s.split(',', 1)[1] for s in it['headers']['webhook-signature'].split(' ') if s.startswith('v1a,')]
key = Ed25519PrivateKey.from_private_bytes(bytes([it['seed']] * 32)).public_key()
assert len(own) == 1
key.verify(base64.b64decode(own[0]), signed)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_is_what_others_verify() {
    let (port, mut came) = receiver("HTTP/1.1 204 No Content\r\n\r\n").await;
    let secrets = vec![secret(SecretKind::Hmac, 1), secret(SecretKind::Hmac, 2), secret(SecretKind::Ed25519, 3)];
    let answer = send(&local(), &format!("http://127.0.0.1:{port}/x"), secrets).await.unwrap();
    assert_eq!(answer.status, 204);
    let request = came.recv().await.unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /x HTTP/1.1\r\n"), "{head}");
    assert_eq!(body, BODY, "byte for byte");
    let headers: serde_json::Map<String, serde_json::Value> = head
        .lines()
        .skip(1)
        .filter_map(|it| it.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.into()))
        .collect();
    let input = serde_json::json!({ "headers": headers, "body": body, "secrets": [1, 2], "seed": 3 });
    let mut judge = Command::new("python3").args(["-c", JUDGE]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    judge.stdin.take().unwrap().write_all(input.to_string().as_bytes()).unwrap();
    let done = judge.wait_with_output().unwrap();
    assert!(done.status.success(), "python3 with standardwebhooks: {}", String::from_utf8_lossy(&done.stderr));
    fedatario_testkit::covers!("webhooks: both live secrets and Ed25519 verify with other libraries, a foreign secret does not");
}

/// Leads to a public place when it is looked at, and home when it is asked again.
struct Rebinding(AtomicUsize, Vec<IpAddr>);

#[async_trait]
impl Resolver for Rebinding {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        let at = self.0.fetch_add(1, Ordering::SeqCst);
        Ok(vec![self.1[at.min(self.1.len() - 1)]])
    }
}

/// Several places at once.
struct Several(Vec<IpAddr>);

#[async_trait]
impl Resolver for Several {
    async fn resolve(&self, _: &str) -> std::io::Result<Vec<IpAddr>> {
        Ok(self.0.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_home_is_not_followed() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    for places in [
        vec!["127.0.0.1"],
        vec!["10.0.0.1"],
        vec!["1.1.1.1", "127.0.0.1"],
        vec!["::ffff:127.0.0.1"],
        vec!["169.254.169.254"],
        vec!["fd00::1"],
        vec!["2606:4700::1111", "::1"],
    ] {
        let resolver = Arc::new(Several(places.iter().map(|it| ip(it)).collect()));
        let courier = HttpCourier::new("".parse().unwrap(), resolver).unwrap();
        let sent = send(&courier, "https://example.com/x", vec![secret(SecretKind::Hmac, 1)]).await;
        assert_eq!(sent, Err(CourierFault::Forbidden), "{places:?}");
    }
    // Looked at as public, and home ever after: what was looked at is what is connected to, and a
    // second attempt looks again.
    let resolver = Arc::new(Rebinding(AtomicUsize::new(0), vec![ip("127.0.0.1"), ip("10.0.0.1")]));
    let (port, mut came) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let courier = HttpCourier::new("127.0.0.0/8".parse().unwrap(), resolver.clone()).unwrap();
    let url = format!("http://rebound.example.com:{port}/");
    assert_eq!(send(&courier, &url, vec![secret(SecretKind::Hmac, 1)]).await.unwrap().status, 200);
    assert!(came.recv().await.is_some());
    assert_eq!(resolver.0.load(Ordering::SeqCst), 1, "resolved once for one attempt");
    assert_eq!(send(&courier, &url, vec![secret(SecretKind::Hmac, 1)]).await, Err(CourierFault::Forbidden));
    fedatario_testkit::covers!("webhooks: a name that leads to a place that is not public is refused, also when it was rebound");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_followed_and_little_is_read() {
    let (home, mut reached) = receiver("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let moved = format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{home}/\r\ncontent-length: 0\r\n\r\n");
    let (port, _came) = receiver(Box::leak(moved.into_boxed_str())).await;
    let answer = send(&local(), &format!("http://127.0.0.1:{port}/"), vec![]).await.unwrap();
    assert_eq!(answer.status, 302);
    assert!(reached.try_recv().is_err(), "a redirect is an answer and nothing more");

    let long = format!("HTTP/1.1 500 Oh\r\nretry-after: 7\r\nconnection: close\r\n\r\na\r\nb\x1b[31m{}", "x".repeat(1 << 20));
    let (port, _came) = receiver(Box::leak(long.into_boxed_str())).await;
    let answer = send(&local(), &format!("http://127.0.0.1:{port}/"), vec![]).await.unwrap();
    assert_eq!((answer.status, answer.retry_after.map(|it| it.as_secs())), (500, Some(7)));
    assert!(answer.said.len() <= 1_024 && answer.said.starts_with("a") && !answer.said.contains(char::is_control));

    let (port, _came) = receiver("").await;
    let gone = send(&local(), &format!("http://127.0.0.1:{port}/"), vec![]).await;
    assert!(matches!(gone, Err(CourierFault::Unanswered(_))), "{gone:?}");
    assert!(matches!(local().check("http://10.0.0.1:80/"), Err(CourierFault::Url(_) | CourierFault::Forbidden)));
    fedatario_testkit::covers!("webhooks: no redirect is followed, and of an answer a little is kept");
}
