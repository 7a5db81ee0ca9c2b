//! What somebody may have signed with a credential, and whether a document is within it.
//!
//! A program needs a grant for each document that it has signed; a person signs by their role. The
//! decision is pure and made where the intent is written, so that a grant that was revoked a moment
//! ago allows nothing any more. A grant with a cap signs only documents whose total we read.

use fedatario_base::Code;
use fedatario_base::id::{CredentialId, GrantId};
use jiff::Timestamp;
use rust_decimal::Decimal;

/// Digits of a total before its point, at most: more than any authority takes.
pub const AMOUNT_DIGITS: usize = 18;
/// Digits after the point, at most: what a CFDI may have.
pub const AMOUNT_DECIMALS: usize = 6;

/// A total with its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Amount {
    /// How much; never negative.
    pub value: Decimal,
    /// ISO 4217, upper case.
    pub currency: String,
}

impl Amount {
    /// Reads a total as documents write it: digits, at most one point, no sign, no exponent.
    pub fn read(value: &str, currency: &str) -> Option<Self> {
        let (whole, part) = value.split_once('.').map_or((value, None), |(whole, part)| (whole, Some(part)));
        let digits = |text: &str, most: usize| (1..=most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        let reads = digits(whole, AMOUNT_DIGITS) && part.is_none_or(|it| digits(it, AMOUNT_DECIMALS));
        let named = currency.len() == 3 && currency.bytes().all(|it| it.is_ascii_uppercase());
        if !reads || !named {
            return None;
        }
        Some(Self { value: value.parse().ok()?, currency: currency.to_owned() })
    }
}

/// A permission to have documents signed, given to one principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The text of the user's or the API key's id.
    pub principal: String,
    /// With which credential.
    pub credential: CredentialId,
    /// Under which profile: `plain` or `dgii`.
    pub profile: String,
    /// Until when (wall).
    pub not_after: Timestamp,
    /// Up to which total of one document; nothing where there is no cap.
    pub cap: Option<Amount>,
    /// Who gave it: an actor's text.
    pub created_by: String,
    /// When (wall).
    pub created: Timestamp,
    /// When it was taken back (wall).
    pub revoked: Option<Timestamp>,
}

/// What is held against grants.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Under which profile.
    pub profile: &'a str,
    /// The total, where it was read.
    pub amount: Option<&'a Amount>,
    /// When (wall).
    pub now: Timestamp,
}

impl Grant {
    /// Whether it allows this, or the reason why not.
    pub fn allows(&self, wanted: Wanted<'_>) -> Result<(), Code> {
        if self.profile != wanted.profile {
            return Err(Code::SignatureGrantProfile);
        }
        if self.revoked.is_some() {
            return Err(Code::SignatureGrantRevoked);
        }
        if self.not_after <= wanted.now {
            return Err(Code::SignatureGrantExpired);
        }
        match (&self.cap, wanted.amount) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(Code::SignatureGrantUnread),
            (Some(cap), Some(amount)) if cap.currency != amount.currency => Err(Code::SignatureGrantCurrency),
            (Some(cap), Some(amount)) if amount.value > cap.value => Err(Code::SignatureGrantAmount),
            (Some(_), Some(_)) => Ok(()),
        }
    }
}

/// The first of a principal's grants for a credential that allows this; else the reason that is
/// nearest to being allowed.
pub fn decide(grants: &[Grant], wanted: Wanted<'_>) -> Result<GrantId, Code> {
    let mut nearest = Code::SignatureGrantMissing;
    for grant in grants {
        match grant.allows(wanted) {
            Ok(()) => return Ok(grant.id),
            Err(reason) if nearness(reason) > nearness(nearest) => nearest = reason,
            Err(_) => {}
        }
    }
    Err(nearest)
}

/// The later a rule is looked at, the nearer was the grant.
fn nearness(reason: Code) -> u8 {
    match reason {
        Code::SignatureGrantProfile => 1,
        Code::SignatureGrantRevoked => 2,
        Code::SignatureGrantExpired => 3,
        Code::SignatureGrantUnread => 4,
        Code::SignatureGrantCurrency => 5,
        Code::SignatureGrantAmount => 6,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fedatario_testkit::covers;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn grant(profile: &str, until: i64, cap: Option<(&str, &str)>, revoked: bool) -> Grant {
        Grant {
            id: GrantId::fresh(at(until)),
            principal: "key_x".into(),
            credential: CredentialId::fresh(at(1)),
            profile: profile.into(),
            not_after: at(until),
            cap: cap.map(|(value, currency)| Amount::read(value, currency).unwrap()),
            created_by: "usr_x".into(),
            created: at(1),
            revoked: revoked.then(|| at(2)),
        }
    }

    #[test]
    fn each_reason_is_told_exactly() {
        let dop = |value: &str| Amount::read(value, "DOP");
        let cases = [
            (vec![], None, Err(Code::SignatureGrantMissing)),
            (vec![grant("plain", 100, None, false)], None, Err(Code::SignatureGrantProfile)),
            (vec![grant("dgii", 100, None, true)], None, Err(Code::SignatureGrantRevoked)),
            (vec![grant("dgii", 50, None, false)], None, Err(Code::SignatureGrantExpired)),
            (vec![grant("dgii", 51, None, false)], None, Ok(())),
            (vec![grant("dgii", 100, Some(("10", "DOP")), false)], None, Err(Code::SignatureGrantUnread)),
            (vec![grant("dgii", 100, Some(("10", "USD")), false)], dop("1"), Err(Code::SignatureGrantCurrency)),
            (vec![grant("dgii", 100, Some(("10", "DOP")), false)], dop("10.01"), Err(Code::SignatureGrantAmount)),
            (vec![grant("dgii", 100, Some(("10", "DOP")), false)], dop("10.000000"), Ok(())),
            (vec![grant("dgii", 50, None, false), grant("dgii", 100, Some(("5", "DOP")), false)], dop("5"), Ok(())),
            (
                vec![grant("dgii", 100, Some(("5", "DOP")), false), grant("plain", 9, None, true)],
                dop("6"),
                Err(Code::SignatureGrantAmount),
            ),
        ];
        for (place, (grants, amount, expected)) in cases.into_iter().enumerate() {
            let wanted = Wanted { profile: "dgii", amount: amount.as_ref(), now: at(50) };
            assert_eq!(decide(&grants, wanted).map(|_| ()), expected, "case {place}");
        }
        covers!("signing: expired, revoked, over the cap, wrong profile, wrong currency and unread totals are told apart");
    }

    #[test]
    fn totals_are_read_strictly() {
        for bad in ["", ".", "1.", ".5", "-1", "+1", "1e3", "1,000.00", "1.0000000", " 1", "NaN", "1234567890123456789", "١"] {
            assert_eq!(Amount::read(bad, "MXN"), None, "{bad}");
        }
        for bad in ["", "mxn", "MX", "MXNN", "M\u{d1}N"] {
            assert_eq!(Amount::read("1", bad), None, "{bad}");
        }
        assert_eq!(Amount::read("0123.450000", "MXN").unwrap().value, "123.45".parse().unwrap());
        covers!("signing: a total is digits and one point, nothing else");
    }
}
