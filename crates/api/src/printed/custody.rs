//! What was signed with a certificate, as a page for whoever has to answer for it.

use super::code;
use fedatario_audit::custody::{Finding, SignedCustody, Use};
use fedatario_base::text::{Language, say};
use fedatario_tables::{Heading, Page, Section};

/// The report as a page. `sha256` names the file that it was made from, which is what proves.
pub fn custody(language: Language, signed: &SignedCustody, sha256: &str) -> Page {
    let report = &signed.report;
    let word = |key: &str| say(language, key, &[]);
    let fact = |key: &str, value: &str| (word(key), value.to_owned());
    let of = |name: &str| report.certificate.get(name).map_or("", String::as_str);
    let checkpoint = fedatario_audit::parse_note(&report.checkpoint).map(|it| it.checkpoint).ok();
    let made = checkpoint.as_ref().map(|it| it.at.to_string()).unwrap_or_default();
    let size = checkpoint.map(|it| it.size.to_string()).unwrap_or_default();
    Page {
        language: code(language).to_owned(),
        title: word("cli-custody-title"),
        facts: vec![
            fact("cli-custody-credential", &report.credential),
            fact("cli-custody-number", of("number")),
            fact("cli-custody-sha256", of("sha256")),
            (word("cli-custody-validity"), format!("{} – {}", of("not_before"), of("not_after"))),
            fact("cli-custody-uses", &report.uses.to_string()),
            fact("cli-custody-refusals", &report.refusals.to_string()),
            fact("cli-custody-made", &made),
            fact("cli-custody-size", &size),
        ],
        verdict: Some((word(if report.gapless { "cli-custody-gapless" } else { "cli-custody-findings" }), report.gapless)),
        notes: vec![word("cli-custody-note"), word("cli-custody-limits")],
        sections: vec![findings(language, &report.findings), uses(language, &report.signatures)],
        foot: say(language, "cli-custody-foot", &[("key", report.key.clone()), ("sha256", sha256.to_owned())]),
    }
}

fn headings(language: Language, names: &[&str]) -> Vec<Heading> {
    names.iter().map(|it| Heading::text(say(language, &format!("cli-custody-col-{it}"), &[]))).collect()
}

fn findings(language: Language, all: &[Finding]) -> Section {
    let row = |it: &Finding| {
        let what = say(language, &format!("cli-custody-kind-{}", it.kind), &[]);
        vec![it.counter.to_string(), what, it.n.to_string()]
    };
    Section {
        title: say(language, "cli-custody-findings-title", &[]),
        columns: headings(language, &["counter", "finding", "entry"]),
        rows: all.iter().map(row).collect(),
        empty: say(language, "cli-custody-findings-none", &[]),
        cut: say(language, "cli-page-cut", &[]),
        ..Section::default()
    }
}

fn uses(language: Language, all: &[Use]) -> Section {
    let row = |it: &Use| {
        let entries = it.ended.map_or_else(|| it.intended.to_string(), |end| format!("{}, {end}", it.intended));
        let who = it.on_behalf_of.as_ref().map_or_else(|| it.actor.clone(), |it_for| format!("{} ({it_for})", it.actor));
        let what = it.root.as_ref().map_or_else(|| it.purpose.clone(), |root| format!("{}: {root}", it.purpose));
        let result = say(language, &format!("cli-custody-result-{}", it.result), &[]);
        let signed = it.signed.clone().unwrap_or_default();
        vec![it.counter.to_string(), it.at.clone(), who, what, it.profile.clone(), result, it.document.clone(), signed, entries]
    };
    Section {
        title: say(language, "cli-custody-signatures", &[]),
        columns: headings(language, &["counter", "at", "who", "purpose", "profile", "result", "document", "signed", "entries"]),
        rows: all.iter().map(row).collect(),
        empty: say(language, "cli-custody-signatures-none", &[]),
        cut: say(language, "cli-page-cut", &[]),
        ..Section::default()
    }
}
