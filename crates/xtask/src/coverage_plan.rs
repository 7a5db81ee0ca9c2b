//! What has to be covered: the shapes, the ports and the matrices, as data; the promises are in
//! [`coverage_promises`](crate::coverage_promises).
//!
//! A bullet is covered by the claims that begin with one of its openings; a matrix by the claims of
//! its cells. What cannot be is `n/a`, with its reason, said here or by the test that knows it.

/// A promise, and how the claims of its tests begin.
pub struct Bullet {
    /// Where it stands in the milestone.
    pub section: &'static str,
    /// The promise.
    pub text: &'static str,
    /// Openings of claims.
    pub claims: &'static [&'static str],
}

/// A table of cells.
pub struct Matrix {
    /// Its name, as the claims say it.
    pub name: &'static str,
    /// Its columns; none means that each row names the one it has.
    pub columns: &'static [&'static str],
    /// Its rows.
    pub rows: Rows,
    /// Cells that cannot be covered: row, column, reason.
    pub apart: &'static [(&'static str, &'static str, &'static str)],
}

/// The rows that a matrix must have; claims may add more.
pub enum Rows {
    /// These.
    Named(&'static [&'static str]),
    /// As many as there are published files, whatever their names.
    AtLeast(usize),
    /// Every method of every port that the database implements.
    Methods,
}

/// The ports that the database implements: file, traits.
pub const PORTS: &[(&str, &[&str])] = &[
    (
        "crates/app/src/ports.rs",
        &["Store", "Tx", "Taxpayers", "Credentials", "Solicitudes", "Packages", "Documents", "Jobs", "Schedules", "System"],
    ),
    ("crates/app/src/audit_trail/ports.rs", &["AuditLog"]),
    ("crates/app/src/hooks/ports.rs", &["Hooks"]),
    ("crates/app/src/expiry/ports.rs", &["Notices"]),
    ("crates/app/src/releases/ports.rs", &["Releases"]),
    ("crates/app/src/trust/ports.rs", &["Revocations"]),
    ("crates/app/src/revision/ports.rs", &["Checks", "Registry"]),
    ("crates/app/src/replay.rs", &["Replays"]),
    (
        "crates/app/src/identity/ports.rs",
        &[
            "IdentityStore",
            "IdentityTx",
            "Users",
            "Factors",
            "Recoveries",
            "Sessions",
            "OneTimes",
            "SigningKeys",
            "Throttles",
            "Members",
        ],
    ),
    ("crates/upstream/src/ports.rs", &["Ledger", "Sessions", "Limits", "Breakers"]),
    ("crates/vault/src/ports.rs", &["TenantKeys", "CredentialStore"]),
    ("crates/vault/src/log.rs", &["SignatureLog"]),
    ("crates/app/src/signing/ports.rs", &["Signatures"]),
];

/// The matrices, in the order of the document.
pub const MATRICES: &[Matrix] = &[
    Matrix {
        name: "fault x operation",
        columns: &["Freely", "WithKey", "Never", "login"],
        rows: Rows::Named(&["SessionRefused", "Throttled", "Unreachable", "Unanswered", "Rejected"]),
        apart: &[],
    },
    Matrix {
        name: "authority fault x operation",
        columns: &["autentica", "solicita", "verifica", "descargar"],
        rows: Rows::Named(&[
            "refuses connections",
            "hangs after accepting",
            "hangs in the middle of the answer",
            "closes without answering",
            "truncated body",
            "chunked body without end",
            "truncated headers",
            "HTTP 404",
            "HTTP 500",
            "HTTP 502",
            "HTTP 503",
            "HTTP 429 with Retry-After",
            "HTTP 503 with Retry-After",
            "HTTP 500 with SAT's answer",
            "HTML with HTTP 200",
            "redirect",
            "empty body",
            "garbage",
            "another operation's answer",
            "entity bomb",
            "over the size bound",
            "gzip bomb",
            "slow pieces",
            "fault InvalidSecurity",
            "unknown fault",
            "unknown code",
            "code 404",
            "session refused once",
            "session refused for good",
        ]),
        apart: &[("session refused once", "autentica", "a login carries no session")],
    },
    Matrix {
        name: "fault of the authority x operation",
        columns: &["autentica", "solicita", "verifica", "descargar"],
        rows: Rows::Named(&[
            "nobody listens",
            "closes without answering",
            "hangs before doing anything",
            "hangs after accepting",
            "closes after accepting",
            "HTTP 500",
            "HTTP 502",
            "HTTP 503",
            "HTTP 404",
            "HTML with HTTP 200",
            "truncated answer",
            "truncated gzip",
            "slow answer",
            "wrong id",
            "empty package",
            "every package cut twice",
            "token expired in the middle",
            "refused (304 or InvalidSecurity)",
            "305 in a burst",
            "404 as a code",
            "404 as a code, but done",
            "two minutes apart",
            "ten minutes apart",
            "stuck for a while",
            "state 0",
            "a code or state that nobody knows",
            "state 4, failed at SAT",
            "state 6, expired",
            "5002, used up for life",
            "5003, too large",
            "5005, already under way",
            "5004, SAT does not know it",
            "5007, no longer there",
            "5008, handed out twice",
        ]),
        apart: &[],
    },
    Matrix { name: "repository method x database", columns: &["sqlite", "postgres"], rows: Rows::Methods, apart: &[] },
    Matrix {
        name: "audit damage x medium",
        columns: &["database", "export"],
        rows: Rows::Named(&["altered", "gap", "reordered", "truncated", "foreign"]),
        apart: &[],
    },
    Matrix {
        name: "key format x outcome",
        columns: &["opens", "wrong password", "garbage or truncated", "mismatched certificate"],
        rows: Rows::Named(&[
            "EKU9003173C9_fiel.key",
            "EKU9003173C9_fiel.pkcs8-pbes2-aes256-sha256.key",
            "EKU9003173C9_fiel.pkcs8-pbes1-sha1-3des.key",
            "EKU9003173C9_fiel.pkcs8-pbes2-3des.key.pem",
            "EKU9003173C9_fiel.pkcs1-dekinfo.key.pem",
            "EKU9003173C9_fiel.pkcs8-plain.key",
            "WERX631016S30_fiel.pkcs1-plain.key",
            "EKU9003173C9_fiel.pfx",
            "legacy-rc2-3des.p12",
            "selfsigned-3des.p12",
            "selfsigned-pbes2-aes128.p12",
        ]),
        apart: &[],
    },
    Matrix { name: "golden file x signature mode", columns: &["lenient", "strict"], rows: Rows::AtLeast(35), apart: &[] },
    Matrix {
        name: "golden envelope",
        columns: &["phpcfdi", "official"],
        rows: Rows::Named(&["autentica", "solicita-emitidos", "solicita-recibidos", "solicita-folio", "verifica", "descargar"]),
        apart: &[
            ("autentica", "official", "no vector of a login is published in that form"),
            ("solicita-emitidos, two receivers", "phpcfdi", "no such message is published in that form"),
        ],
    },
    Matrix {
        name: "signature attack x profile",
        columns: &["plain", "dgii", "sat-token", "sat-request", "sat-request, official"],
        rows: Rows::AtLeast(71),
        apart: &[],
    },
    Matrix { name: "import x outcome", columns: &[], rows: Rows::AtLeast(35), apart: &[] },
    Matrix { name: "fixture x outcome", columns: &[], rows: Rows::AtLeast(12), apart: &[] },
    Matrix {
        name: "operation x refusal",
        columns: &[
            "no credential",
            "permission missing",
            "refusal chained",
            "other tenant",
            "audit entry",
            "before and after",
            "example",
            "tenant_admin",
            "signer",
            "approver",
            "operator",
            "auditor",
            "viewer",
            "platform_admin",
            "platform_support",
        ],
        rows: Rows::AtLeast(7),
        apart: &[],
    },
];
