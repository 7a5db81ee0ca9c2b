//! The *expresión impresa*: how a document is named to SAT's status service and in its QR code.
//!
//! Each version writes the same four or five facts in its own way: which amount, how many digits,
//! which host. An RFC stands XML-encoded inside the expression (`H&amp;E…`), whatever the envelope
//! around it does to the whole once more. Pure text; asking is left to the client.

use super::uuid::FiscalUuid;

/// Host and path of the QR code of a CFDI.
const CFDI_QR: &str = "https://verificacfdi.facturaelectronica.sat.gob.mx/default.aspx";
/// Host and path of the QR code of a retención.
const RETENCION_QR: &str = "https://prodretencionverificacion.clouda.sat.gob.mx/";
/// Decimals that the service reads.
const DECIMALS: usize = 6;
/// Characters of an amount in the fixed form: ten digits, the point, six decimals.
const FIXED_AMOUNT: usize = 17;
/// Characters of a foreigner's id in a retención.
const FOREIGN_ID: usize = 20;
/// Characters of the seal that the QR code repeats.
const SEAL_TAIL: usize = 8;
/// Digits of an amount before its point: more is no amount of money.
const WHOLE_DIGITS: usize = 18;

/// Which way of writing it a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Form {
    /// CFDI 3.3 and 4.0.
    Cfdi,
    /// CFDI 3.2.
    Cfdi32,
    /// Retenciones 1.0.
    Retenciones1,
    /// Retenciones 2.0.
    Retenciones2,
}

impl Form {
    /// The form of a document of this version; none for a version that the service does not know.
    pub fn of(is_retencion: bool, version: &str) -> Option<Self> {
        match (is_retencion, version) {
            (false, "3.3" | "4.0") => Some(Form::Cfdi),
            (false, "3.2") => Some(Form::Cfdi32),
            (true, "1.0") => Some(Form::Retenciones1),
            (true, "2.0") => Some(Form::Retenciones2),
            _ => None,
        }
    }

    /// Whether it is a retención, which another service answers for.
    pub fn is_retencion(self) -> bool {
        match self {
            Form::Cfdi | Form::Cfdi32 => false,
            Form::Retenciones1 | Form::Retenciones2 => true,
        }
    }
}

/// Who received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receiver {
    /// By RFC.
    Rfc(String),
    /// By what a foreigner has instead; only in a retención.
    Foreign(String),
}

impl Receiver {
    /// The id as written.
    pub fn text(&self) -> &str {
        match self {
            Receiver::Rfc(text) | Receiver::Foreign(text) => text,
        }
    }
}

/// The facts that name a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// How it is written.
    pub form: Form,
    /// The fiscal folio.
    pub uuid: FiscalUuid,
    /// RFC of the issuer.
    pub issuer: String,
    /// Who received it.
    pub receiver: Receiver,
    /// The total as the document writes it.
    pub total: String,
    /// The last characters of the seal, when at hand: some forms repeat them.
    pub seal_tail: Option<String>,
}

/// The last characters of a seal as its QR code repeats them.
pub fn seal_tail(seal: &str) -> Option<String> {
    let seal = seal.trim_end();
    let start = seal.char_indices().rev().nth(SEAL_TAIL - 1)?.0;
    Some(seal[start..].to_owned())
}

/// The expression; none when the total is no amount, for then SAT could only say that it does not
/// know such a document.
pub fn expression(facts: &Facts) -> Option<String> {
    let uuid = facts.uuid.upper();
    let issuer = encoded(&facts.issuer);
    let tail = facts.seal_tail.as_deref().map(|it| format!("&fe={}", encoded(it))).unwrap_or_default();
    Some(match facts.form {
        Form::Cfdi => {
            let receiver = encoded(facts.receiver.text());
            format!("{CFDI_QR}?id={uuid}&re={issuer}&rr={receiver}&tt={}{tail}", shortest(&facts.total)?)
        }
        Form::Cfdi32 => {
            let receiver = encoded(facts.receiver.text());
            format!("?re={issuer}&rr={receiver}&tt={}&id={uuid}", fixed(&facts.total)?)
        }
        Form::Retenciones1 => {
            format!("?re={issuer}&{}&tt={}&id={uuid}", receiver_of_retencion(&facts.receiver), fixed(&facts.total)?)
        }
        Form::Retenciones2 => {
            let receiver = receiver_of_retencion(&facts.receiver);
            format!("{RETENCION_QR}?id={uuid}&re={issuer}&{receiver}&tt={}{tail}", shortest(&facts.total)?)
        }
    })
}

fn receiver_of_retencion(receiver: &Receiver) -> String {
    match receiver {
        Receiver::Rfc(rfc) => format!("rr={}", encoded(rfc)),
        Receiver::Foreign(id) => {
            let missing = FOREIGN_ID.saturating_sub(id.chars().count());
            format!("nr={}{}", "0".repeat(missing), encoded(id))
        }
    }
}

/// XML-encoded, as the specification of the QR code wants it.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for it in text.trim().chars() {
        match it {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            other => out.push(other),
        }
    }
    out
}

/// Whole digits without leading zeros, and at most six decimals.
fn parts(total: &str) -> Option<(&str, &str)> {
    let (whole, decimals) = total.trim().split_once('.').unwrap_or((total.trim(), ""));
    let digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    (whole.len() <= WHOLE_DIGITS).then(|| (whole, &decimals[..decimals.len().min(DECIMALS)]))
}

/// Trailing zeros trimmed, one decimal kept: `1160.0`.
fn shortest(total: &str) -> Option<String> {
    let (whole, decimals) = parts(total)?;
    let decimals = decimals.trim_end_matches('0');
    Some(format!("{whole}.{}", if decimals.is_empty() { "0" } else { decimals }))
}

/// Six decimals, zeros before it up to seventeen characters: `0000001160.000000`.
fn fixed(total: &str) -> Option<String> {
    let (whole, decimals) = parts(total)?;
    Some(format!("{:0>FIXED_AMOUNT$}", format!("{whole}.{decimals:0<DECIMALS$}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "26da5355-e4bd-57d7-8e8e-b567754a287f";

    fn check(form: Form, issuer: &str, receiver: Receiver, total: &str, tail: Option<&str>, expected: Option<&str>) {
        let facts = Facts {
            form,
            uuid: UUID.parse().unwrap(),
            issuer: issuer.to_owned(),
            receiver,
            total: total.to_owned(),
            seal_tail: tail.map(str::to_owned),
        };
        let expected = expected.map(|it| it.replace("{id}", &UUID.to_uppercase()));
        assert_eq!(expression(&facts), expected, "{facts:?}");
    }

    #[test]
    fn each_version_names_its_documents_in_its_own_way() {
        let rfc = |it: &str| Receiver::Rfc(it.to_owned());
        let foreign = |it: &str| Receiver::Foreign(it.to_owned());
        let qr = "https://verificacfdi.facturaelectronica.sat.gob.mx/default.aspx?id={id}";
        let ret = "https://prodretencionverificacion.clouda.sat.gob.mx/?id={id}";
        check(
            Form::Cfdi,
            "EKU9003173C9",
            rfc("H&E951128469"),
            "1160.00",
            Some("AbCd12=="),
            Some(&format!("{qr}&re=EKU9003173C9&rr=H&amp;E951128469&tt=1160.0&fe=AbCd12==")),
        );
        check(
            Form::Cfdi,
            "ÑAÑ010101AAA",
            rfc("XAXX010101000"),
            "0",
            None,
            Some(&format!("{qr}&re=ÑAÑ010101AAA&rr=XAXX010101000&tt=0.0")),
        );
        check(Form::Cfdi, "A", rfc("B"), "0012.1234567", None, Some(&format!("{qr}&re=A&rr=B&tt=12.123456")));
        check(Form::Cfdi32, "H&E951128469", rfc("B"), "1160", None, Some("?re=H&amp;E951128469&rr=B&tt=0000001160.000000&id={id}"));
        check(Form::Cfdi32, "A", rfc("B"), "1.5", Some("ignored"), Some("?re=A&rr=B&tt=0000000001.500000&id={id}"));
        check(Form::Retenciones1, "A", rfc("B"), "431.03", None, Some("?re=A&rr=B&tt=0000000431.030000&id={id}"));
        check(
            Form::Retenciones1,
            "A",
            foreign("X-77"),
            "1",
            None,
            Some("?re=A&nr=0000000000000000X-77&tt=0000000001.000000&id={id}"),
        );
        check(
            Form::Retenciones2,
            "A",
            foreign("123"),
            "9.90",
            Some("zz=="),
            Some(&format!("{ret}&re=A&nr=00000000000000000123&tt=9.9&fe=zz==")),
        );
        for odd in ["", "-5", "1,160.00", "abc", "1.2.3", "1234567890123456789"] {
            check(Form::Cfdi, "A", rfc("B"), odd, None, None);
        }
        fedatario_testkit::covers!("status: the expression of each version, with & and Ñ, 17-digit amounts and foreign ids");
    }

    #[test]
    fn versions_have_forms_and_seals_have_tails() {
        for (is_retencion, version, expected) in [
            (false, "4.0", Some(Form::Cfdi)),
            (false, "3.3", Some(Form::Cfdi)),
            (false, "3.2", Some(Form::Cfdi32)),
            (true, "1.0", Some(Form::Retenciones1)),
            (true, "2.0", Some(Form::Retenciones2)),
            (false, "2.0", None),
            (true, "4.0", None),
            (false, "", None),
        ] {
            assert_eq!(Form::of(is_retencion, version), expected);
        }
        assert_eq!(seal_tail("abcdefghijk==\n").as_deref(), Some("fghijk=="));
        assert_eq!(seal_tail("abc"), None);
        assert_eq!(seal_tail(""), None);
    }
}
