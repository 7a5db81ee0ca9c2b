//! The bodies of the fuzz targets: plain functions that must neither panic nor believe a stranger.

use crate::{
    Document, Form, Limits, Method, Profile, PublicKey, Refusal, Signatory, VerifyProfile, XmlSigError, canonicalize, prepare,
    verify,
};

/// Parses, and walks whatever comes of it.
pub fn parse(bytes: &[u8]) {
    for limits in [Limits::GENERAL, Limits::VERIFY] {
        if let Ok(document) = Document::parse(bytes, limits) {
            let nodes = document.document_node().descendants();
            let read: usize = nodes.map(|it| it.text().len() + it.attributes().count() + it.range().len()).sum();
            std::hint::black_box(read);
        }
    }
}

/// A canonical form is its own canonical form.
pub fn canonical(bytes: &[u8]) {
    for method in [Method::INCLUSIVE, Method::EXCLUSIVE.with_comments()] {
        let Ok(once) = canonicalize(bytes, &method) else { continue };
        match canonicalize(&once, &method) {
            Ok(twice) => assert_eq!(once, twice),
            Err(XmlSigError::TooLarge(_)) => {}
            Err(error) => panic!("a canonical form does not parse: {error}"),
        }
    }
}

/// Nothing is verified by a key that signed nothing.
pub fn unsigned(bytes: &[u8]) {
    let trust = |_: &[u8]| -> Result<PublicKey, Refusal> { Ok(PublicKey::from_pkcs1_der([])) };
    for profile in [
        VerifyProfile::Plain,
        VerifyProfile::Dgii,
        VerifyProfile::SatToken,
        VerifyProfile::SatRequest,
        VerifyProfile::Element { id: "a" },
    ] {
        assert!(verify(bytes, profile, &trust).is_err());
    }
}

/// What can be prepared can be finished, and what comes out parses.
pub fn prepared(bytes: &[u8]) {
    let signatory = Signatory { certificate_der: vec![1, 2, 3], issuer_name: "CN=<&>".to_owned(), serial_decimal: "7".to_owned() };
    for profile in
        [Profile::Plain, Profile::Dgii, Profile::SatToken, Profile::SatRequest(Form::Phpcfdi), Profile::SatRequest(Form::Official)]
    {
        if let Ok(prepared) = prepare(profile, bytes, &signatory) {
            let done = prepared.finish(&[0; 256]);
            assert!(Document::parse(&done, Limits::VERIFY).is_ok());
        }
    }
}
