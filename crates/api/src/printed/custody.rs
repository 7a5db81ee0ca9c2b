//! What was signed with a certificate, as a page for whoever has to answer for it.

use super::code;
use fedatario_audit::custody::{Finding, SignedCustody, Use};
use fedatario_base::text::{Language, say};
use fedatario_tables::{Heading, Page, Section};
use std::collections::BTreeMap;

/// What people are called, by the texts that name them in the report.
pub type Names = BTreeMap<String, String>;

/// The report as a page. `sha256` names the file that it was made from, which is what proves.
pub fn custody(language: Language, signed: &SignedCustody, names: &Names, sha256: &str) -> Page {
    let report = &signed.report;
    let word = |key: &str| say(language, key, &[]);
    let fact = |key: &str, value: &str| (word(key), value.to_owned());
    let of = |name: &str| report.certificate.get(name).map_or("", String::as_str);
    let checkpoint = fedatario_audit::parse_note(&report.checkpoint).map(|it| it.checkpoint).ok();
    let made = checkpoint.as_ref().map(|it| instant(&it.at.to_string())).unwrap_or_default();
    let size = checkpoint.map(|it| it.size.to_string()).unwrap_or_default();
    Page {
        language: code(language).to_owned(),
        title: word("cli-custody-title"),
        is_wide: true,
        facts: vec![
            (word("cli-custody-owner"), [of("owner_name"), of("owner_tax_id")].join(" ").trim().to_owned()),
            (word("cli-custody-validity"), format!("{} \u{2013} {}", instant(of("not_before")), instant(of("not_after")))),
            fact("cli-custody-number", of("number")),
            fact("cli-custody-serial", of("serial")),
            fact("cli-custody-subject", of("subject")),
            fact("cli-custody-issuer", of("issuer")),
            fact("cli-custody-sha256", of("sha256")),
            fact("cli-custody-credential", &report.credential),
            fact("cli-custody-uses", &report.uses.to_string()),
            fact("cli-custody-refusals", &report.refusals.to_string()),
            fact("cli-custody-made", &made),
            fact("cli-custody-size", &size),
        ],
        verdict: Some((word(if report.gapless { "cli-custody-gapless" } else { "cli-custody-findings" }), report.gapless)),
        notes: vec![word("cli-custody-note"), word("cli-custody-limits")],
        sections: vec![
            findings(language, &report.findings),
            uses(language, &report.signatures, names),
            check(language, &report.key),
        ],
        foot: say(language, "cli-custody-foot", &[("key", report.key.clone()), ("sha256", sha256.to_owned())]),
    }
}

/// `2026-09-01 12:00:00`, of an instant as programs write it.
fn instant(text: &str) -> String {
    let whole = text.split(['.', 'Z']).next().unwrap_or_default();
    whole.replace('T', " ")
}

fn heading(language: Language, name: &str) -> String {
    say(language, &format!("cli-custody-col-{name}"), &[])
}

fn findings(language: Language, all: &[Finding]) -> Section {
    let row = |it: &Finding| {
        let what = say(language, &format!("cli-custody-kind-{}", it.kind), &[]);
        vec![it.counter.to_string(), what, it.n.to_string()]
    };
    Section {
        title: say(language, "cli-custody-findings-title", &[]),
        columns: ["counter", "finding", "entry"].map(|it| Heading::text(heading(language, it))).into(),
        rows: all.iter().map(row).collect(),
        empty: say(language, "cli-custody-findings-none", &[]),
        cut: say(language, "cli-page-cut", &[]),
        ..Section::default()
    }
}

/// Whoever it was, with their name where it is known.
fn who(language: Language, actor: &str, names: &Names) -> String {
    let name = match (names.get(actor), actor) {
        (Some(name), _) => Some(name.clone()),
        (None, text) if text.starts_with("os:") => Some(say(language, "cli-custody-who-shell", &[])),
        (None, "system") => Some(say(language, "cli-custody-who-system", &[])),
        (None, text) if text.starts_with("key_") => Some(say(language, "cli-custody-who-program", &[])),
        (None, text) if text.starts_with("job_") => Some(say(language, "cli-custody-who-job", &[])),
        (None, _) => None,
    };
    name.map_or_else(|| actor.to_owned(), |name| format!("{name} ({actor})"))
}

fn uses(language: Language, all: &[Use], names: &Names) -> Section {
    let word = |key: &str, of: &str| say(language, &format!("cli-custody-{key}-{of}"), &[]);
    let row = |it: &Use| {
        let entries = it.ended.map_or_else(|| it.intended.to_string(), |end| format!("{}, {end}", it.intended));
        let own = who(language, &it.actor, names);
        let asked_by = match &it.on_behalf_of {
            Some(behind) => format!("{own}, {} {}", word("who", "for"), who(language, behind, names)),
            None => own,
        };
        let purpose = word("purpose", &it.purpose);
        let what = it.root.as_ref().map_or_else(|| purpose.clone(), |root| format!("{purpose} {root}"));
        let digest = |name: &str, of: &str| format!("{} {of}", word("digest", name));
        let signed = it.signed.as_ref().map(|it| format!("\n{}", digest("signed", it))).unwrap_or_default();
        let digests = format!("{}{signed}", digest("document", &it.document));
        vec![
            it.counter.to_string(),
            instant(&it.at),
            asked_by,
            format!("{what} ({})", it.profile),
            word("result", &it.result),
            digests,
            entries,
        ]
    };
    let heading = |it: &str| heading(language, it);
    Section {
        title: say(language, "cli-custody-signatures", &[]),
        columns: vec![
            Heading::number(heading("counter")),
            Heading::text(heading("at")),
            Heading::text(heading("who")),
            Heading::text(heading("purpose")),
            Heading::text(heading("result")),
            Heading::code(heading("digests")),
            Heading::number(heading("entries")),
        ],
        rows: all.iter().map(row).collect(),
        empty: say(language, "cli-custody-signatures-none", &[]),
        cut: say(language, "cli-page-cut", &[]),
        ..Section::default()
    }
}

/// How whoever holds the file checks it against its checkpoint, without us.
fn check(language: Language, key: &str) -> Section {
    let step = |number: u32, command: &str| {
        vec![number.to_string(), say(language, &format!("cli-custody-step-{number}"), &[]), command.to_owned()]
    };
    Section {
        title: say(language, "cli-custody-check-title", &[]),
        note: say(language, "cli-custody-check-note", &[]),
        columns: vec![
            Heading::text(heading(language, "counter")),
            Heading::text(heading(language, "step")),
            Heading::code(heading(language, "command")),
        ],
        rows: vec![
            step(1, key),
            step(2, "fedatario audit verify --custody custodia.json --key KEY\npython3 verify_audit.py --key KEY custodia.json"),
            step(3, "fedatario audit verify --custody custodia.json --key KEY auditoria.ndjson"),
            step(4, "sha256sum documento.xml"),
        ],
        ..Section::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_by_people() {
        for (text, expected) in
            [("2026-09-01T12:00:00Z", "2026-09-01 12:00:00"), ("2026-09-01T12:00:00.123Z", "2026-09-01 12:00:00"), ("", "")]
        {
            assert_eq!(instant(text), expected);
        }
    }
}
