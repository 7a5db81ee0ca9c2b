//! What the reader refuses, what it accepts, and that no bytes at all make it panic.

use super::common::{file, minted, run};
use super::dice::Dice;
use super::generate;
use super::sat::{login, operation};
use fedatario_testkit::covers;
use fedatario_xmlsig::{Document, Form, Limits, Profile, fuzz, prepare};

/// Seeded mutations of each of the seeds below; the bodies are those of the fuzz targets.
const ROUNDS: usize = 150;
/// Mutated documents that another parser has to accept as well.
const ACCEPTED: usize = 1_500;

#[test]
fn what_is_not_well_formed_is_refused() {
    let rows = [
        "<a",
        "<a>",
        "<a></b>",
        "</a>",
        "<a/><b/>",
        "<a/>x",
        "x<a/>",
        "<a/>&amp;",
        "<a/><![CDATA[]]>",
        "<a b/>",
        "<a b=c/>",
        "<a b='1' b='2'/>",
        "<a b='1'c='2'/>",
        "<a b='<'/>",
        "<a b='&x;'/>",
        "<a b='&'/>",
        "<a b='&#0;'/>",
        "<a b='&#x1F;'/>",
        "<a>&x;</a>",
        "<a>&</a>",
        "<a>&#0;</a>",
        "<a>&#xD800;</a>",
        "<a>&#xFFFE;</a>",
        "<a>&#+9;</a>",
        "<a>&#;</a>",
        "<a>&#x110000;</a>",
        "<a>]]></a>",
        "<a>\u{1}</a>",
        "<a>\u{FFFF}</a>",
        "<a><!-- -- --></a>",
        "<a><!-- ---></a>",
        "<1a/>",
        "<a:b:c xmlns:a='urn:a'/>",
        "<:a/>",
        "<a:/>",
        "<a b:c='1'/>",
        "<b:a/>",
        "<a xmlns:b=''/>",
        "<a xmlns:xmlns='urn:a'/>",
        "<a xmlns:xml='urn:a'/>",
        "<a xmlns:b='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<a xmlns:b='urn:x' xmlns:c='urn:x' b:d='1' c:d='2'/>",
        "<xmlns:a/>",
        "<a><?xml version='1.0'?></a>",
        " <?xml version='1.0'?><a/>",
        "<?xml version='1.1'?><a/>",
        "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
        "<?xml version='1.0' standalone='x'?><a/>",
        "<a><?XML x?></a>",
        "<a><?a:b x?></a>",
        "<a><? x?></a>",
        "\u{feff}\u{feff}<a/>",
        "<a><![CDATA[</a>",
        "<a><!-- </a>",
        "<a><?x </a>",
        "<a/",
        "<a b='1",
        "",
        " ",
        "<!-- x -->",
    ];
    for xml in rows {
        let error = Document::parse(xml.as_bytes(), Limits::GENERAL).map(|_| ()).expect_err(xml);
        assert_eq!(error.code().slug(), "xml_malformed", "{xml}: {error}");
    }
    for bytes in [&b"<a>\xff</a>"[..], b"\xff\xfe<\0a\0/\0>\0", b"\xfe\xff\0<\0a\0/\0>", b"+ADw-a/+AD4-"] {
        assert!(Document::parse(bytes, Limits::GENERAL).is_err());
    }
    covers!("xmlsig: XML that is not well-formed, not UTF-8 or against namespaces is refused");
}

#[test]
fn every_kind_of_doctype_is_refused() {
    let rows = [
        "<!DOCTYPE a><a/>",
        "<!doctype a><a/>",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
        "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>",
        "<!DOCTYPE a PUBLIC 'x' 'http://evil/'><a/>",
        "<!DOCTYPE a [<!ENTITY % p SYSTEM 'http://evil/'> %p;]><a/>",
        "<?xml version='1.0'?>\n<!-- c --><!DOCTYPE a [<!ATTLIST a b CDATA 'default'>]><a/>",
    ];
    for xml in rows {
        let error = Document::parse(xml.as_bytes(), Limits::GENERAL).map(|_| ()).expect_err(xml);
        assert!(matches!(error.code().slug(), "xml_doctype" | "xml_malformed"), "{xml}: {error}");
    }
    covers!("xmlsig: a DOCTYPE is refused wherever it stands");
}

#[test]
fn the_tree_says_what_the_document_says() {
    let xml = "<a xmlns='urn:a' xmlns:b='urn:b' c='&#9;x\ty\r\nz' b:c=\"&lt;&quot;\"><b:d/>one<!-- x -->two<![CDATA[&]]>\r\n<e>inner</e></a>";
    let document = Document::parse(xml.as_bytes(), Limits::GENERAL).expect("a document");
    let root = document.root();
    assert!(root.is("urn:a", "a"));
    assert_eq!(root.attribute("c"), Some("\tx y z"));
    assert_eq!(root.attribute_ns("urn:b", "c"), Some("<\""));
    assert_eq!(root.text(), "onetwo&\n");
    assert_eq!(root.elements().map(|it| it.qualified_name()).collect::<Vec<_>>(), ["b:d", "e"]);
    let inner = root.only_child("urn:a", "e").expect("one e");
    assert_eq!((&xml[inner.range()], &xml[inner.content_range().expect("content")]), ("<e>inner</e>", "inner"));
    assert_eq!(root.child("urn:b", "d").and_then(|it| it.content_range()), None);
    assert_eq!(inner.parent().map(|it| it.id()), Some(root.id()));
    assert_eq!(root.descendants().count(), 7);
    covers!("xmlsig: names, namespaces, normalised values and whole texts are read");
}

#[test]
fn hostile_shapes_stay_within_bounds() {
    let deep = format!("{}{}", "<a>".repeat(100_000), "</a>".repeat(100_000));
    let nearly = format!("{}{}", "<a>".repeat(256), "</a>".repeat(256));
    let attributes = |count: usize| format!("<a {}/>", (0..count).map(|it| format!("a{it}='' ")).collect::<String>());
    let slug = |xml: &str| Document::parse(xml.as_bytes(), Limits::GENERAL).map_err(|it| it.code().slug()).err();
    assert_eq!(slug(&deep), Some("xml_too_deep"));
    assert_eq!(slug(&nearly), None);
    assert_eq!(slug(&attributes(256)), None);
    assert_eq!(slug(&attributes(257)), Some("xml_too_large"));
    assert_eq!(slug(&format!("<a>{}</a>", "<b/>".repeat(1_000_000))), Some("xml_too_large"));
    assert_eq!(slug(&format!("<a>{}</a>", "<b/>".repeat(200_000))), None);
    let tiny = Limits { bytes: 3, ..Limits::GENERAL };
    assert!(Document::parse(b"<a/>", tiny).is_err());
    // Declarations on every level, looked up from the deepest: a table, not a walk.
    let level = |depth: usize| (0..200).map(|it| format!(" xmlns:p{depth}x{it}='urn:{it}'")).collect::<String>();
    let nested: String = (0..200).map(|depth| format!("<a{}>", level(depth))).collect();
    let nested = format!("{nested}{}{}", "<p0x0:b p7x7:c=''/>".repeat(20_000), "</a>".repeat(200));
    assert_eq!(slug(&nested), None);
    covers!("xmlsig: depth, attributes, nodes and size are bounded, and lookups do not multiply");
}

#[test]
fn no_bytes_make_it_panic() {
    let mut dice = Dice(0xF022_0001);
    let mut seeds: Vec<Vec<u8>> = (0..10).map(|_| generate::document(&mut dice).into_bytes()).collect();
    for profile in [Profile::Plain, Profile::Dgii] {
        let prepared = prepare(profile, b"<r><a Id='a'>1</a></r>", &minted().signatory).expect("prepared");
        seeds.push(minted().finish(prepared));
    }
    let unsigned = [
        (Profile::SatToken, login("2026-09-01T12:00:00.000Z", "2026-09-01T12:05:00.000Z", "t")),
        (Profile::SatRequest(Form::Phpcfdi), operation("SolicitaDescargaFolio", "Folio=\"1\"", "")),
        (Profile::SatRequest(Form::Official), operation("SolicitaDescargaFolio", "Folio=\"1\"", "")),
    ];
    for (profile, document) in unsigned {
        let prepared = prepare(profile, document.as_bytes(), &minted().signatory).expect("prepared");
        seeds.push(prepared.finish(&[7; 256]));
        seeds.push(document.into_bytes());
    }
    let mut tried = 0;
    for seed in &seeds {
        for _ in 0..ROUNDS {
            let bytes = mutated(&mut dice, seed);
            for body in [fuzz::parse, fuzz::canonical, fuzz::unsigned, fuzz::prepared] {
                body(&bytes);
            }
            tried += 1;
        }
    }
    assert_eq!(tried, seeds.len() * ROUNDS);
    covers!("xmlsig: seeded mutations of documents, logins, requests and signatures never panic and are never believed");
}

#[test]
fn what_is_accepted_here_libxml2_accepts() {
    let mut dice = Dice(0xACCE_0001);
    let mut paths = Vec::new();
    while paths.len() < ACCEPTED {
        let whole = generate::document(&mut dice);
        let bytes = mutated(&mut dice, whole.as_bytes());
        if Document::parse(&bytes, Limits::GENERAL).is_ok() {
            paths.push(file(&format!("accepted-{}.xml", paths.len()), &bytes));
        }
    }
    let mut arguments = vec!["--noout"];
    arguments.extend(paths.iter().map(String::as_str));
    let said = String::from_utf8_lossy(&run("xmllint", &arguments).stderr).into_owned();
    // libxml2 is narrower about which namespaces are addresses; that is no matter of parsing.
    let errors: Vec<&str> = said.lines().filter(|it| it.contains(" error :") && !it.contains("is not a valid URI")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    covers!("xmlsig: 1,500 mutated documents that are accepted here are well-formed for libxml2");
}

const CHUNKS: &[&[u8]] = &[
    b"<",
    b">",
    b"/>",
    b"&",
    b"&#13;",
    b"&lt;",
    b"'",
    b"\"",
    b"]]>",
    b"<![CDATA[",
    b"<!--",
    b"-->",
    b"<?x?>",
    b"xmlns=''",
    b" xmlns:p='urn:p'",
    b"p:",
    b"\r",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"<!DOCTYPE a>",
    b"</a>",
    b"<a>",
    b"xml:lang='x'",
    "ñ".as_bytes(),
    b" Id='a'",
];

pub fn mutated(dice: &mut Dice, seed: &[u8]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..1 + dice.roll(4) {
        let at = dice.roll(bytes.len() + 1);
        let to = (at + dice.roll(12)).min(bytes.len());
        match dice.roll(5) {
            0 => drop(bytes.drain(at..to)),
            1 => drop(bytes.splice(at..at, CHUNKS[dice.roll(CHUNKS.len())].iter().copied())),
            2 if at < bytes.len() => bytes[at] ^= 1 << dice.roll(8),
            3 => {
                let copied = bytes[at..to].to_vec();
                let place = dice.roll(bytes.len() + 1);
                drop(bytes.splice(place..place, copied));
            }
            _ => bytes.truncate(at.max(1)),
        }
        if bytes.is_empty() {
            bytes.push(b'<');
        }
    }
    bytes
}
