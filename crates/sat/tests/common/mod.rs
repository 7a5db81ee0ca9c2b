//! A server that answers as told, byte by byte, and a client wired to it with everything in memory.
#![allow(dead_code, reason = "each suite uses its part")]

use async_trait::async_trait;
use fedatario_app::model::{Content, Direction, Environment, Estado, Family};
use fedatario_app::ports::{BlobError, Kept, SatAccount, SatRequest, Shelf, Slot};
use fedatario_base::Scope;
use fedatario_base::id::{CredentialId, TenantId};
use fedatario_sat::{Addresses, Door, Endpoints, SatClient, Settings, Signer, Timeouts};
use fedatario_testkit::FakeClock;
use fedatario_upstream::PortError;
use fedatario_upstream::memory::{FixedJitter, Memory, TellingPause};
use fedatario_xmlsig::Profile;
use jiff::Timestamp;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const NOW: &str = "2026-09-01T12:00:00Z";
pub const DES: &str = "http://DescargaMasivaTerceros.sat.gob.mx";
pub const TOKEN: &str = "eyJhbGciOiJ4In0.eyJuYmYiOjF9.sig%26wrap_subject%3d33";
/// What stands for a signature in envelopes of these tests.
pub const SIGNATURE: &str = "<Signature>SECRET-SIGNATURE</Signature>";

/// What the server does with one request.
#[derive(Clone)]
pub struct Act {
    bytes: Vec<u8>,
    pieces: usize,
    /// Keep the connection open for ever instead of closing it.
    hang: bool,
}

impl Act {
    /// A whole answer.
    pub fn answer(status: u16, body: impl AsRef<[u8]>) -> Self {
        Self::headed(status, "", body)
    }

    /// A whole answer with more headers, each ended by CRLF.
    pub fn headed(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} X\r\nContent-Type: text/xml; charset=utf-8\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n"
        );
        Self { bytes: [head.as_bytes(), body].concat(), pieces: 1, hang: false }
    }

    /// A whole answer, packed as asked for.
    pub fn gzipped(body: impl AsRef<[u8]>) -> Self {
        Self::headed(200, "Content-Encoding: gzip\r\n", gzip(body.as_ref()))
    }

    /// A chunked answer that is never ended.
    pub fn unended(body: impl AsRef<[u8]>, hang: bool) -> Self {
        let body = body.as_ref();
        let head = format!("HTTP/1.1 200 X\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", body.len());
        Self { bytes: [head.as_bytes(), body, b"\r\n"].concat(), pieces: 1, hang }
    }

    /// The same, without its last bytes.
    pub fn without_last(mut self, count: usize) -> Self {
        self.bytes.truncate(self.bytes.len() - count);
        self
    }

    /// The same, in many small pieces.
    pub fn in_pieces(self, pieces: usize) -> Self {
        Self { pieces, ..self }
    }

    /// Accepts, reads and says nothing.
    pub fn hang() -> Self {
        Self { bytes: Vec::new(), pieces: 1, hang: true }
    }

    /// Accepts, reads and closes.
    pub fn cut() -> Self {
        Self { bytes: Vec::new(), pieces: 1, hang: false }
    }
}

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    pub door: Door,
    pub path: String,
    pub head: String,
    pub body: String,
}

impl Seen {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.trim())
    }
}

/// The scripted server.
#[derive(Default)]
pub struct Script {
    acts: Mutex<HashMap<Door, VecDeque<Act>>>,
    always: Mutex<HashMap<Door, Act>>,
    seen: Mutex<Vec<Seen>>,
}

impl Script {
    /// Starts it on a port of its own and answers its base address.
    pub async fn start() -> (Arc<Self>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let script = Arc::new(Self::default());
        let serving = script.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        (script, base)
    }

    /// What to do at a door next; after that, and at other doors, all goes well.
    pub fn next(&self, door: Door, act: Act) {
        self.acts.lock().unwrap().entry(door).or_default().push_back(act);
    }

    /// What to do at a door from now on.
    pub fn always(&self, door: Door, act: Act) {
        self.always.lock().unwrap().insert(door, act);
    }

    /// What came to a door.
    pub fn seen(&self, door: Door) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|it| it.door == door).cloned().collect()
    }

    async fn serve(self: Arc<Self>, mut stream: TcpStream) {
        let Some(seen) = read_request(&mut stream).await else { return };
        let door = seen.door;
        self.seen.lock().unwrap().push(seen);
        let act = self.acts.lock().unwrap().get_mut(&door).and_then(VecDeque::pop_front);
        let act = act.or_else(|| self.always.lock().unwrap().get(&door).cloned()).unwrap_or_else(|| good(door));
        for piece in act.bytes.chunks(act.bytes.len().div_ceil(act.pieces).max(1)) {
            let _ = stream.write_all(piece).await;
            let _ = stream.flush().await;
            tokio::task::yield_now().await;
        }
        if act.hang {
            std::future::pending::<()>().await;
        }
        let _ = stream.shutdown().await;
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let mut bytes = Vec::new();
    let mut buffer = [0u8; 16 * 1024];
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|it| it == b"\r\n\r\n") {
            break at + 4;
        }
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut seen = Seen { door: Door::Autentica, path: head.split(' ').nth(1)?.to_owned(), head, body: String::new() };
    seen.door = Door::ALL.into_iter().find(|it| seen.path.ends_with(it.path()))?;
    let length: usize = seen.header("content-length")?.parse().ok()?;
    while bytes.len() < head_end + length {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
    seen.body = String::from_utf8(bytes[head_end..].to_vec()).ok()?;
    Some(seen)
}

/// Packs.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut writer, bytes).unwrap();
    writer.finish().unwrap()
}

/// An envelope around a body.
pub fn soap(header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// A fault.
pub fn fault(code: &str) -> String {
    let body = format!("<s:Fault><faultcode>a:{code}</faultcode><faultstring xml:lang=\"en-US\">No.</faultstring></s:Fault>");
    soap("", &body)
}

/// SAT's own answer of a door with a code.
pub fn coded(door: Door, code: &str) -> String {
    match door {
        Door::Autentica => soap(
            "",
            &format!(
                "<AutenticaResponse xmlns=\"http://DescargaMasivaTerceros.gob.mx\"><AutenticaResult>{TOKEN}</AutenticaResult></AutenticaResponse>"
            ),
        ),
        Door::Solicita => soap(
            "",
            &format!(
                "<SolicitaDescargaEmitidosResponse xmlns=\"{DES}\"><SolicitaDescargaEmitidosResult \
                 IdSolicitud=\"8b15cb57-85a4-4ef3-8797-805de260c6bb\" CodEstatus=\"{code}\" Mensaje=\"Palabras\"/></SolicitaDescargaEmitidosResponse>"
            ),
        ),
        Door::Verifica => soap(
            "",
            &format!(
                "<VerificaSolicitudDescargaResponse xmlns=\"{DES}\"><VerificaSolicitudDescargaResult CodEstatus=\"{code}\" \
                 EstadoSolicitud=\"3\" CodigoEstadoSolicitud=\"5000\" NumeroCFDIs=\"1\" Mensaje=\"Palabras\"><IdsPaquetes>P_01</IdsPaquetes>\
                 </VerificaSolicitudDescargaResult></VerificaSolicitudDescargaResponse>"
            ),
        ),
        Door::Descargar => soap(
            &format!("<h:respuesta CodEstatus=\"{code}\" Mensaje=\"Palabras\" xmlns:h=\"{DES}\"/>"),
            &format!(
                "<RespuestaDescargaMasivaTercerosSalida xmlns=\"{DES}\"><Paquete>{}</Paquete></RespuestaDescargaMasivaTercerosSalida>",
                if code == "5000" { "SGVsbG8sIG11bmRvIQ==" } else { "" }
            ),
        ),
    }
}

fn good(door: Door) -> Act {
    Act::answer(200, coded(door, "5000"))
}

/// Puts a mark where the signature goes.
pub struct MarkSigner;

#[async_trait]
impl Signer for MarkSigner {
    async fn seal(&self, _: &SatAccount, profile: Profile, document: &[u8], _: Timestamp) -> Result<Vec<u8>, PortError> {
        let text = std::str::from_utf8(document).unwrap();
        let place = match profile {
            Profile::SatToken => text.find("</o:Security>").unwrap(),
            Profile::SatRequest(_) => text.rfind("</des:").and_then(|at| text[..at].rfind("</des:")).unwrap(),
            other => panic!("{other:?}"),
        };
        Ok(format!("{}{SIGNATURE}{}", &text[..place], &text[place..]).into_bytes())
    }
}

/// Keeps packages in memory.
#[derive(Default)]
pub struct MemoryShelf {
    pub kept: Arc<Mutex<Vec<Vec<u8>>>>,
    pub begun: Mutex<usize>,
    pub broken: bool,
}

#[async_trait]
impl Shelf for MemoryShelf {
    async fn begin(&self) -> Result<Box<dyn Slot>, BlobError> {
        *self.begun.lock().unwrap() += 1;
        if self.broken {
            return Err(BlobError::Unavailable("no space".into()));
        }
        Ok(Box::new(MemorySlot { kept: self.kept.clone(), bytes: Vec::new() }))
    }
}

struct MemorySlot {
    kept: Arc<Mutex<Vec<Vec<u8>>>>,
    bytes: Vec<u8>,
}

#[async_trait]
impl Slot for MemorySlot {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    async fn keep(self: Box<Self>) -> Result<Kept, BlobError> {
        let size = self.bytes.len() as u64;
        self.kept.lock().unwrap().push(self.bytes);
        Ok(Kept { path: "package".into(), sha256: "00".into(), size })
    }
}

/// A client, its rows and its clock.
pub struct Rig {
    pub client: SatClient,
    pub memory: Arc<Memory>,
    pub clock: Arc<FakeClock>,
    pub account: SatAccount,
}

/// Longer than any machine is busy: no test waits for it.
pub const PATIENT: Duration = Duration::from_secs(60);
/// For the tests in which somebody hangs: they wait for it.
pub const HASTY: Duration = Duration::from_millis(250);

/// A client of a sandbox at `base`.
pub fn rig(base: &str) -> Rig {
    rig_in(base, PATIENT)
}

/// A client whose calls may take so long.
pub fn rig_in(base: &str, limit: Duration) -> Rig {
    rig_at(Addresses { production: None, sandbox: Some(Endpoints::from_base(base).unwrap()) }, Memory::new(), limit)
}

/// A client with addresses and rows of one's choice.
pub fn rig_at(addresses: Addresses, memory: Arc<Memory>, limit: Duration) -> Rig {
    rig_with(addresses, memory, limit, Arc::new(MarkSigner))
}

/// A client with everything of one's choice.
pub fn rig_with(addresses: Addresses, memory: Arc<Memory>, limit: Duration, signer: Arc<dyn Signer>) -> Rig {
    let clock = Arc::new(FakeClock::at(NOW));
    let timeouts = Timeouts { connect: limit, login: limit, call: limit, download: limit, idle: limit };
    let ports = memory.ports(Arc::new(TellingPause(|_| ())), clock.clone(), Arc::new(FixedJitter(0.5)));
    let settings = Settings { timeouts, ..Settings::default() };
    let client = SatClient::new(addresses, signer, ports, settings).unwrap();
    Rig { client, memory, clock, account: account(TenantId::fresh(NOW.parse().unwrap())) }
}

/// An account of a sandbox.
pub fn account(tenant: TenantId) -> SatAccount {
    SatAccount {
        scope: Scope::shell(tenant, 1000),
        credential: CredentialId::fresh(NOW.parse().unwrap()),
        rfc: "EKU9003173C9".into(),
        family: Family::Cfdi,
        environment: Environment::Sandbox,
    }
}

/// A month of issued documents.
pub fn request() -> SatRequest {
    SatRequest {
        direction: Direction::Issued,
        content: Content::Cfdi,
        estado: Estado::Todos,
        from: "2026-08-01T00:00:00".parse().unwrap(),
        to: "2026-08-31T23:59:59".parse().unwrap(),
        filters: Default::default(),
    }
}
