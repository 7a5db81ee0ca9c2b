//! Custody: every signature ever made with a credential, as its chain tells it.
//!
//! Each use of a key leaves two entries: `signature.intended` with a counter that knows no gap, before
//! the key is touched, and `signature.ended` with the same counter and the number of the first, after.
//! [`Custody`] reads a chain's entries in order and lays the two beside each other; what does not fit
//! is a [`Finding`], never left out. The report is canonical JSON, bound to a signed checkpoint, and
//! signed as a whole by whoever holds the tenant's key, behind a domain of its own.
//!
//! What it proves: that these signatures were recorded, each before it was made, and that none between
//! the first and the last counter is missing. Beside an export of the chain ([`recounted`]) it is
//! checked entry by entry.

use crate::chain::{Link, tenant_bytes, tenant_text};
use crate::error::AuditError;
use crate::event::canonical;
use crate::note::{Checkpoint, PublicKey, verify_note};
use crate::verdict::KeyTrust;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the report calls itself.
pub const CUSTODY_FORMAT: &str = "fedatario.audit.custody.v1";

/// Keeps the signature of a custody report apart from every other use of the tenant's key; it cannot
/// begin a checkpoint, whose text holds no control character but newlines.
pub const CUSTODY_DOMAIN: &[u8] = b"fedatario.custody.v1\0";

/// Signatures that one report lists; a credential with more has to be reported from exports.
pub const MAX_SIGNATURES_TOLD: usize = 200_000;

/// The largest report that is read, in bytes: that many signatures of some three hundred bytes.
pub const MAX_CUSTODY_BYTES: usize = 64 * 1024 * 1024;

/// The action before the key is touched.
pub const INTENDED: &str = "signature.intended";
/// The action after.
pub const ENDED: &str = "signature.ended";
/// The action where the key was not touched at all.
pub const REFUSED: &str = "signature.refused";

/// One use of the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Use {
    /// Its place among all uses of the credential, from 1.
    pub counter: u64,
    /// The entry before the key was touched.
    pub intended: u64,
    /// The entry after; none if nothing tells how it ended.
    pub ended: Option<u64>,
    /// When it was intended (UTC).
    pub at: String,
    /// Who acted.
    pub actor: String,
    /// For whom, where somebody acted for another.
    pub on_behalf_of: Option<String>,
    /// The form of the signature.
    pub profile: String,
    /// What for, in a word.
    pub purpose: String,
    /// The local name of the document's root.
    pub root: Option<String>,
    /// SHA-256 of what was handed in, lower-case hex.
    pub document: String,
    /// SHA-256 of what came out, lower-case hex; none if nothing did.
    pub signed: Option<String>,
    /// `done`, `failed`, `uncertain`, or `open` where no entry tells the end.
    pub result: String,
    /// The request that it came by.
    pub request: Option<String>,
}

/// What does not fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The counter that it is about.
    pub counter: u64,
    /// `gap`: no entry has this counter, and later ones have. `double`: another entry has it already.
    /// `open`: it was intended, and nothing tells how it ended. `unmatched`: an end without its
    /// beginning. `disordered`: it stands before a smaller one. `unreadable`: an entry of this action
    /// without what such an entry holds.
    pub kind: String,
    /// The entry that shows it; for a gap, the one after it.
    pub n: u64,
}

/// The report, before it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustodyReport {
    /// [`CUSTODY_FORMAT`].
    pub format: String,
    /// Whose chain.
    pub tenant: String,
    /// Which credential.
    pub credential: String,
    /// What else is known of it: subject, number, fingerprint; as it was when the report was made.
    pub certificate: BTreeMap<String, String>,
    /// How often the key was used.
    pub uses: u64,
    /// How often a use was refused before the key was touched.
    pub refusals: u64,
    /// Whether the counters run from 1 without a gap or a double, each with its end.
    pub gapless: bool,
    /// What does not fit, by counter.
    pub findings: Vec<Finding>,
    /// Every use, by entry.
    pub signatures: Vec<Use>,
    /// The signed checkpoint that covers all entries that were read.
    pub checkpoint: String,
    /// The tenant's key as a C2SP verifier key.
    pub key: String,
}

/// A report and its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCustody {
    /// What is signed, in canonical form, behind [`CUSTODY_DOMAIN`].
    pub report: CustodyReport,
    /// Ed25519, base64.
    pub signature: String,
}

/// Entries on their way into a report.
#[derive(Debug)]
pub struct Custody {
    credential: String,
    uses: Vec<Use>,
    /// Where the first use of each counter stands in `uses`.
    places: BTreeMap<u64, usize>,
    findings: Vec<Finding>,
    refusals: u64,
    highest: u64,
    overflow: bool,
}

impl Custody {
    /// Of a credential, by the text of its id.
    pub fn of(credential: &str) -> Self {
        Self {
            credential: credential.to_owned(),
            uses: Vec::new(),
            places: BTreeMap::new(),
            findings: Vec::new(),
            refusals: 0,
            highest: 0,
            overflow: false,
        }
    }

    /// The next entry of the chain, in order of its number. Others than this credential's pass by.
    pub fn feed(&mut self, entry: &[u8]) {
        let Ok(entry) = serde_json::from_slice::<Value>(entry) else { return };
        if entry["object"].as_str() != Some(&self.credential) {
            return;
        }
        match entry["action"].as_str() {
            Some(INTENDED) => self.intended(&entry),
            Some(ENDED) => self.ended(&entry),
            Some(REFUSED) => self.refusals += 1,
            _ => {}
        }
    }

    fn find(&mut self, kind: &str, counter: u64, n: u64) {
        if self.findings.len() < MAX_SIGNATURES_TOLD {
            self.findings.push(Finding { counter, kind: kind.to_owned(), n });
        }
    }

    fn intended(&mut self, entry: &Value) {
        let n = entry["n"].as_u64().unwrap_or_default();
        let Some(one) = use_of(entry) else { return self.find("unreadable", 0, n) };
        self.overflow |= self.uses.len() == MAX_SIGNATURES_TOLD;
        if self.overflow {
            return;
        }
        let counter = one.counter;
        if self.places.contains_key(&counter) {
            self.find("double", counter, n);
        } else if counter < self.highest {
            self.find("disordered", counter, n);
        }
        self.places.entry(counter).or_insert(self.uses.len());
        self.highest = self.highest.max(counter);
        self.uses.push(one);
    }

    fn ended(&mut self, entry: &Value) {
        let n = entry["n"].as_u64().unwrap_or_default();
        let (Some(counter), Some(intent)) = (entry["fields"]["counter"].as_u64(), entry["fields"]["intent"].as_u64()) else {
            return self.find("unreadable", 0, n);
        };
        let open = self.uses.iter_mut().rev().find(|it| it.intended == intent && it.counter == counter && it.ended.is_none());
        let Some(open) = open else { return self.find("unmatched", counter, n) };
        open.ended = Some(n);
        open.result = entry["result"].as_str().unwrap_or("uncertain").to_owned();
        open.signed = entry["digests"]["signed"].as_str().map(str::to_owned);
    }

    /// Gaps and open ends, once everything was read.
    fn conclude(&mut self) {
        let mut expected = 1;
        let places: Vec<(u64, u64)> = self.places.iter().map(|(counter, at)| (*counter, self.uses[*at].intended)).collect();
        for (counter, n) in places {
            if counter > expected {
                // A gap is told by its first counter; how many are missing is the distance to the next.
                self.find("gap", expected, n);
            }
            expected = counter + 1;
        }
        let open: Vec<(u64, u64)> = self.uses.iter().filter(|it| it.ended.is_none()).map(|it| (it.counter, it.intended)).collect();
        open.into_iter().for_each(|(counter, n)| self.find("open", counter, n));
        self.findings.sort();
    }

    /// The report. `None` if there are more uses than it may list.
    pub fn report(
        mut self,
        tenant: [u8; 16],
        certificate: BTreeMap<String, String>,
        note: &str,
        key: &PublicKey,
    ) -> Option<CustodyReport> {
        self.conclude();
        (!self.overflow).then(|| CustodyReport {
            format: CUSTODY_FORMAT.to_owned(),
            tenant: tenant_text(tenant),
            credential: self.credential,
            certificate,
            uses: self.uses.len() as u64,
            refusals: self.refusals,
            gapless: self.findings.is_empty(),
            findings: self.findings,
            signatures: self.uses,
            checkpoint: note.to_owned(),
            key: key.to_string(),
        })
    }
}

fn use_of(entry: &Value) -> Option<Use> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let fields = &entry["fields"];
    Some(Use {
        counter: fields["counter"].as_u64().filter(|it| *it > 0)?,
        intended: entry["n"].as_u64()?,
        ended: None,
        at: text(&entry["at"])?,
        actor: text(&entry["actor"])?,
        on_behalf_of: text(&entry["on_behalf_of"]),
        profile: text(&fields["profile"])?,
        purpose: text(&fields["purpose"])?,
        root: text(&fields["root"]),
        document: text(&entry["digests"]["document"])?,
        signed: None,
        result: "open".to_owned(),
        request: text(&entry["request"]),
    })
}

impl CustodyReport {
    /// The octets to sign: the domain, then the canonical form.
    pub fn octets(&self) -> Result<Vec<u8>, AuditError> {
        Ok([CUSTODY_DOMAIN, &canonical(self)?].concat())
    }

    /// The canonical form alone, for whoever signs behind the domain.
    pub fn canonical(&self) -> Result<Vec<u8>, AuditError> {
        canonical(self)
    }

    /// Whether what it says follows from what it lists: counters, ends, findings.
    fn agrees_with_itself(&self) -> bool {
        let mut again = Custody::of(&self.credential);
        for one in &self.signatures {
            if again.places.contains_key(&one.counter) {
                again.find("double", one.counter, one.intended);
            } else if one.counter < again.highest {
                again.find("disordered", one.counter, one.intended);
            }
            again.places.entry(one.counter).or_insert(again.uses.len());
            again.highest = again.highest.max(one.counter);
            again.uses.push(one.clone());
        }
        again.conclude();
        let own = |it: &&Finding| !matches!(it.kind.as_str(), "unmatched" | "unreadable");
        let told: Vec<&Finding> = self.findings.iter().filter(own).collect();
        let ordered = self.signatures.windows(2).all(|it| it[0].intended < it[1].intended);
        let counts = self.uses == self.signatures.len() as u64 && self.gapless == self.findings.is_empty();
        ordered && counts && told == again.findings.iter().collect::<Vec<_>>()
    }

    fn last_entry(&self) -> u64 {
        self.signatures.iter().flat_map(|it| [Some(it.intended), it.ended]).flatten().max().unwrap_or(0)
    }
}

/// What checking a report found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustodyVerdict {
    /// Why it is not to be believed: `signature`, `checkpoint`, `tenant`, `counters`, or `chain` where an
    /// export says otherwise.
    pub flaw: Option<&'static str>,
    /// Which credential.
    pub credential: String,
    /// How often the key was used.
    pub uses: u64,
    /// Whether the counters run without a gap.
    pub gapless: bool,
    /// How many entries the checkpoint covers.
    pub size: u64,
    /// Whose word it rests on.
    pub key: KeyTrust,
}

impl CustodyVerdict {
    /// Whether the report is what was made.
    pub fn holds(&self) -> bool {
        self.flaw.is_none()
    }
}

/// Reads a signed report and says whether it is what was made. It needs nothing but the file; the key
/// from elsewhere, if there is one.
pub fn verify_custody(bytes: &[u8], pinned: Option<&PublicKey>) -> Result<(CustodyVerdict, SignedCustody), AuditError> {
    let signed: SignedCustody = Some(bytes)
        .filter(|it| it.len() <= MAX_CUSTODY_BYTES)
        .and_then(|it| serde_json::from_slice(it).ok())
        .ok_or(AuditError::NotAnExport)?;
    let own: PublicKey = signed.report.key.parse()?;
    let (key, trust) = pinned.map_or((own, KeyTrust::Unpinned), |it| (it.clone(), KeyTrust::Pinned));
    let report = &signed.report;
    let checkpoint = verify_note(&report.checkpoint, &key).ok();
    let verdict = CustodyVerdict {
        flaw: flaw(&signed, &key, checkpoint.as_ref())?,
        credential: report.credential.clone(),
        uses: report.uses,
        gapless: report.gapless,
        size: checkpoint.map_or(0, |it| it.size),
        key: trust,
    };
    Ok((verdict, signed))
}

fn flaw(signed: &SignedCustody, key: &PublicKey, checkpoint: Option<&Checkpoint>) -> Result<Option<&'static str>, AuditError> {
    let report = &signed.report;
    let octets = report.octets()?;
    let signature = STANDARD.decode(&signed.signature).unwrap_or_default();
    let of_tenant = |it: &Checkpoint| tenant_bytes(&report.tenant) == Some(it.tenant);
    Ok(match checkpoint {
        _ if report.format != CUSTODY_FORMAT || !key.verifies(&octets, &signature) => Some("signature"),
        None => Some("checkpoint"),
        Some(it) if !of_tenant(it) => Some("tenant"),
        Some(it) if it.size < report.last_entry() || !report.agrees_with_itself() => Some("counters"),
        Some(_) => None,
    })
}

/// Whether a report says what a chain says: `again` was fed the entries of an export that was verified, up
/// to the size of the report's checkpoint, and `head` is the hash of the last of them.
pub fn recounted(report: &CustodyReport, mut again: Custody, head: &Link) -> bool {
    again.conclude();
    let checkpoint = crate::note::parse_note(&report.checkpoint).map(|it| it.checkpoint);
    checkpoint.is_ok_and(|it| it.head == *head)
        && again.uses == report.signatures
        && again.findings == report.findings
        && again.refusals == report.refusals
}
