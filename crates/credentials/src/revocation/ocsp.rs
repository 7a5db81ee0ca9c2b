//! Questions about one certificate, and what a responder answers.
//!
//! The certificate is named by SHA-1 of its issuer's name and key, as every responder understands (RFC
//! 5019); an answer may name it by SHA-256 too. Those digests name, they protect nothing: the signature
//! does. A responder that repeats no nonce is common, and is believed as far as its dates go; one that
//! repeats another than ours is not.

use super::{RevocationError, State, Told, in_time, instant, reason};
use crate::Certificate;
use crate::certificate::Signed;
use aws_lc_rs::digest;
use der::asn1::{BitString, GeneralizedTime, Null, ObjectIdentifier, OctetString};
use der::{Any, Choice, Decode as _, Encode as _, Enumerated, Sequence};
use jiff::Timestamp;
use x509_cert::ext::pkix::CrlReason;
use x509_cert::ext::{Extension, Extensions};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;

/// Most bytes of an answer: one certificate's state and the responder's own certificate take four kilobytes.
pub const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Bytes of a nonce: within what every responder takes (RFC 8954).
pub const NONCE_BYTES: usize = 32;
/// Most certificates that an answer may bring along.
const CERTIFICATES_AT_MOST: usize = 8;
/// Most certificates that one answer may be about.
const RESPONSES_AT_MOST: usize = 64;

const SHA1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.14.3.2.26");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const NONCE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.2");
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
const BROKEN: RevocationError = RevocationError::Format("its ASN.1 is broken");

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct CertId {
    hash_algorithm: AlgorithmIdentifierOwned,
    issuer_name_hash: OctetString,
    issuer_key_hash: OctetString,
    serial_number: SerialNumber,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct Request {
    cert: CertId,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct TbsRequest {
    requests: Vec<Request>,
    #[asn1(context_specific = "2", optional = "true", tag_mode = "EXPLICIT")]
    extensions: Option<Extensions>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct OcspRequest {
    tbs: TbsRequest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumerated)]
#[asn1(type = "ENUMERATED")]
#[repr(u8)]
enum Status {
    Successful = 0,
    Malformed = 1,
    Internal = 2,
    TryLater = 3,
    SignatureRequired = 5,
    Unauthorized = 6,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct OcspResponse {
    status: Status,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    bytes: Option<ResponseBytes>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct ResponseBytes {
    kind: ObjectIdentifier,
    response: OctetString,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct BasicResponse {
    data: ResponseData,
    algorithm: AlgorithmIdentifierOwned,
    signature: BitString,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    certificates: Option<Vec<Any>>,
}

/// The responder's own name is not read: its signature tells who it is.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct ResponseData {
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    version: Option<u8>,
    responder: Any,
    produced_at: GeneralizedTime,
    responses: Vec<Single>,
    #[asn1(context_specific = "1", optional = "true", tag_mode = "EXPLICIT")]
    extensions: Option<Extensions>,
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct Single {
    cert: CertId,
    status: CertStatus,
    this_update: GeneralizedTime,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    next_update: Option<GeneralizedTime>,
    #[asn1(context_specific = "1", optional = "true", tag_mode = "EXPLICIT")]
    extensions: Option<Extensions>,
}

#[derive(Clone, Debug, PartialEq, Eq, Choice)]
enum CertStatus {
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT")]
    Good(Null),
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", constructed = "true")]
    Revoked(RevokedInfo),
    #[asn1(context_specific = "2", tag_mode = "IMPLICIT")]
    Unknown(Null),
}

#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
struct RevokedInfo {
    at: GeneralizedTime,
    #[asn1(context_specific = "0", optional = "true", tag_mode = "EXPLICIT")]
    reason: Option<CrlReason>,
}

/// The question about a certificate, in DER, with a nonce of [`NONCE_BYTES`].
pub fn question(certificate: &Certificate, issuer: &Certificate, nonce: &[u8; NONCE_BYTES]) -> Result<Vec<u8>, RevocationError> {
    let broken = |_| BROKEN;
    let octets = |bytes: Vec<u8>| OctetString::new(bytes).map_err(broken);
    let extension =
        Extension { extn_id: NONCE, critical: false, extn_value: octets(octets(nonce.to_vec())?.to_der().map_err(broken)?)? };
    let null = Some(Any::null());
    let cert = CertId {
        hash_algorithm: AlgorithmIdentifierOwned { oid: SHA1, parameters: null },
        issuer_name_hash: octets(hashed(&digest::SHA1_FOR_LEGACY_USE_ONLY, issuer.subject_der()))?,
        issuer_key_hash: octets(hashed(&digest::SHA1_FOR_LEGACY_USE_ONLY, issuer.rsa_public_key()))?,
        serial_number: SerialNumber::new(certificate.serial()).map_err(broken)?,
    };
    let tbs = TbsRequest { requests: vec![Request { cert }], extensions: Some(vec![extension]) };
    OcspRequest { tbs }.to_der().map_err(broken)
}

/// What an answer says of a certificate at `now`.
pub fn answer(
    bytes: &[u8],
    certificate: &Certificate,
    issuer: &Certificate,
    nonce: &[u8; NONCE_BYTES],
    now: Timestamp,
) -> Result<Told, RevocationError> {
    if bytes.len() > MAX_ANSWER_BYTES {
        return Err(RevocationError::Bounds);
    }
    let response = OcspResponse::from_der(bytes).map_err(|_| BROKEN)?;
    if response.status != Status::Successful {
        return Err(RevocationError::Refused(response.status as u8));
    }
    let inner = response.bytes.filter(|it| it.kind == BASIC).ok_or(RevocationError::Format("no basic answer in it"))?;
    let der = inner.response.as_bytes();
    let basic = BasicResponse::from_der(der).map_err(|_| BROKEN)?;
    check_signature(der, &basic, issuer, now)?;
    check_extensions(&basic.data, nonce)?;
    if basic.data.responses.len() > RESPONSES_AT_MOST {
        return Err(RevocationError::Bounds);
    }
    if !certificate.names_as_issuer(issuer) {
        return Err(RevocationError::Elsewhere);
    }
    let about = basic.data.responses.iter().find(|it| is_about(&it.cert, certificate, issuer));
    told(about.ok_or(RevocationError::Elsewhere)?, now)
}

fn told(single: &Single, now: Timestamp) -> Result<Told, RevocationError> {
    if single.extensions.iter().flatten().any(|it| it.critical) {
        return Err(RevocationError::Critical);
    }
    let at = |it: &GeneralizedTime| instant(it.to_unix_duration());
    let this_update = at(&single.this_update)?;
    let next_update = in_time(this_update, single.next_update.as_ref().map(at).transpose()?, now)?;
    let state = match &single.status {
        CertStatus::Good(_) => State::Good,
        CertStatus::Revoked(it) => {
            State::Revoked { at: at(&it.at)?, reason: it.reason.map_or("unspecified", |it| reason(it as u32)) }
        }
        CertStatus::Unknown(_) => return Err(RevocationError::Unlisted),
    };
    Ok(Told { state, this_update, next_update })
}

/// The issuer signs, or one whom it appointed by a certificate of its own that is good for this.
fn check_signature(der: &[u8], basic: &BasicResponse, issuer: &Certificate, now: Timestamp) -> Result<(), RevocationError> {
    let signature = basic.signature.as_bytes().unwrap_or_default();
    let signed = Signed::of(der, basic.algorithm.oid.to_string(), signature).ok_or(BROKEN)?;
    if issuer.made(&signed) {
        return Ok(());
    }
    let brought = basic.certificates.as_deref().unwrap_or_default();
    if brought.len() > CERTIFICATES_AT_MOST {
        return Err(RevocationError::Bounds);
    }
    let certificates = brought.iter().filter_map(|it| Certificate::parse(&it.to_der().ok()?).ok());
    let mut appointed = certificates.filter(|it| is_appointed(it, issuer, now));
    if appointed.any(|it| it.made(&signed)) { Ok(()) } else { Err(RevocationError::Signature) }
}

fn is_appointed(responder: &Certificate, issuer: &Certificate, now: Timestamp) -> bool {
    responder.may_answer()
        && !responder.has_unknown_critical_extension()
        && responder.check_valid_at(now).is_ok()
        && responder.names_as_issuer(issuer)
        && responder.is_signed_by(issuer)
}

fn check_extensions(data: &ResponseData, nonce: &[u8; NONCE_BYTES]) -> Result<(), RevocationError> {
    for it in data.extensions.iter().flatten() {
        if it.extn_id == NONCE {
            // A nonce is an OCTET STRING within the extension's own; some write the bytes alone.
            let inner = OctetString::from_der(it.extn_value.as_bytes());
            let given = inner.as_ref().map_or(it.extn_value.as_bytes(), |it| it.as_bytes());
            if given != nonce {
                return Err(RevocationError::Nonce);
            }
        } else if it.critical {
            return Err(RevocationError::Critical);
        }
    }
    Ok(())
}

fn is_about(id: &CertId, certificate: &Certificate, issuer: &Certificate) -> bool {
    let algorithm = match id.hash_algorithm.oid {
        SHA1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        SHA256 => &digest::SHA256,
        _ => return false,
    };
    id.serial_number.as_bytes() == certificate.serial()
        && id.issuer_name_hash.as_bytes() == hashed(algorithm, issuer.subject_der())
        && id.issuer_key_hash.as_bytes() == hashed(algorithm, issuer.rsa_public_key())
}

fn hashed(algorithm: &'static digest::Algorithm, bytes: &[u8]) -> Vec<u8> {
    digest::digest(algorithm, bytes).as_ref().to_vec()
}
