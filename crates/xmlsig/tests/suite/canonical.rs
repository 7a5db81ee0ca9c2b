//! Canonical forms, judged by libxml2 through xmllint (documents) and xmlsec1 (subsets).

use super::common::{agreed, file};
use super::dice::Dice;
use super::generate;
use fedatario_testkit::covers;
use fedatario_xmlsig::{Document, Limits, Method, NodeId, XmlSigError, canonicalize, canonicalize_node};

/// Documents that xmllint judges in one run.
const BATCH: usize = 150;
const BATCHES: usize = 5;

#[test]
fn documents_have_the_canonical_form_that_libxml2_gives_them() {
    for (option, method) in [("--c14n", Method::INCLUSIVE), ("--exc-c14n", Method::EXCLUSIVE)] {
        for batch in 0..BATCHES {
            judge_documents(option, &method.clone().with_comments(), batch);
        }
    }
    covers!("xmlsig: inclusive and exclusive canonical forms with comments, 750 documents against libxml2");
}

fn judge_documents(option: &str, method: &Method, batch: usize) {
    let mut dice = Dice(0x5EED_0000 + batch as u64);
    let documents: Vec<String> = (0..BATCH).map(|_| generate::document(&mut dice)).collect();
    let write = |(place, it): (usize, &String)| file(&format!("c14n{option}-{batch}-{place}.xml"), it.as_bytes());
    let paths: Vec<String> = documents.iter().enumerate().map(write).collect();
    let mut arguments = vec![option];
    arguments.extend(paths.iter().map(String::as_str));
    let theirs = agreed("xmllint", &arguments);
    let mut rest = theirs.as_slice();
    for document in &documents {
        let ours = canonicalize(document.as_bytes(), method).unwrap_or_else(|error| panic!("{error}\n{document}"));
        let (judged, after) = rest.split_at(ours.len().min(rest.len()));
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(judged), "{option}\n{document}");
        rest = after;
    }
    assert!(rest.is_empty());
}

/// A subset to be judged: what the reference says, and the same for us.
struct Case {
    reference: String,
    apex: NodeId,
    method: Method,
    omit: Option<NodeId>,
}

const C14N: &str = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

#[test]
fn subsets_have_the_canonical_form_that_xmlsec_digests() {
    let mut judged = 0;
    for seed in 0..12 {
        judged += judge_subsets(&mut Dice(0xC14A_0001 + seed * 7919), seed);
    }
    assert!(judged >= 500, "{judged}");
    covers!("xmlsig: canonical forms of subsets without comments, with prefix lists, without the signature, against xmlsec1");
}

fn judge_subsets(dice: &mut Dice, seed: u64) -> usize {
    let holders: String = (0..12).map(|it| holder(dice, it)).collect();
    let head = "<root xmlns='urn:root' xmlns:p='urn:one' xmlns:q='urn:two' xmlns:r='urn:r' xmlns:cfdi='urn:c' xml:lang='en'>";
    let whole =
        |signature: &str| format!("<!-- before --><?pi before?>{head}{holders}{signature}</root><?pi after?><!-- after -->");
    let document = Document::parse(whole(&template("")).as_bytes(), Limits::GENERAL).expect("a generated document");
    let cases = cases(dice, &document);
    let references: String = cases.iter().map(|it| it.reference.as_str()).collect();
    let path = file(&format!("subsets-{seed}.xml"), whole(&template(&references)).as_bytes());
    let key = file("hmac.bin", b"a key for digests only");
    let signed = agreed("xmlsec1", &["--sign", "--hmackey", &key, "--id-attr:Id", "urn:z:case", &path]);
    let theirs = digests(&signed);
    assert_eq!(theirs.len(), cases.len());
    for (case, theirs) in cases.iter().zip(theirs) {
        let ours = canonicalize_node(&document, case.apex, &case.method, case.omit).expect("a canonical form");
        let digest = base64::Engine::encode(&base64::prelude::BASE64_STANDARD, fedatario_xmlsig::Hash::Sha256.digest(&ours));
        assert_eq!(digest, theirs, "{}\n{}", case.reference, String::from_utf8_lossy(&ours));
    }
    cases.len()
}

/// An element with more surroundings, and in it the one that is referred to.
fn holder(dice: &mut Dice, place: usize) -> String {
    let surroundings = ["", " xmlns=''", " xmlns='urn:other'", " xmlns:p='urn:two'", " xml:lang='es' xml:space='preserve'"];
    let outer = dice.pick(&surroundings);
    let own = dice.pick(&["", " xml:lang='fr'", " xmlns:q='urn:q2'", " xmlns='urn:inner'"]);
    // Bindings inside are only what the generated element declares itself, plus these five.
    let scope = [None, Some(0), None, Some(4), Some(4)];
    let inside = generate::element(dice, &scope, 3);
    format!("<w{outer}><z:case xmlns:z='urn:z' Id='c{place}'{own}>{inside}<!-- within --></z:case></w>")
}

fn cases(dice: &mut Dice, document: &Document) -> Vec<Case> {
    let nodes: Vec<_> = document.root().descendants().filter(|it| it.is("urn:z", "case")).collect();
    let mut out = Vec::new();
    for node in nodes {
        let id = node.attribute("Id").expect("its Id");
        let plain = format!("#{id}");
        let with_comments = format!("#xpointer(id('{id}'))");
        let list = generate::prefix_list(dice);
        let methods = [
            (C14N.to_owned(), Method::INCLUSIVE, &plain, false),
            (EXCLUSIVE.to_owned(), Method::EXCLUSIVE, &plain, false),
            (EXCLUSIVE.to_owned(), Method::EXCLUSIVE.with_prefixes(&list), &plain, true),
            (format!("{C14N}#WithComments"), Method::INCLUSIVE.with_comments(), &with_comments, false),
            (format!("{EXCLUSIVE}WithComments"), Method::EXCLUSIVE.with_comments().with_prefixes(&list), &with_comments, true),
        ];
        for (algorithm, method, uri, is_listed) in methods {
            let inner = if is_listed { prefixes(&list) } else { String::new() };
            let reference = reference(uri, &format!("<Transform Algorithm='{algorithm}'>{inner}</Transform>"));
            out.push(Case { reference, apex: node.id(), method, omit: None });
        }
    }
    out.extend(enveloped_cases(document));
    out
}

fn enveloped_cases(document: &Document) -> Vec<Case> {
    let is_signature = |it: &fedatario_xmlsig::Node<'_>| it.local() == "Signature";
    let omit = document.root().descendants().find(is_signature).map(|it| it.id());
    let enveloped = "<Transform Algorithm='http://www.w3.org/2000/09/xmldsig#enveloped-signature'/>";
    let case = |algorithm: &str, method: Method| Case {
        reference: reference("", &format!("{enveloped}<Transform Algorithm='{algorithm}'/>")),
        apex: NodeId::DOCUMENT,
        method,
        omit,
    };
    vec![case(C14N, Method::INCLUSIVE), case(EXCLUSIVE, Method::EXCLUSIVE)]
}

fn prefixes(list: &[&str]) -> String {
    format!("<InclusiveNamespaces xmlns='{EXCLUSIVE}' PrefixList='{}'/>", list.join(" "))
}

fn reference(uri: &str, transforms: &str) -> String {
    let hash = "<DigestMethod Algorithm='http://www.w3.org/2001/04/xmlenc#sha256'/><DigestValue/>";
    format!("<Reference URI=\"{uri}\"><Transforms>{transforms}</Transforms>{hash}</Reference>")
}

fn template(references: &str) -> String {
    format!(
        "<Signature xmlns='http://www.w3.org/2000/09/xmldsig#'><SignedInfo><CanonicalizationMethod Algorithm='{EXCLUSIVE}'/>\
         <SignatureMethod Algorithm='http://www.w3.org/2001/04/xmldsig-more#hmac-sha256'/>{references}</SignedInfo>\
         <SignatureValue/></Signature>"
    )
}

fn digests(signed: &[u8]) -> Vec<String> {
    let document = Document::parse(signed, Limits::GENERAL).expect("what xmlsec1 writes");
    let all = document.root().descendants().filter(|it| it.local() == "DigestValue");
    all.map(|it| it.text()).collect()
}

#[test]
fn examples_have_the_forms_that_the_recommendation_gives_them() {
    let inclusive = Method::INCLUSIVE;
    let check = |xml: &str, method: &Method, expected: &str| {
        let ours = canonicalize(xml.as_bytes(), method).expect("a canonical form");
        assert_eq!(String::from_utf8_lossy(&ours), expected, "{xml}");
    };
    let rows = [
        ("<?xml version=\"1.0\"?>\n<?x y ?>\n<doc>a<!-- c --></doc>\n<?z?>\n<!-- d -->\n", "<?x y ?>\n<doc>a</doc>\n<?z?>"),
        ("<e b='2' a='1'/>", "<e a=\"1\" b=\"2\"></e>"),
        (
            "<e xmlns:b='urn:b' xmlns:a='urn:a' b:x='1' a:y='2' z='3'/>",
            "<e xmlns:a=\"urn:a\" xmlns:b=\"urn:b\" z=\"3\" a:y=\"2\" b:x=\"1\"></e>",
        ),
        ("<a xmlns='urn:a'><b xmlns=''><c xmlns=''/></b></a>", "<a xmlns=\"urn:a\"><b xmlns=\"\"><c></c></b></a>"),
        ("<a x='&#9;&#10;&#13;\t\r\n'>&#13;\r\n]]&gt;</a>", "<a x=\"&#x9;&#xA;&#xD;  \">&#xD;\n]]&gt;</a>"),
        ("<a><![CDATA[<x>&]]></a>", "<a>&lt;x&gt;&amp;</a>"),
        ("\u{feff}<a/>", "<a></a>"),
    ];
    for (xml, expected) in rows {
        check(xml, &inclusive, expected);
    }
    let exclusive = "<a xmlns='urn:a' xmlns:b='urn:b' xmlns:c='urn:c'><b:d c:e='1'/></a>";
    check(exclusive, &Method::EXCLUSIVE, "<a xmlns=\"urn:a\"><b:d xmlns:b=\"urn:b\" xmlns:c=\"urn:c\" c:e=\"1\"></b:d></a>");
    let listed = Method::EXCLUSIVE.with_prefixes(&["b"]);
    check(exclusive, &listed, "<a xmlns=\"urn:a\" xmlns:b=\"urn:b\"><b:d xmlns:c=\"urn:c\" c:e=\"1\"></b:d></a>");
    check("<a><!--x--></a>", &inclusive.clone().with_comments(), "<a><!--x--></a>");
    covers!("xmlsig: canonical forms of the recommendation's kinds of example");
}

#[test]
fn a_canonical_form_cannot_grow_without_bound() {
    let long = format!("urn:{}", "x".repeat(20_000));
    let xml = format!("<r xmlns:p='{long}'>{}</r>", "<p:a/>".repeat(5_000));
    let refused = canonicalize(xml.as_bytes(), &Method::EXCLUSIVE);
    assert_eq!(refused, Err(XmlSigError::TooLarge("canonical form")));
    assert!(canonicalize(xml.as_bytes(), &Method::INCLUSIVE).is_ok());
    covers!("xmlsig: a namespace written thousands of times is refused, not written");
}
