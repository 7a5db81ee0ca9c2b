//! A client of the sandbox that shares nothing with the product: strings, `openssl`, HTTP.
//!
//! It signs in the form of the most used public client (exclusive canonical form of the operation
//! element), assembling canonical bytes by hand and letting the `openssl` program sign them.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use base64::Engine as _;
use fedatario_credentials::{Kind, PrivateKey};
use fedatario_sandbox::sat::{Corpus, MintedFiel, Sandbox, SatConfig, Waits};
use fedatario_testkit::FakeClock;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

pub const RFC: &str = "EKU9003173C9";
pub const NOW: &str = "2026-11-21T18:00:00Z"; // Noon in Mexico City.
const DES: &str = "http://DescargaMasivaTerceros.sat.gob.mx";
const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
const EXC: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const PROFILE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";

pub fn base64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub fn unbase64(text: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn sha1(bytes: &[u8]) -> String {
    base64(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref())
}

/// A certificate with its key, and the means to sign.
pub struct Signer {
    pub rfc: String,
    pub cer: Vec<u8>,
    key: tempfile::NamedTempFile,
}

impl Signer {
    pub fn new(rfc: &str, minted: &MintedFiel) -> Self {
        Self::open(rfc, minted.cer.clone(), &minted.key, minted.password.expose())
    }

    pub fn open(rfc: &str, cer: Vec<u8>, key: &[u8], password: &[u8]) -> Self {
        let opened = PrivateKey::open(key, &fedatario_base::Secret::new(password)).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(opened.pkcs8_der()).unwrap();
        file.flush().unwrap();
        Self { rfc: rfc.to_owned(), cer, key: file }
    }

    pub fn sign(&self, bytes: &[u8]) -> String {
        let mut openssl = Command::new("openssl")
            .args(["dgst", "-sha1", "-keyform", "DER", "-sign"])
            .arg(self.key.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssl is installed");
        openssl.stdin.take().unwrap().write_all(bytes).unwrap();
        let signed = openssl.wait_with_output().unwrap();
        assert!(signed.status.success());
        base64(&signed.stdout)
    }

    /// `SignedInfo` (canonical) and the value over it.
    fn signed_info(&self, reference: &str, digest: &str) -> (String, String) {
        let info = format!(
            "<SignedInfo xmlns=\"{DS}\"><CanonicalizationMethod Algorithm=\"{EXC}\"></CanonicalizationMethod>\
             <SignatureMethod Algorithm=\"{DS}rsa-sha1\"></SignatureMethod><Reference URI=\"{reference}\"><Transforms>\
             <Transform Algorithm=\"{EXC}\"></Transform></Transforms><DigestMethod Algorithm=\"{DS}sha1\"></DigestMethod>\
             <DigestValue>{digest}</DigestValue></Reference></SignedInfo>"
        );
        let value = self.sign(info.as_bytes());
        (info, value)
    }

    pub fn login(&self, created: &str, expires: &str) -> String {
        let content = format!("<u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>");
        let digest = sha1(format!("<u:Timestamp xmlns:u=\"{WSU}\" u:Id=\"_0\">{content}").as_bytes());
        let (info, value) = self.signed_info("#_0", &digest);
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:u=\"{WSU}\"><s:Header><o:Security \
             xmlns:o=\"{WSSE}\" s:mustUnderstand=\"1\"><u:Timestamp u:Id=\"_0\">{content}<o:BinarySecurityToken u:Id=\"uuid-1\" \
             ValueType=\"{PROFILE}\">{}</o:BinarySecurityToken><Signature xmlns=\"{DS}\">{}<SignatureValue>{value}\
             </SignatureValue><KeyInfo><o:SecurityTokenReference><o:Reference ValueType=\"{PROFILE}\" URI=\"#uuid-1\"/>\
             </o:SecurityTokenReference></KeyInfo></Signature></o:Security></s:Header><s:Body>\
             <Autentica xmlns=\"http://DescargaMasivaTerceros.gob.mx\"/></s:Body></s:Envelope>",
            base64(&self.cer),
            info.replacen(&format!(" xmlns=\"{DS}\""), "", 1)
        )
    }

    /// An operation with the attributes (any order) and receivers given.
    pub fn request(&self, operation: &str, attributes: &[(&str, &str)], receivers: &[&str]) -> String {
        let inner = if operation.starts_with("Peticion") { "peticionDescarga" } else { "solicitud" };
        let mut sorted: Vec<_> = attributes.to_vec();
        sorted.sort_unstable();
        let attributes: String = sorted.iter().map(|(key, value)| format!(" {key}=\"{}\"", value.replace('&', "&amp;"))).collect();
        let list: String =
            receivers.iter().map(|it| format!("<des:RfcReceptor>{}</des:RfcReceptor>", it.replace('&', "&amp;"))).collect();
        let list = if receivers.is_empty() { list } else { format!("<des:RfcReceptores>{list}</des:RfcReceptores>") };
        let canonical =
            format!("<des:{operation} xmlns:des=\"{DES}\"><des:{inner}{attributes}>{list}</des:{inner}></des:{operation}>");
        let (info, value) = self.signed_info("", &sha1(canonical.as_bytes()));
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns:des=\"{DES}\"><s:Header/><s:Body>\
             <des:{operation}><des:{inner}{attributes}>{list}<Signature xmlns=\"{DS}\">{}<SignatureValue>{value}</SignatureValue>\
             <KeyInfo><X509Data><X509IssuerSerial><X509IssuerName>x</X509IssuerName><X509SerialNumber>1</X509SerialNumber>\
             </X509IssuerSerial><X509Certificate>{}</X509Certificate></X509Data></KeyInfo></Signature></des:{inner}>\
             </des:{operation}></s:Body></s:Envelope>",
            info.replacen(&format!(" xmlns=\"{DS}\""), "", 1),
            base64(&self.cer)
        )
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn attribute(&self, name: &str) -> Option<String> {
        let from = self.body.find(&format!(" {name}=\""))? + name.len() + 3;
        Some(self.body[from..].split('"').next().unwrap().to_owned())
    }

    pub fn code(&self) -> u16 {
        self.attribute("CodEstatus").unwrap_or_else(|| panic!("{self:?}")).parse().unwrap()
    }

    pub fn text(&self, element: &str) -> Vec<String> {
        let open = format!("<{element}>");
        self.body.split(&open).skip(1).map(|it| it.split('<').next().unwrap().to_owned()).collect()
    }
}

/// A sandbox that is being served, and a taxpayer who calls it.
pub struct World {
    pub base: String,
    pub sandbox: Arc<Sandbox>,
    pub clock: Arc<FakeClock>,
    pub http: reqwest::Client,
    pub fiel: Signer,
}

pub fn generated(n: u32) -> Corpus {
    Corpus::generate(n, 7, RFC, 2026, fedatario_sandbox::sat::Seals::Filler).unwrap()
}

impl World {
    pub async fn with(change: impl FnOnce(&mut SatConfig)) -> Self {
        Self::at(NOW, change).await
    }

    pub async fn at(now: &str, change: impl FnOnce(&mut SatConfig)) -> Self {
        let clock = Arc::new(FakeClock::at(now));
        let mut config = SatConfig { corpus: generated(300), clock: clock.clone(), waits: Waits::NONE, ..SatConfig::default() };
        change(&mut config);
        let sandbox = Sandbox::new(config).unwrap();
        let fiel = Signer::new(RFC, &sandbox.mint_fiel(RFC, "ESCUELA KEMPER URGATE SA DE CV").unwrap());
        let base = listen(sandbox.clone()).await;
        Self { base, sandbox, clock, http: client(), fiel }
    }

    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub fn mint(&self, kind: Kind, rfc: &str, from: &str, to: &str) -> Signer {
        let minted = self.sandbox.mint(kind, rfc, "OTRO CONTRIBUYENTE", from.parse().unwrap(), to.parse().unwrap()).unwrap();
        Signer::new(rfc, &minted)
    }

    pub async fn post(&self, path: &str, action: &str, token: &str, body: String) -> Result<Answer, reqwest::Error> {
        let request = self.http.post(format!("{}{path}", self.base)).header("SOAPAction", action);
        let request = request.header("Content-Type", "text/xml; charset=utf-8");
        let request =
            if token.is_empty() { request } else { request.header("Authorization", format!("WRAP access_token=\"{token}\"")) };
        let answer = request.body(body).send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, body: answer.text().await? })
    }

    pub async fn try_login(&self, signer: &Signer, family: &str) -> Result<Answer, reqwest::Error> {
        use fedatario_base::Clock as _;
        let now = self.clock.wall();
        let body = signer.login(&format!("{now:.3}"), &format!("{:.3}", now + jiff::SignedDuration::from_mins(5)));
        let path = format!("{family}/Autenticacion/Autenticacion.svc");
        self.post(&path, "http://DescargaMasivaTerceros.gob.mx/IAutenticacion/Autentica", "", body).await
    }

    pub async fn login(&self, signer: &Signer) -> String {
        self.try_login(signer, "").await.unwrap().text("AutenticaResult").pop().expect("a token")
    }

    /// Posts a signed operation to where it belongs.
    pub async fn send(&self, operation: &str, token: &str, body: String) -> Result<Answer, reqwest::Error> {
        let (path, interface, action) = match operation {
            "VerificaSolicitudDescarga" => {
                ("/VerificaSolicitudDescargaService.svc", "IVerificaSolicitudDescargaService", operation)
            }
            "PeticionDescargaMasivaTercerosEntrada" => {
                ("/DescargaMasivaService.svc", "IDescargaMasivaTercerosService", "Descargar")
            }
            _ => ("/SolicitaDescargaService.svc", "ISolicitaDescargaService", operation),
        };
        self.post(path, &format!("{DES}/{interface}/{action}"), token, body).await
    }

    pub async fn ask(&self, token: &str, operation: &str, attributes: &[(&str, &str)]) -> Answer {
        self.send(operation, token, self.fiel.request(operation, attributes, &[])).await.unwrap()
    }

    pub async fn emitidos(&self, token: &str, change: &[(&str, &str)]) -> Answer {
        self.ask(token, "SolicitaDescargaEmitidos", &emitidos(change)).await
    }

    pub async fn verify(&self, token: &str, id: &str) -> Answer {
        self.ask(token, "VerificaSolicitudDescarga", &[("IdSolicitud", id), ("RfcSolicitante", RFC)]).await
    }

    pub async fn download(&self, token: &str, id: &str) -> Answer {
        self.ask(token, "PeticionDescargaMasivaTercerosEntrada", &[("IdPaquete", id), ("RfcSolicitante", RFC)]).await
    }

    pub async fn control(&self, method: reqwest::Method, path: &str, body: &str) -> serde_json::Value {
        let answer =
            self.http.request(method, format!("{}/_sandbox/{path}", self.base)).body(body.to_owned()).send().await.unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    pub async fn counts(&self) -> serde_json::Value {
        self.control(reqwest::Method::GET, "counts", "").await
    }
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

pub async fn listen(sandbox: Arc<Sandbox>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(fedatario_sandbox::sat::serve(listener, sandbox));
    base
}

/// A good request for issued documents, changed; an attribute changed to nothing is left out.
pub fn emitidos<'a>(change: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("EstadoComprobante", "Todos"),
        ("FechaFinal", "2026-01-31T23:59:59"),
        ("FechaInicial", "2026-01-01T00:00:00"),
        ("RfcEmisor", RFC),
        ("RfcSolicitante", RFC),
        ("TipoSolicitud", "CFDI"),
    ];
    changed(&base, change)
}

pub fn recibidos<'a>(change: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let base = [
        ("EstadoComprobante", "Vigente"),
        ("FechaFinal", "2026-01-31T23:59:59"),
        ("FechaInicial", "2026-01-01T00:00:00"),
        ("RfcReceptor", RFC),
        ("RfcSolicitante", RFC),
        ("TipoSolicitud", "CFDI"),
    ];
    changed(&base, change)
}

fn changed<'a>(base: &[(&'a str, &'a str)], change: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let kept = base.iter().filter(|(key, _)| change.iter().all(|(it, _)| it != key));
    kept.chain(change).filter(|(_, value)| !value.is_empty()).copied().collect()
}

/// Entry names and contents of an archive.
pub fn unzip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut entries = Vec::new();
    for at in 0..archive.len() {
        let mut file = archive.by_index(at).unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        entries.push((file.name().unwrap().into_owned(), bytes));
    }
    entries
}
