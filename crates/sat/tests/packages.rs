//! Packages come out of their answers whole or not at all, whatever the pieces.

use async_trait::async_trait;
use bytes::Bytes;
use fedatario_app::ports::{BlobError, Kept, Slot};
use fedatario_sat::NoAnswer;
use fedatario_sat::download::{Broken, MAX_PACKAGE_BYTES, Received, Splitter, receive};
use fedatario_sat::reply::{Reply, Respuesta};
use fedatario_testkit::{covers, fixtures, fixtures_or_skip};
use std::sync::{Arc, Mutex};

const DES: &str = "http://DescargaMasivaTerceros.sat.gob.mx";

fn answer(code: &str, paquete: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><h:respuesta CodEstatus=\"{code}\" Mensaje=\"Descripción\" \
         xmlns:h=\"{DES}\" xmlns=\"{DES}\"/></s:Header><s:Body><RespuestaDescargaMasivaTercerosSalida xmlns=\"{DES}\">{paquete}\
         </RespuestaDescargaMasivaTercerosSalida></s:Body></s:Envelope>"
    )
}

fn split(pieces: &[&[u8]], ceiling: u64) -> Result<(Reply<Respuesta>, Vec<u8>), NoAnswer> {
    let (mut splitter, mut out) = (Splitter::new(ceiling), Vec::new());
    for piece in pieces {
        splitter.push(piece, &mut out)?;
    }
    assert_eq!(splitter.decoded(), out.len() as u64);
    Ok((splitter.finish()?, out))
}

fn whole(text: &str) -> Result<(String, Vec<u8>), NoAnswer> {
    let (reply, out) = split(&[text.as_bytes()], MAX_PACKAGE_BYTES)?;
    match reply {
        Reply::Result(it) => Ok((it.cod_estatus, out)),
        Reply::Fault(fault) => Ok((fault.code, out)),
    }
}

#[test]
fn published_answers() {
    let root = fixtures_or_skip!();
    let cases = [
        ("captured-2025-09/descargar-305", "305", 0),
        ("captured-2025-09/descargar-5004", "5004", 0),
        ("captured-2025-09/descargar-5008", "5008", 0),
        ("derived/descargar-300", "300", 0),
        ("derived/descargar-5007", "5007", 0),
        ("derived/descargar-5000-zip-vacio", "5000", 22),
    ];
    for (name, code, bytes) in cases {
        let text = String::from_utf8(fixtures::read(&root, &format!("mx/soap/{name}.xml"))).unwrap();
        let (found, package) = whole(&text).unwrap();
        assert_eq!((found.as_str(), package.len()), (code, bytes), "{name}");
    }
    for name in ["phpcfdi/download-response-with-package", "official-v15/RespuestaDescargaMasivaTercerosSalida"] {
        let text = String::from_utf8(fixtures::read(&root, &format!("mx/soap/{name}.xml"))).unwrap();
        let (code, package) = whole(&text).unwrap();
        assert_eq!((code.as_str(), &package[..4]), ("5000", &b"PK\x03\x04"[..]), "{name}");
    }
    covers!("sat: every captured, derived and published answer to a download parses to its meaning");
}

#[test]
fn a_package_survives_every_cut_between_pieces() {
    let text = answer("5000", "<Paquete>\n SGVs\r\nbG8s IG1 1bm\tRvIQ==\n </Paquete>").into_bytes();
    for at in 0..=text.len() {
        let (_, out) = split(&[&text[..at], &text[at..]], MAX_PACKAGE_BYTES).unwrap();
        assert_eq!(out, b"Hello, mundo!", "cut at {at}");
    }
    let singles: Vec<&[u8]> = text.chunks(1).collect();
    assert_eq!(split(&singles, MAX_PACKAGE_BYTES).unwrap().1, b"Hello, mundo!");
    covers!("sat: Paquete may be split at any byte, with white space inside");
}

#[test]
fn a_package_cut_at_any_byte_is_no_answer() {
    let text = answer("5000", "<Paquete>SGVsbG8sIG11bmRvIQ==</Paquete>").into_bytes();
    for end in 0..text.len() {
        assert!(split(&[&text[..end]], MAX_PACKAGE_BYTES).is_err(), "cut at {end}");
    }
    covers!("sat: a download cut at any byte is no answer");
}

#[test]
fn shapes_of_a_package() {
    let good = [
        ("<Paquete/>", ""),
        ("<Paquete />", ""),
        ("<Paquete></Paquete>", ""),
        ("<Paquete>\n</Paquete>", ""),
        ("<Paquete>QQ==</Paquete>", "A"),
        ("<q:Paquete xmlns:q=\"http://DescargaMasivaTerceros.sat.gob.mx\" a='>'>QUI=</q:Paquete>", "AB"),
        ("<!-- Paquete --><Paquete>QUJD</Paquete>", "ABC"),
    ];
    for (paquete, expected) in good {
        assert_eq!(whole(&answer("5000", paquete)), Ok(("5000".into(), expected.as_bytes().to_vec())), "{paquete}");
    }
    let bad = [
        "",
        "<Paquete>QQ</Paquete>",
        "<Paquete>QQ=</Paquete>",
        "<Paquete>QQ==QQ==</Paquete>",
        "<Paquete>Q!==</Paquete>",
        "<Paquete>QR==</Paquete>",
        "<Paquete>QUJD&#10;</Paquete>",
        "<Paquete><![CDATA[QUJD]]>x</Paquete>",
        "<Paquete>QUJD</Paquete><Paquete>QUJD</Paquete>",
        "<Paquete>QUJD<!-- -->QUJD</Paquete>",
        "<Paquete>QUJD<Paquete>",
        "<Paquete>QUJD</Otro>",
        "<Paquete xmlns=\"urn:x\">QUJD</Paquete>",
        "<x><Paquete>QUJD</Paquete></x>",
    ];
    for paquete in bad {
        assert!(whole(&answer("5000", paquete)).is_err(), "{paquete}");
    }
    let headless = answer("5000", "<Paquete>QUJD</Paquete>").replace("h:respuesta", "h:otra");
    assert_eq!(whole(&headless), Err(NoAnswer::Missing("respuesta")));
    assert_eq!(whole(&format!("<!DOCTYPE x [<!ENTITY y 'Paquete'>]>{}", answer("5000", "<Paquete/>"))), Err(NoAnswer::Doctype));
    assert_eq!(whole(&format!("\u{feff}{}", answer("5000", "<Paquete>QUJD</Paquete>"))).unwrap().1, b"ABC");
    covers!("sat: malformed base64, a misplaced or foreign Paquete and a missing header are no answer");
}

#[test]
fn a_download_is_bounded() {
    let text = answer("5000", "<Paquete>QUJDREVG</Paquete>");
    assert!(split(&[text.as_bytes()], 6).is_ok());
    assert!(matches!(split(&[text.as_bytes()], 5), Err(NoAnswer::TooLarge(_))));
    let padded = answer("5000", &format!("<Paquete>{}</Paquete>", " ".repeat(100)));
    assert!(matches!(split(&[padded.as_bytes()], 5), Err(NoAnswer::TooLarge(_))));
    let long_head = format!("<!--{}-->{}", "x".repeat(70_000), text);
    assert!(matches!(split(&[long_head.as_bytes()], 6), Err(NoAnswer::TooLarge(_))));
    let long_tail = format!("{text}<!--{}-->", "x".repeat(70_000));
    assert!(matches!(split(&[long_tail.as_bytes()], 6), Err(NoAnswer::TooLarge(_))));
    covers!("sat: a package, and the envelope around it, are bounded");
}

#[derive(Default)]
struct Trace {
    largest: usize,
    total: usize,
    kept: bool,
    fail: bool,
}

struct TraceSlot(Arc<Mutex<Trace>>);

#[async_trait]
impl Slot for TraceSlot {
    async fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        let mut trace = self.0.lock().unwrap();
        trace.largest = trace.largest.max(bytes.len());
        trace.total += bytes.len();
        if trace.fail { Err(BlobError::Unavailable("full".into())) } else { Ok(()) }
    }

    async fn keep(self: Box<Self>) -> Result<Kept, BlobError> {
        let mut trace = self.0.lock().unwrap();
        trace.kept = true;
        Ok(Kept { path: "p".into(), sha256: "d".into(), size: trace.total as u64 })
    }
}

async fn run(parts: Vec<Result<Bytes, &'static str>>, fail: bool) -> (Result<Received, Broken>, Trace) {
    let trace = Arc::new(Mutex::new(Trace { fail, ..Trace::default() }));
    let body = futures_util::stream::iter(parts);
    let received = receive(body, Box::new(TraceSlot(trace.clone())), MAX_PACKAGE_BYTES).await;
    let trace = std::mem::take(&mut *trace.lock().unwrap());
    (received, trace)
}

#[tokio::test]
async fn memory_does_not_grow_with_the_package() {
    const MEGABYTES: usize = 24;
    let (head, tail) = answer("5000", "<Paquete>|</Paquete>").split_once('|').map(|(h, t)| (h.to_owned(), t.to_owned())).unwrap();
    // One huge piece, as a careless transport would hand it over.
    let text = format!("{head}{}{tail}", "QUJD".repeat(MEGABYTES * 1024 * 1024 / 3));
    let (received, trace) = run(vec![Ok(Bytes::from(text))], false).await;
    let kept = received.unwrap().kept.unwrap();
    assert_eq!(kept.size as usize, MEGABYTES * 1024 * 1024 / 3 * 3);
    assert!(trace.largest <= 64 * 1024, "{} bytes at once", trace.largest);
    covers!("sat: a package streams to its slot in bounded pieces");
}

#[tokio::test]
async fn only_a_whole_package_is_kept() {
    let text = answer("5000", "<Paquete>QUJD</Paquete>");
    let bytes = |text: &str| Ok(Bytes::copy_from_slice(text.as_bytes()));
    let (received, trace) = run(vec![bytes(&text)], false).await;
    let received = received.unwrap();
    assert!(trace.kept && received.kept.is_some());
    assert_eq!(received.size as usize, text.len());

    let (empty, trace) = run(vec![bytes(&answer("5000", "<Paquete/>"))], false).await;
    assert!(empty.unwrap().kept.is_none() && !trace.kept);

    let (cut, trace) = run(vec![bytes(&text[..text.len() - 30]), Err("reset")], false).await;
    assert!(matches!(cut, Err(Broken::Cut(_))) && trace.total == 3 && !trace.kept);

    let (short, trace) = run(vec![bytes(&text[..text.len() - 30])], false).await;
    assert!(matches!(short, Err(Broken::NoAnswer(_))) && !trace.kept);

    let (full, trace) = run(vec![bytes(&text)], true).await;
    assert!(matches!(full, Err(Broken::Kept(_))) && !trace.kept);
    covers!("sat: a package is kept before its answer counts, and only whole");
}

/// Numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}

#[test]
fn mutilated_answers_are_refused_or_read_and_never_more() {
    let whole = answer("5000", "<Paquete>SGVsbG8sIG11bmRvIQ==</Paquete>").into_bytes();
    let mut numbers = Numbers(7);
    let mut refused = 0;
    for _ in 0..3_000 {
        let mut bytes = whole.clone();
        for _ in 0..=numbers.below(4) {
            let at = numbers.below(bytes.len());
            match numbers.below(3) {
                0 => bytes[at] = numbers.below(256) as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"<>&\"=/ \0"[numbers.below(8)]),
            }
        }
        let cut = numbers.below(bytes.len());
        // Whatever they are, the pieces make no difference.
        let in_two = split(&[&bytes[..cut], &bytes[cut..]], 64).map(|(_, out)| out);
        assert_eq!(in_two, split(&[&bytes], 64).map(|(_, out)| out), "{}", String::from_utf8_lossy(&bytes));
        refused += usize::from(in_two.is_err());
        let _ = (fedatario_sat::reply::verified(&bytes), fedatario_sat::reply::login(&bytes), fedatario_sat::reply::fault(&bytes));
    }
    assert!(refused > 1_000, "{refused} refused");
    covers!("sat: 3,000 seeded mutilations of an answer neither panic nor depend on the pieces they come in");
}
