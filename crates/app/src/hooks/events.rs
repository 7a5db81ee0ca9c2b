//! The table of events: a closed set, each with the shape of what it tells.
//!
//! The JSON Schema of an event, its page in the documentation and the check before it is written are
//! made from the same rows. A kind keeps its meaning for good; fields may be added to it, never taken
//! away. Payloads are thin: ids and counts, what else there is to know is asked of the API.

use crate::model::texts;
use crate::model::{Content, CredentialKind, Direction, Environment, Family, PackageState, Purpose, SolicitudState};
use crate::releases::model::BackupState;
use serde_json::{Map, Value, json};

texts! {
    /// What happened.
    EventKind {
        /// A request at SAT came to an end, whichever.
        RequestEnded = "sat.request.ended",
        /// A package was read.
        PackageImported = "sat.package.imported",
        /// Every window of a year is answered and nothing is missing.
        YearComplete = "sat.year.complete",
        /// A year was compared and something is missing or not answered.
        YearIncomplete = "sat.year.incomplete",
        /// Documents that were in force here were found cancelled.
        CancelledLate = "document.cancelled_late",
        /// SAT refused a certificate; nothing more is asked with it.
        CredentialBlocked = "credential.blocked",
        /// A certificate was admitted.
        CredentialAdmitted = "credential.admitted",
        /// A certificate ends before long.
        CertificateExpiring = "certificate.expiring",
        /// A certificate's time is over.
        CertificateExpired = "certificate.expired",
        /// A run over documents ended and found something.
        CheckFindings = "check.findings",
        /// A run over documents ended and found nothing.
        CheckClean = "check.clean",
        /// A job was given up and waits for a person.
        JobDead = "job.dead",
        /// An address was switched off.
        WebhookDisabled = "webhook.disabled",
        /// Somebody wants to know whether it arrives.
        WebhookTest = "webhook.test",
        /// Somebody was invited into the organisation.
        MemberInvited = "member.invited",
        /// Somebody joined the organisation.
        MemberJoined = "member.joined",
        /// Somebody's role was changed.
        MemberRoleChanged = "member.role_changed",
        /// Somebody was disabled or left.
        MemberDisabled = "member.disabled",
        /// A refresh token was shown twice; the session was ended.
        SessionReplayed = "session.replayed",
        /// An API key was made.
        ApiKeyCreated = "api_key.created",
        /// An API key was revoked.
        ApiKeyRevoked = "api_key.revoked",
        /// A backup of key material came a step further, or was kept in.
        VaultBackup = "vault.backup",
    }
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// An id of ours, by its prefix.
    Id(&'static str),
    /// Any text of at most so many characters.
    Text(usize),
    /// A number from zero.
    Count,
    /// A year.
    Year,
    /// Yes or no.
    Truth,
    /// Civil time of Mexico City, `2025-01-31T23:59:59`.
    Civil,
    /// An instant, RFC 3339.
    Instant,
    /// One of a closed set, which may grow.
    OneOf(fn() -> Vec<&'static str>),
}

/// A field of what an event tells.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether it may be null.
    pub nullable: bool,
}

const fn of(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, nullable: false }
}

const fn maybe(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, nullable: true }
}

/// Characters of a code of an authority or of ours.
const CODE: Shape = Shape::Text(80);
/// Characters of an opaque name of an authority.
const NAME: Shape = Shape::Text(200);
/// Characters of an address.
const ADDRESS: Shape = Shape::Text(2_048);

const TAXPAYER: Field = of("taxpayer", Shape::Id("txp"));

macro_rules! closed {
    ($type:ty) => {
        Shape::OneOf(|| <$type>::ALL.iter().map(|it| it.text()).collect())
    };
}

const REQUEST_ENDED: &[Field] = &[
    TAXPAYER,
    of("request", Shape::Id("sol")),
    of("state", closed!(SolicitudState)),
    of("family", closed!(Family)),
    of("direction", closed!(Direction)),
    of("content", closed!(Content)),
    of("from", Shape::Civil),
    of("to", Shape::Civil),
    of("year", Shape::Year),
    of("purpose", closed!(Purpose)),
    maybe("id_solicitud", NAME),
    maybe("cod_estatus", CODE),
    maybe("codigo_estado", CODE),
    maybe("problem", CODE),
];

const PACKAGE_IMPORTED: &[Field] = &[
    TAXPAYER,
    of("package", Shape::Id("pkg")),
    of("id_paquete", NAME),
    maybe("request", Shape::Id("sol")),
    of("content", closed!(Content)),
    of("state", closed!(PackageState)),
    of("cfdi", Shape::Count),
    of("metadata", Shape::Count),
    of("duplicates", Shape::Count),
    of("quarantined", Shape::Count),
    of("foreign", Shape::Count),
    maybe("problem", CODE),
];

const YEAR: &[Field] = &[
    TAXPAYER,
    of("year", Shape::Year),
    of("family", closed!(Family)),
    of("metadata", Shape::Count),
    of("cfdi", Shape::Count),
    of("missing", Shape::Count),
    of("not_delivered", Shape::Count),
    of("unsettled", Shape::Count),
    of("report_sha256", Shape::Text(64)),
];

const CHECK: &[Field] = &[
    TAXPAYER,
    of("check", Shape::Id("rev")),
    of("documents", Shape::Count),
    of("forged", Shape::Count),
    of("altered", Shape::Count),
    of("cancelled", Shape::Count),
    of("unverifiable", Shape::Count),
    of("listed", Shape::Count),
];

const BLOCKED: &[Field] = &[TAXPAYER, of("tax_id", Shape::Text(20)), of("number", Shape::Text(40)), of("cod_estatus", CODE)];

const ADMITTED: &[Field] = &[
    TAXPAYER,
    of("tax_id", Shape::Text(20)),
    of("credential", Shape::Id("crd")),
    of("number", Shape::Text(40)),
    of("not_after", Shape::Instant),
];

const ENDING: &[Field] = &[
    TAXPAYER,
    maybe("tax_id", Shape::Text(20)),
    of("credential", Shape::Id("crd")),
    of("notice", Shape::Id("ntc")),
    of("kind", closed!(CredentialKind)),
    of("number", Shape::Text(40)),
    of("days", Shape::Count),
    of("not_after", Shape::Instant),
    of("escalated", Shape::Truth),
];

/// Characters of the names of all roles that come with one invitation.
const ROLES: Shape = Shape::Text(500);

const INVITED: &[Field] = &[of("invitation", Shape::Id("inv")), of("roles", ROLES), of("by", NAME)];

const MEMBER: &[Field] = &[of("user", Shape::Id("usr")), maybe("role", ROLES), of("by", NAME)];

const ROLE_CHANGED: &[Field] = &[
    of("user", Shape::Id("usr")),
    maybe("role", ROLES),
    of("change", Shape::OneOf(|| vec!["given", "taken_back"])),
    of("by", NAME),
];

const BACKUP: &[Field] = &[
    of("backup", Shape::Id("vbk")),
    of("state", closed!(BackupState)),
    of("asked_by", NAME),
    of("by", NAME),
    maybe("due", Shape::Instant),
    of("expires", Shape::Instant),
];

impl EventKind {
    /// What it tells.
    pub fn fields(self) -> &'static [Field] {
        match self {
            EventKind::RequestEnded => REQUEST_ENDED,
            EventKind::PackageImported => PACKAGE_IMPORTED,
            EventKind::YearComplete | EventKind::YearIncomplete => YEAR,
            EventKind::CancelledLate => const { &[TAXPAYER, of("package", Shape::Id("pkg")), of("count", Shape::Count)] },
            EventKind::CredentialBlocked => BLOCKED,
            EventKind::CredentialAdmitted => ADMITTED,
            EventKind::CertificateExpiring | EventKind::CertificateExpired => ENDING,
            EventKind::CheckFindings | EventKind::CheckClean => CHECK,
            EventKind::JobDead => const { &[of("job", Shape::Id("job")), of("kind", CODE), of("code", CODE)] },
            EventKind::WebhookDisabled => const { &[of("webhook", Shape::Id("whk")), of("url", ADDRESS), of("reason", CODE)] },
            EventKind::WebhookTest => const { &[of("webhook", Shape::Id("whk"))] },
            EventKind::MemberInvited => INVITED,
            EventKind::MemberJoined | EventKind::MemberDisabled => MEMBER,
            EventKind::MemberRoleChanged => ROLE_CHANGED,
            EventKind::SessionReplayed => const { &[of("user", Shape::Id("usr")), of("session", Shape::Id("ses"))] },
            EventKind::ApiKeyCreated | EventKind::ApiKeyRevoked => {
                const { &[of("key", Shape::Id("key")), of("name", NAME), of("by", NAME)] }
            }
            EventKind::VaultBackup => BACKUP,
        }
    }

    /// What it means, in a sentence of English, as the schema says it.
    pub fn about(self) -> &'static str {
        match self {
            EventKind::RequestEnded => "A request at SAT came to an end: imported, empty, or one of the ends that need a look.",
            EventKind::PackageImported => "A package was read into the tables, or could not be read (`state`).",
            EventKind::YearComplete => "Every window of a year is answered, and every document that metadata names is here.",
            EventKind::YearIncomplete => "The last request of a year ended, and something is missing or not answered.",
            EventKind::CancelledLate => "Documents that were in force here were found cancelled.",
            EventKind::CredentialBlocked => "SAT refused a certificate; nothing more is asked with it until another is registered.",
            EventKind::CredentialAdmitted => "A certificate with its key was admitted.",
            EventKind::CertificateExpiring => {
                "A certificate in use ends in so many days (90, 60, 30, 15, 7 or 1), told once each; escalated if nobody \
                 acknowledged the notice before."
            }
            EventKind::CertificateExpired => "The time of a certificate in use is over; nothing is signed with it any more.",
            EventKind::CheckFindings => "A check of documents ended and found something, or could not look at something.",
            EventKind::CheckClean => "A check of documents ended and found nothing.",
            EventKind::JobDead => "A job was given up after its last attempt and waits for a person.",
            EventKind::WebhookDisabled => "An address was switched off, by its own wish (410) or after days without an answer.",
            EventKind::WebhookTest => "Somebody wants to know whether events arrive.",
            EventKind::MemberInvited => "Somebody was invited into the organisation.",
            EventKind::MemberJoined => "Somebody joined the organisation.",
            EventKind::MemberRoleChanged => "Somebody's role in the organisation was changed.",
            EventKind::MemberDisabled => "Somebody was disabled or left the organisation.",
            EventKind::SessionReplayed => "A refresh token was shown twice; the session was ended.",
            EventKind::ApiKeyCreated => "An API key was made.",
            EventKind::ApiKeyRevoked => "An API key was revoked.",
            EventKind::VaultBackup => {
                "A backup of key material was asked for, approved, called off or downloaded: whoever may can still call it off."
            }
        }
    }

    /// Whether what is told has its shape, field by field.
    pub fn conforms(self, data: &Value) -> Result<(), String> {
        let given = data.as_object().ok_or("not an object")?;
        if let Some(odd) = given.keys().find(|name| !self.fields().iter().any(|it| it.name == *name)) {
            return Err(format!("{odd} is not in the table"));
        }
        for field in self.fields() {
            let value = given.get(field.name).ok_or_else(|| format!("{} is missing", field.name))?;
            let is_absent = value.is_null() && field.nullable;
            if !is_absent && !field.shape.holds(value) {
                return Err(format!("{} is {value}", field.name));
            }
        }
        Ok(())
    }

    /// The JSON Schema (2020-12) of the whole event as it is sent.
    pub fn schema(self) -> Value {
        let properties: Map<String, Value> = self.fields().iter().map(|it| (it.name.to_owned(), it.schema())).collect();
        let required: Vec<&str> = self.fields().iter().map(|it| it.name).collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.text(),
            "description": self.about(),
            "type": "object",
            "required": ["type", "timestamp", "tenant_id", "environment", "data"],
            "properties": {
                "type": { "const": self.text() },
                "timestamp": Shape::Instant.schema(),
                "tenant_id": Shape::Id("ten").schema(),
                "environment": { "enum": Environment::ALL.iter().map(|it| it.text()).collect::<Vec<_>>() },
                "data": { "type": "object", "required": required, "properties": properties },
            },
        })
    }
}

impl Field {
    fn schema(&self) -> Value {
        let schema = self.shape.schema();
        if self.nullable { json!({ "anyOf": [schema, { "type": "null" }] }) } else { schema }
    }
}

impl Shape {
    fn holds(self, value: &Value) -> bool {
        let text = value.as_str();
        match self {
            Shape::Id(prefix) => text.is_some_and(|it| is_id(it, prefix)),
            Shape::Text(most) => text.is_some_and(|it| it.chars().count() <= most),
            Shape::Count => value.as_u64().is_some(),
            Shape::Year => value.as_i64().is_some_and(|it| (1_900..=9_999).contains(&it)),
            Shape::Truth => value.is_boolean(),
            Shape::Civil => text.is_some_and(|it| it.parse::<jiff::civil::DateTime>().is_ok()),
            Shape::Instant => text.is_some_and(|it| it.parse::<jiff::Timestamp>().is_ok()),
            Shape::OneOf(all) => text.is_some_and(|it| all().contains(&it)),
        }
    }

    fn schema(self) -> Value {
        match self {
            Shape::Id(prefix) => json!({ "type": "string", "pattern": format!("^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$") }),
            Shape::Text(most) => json!({ "type": "string", "maxLength": most }),
            Shape::Count => json!({ "type": "integer", "minimum": 0 }),
            Shape::Year => json!({ "type": "integer", "minimum": 1900, "maximum": 9999 }),
            Shape::Truth => json!({ "type": "boolean" }),
            Shape::Civil => json!({ "type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}$" }),
            Shape::Instant => json!({ "type": "string", "format": "date-time" }),
            Shape::OneOf(all) => json!({ "enum": all() }),
        }
    }
}

fn is_id(text: &str, prefix: &str) -> bool {
    let digits = text.strip_prefix(prefix).and_then(|it| it.strip_prefix('_'));
    digits.and_then(fedatario_base::id::decode).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Something of each shape, at its bound.
    fn example(shape: Shape) -> Value {
        match shape {
            Shape::Id(prefix) => json!(format!("{prefix}_01h455vb4pex5vsknk084sn02q")),
            Shape::Text(most) => json!("ñ".repeat(most)),
            Shape::Count => json!(0),
            Shape::Year => json!(2025),
            Shape::Truth => json!(true),
            Shape::Civil => json!("2025-01-31T23:59:59"),
            Shape::Instant => json!("2025-01-31T23:59:59Z"),
            Shape::OneOf(all) => json!(all()[0]),
        }
    }

    #[test]
    fn what_is_not_in_the_table_is_not_told() {
        for kind in EventKind::ALL {
            let data: Map<String, Value> = kind.fields().iter().map(|it| (it.name.to_owned(), example(it.shape))).collect();
            assert_eq!(kind.conforms(&Value::Object(data.clone())), Ok(()), "{kind}");
            for field in kind.fields() {
                let mut without = data.clone();
                without.remove(field.name);
                assert!(kind.conforms(&Value::Object(without)).is_err(), "{kind} without {}", field.name);
                let mut odd = data.clone();
                odd.insert(field.name.to_owned(), json!({ "x": 1 }));
                assert!(kind.conforms(&Value::Object(odd)).is_err(), "{kind} with an odd {}", field.name);
                let mut empty = data.clone();
                empty.insert(field.name.to_owned(), Value::Null);
                assert_eq!(kind.conforms(&Value::Object(empty)).is_ok(), field.nullable, "{kind} {}", field.name);
            }
            let mut more = data.clone();
            more.insert("password".to_owned(), json!("x"));
            assert!(kind.conforms(&Value::Object(more)).is_err(), "{kind}");
            let schema = kind.schema();
            assert_eq!(schema["properties"]["type"]["const"], kind.text());
            assert_eq!(schema["properties"]["data"]["properties"].as_object().unwrap().len(), kind.fields().len());
            assert!(!kind.about().is_empty());
        }
        fedatario_testkit::covers!("webhooks: the table of events is closed, and what is told has the shape of its schema");
    }

    /// Files of these services, without their tests.
    fn sources(folder: &std::path::Path, found: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path()) {
            if entry.is_dir() {
                sources(&entry, found);
            } else if entry.extension().is_some_and(|it| it == "rs") {
                let text = std::fs::read_to_string(&entry).expect("text");
                let text = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
                found.push((entry.display().to_string(), text));
            }
        }
    }

    #[test]
    fn every_event_of_the_table_is_told_somewhere() {
        let mut files = Vec::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
        files.retain(|(path, _)| !path.ends_with("hooks/events.rs"));
        for kind in EventKind::ALL {
            let name = format!("EventKind::{kind:?}");
            let ends = |text: &str, at: usize| !text[at + name.len()..].starts_with(|it: char| it.is_alphanumeric());
            let told = files.iter().any(|(_, text)| text.match_indices(&name).any(|(at, _)| ends(text, at)));
            assert!(told, "{kind} is published, and nobody tells it");
        }
        fedatario_testkit::covers!("webhooks: every event of the published table is told somewhere");
    }
}
