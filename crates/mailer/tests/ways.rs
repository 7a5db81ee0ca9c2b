//! Mail over a real server and into a folder, read back by a library of others.

use fedatario_app::mail::{LINK, Mail, MailKind, PostError, Postman};
use fedatario_base::Secret;
use fedatario_base::id::MailId;
use fedatario_base::text::Language;
use fedatario_mailer::{Mailer, Settings};
use jiff::Timestamp;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A server that prints each message as one line of JSON, as the standard library of Python reads it;
/// `full@` is refused for good, `busy@` for now.
const SERVER: &str = r#"
import asyncio, json, sys
from email import message_from_bytes, policy
from aiosmtpd.smtp import SMTP

class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('full@'):
            return '550 5.1.1 no such mailbox: ' + address
        if address.startswith('busy@'):
            return '451 4.7.1 come back later'
        envelope.rcpt_tos.append(address)
        return '250 OK'

    async def handle_DATA(self, server, session, envelope):
        told = read(envelope.content)
        told['to_envelope'] = envelope.rcpt_tos
        print(json.dumps(told), flush=True)
        return '250 kept'

def read(content):
    it = message_from_bytes(content, policy=policy.default)
    part = lambda kind: it.get_body((kind,)).get_content()
    return {
        'names': [name.lower() for name in it.keys()], 'subject': it['subject'], 'from': str(it['from']), 'to': str(it['to']),
        'id': it['message-id'], 'auto': it['auto-submitted'], 'language': it['content-language'],
        'plain': part('plain'), 'html': part('html'), 'defects': [str(d) for d in it.defects],
    }

if len(sys.argv) > 1:
    print(json.dumps(read(open(sys.argv[1], 'rb').read())))
else:
    async def serve():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(Handler(), hostname='localhost'), '127.0.0.1', 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Event().wait()
    asyncio.run(serve())
"#;

struct Server {
    child: Child,
    lines: BufReader<ChildStdout>,
    url: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new("python3")
            .args(["-c", SERVER])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 with aiosmtpd; scripts/test installs it");
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        lines.read_line(&mut port).unwrap();
        let port: u16 = port.trim().parse().expect("python3 with aiosmtpd; scripts/test installs it");
        Self { child, lines, url: format!("smtp://127.0.0.1:{port}") }
    }

    fn next(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn invitation(to: &str, by: &str) -> Mail {
    let fields = [
        ("organisation", "Ñandú & Asociados, S.C.".to_owned()),
        ("by", by.to_owned()),
        ("role", "auditor".to_owned()),
        (LINK, "https://f.example/entrar#token=abc123".to_owned()),
        ("until", "2026-09-01 12:30".to_owned()),
    ];
    Mail::new(MailKind::Invitation, to, Language::Es, Timestamp::UNIX_EPOCH, &fields).unwrap()
}

fn id() -> MailId {
    MailId::fresh(Timestamp::UNIX_EPOCH)
}

fn by_server(url: &str) -> Mailer {
    let from = Some("Fedatario <avisos@f.example>".to_owned());
    Mailer::new(Settings { smtp: Some(Secret::new(url)), folder: None, from }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_takes_what_another_library_reads() {
    let mut server = Server::start();
    let mailer = by_server(&server.url);
    let id = id();
    mailer.send(id, &invitation("ana@example.com", "Íñigo\r\nBcc: evil@example.com\r\n\r\n<b>hola</b>")).await.unwrap();
    let told = server.next();
    for expected in [
        "\"subject\": \"Le invitan a \\u00d1and\\u00fa & Asociados, S.C.\"",
        "\"from\": \"Fedatario <avisos@f.example>\"",
        "\"to\": \"ana@example.com\"",
        "\"to_envelope\": [\"ana@example.com\"]",
        "\"auto\": \"auto-generated\"",
        "\"language\": \"es\"",
        "\"defects\": []",
        "https://f.example/entrar#token=abc123",
        "&lt;b&gt;hola",
    ] {
        assert!(told.contains(expected), "{expected} in {told}");
    }
    assert!(told.contains(&format!("<{id}@f.example>")), "{told}");
    assert!(!told.contains("\"bcc\""), "{told}");
    fedatario_testkit::covers!(
        "mail: a real server takes it, and another library reads subject, halves and link; no header is injected"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_is_told_from_what_may_pass() {
    let server = Server::start();
    let mailer = by_server(&server.url);
    let refused = mailer.send(id(), &invitation("full@example.com", "x")).await.unwrap_err();
    assert!(matches!(&refused, PostError::Refused(words) if words.contains("no such mailbox")), "{refused:?}");
    assert!(!refused.to_string().contains("full@example.com"), "an address is not for logs: {refused}");
    let busy = mailer.send(id(), &invitation("busy@example.com", "x")).await.unwrap_err();
    assert!(matches!(busy, PostError::Unavailable(_)), "{busy:?}");
    drop(server);
    let gone = mailer.send(id(), &invitation("ana@example.com", "x")).await.unwrap_err();
    assert!(matches!(gone, PostError::Unavailable(_)) && !gone.is_final(), "{gone:?}");
    let nobody = Mailer::new(Settings::default()).unwrap();
    assert!(matches!(nobody.send(id(), &invitation("ana@example.com", "x")).await, Err(PostError::Unconfigured)));
    for to in ["ana", "ana@", "@example.com", "ana@exa mple.com", "ana@example.com,bea@example.com", "<ana@example.com>"] {
        let sent = Mail::new(MailKind::Test, to, Language::En, Timestamp::UNIX_EPOCH, &[("at", "now".into())]);
        if let Ok(mail) = sent {
            assert!(matches!(mailer.send(id(), &mail).await, Err(PostError::Address)), "{to}");
        }
    }
    fedatario_testkit::covers!("mail: a refusal for good, one for now, and an address that is none are told apart");
}

#[tokio::test]
async fn a_folder_stands_for_an_outbox() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("out");
    let mailer = Mailer::new(Settings { smtp: None, folder: Some(folder.clone()), from: None }).unwrap();
    let id = id();
    for _ in 0..2 {
        mailer.send(id, &invitation("ana@example.com", "Íñigo")).await.unwrap();
    }
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|it| it.unwrap().path()).collect();
    assert_eq!(files, [folder.join(format!("{id}.eml"))], "sent twice it is the same message");
    let told = read(&files[0]);
    assert!(told.contains("Le invitan a") && told.contains("token=abc123"), "{told}");
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&files[0]).unwrap().permissions().mode() & 0o777, 0o600);
    fedatario_testkit::covers!("mail: a folder stands for a server, one private file each");
}

fn read(path: &Path) -> String {
    let done = Command::new("python3").args(["-c", SERVER]).arg(path).output().expect("python3");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}
