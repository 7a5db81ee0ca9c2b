//! What a revision says of documents, and what it keeps.
//!
//! Closed sets with permanent texts. A verdict is the worst that is known of a document; a reason
//! says which of the questions it failed. Nothing is *good* by default: what could not be looked at
//! is *unverifiable*, with the reason.

use crate::model::{DocumentStatus, Role, texts};
use crate::revision::ports::StatusAnswer;
use fedatario_base::id::{ListId, PackageId, RevisionId, TaxpayerId};
use jiff::Timestamp;
use jiff::civil::DateTime;

texts! {
    /// What a document is.
    Verdict {
        /// Every question that could be asked was answered well.
        Good = "good",
        /// It could not be looked at, or not to the end.
        Unverifiable = "unverifiable",
        /// Genuine, and cancelled.
        Cancelled = "cancelled",
        /// Its seal does not fit its contents.
        Altered = "altered",
        /// Its stamp or its certificates are not what they pretend to be.
        Forged = "forged",
    }
}

texts! {
    /// Why.
    Reason {
        /// The seal does not verify over the contents.
        SealMismatch = "seal_mismatch",
        /// SAT's seal does not verify over the stamp.
        StampMismatch = "stamp_mismatch",
        /// The stamp repeats another seal than the document's.
        StampOfAnother = "stamp_of_another",
        /// The certificate belongs to somebody else than the issuer.
        CertificateOfAnother = "certificate_of_another",
        /// The certificate does not bear the number that the document names.
        CertificateNumber = "certificate_number",
        /// The issuer's certificate comes from no configured authority.
        CertificateUntrusted = "certificate_untrusted",
        /// The stamp's certificate comes from no configured authority.
        StampCertificateUntrusted = "stamp_certificate_untrusted",
        /// It carries more than one stamp, which no certifier delivers.
        SeveralStamps = "several_stamps",
        /// SAT does not know it, long after it was stamped.
        UnknownToSat = "unknown_to_sat",
        /// SAT says that it is cancelled.
        CancelledAtSat = "cancelled_at_sat",
        /// The metadata says that it is cancelled.
        CancelledInMetadata = "cancelled_in_metadata",
        /// SAT does not know it, and may not yet.
        NotYetKnown = "not_yet_known",
        /// SAT did not understand the question.
        ExpressionRefused = "expression_refused",
        /// SAT answered with something that nobody here knows.
        StatusUnknown = "status_unknown",
        /// The total or the version allow no question to SAT.
        NoExpression = "no_expression",
        /// It carries no seal.
        Unsealed = "unsealed",
        /// It carries no stamp.
        Unstamped = "unstamped",
        /// The issuer's certificate is not at hand.
        CertificateMissing = "certificate_missing",
        /// The stamp's certificate is not at hand.
        StampCertificateMissing = "stamp_certificate_missing",
        /// The certificate in it cannot be read.
        CertificateUnreadable = "certificate_unreadable",
        /// It holds a complement whose order nobody here knows.
        UnknownComplement = "unknown_complement",
        /// Some value holds the bar between values: one text, two documents.
        AmbiguousText = "ambiguous_text",
        /// The issuer itself certified it, which only a certifier may.
        SelfStamped = "self_stamped",
        /// Everything fits, under SHA-1, which proves little today.
        Sha1 = "sha1",
        /// It cannot be read as a document with a seal.
        Unreadable = "unreadable",
    }
}

impl Reason {
    /// What a document is that fails this question.
    pub fn verdict(self) -> Verdict {
        use Reason::*;
        match self {
            StampMismatch | StampOfAnother | CertificateOfAnother | CertificateNumber | UnknownToSat => Verdict::Forged,
            SealMismatch | SeveralStamps => Verdict::Altered,
            CancelledAtSat | CancelledInMetadata => Verdict::Cancelled,
            NotYetKnown
            | ExpressionRefused
            | StatusUnknown
            | NoExpression
            | Unsealed
            | Unstamped
            | CertificateUntrusted
            | StampCertificateUntrusted
            | CertificateMissing
            | StampCertificateMissing
            | CertificateUnreadable
            | UnknownComplement
            | AmbiguousText
            | SelfStamped
            | Sha1
            | Unreadable => Verdict::Unverifiable,
        }
    }

    /// Whether knowing more certificates may change it.
    pub fn wants_certificates(self) -> bool {
        matches!(self, Reason::CertificateMissing | Reason::StampCertificateMissing)
    }
}

texts! {
    /// Whether the certificates come from authorities that were configured.
    Trust {
        /// No authority is configured: nobody vouches for the certificates.
        NotChecked = "not_checked",
        /// Both certificates come from configured authorities.
        Chained = "chained",
        /// One of them does not.
        Untrusted = "untrusted",
    }
}

/// What became of a document's seal and stamp, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealCheck {
    /// The fiscal folio, lower case.
    pub uuid: String,
    /// Good, altered, forged or unverifiable.
    pub verdict: Verdict,
    /// Why it is not good.
    pub reason: Option<Reason>,
    /// Whether the certificates were vouched for.
    pub trust: Trust,
    /// Number of the issuer's certificate, as the document names it.
    pub certificate: String,
    /// Number of the stamp's certificate, as the stamp names it.
    pub stamp_certificate: String,
    /// The last characters of the seal: SAT is asked with them.
    pub seal_tail: String,
    /// When it was stamped, as the stamp says; Mexico City civil time.
    pub stamped_at: String,
    /// What was known when it was judged: the same is not judged again.
    pub knowledge: String,
    /// When (wall).
    pub checked: Timestamp,
}

/// What SAT answered about a document, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCheck {
    /// The fiscal folio, lower case.
    pub uuid: String,
    /// SAT's own words.
    pub answer: StatusAnswer,
    /// When (service).
    pub asked: Timestamp,
}

/// A package whose documents can be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadablePackage {
    /// Its id.
    pub id: PackageId,
    /// Where it lies.
    pub path: String,
    /// The window of its request; none for one given by hand.
    pub window: Option<(DateTime, DateTime)>,
    /// What was known when all of it was judged last, and how many of its documents wanted
    /// certificates then.
    pub mark: Option<(String, u64)>,
}

/// What the tables know of a document that is about to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Brief {
    /// The fiscal folio, lower case.
    pub uuid: String,
    /// The package that it was read from.
    pub package: PackageId,
    /// Its entry there.
    pub entry: String,
    /// The taxpayer's part in it.
    pub role: Role,
    /// Emission, `yyyy-MM-ddTHH:mm:ss`.
    pub date: String,
    /// What was known when it was judged last.
    pub knowledge: Option<String>,
}

/// A document that SAT may be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Askable {
    /// The fiscal folio, lower case.
    pub uuid: String,
    /// Version of the document.
    pub version: String,
    /// `TipoDeComprobante`, or `R` and the key of a retención.
    pub kind: String,
    /// The taxpayer's part in it.
    pub role: Role,
    /// RFC of the issuer.
    pub issuer: String,
    /// RFC or foreign id of the receiver.
    pub receiver: String,
    /// Emission.
    pub date: String,
    /// Total as written.
    pub total: String,
    /// The last characters of the seal, when it was judged.
    pub seal_tail: Option<String>,
    /// The package that brought its line of metadata, if there is one.
    pub metadata: Option<PackageId>,
    /// When SAT was asked last (service), and what it said of its state.
    pub asked: Option<(Timestamp, String)>,
}

/// A document of which something other than good is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// The fiscal folio, lower case.
    pub uuid: String,
    /// The taxpayer's part in it.
    pub role: Role,
    /// RFC of the issuer.
    pub issuer: String,
    /// RFC or foreign id of the receiver.
    pub receiver: String,
    /// Emission.
    pub date: String,
    /// Total as written.
    pub total: String,
    /// Currency code.
    pub currency: String,
    /// When it was stamped, as the stamp or the metadata says; empty if neither does.
    pub stamped_at: String,
    /// What the metadata says.
    pub status: DocumentStatus,
    /// Of its seal and stamp.
    pub seal: Option<(Verdict, Option<Reason>, Trust)>,
    /// What SAT said, and when.
    pub asked: Option<(StatusAnswer, Timestamp)>,
}

/// How many documents ended in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealCount {
    /// Of the seal and stamp; none for those never judged.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reason: Option<Reason>,
    /// Whether the certificates were vouched for.
    pub trust: Option<Trust>,
    /// How many.
    pub count: u64,
}

/// Somebody of the list with whom the taxpayer has documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCounterparty {
    /// Who.
    pub rfc: String,
    /// The name, as the list has it.
    pub name: String,
    /// How they stand, in the list's words.
    pub situation: String,
    /// The taxpayer's part: it issued to them, or received from them.
    pub role: Role,
    /// Currency of the amount.
    pub currency: String,
    /// How many documents.
    pub documents: u64,
    /// Their total in millionths.
    pub total_e6: i64,
    /// Emission of the first.
    pub first: String,
    /// Emission of the last.
    pub last: String,
}

/// A run over documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Its id.
    pub id: RevisionId,
    /// Whose documents.
    pub taxpayer: TaxpayerId,
    /// When it began (wall).
    pub begun: Timestamp,
    /// When it ended (wall); none for one that was cut.
    pub ended: Option<Timestamp>,
    /// What was looked at, as JSON.
    pub asked: serde_json::Value,
    /// What was found, as JSON.
    pub counts: serde_json::Value,
}

/// A finding of a run, as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// Its place in the run, from 1.
    pub seq: u64,
    /// The document, or the RFC of a listed counterparty.
    pub subject: String,
    /// `forged`, `altered`, `cancelled`, `unverifiable` or `listed`.
    pub verdict: String,
    /// Why.
    pub reason: String,
    /// The finding as it was told, as JSON.
    pub told: serde_json::Value,
}

/// A certificate that the installation knows by its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCertificate {
    /// Twenty digits.
    pub number: String,
    /// DER.
    pub certificate: Vec<u8>,
    /// Where it came from: `file`, `sat`.
    pub source: String,
    /// When (wall).
    pub added: Timestamp,
}

/// A list of article 69-B, as loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EfosList {
    /// Its id.
    pub id: ListId,
    /// The file or address that it came from.
    pub source: String,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// The day as of which it speaks, `yyyy-MM-dd`; empty if it does not say.
    pub dated: String,
    /// Rows with an RFC.
    pub rows: u64,
    /// When it was loaded (wall).
    pub loaded: Timestamp,
}

/// A row of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EfosRow {
    /// Who.
    pub rfc: String,
    /// Its place in the list, from 1.
    pub seq: u64,
    /// The name.
    pub name: String,
    /// How they stand, in the list's words.
    pub situation: String,
}
