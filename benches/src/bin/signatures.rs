//! Signatures and canonical forms of a document of 6 KB: ours beside the raw private operation of the
//! machine, signxml, xmlsec1's library and libxml2.
//!
//! Rates are by processor time of the part's own thread, set-up left out: on a busy machine the
//! wall clock would measure the neighbours. Every part reads the document from its bytes each time.

use anyhow::{Context, bail};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use fedatario_base::clock::SystemClock;
use fedatario_base::{Clock, Secret};
use fedatario_benches::{Bench, Goal, Measured, Row, Table};
use fedatario_credentials::mint::{Authority, Subject};
use fedatario_credentials::{Certificate, IssuerStyle, Kind, Pair, PrivateKey};
use fedatario_xmlsig::{Method, Profile, PublicKey, Refusal, Signatory, VerifyProfile, canonicalize, prepare, verify};
use std::path::PathBuf;
use std::time::Duration;

/// The document of the claim, bytes.
const DOCUMENT_BYTES: usize = 6_000;
/// Private operations, and signatures: four thousand a second or so.
const SIGNATURES: usize = 20_000;
/// Verifications: tens of thousands a second.
const VERIFICATIONS: usize = 100_000;
/// Canonical forms.
const FORMS: usize = 100_000;
/// What Python does in the same time.
const PEER: usize = 3_000;

fn main() -> anyhow::Result<()> {
    Bench::start(part, bench)
}

/// The files of a run.
struct Desk(PathBuf);

impl Desk {
    fn read(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.0.join(name);
        std::fs::read(&path).with_context(|| path.display().to_string())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(std::fs::write(self.0.join(name), bytes)?)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    /// A certificate, its key and the document, unsigned and signed.
    fn set(&self) -> anyhow::Result<()> {
        let now = SystemClock::default().wall();
        let subject = Subject {
            rfc: "EKU9003173C9".into(),
            representative_rfc: None,
            name: "ESCUELA KEMPER URGATE".into(),
            curp: None,
            branch: None,
        };
        let until = now.saturating_add(Duration::from_secs(300 * 86_400))?;
        let authority = Authority::generate("AC", now)?;
        let minted = authority.issue(&subject, Kind::Fiel, "30001000000500003415", now, until)?;
        self.write("cer.der", &minted.cer_der)?;
        self.write("key.pk8", minted.pkcs8_der.expose())?;
        let base64 = base64_lines(&minted.cer_der);
        self.write("cer.pem", format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n").as_bytes())?;
        let base64 = base64_lines(minted.pkcs8_der.expose());
        self.write("key.pem", format!("-----BEGIN PRIVATE KEY-----\n{base64}\n-----END PRIVATE KEY-----\n").as_bytes())?;
        self.write("document.xml", document().as_bytes())?;
        let pair = self.pair()?;
        self.write("signed.xml", &fedatario_vault::seal_with(&pair, Profile::Plain, document().as_bytes(), now)?)
    }

    fn pair(&self) -> anyhow::Result<Pair> {
        let key = PrivateKey::open(&self.read("key.pk8")?, &Secret::new(""))?;
        Ok(Pair::new(Certificate::parse(&self.read("cer.der")?)?, key)?)
    }
}

fn base64_lines(bytes: &[u8]) -> String {
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
    text.as_bytes().chunks(64).map(|it| String::from_utf8_lossy(it).into_owned()).collect::<Vec<_>>().join("\n")
}

/// A CFDI as they are: attributes, namespaces, little text.
fn document() -> String {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><cfdi:Comprobante xmlns:cfdi=\"http://www.sat.gob.mx/cfd/4\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:schemaLocation=\"http://www.sat.gob.mx/cfd/4 http://www.sat.gob.mx/sitio_internet/cfd/4/cfdv40.xsd\" Version=\"4.0\" Fecha=\"2025-09-02T10:00:00\" SubTotal=\"1000.00\" Total=\"1160.00\" Moneda=\"MXN\" TipoDeComprobante=\"I\"><cfdi:Emisor Rfc=\"EKU9003173C9\" Nombre=\"ESCUELA KEMPER URGATE\" RegimenFiscal=\"601\"/><cfdi:Conceptos>";
    let concept = "<cfdi:Concepto ClaveProdServ=\"86121500\" NoIdentificacion=\"A-1\" Cantidad=\"1\" ClaveUnidad=\"E48\" Unidad=\"Servicio\" Descripcion=\"Colegiatura de septiembre, nivel &quot;medio superior&quot; — niño\" ValorUnitario=\"100.00\" Importe=\"100.00\" ObjetoImp=\"02\"><cfdi:Impuestos><cfdi:Traslados><cfdi:Traslado Base=\"100.00\" Impuesto=\"002\" TipoFactor=\"Tasa\" TasaOCuota=\"0.160000\" Importe=\"16.00\"/></cfdi:Traslados></cfdi:Impuestos></cfdi:Concepto>";
    let tail = "</cfdi:Conceptos></cfdi:Comprobante>";
    let concepts = (DOCUMENT_BYTES - head.len() - tail.len()).div_ceil(concept.len());
    format!("{head}{}{tail}", concept.repeat(concepts))
}

/// Processor time of this thread so far, by the kernel's word.
fn cpu() -> anyhow::Result<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = text.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// Does something so many times and says what that cost.
fn timed(units: usize, mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<()> {
    work()?;
    let began = cpu()?;
    for _ in 0..units {
        work()?;
    }
    let seconds = (cpu()? - began).as_secs_f64();
    println!("{}", serde_json::json!({ "units": units, "seconds": seconds }));
    Ok(())
}

fn part(name: &str, arguments: &[String]) -> anyhow::Result<()> {
    let [folder, units] = arguments else { bail!("folder, times") };
    let (desk, units) = (Desk(folder.into()), units.parse::<usize>()?);
    let document = desk.read("document.xml")?;
    match name {
        "raw-private" => {
            let key = KeyPair::from_pkcs8(&desk.read("key.pk8")?)?;
            timed(units, || private(&key, &document[..64]).map(|_| ()))
        }
        "sign" => sign(&desk, units, &document),
        "prepare" => {
            let signatory = signatory(&desk)?;
            timed(units, || Ok(prepare(Profile::Plain, &document, &signatory).map(|it| drop(it.finish(&[0; 256])))?))
        }
        "seal" => {
            let (pair, now) = (desk.pair()?, SystemClock::default().wall());
            timed(units, || Ok(fedatario_vault::seal_with(&pair, Profile::Plain, &document, now).map(drop)?))
        }
        "raw-public" => {
            let key = KeyPair::from_pkcs8(&desk.read("key.pk8")?)?;
            let (signature, certificate) = (private(&key, &document[..64])?, Certificate::parse(&desk.read("cer.der")?)?);
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, certificate.rsa_public_key());
            timed(units, || Ok(public.verify(&document[..64], &signature)?))
        }
        "verify" => verified(&desk, units),
        "c14n" => timed(units, || Ok(canonicalize(&document, &Method::INCLUSIVE).map(drop)?)),
        "exc-c14n" => timed(units, || Ok(canonicalize(&document, &Method::EXCLUSIVE).map(drop)?)),
        other => bail!("no part `{other}`"),
    }
}

fn private(key: &KeyPair, octets: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), octets, &mut signature)?;
    Ok(signature)
}

fn signatory(desk: &Desk) -> anyhow::Result<Signatory> {
    let certificate = Certificate::parse(&desk.read("cer.der")?)?;
    Ok(Signatory {
        certificate_der: certificate.der().to_vec(),
        issuer_name: certificate.issuer(IssuerStyle::Rfc4514),
        serial_decimal: certificate.serial_decimal(),
    })
}

fn sign(desk: &Desk, units: usize, document: &[u8]) -> anyhow::Result<()> {
    let (key, signatory) = (KeyPair::from_pkcs8(&desk.read("key.pk8")?)?, signatory(desk)?);
    timed(units, || {
        let prepared = prepare(Profile::Plain, document, &signatory)?;
        let signature = private(&key, prepared.octets())?;
        prepared.finish(&signature);
        Ok(())
    })
}

/// The signer is the one we know: the same that the peers are told.
fn verified(desk: &Desk, units: usize) -> anyhow::Result<()> {
    let (signed, known) = (desk.read("signed.xml")?, Certificate::parse(&desk.read("cer.der")?)?);
    let trust = |it: &[u8]| -> Result<PublicKey, Refusal> {
        if it != known.der() {
            return Err(Refusal::untrusted("another"));
        }
        Ok(PublicKey::from_pkcs1_der(known.rsa_public_key()))
    };
    timed(units, || {
        let verified = verify(&signed, VerifyProfile::Plain, &trust)?;
        anyhow::ensure!(verified.root().local() == "Comprobante");
        Ok(())
    })
}

fn bench(bench: &Bench) -> anyhow::Result<()> {
    let desk = Desk(bench.scratch.join("signatures"));
    std::fs::create_dir_all(&desk.0)?;
    desk.set()?;
    let folder = desk.path("");
    let ours = |name: &str, units: usize| bench.ours(name, &[&folder, &bench.size(units).to_string()]);
    let peer = |name: &str| bench.peer("signatures.py", &[name, &folder, &bench.size(PEER).to_string()]);
    let mut table = Table::default();

    let (private, sign) = (ours("raw-private", SIGNATURES)?, ours("sign", SIGNATURES)?);
    let row = Row::beside("signatures/s of 6 KB, RSA-2048; peer: the raw private operation", &sign, &private, Goal::Ratio(0.85));
    table.push(row);
    table.push(Row::rate("of it all but the private operation, documents/s", &ours("prepare", SIGNATURES)?, Goal::None));
    table.push(Row::rate("with the key opened for each, documents/s", &ours("seal", SIGNATURES / 10)?, Goal::None));
    let row = Row::beside("signatures/s; peer: xmlsec1's library", &sign, &peer("xmlsec-sign")?, Goal::None);
    table.push(row);

    let (verify, public) = (ours("verify", VERIFICATIONS)?, ours("raw-public", VERIFICATIONS)?);
    table.push(Row::beside("verifications/s; peer: signxml", &verify, &peer("signxml-verify")?, Goal::Ratio(3.0)));
    table.push(Row::beside("verifications/s; peer: xmlsec1's library", &verify, &peer("xmlsec-verify")?, Goal::Ratio(1.0)));
    table.push(Row::rate("the raw public operation/s", &public, Goal::None));

    let megabytes = document().len() as f64 / 1e6;
    for (ours_is, theirs_is, what) in [("c14n", "lxml-c14n", "inclusive"), ("exc-c14n", "lxml-exc-c14n", "exclusive")] {
        let (ours, theirs) = (ours(ours_is, FORMS)?, peer(theirs_is)?);
        let row = Row::beside(format!("canonical form, {what}, MB/s; peer: libxml2"), &ours, &theirs, Goal::None);
        table.push(Row { ours: ours.rate() * megabytes, peer: Some(theirs.rate() * megabytes), ..row });
    }
    print!("{table}");
    explain(&sign, &private);
    Ok(())
}

/// Where the time of a signature goes.
fn explain(sign: &Measured, private: &Measured) {
    let (whole, raw) = (1e6 / sign.rate(), 1e6 / private.rate());
    println!(
        "\nA signature takes {whole:.0} µs, {raw:.0} of them the private operation; the rest is reading, two canonical forms and a digest."
    );
}
