//! What has to be covered, in sentences: each promise, and how the claims of its tests begin.

use crate::coverage_plan::Bullet;

const SPINE: &str = "The spine";
const LINE: &str = "The Mexican line";
const INPUT: &str = "Bad input";
const DONE: &str = "Done when";
const API: &str = "The API";
const COMPLETE: &str = "Complete";
const UNBREAKABLE: &str = "Unbreakable";
const JUDGED: &str = "Judged by others";
const IDENTITY: &str = "People come in";
const PEOPLE: &str = "People and organisations";
const SIGNING: &str = "Signing on request";
const TOLD: &str = "Events and mail";
const CERTIFICATES: &str = "Certificates";
const PROVEN: &str = "The audit one can check";

const fn bullet(section: &'static str, text: &'static str, claims: &'static [&'static str]) -> Bullet {
    Bullet { section, text, claims }
}

const CUSTODY: &str = "Certificates, signatures, custody";

/// The promises, in the order of the milestone.
pub const BULLETS: &[Bullet] = &[
    bullet(
        SPINE,
        "Workspace: README, ARCHITECTURE, LICENSE, CHANGELOG, CONTRIBUTING, SECURITY, the test and CI scripts, tidy (dependency table, module headers, dead links), deny.toml",
        &["workspace:", "list paths:"],
    ),
    bullet(
        SPINE,
        "base: typed prefixed time-sortable ids; a clock that alone reads time; secrets that cannot be printed; a permanent table of error codes, each with its page",
        &["base:"],
    ),
    bullet(
        SPINE,
        "credentials: .cer, .key and .p12 in every form found; RFC, CURP, name, number, validity, FIEL or CSD, issuer string, key belongs to certificate; each refusal its own error",
        &["credentials:"],
    ),
    bullet(
        SPINE,
        "xmlsig: inclusive and exclusive C14N, enveloped and detached XMLDSig, WS-Security; SHA-1 in one named place; verification returns the verified subtree",
        &["xmlsig:"],
    ),
    bullet(
        SPINE,
        "vault: AES-256-GCM envelope under a root key from file, environment or passphrase; rotation of root and tenant keys; keys are used inside the vault only",
        &["vault:"],
    ),
    bullet(
        SPINE,
        "store: SQLite and PostgreSQL behind one contract suite; state, job and audit entry commit together; every method refuses another tenant's id",
        &["store:"],
    ),
    bullet(
        SPINE,
        "jobs: in the caller's transaction, unique by key, leased with heartbeat and fencing, retried with backoff, dead-lettered, fair, cron with time zones; a killed worker's job comes back, a late worker cannot commit",
        &["jobs:"],
    ),
    bullet(
        SPINE,
        "audit: the hash chain, signed checkpoints; edit, gap, reorder, truncated tail and foreign insert told apart, from the database or an export",
        &["audit:"],
    ),
    bullet(SPINE, "blobs: memory and folder (temporary file, fsync, rename), the layout of objects", &["blobs:"]),
    bullet(SPINE, "upstream: sessions, limits, breaker, retry and the record of each call", &["upstream:"]),
    bullet(
        LINE,
        "sat: the four operations of version 1.5; every code and state with SAT's words, our explanation, who must act, whether to retry; unknown ones kept and shown",
        &["sat:", "SAT codes:", "Verifica:", "environments:"],
    ),
    bullet(
        LINE,
        "Token sealed in the store and beside the certificates, reused until shortly before expiry, one login for a crowd",
        &[
            "sat: token",
            "sat: one login",
            "sat: the token",
            "upstream: a crowd",
            "upstream: one login",
            "upstream: two processes log in",
            "upstream: a session is",
        ],
    ),
    bullet(
        LINE,
        "Año completo: fourteen requests a direction under the rules of the service; the same window is not asked twice, and who holds it is said",
        &["year:", "windows:", "sat: year", "lifecycle: an unfinished year", "lifecycle: the rules"],
    ),
    bullet(
        LINE,
        "Lifecycle: verified on a schedule that backs off, driven by jobs, resumable",
        &[
            "lifecycle: a verification",
            "lifecycle: a login",
            "lifecycle: a token",
            "lifecycle: an unknown",
            "lifecycle: a request that SAT",
            "lifecycle: serve",
            "lifecycle: a year that",
            "lifecycle: a killed process",
            "lifecycle: a refused certificate",
            "lifecycle: 305",
            "lifecycle: a certificate",
        ],
    ),
    bullet(LINE, "Lifecycle: too large is split into halves or months, automatically", &["lifecycle: too large"]),
    bullet(
        LINE,
        "Lifecycle: in process for more than four days is replaced by a wider request, both linked, whichever ends first wins",
        &["lifecycle: in process", "lifecycle: of a stuck"],
    ),
    bullet(LINE, "Lifecycle: expired and failed are asked again", &["lifecycle: expired", "lifecycle: failed at SAT"]),
    bullet(
        LINE,
        "Lifecycle: lost answers are never repeated; packages are stored before they are opened, none is fetched a third time",
        &[
            "lifecycle: lost",
            "lifecycle: a package",
            "sat: a request whose answer was lost",
            "sat: after a crash",
            "sat: a package is",
        ],
    ),
    bullet(
        LINE,
        "Import: streaming zip to XML to JSON and columns in one pass; metadata; duplicates counted; one bad file quarantined and the rest goes on",
        &["import:", "CFDI", "JSON:", "metadata:", "packages:", "encodings:", "uuid:", "rfc:"],
    ),
    bullet(
        LINE,
        "Completeness report: metadata minus XML, itemised, what SAT does not deliver apart; signed and re-checkable",
        &["completeness:", "report:"],
    ),
    bullet(
        LINE,
        "sandbox sat: answers as SAT does, lenient and strict; filled from a folder or generated at any scale; virtual clock, scripted faults, control and counts",
        &["sandbox:"],
    ),
    bullet(
        LINE,
        "CLI: register, auth, year, verify, download, import, status, report; JSON, resumable; serve runs the workers; import works alone",
        &["cli:", "import: works alone"],
    ),
    bullet(
        LINE,
        "demo: a full year against the sandbox in one command, idempotent when run again",
        &["demo:", "the authored documents"],
    ),
    bullet(
        INPUT,
        "Archives: entries, size, ratio, nesting, path traversal, symlinks",
        &["packages:", "hostile packages", "hostile metadata"],
    ),
    bullet(
        INPUT,
        "XML: size, depth, DOCTYPE and entities refused",
        &[
            "XML:",
            "hostile CFDI",
            "CFDI: garbage",
            "xmlsig: XML that is not",
            "xmlsig: a DOCTYPE",
            "xmlsig: depth",
            "xmlsig: seeded",
        ],
    ),
    bullet(
        INPUT,
        "SOAP: HTML where XML was expected, faults, truncated base64",
        &["sat: HTML", "sat: SOAP faults", "sat: malformed base64", "sat: answers are bounded", "sandbox: bodies"],
    ),
    bullet(
        INPUT,
        "Certificates and keys: garbage, wrong password; a clear coded error, nothing lost",
        &["bad input:", "credentials: 11,000", "credentials: sizes", "credentials: iterations", "credentials: keys that are not"],
    ),
    bullet(
        COMPLETE,
        "blobs on S3: the contract of memory and folder on a real server, encryption headers, refusals and outages told apart; the whole flow into a bucket",
        &[
            "blobs: the contract of object stores, S3",
            "blobs: an address of a bucket",
            "blobs: SSE",
            "blobs: the whole flow into a bucket",
            "blobs: a refusal",
            "import: a store that is away",
        ],
    ),
    bullet(
        JUDGED,
        "At least two independent client libraries for SAT's service, from PyPI and npm, from login to package with only the address changed",
        &["clients: cfdiclient (PyPI)", "clients: satcfdi (PyPI)", "clients: @nodecfdi/sat-ws-descarga-masiva (npm)"],
    ),
    bullet(
        JUDGED,
        "xmltodict gives the JSON that we give, but for the list rule: published and generated documents, every kind, complements, all versions",
        &["JSON: the same as xmltodict but for lists of one", "JSON: the same as xmltodict over generated documents"],
    ),
    bullet(
        COMPLETE,
        "sat check: exactly the forged, altered and cancelled documents are found; nothing that was not looked at is good",
        &["check:", "verdicts:"],
    ),
    bullet(
        COMPLETE,
        "Consulta de estado, certificates by number and list 69-B at SAT's public doors: throttled, bounded, worlds not crossed",
        &[
            "status:",
            "certificates: by number",
            "69-B:",
            "sat: public doors",
            "upstream: a public door",
            "upstream: the breaker of a public",
        ],
    ),
    bullet(
        COMPLETE,
        "What is kept of checked documents, certificates and lists, on both databases",
        &["store: a document is suspect", "store: a list takes"],
    ),
    bullet(
        COMPLETE,
        "All of the service: individual requests of every kind, by folio, Retenciones, cancellations re-asked late",
        &["requests:", "retenciones:"],
    ),
    bullet(COMPLETE, "Prediction: what will be refused is said before asking, and the split is offered", &["prediction:"]),
    bullet(COMPLETE, "Scheduler: daily, per taxpayer, changeable, missed runs handled, many taxpayers at once", &["schedule:"]),
    bullet(
        COMPLETE,
        "Verification of each CFDI's own seal and SAT stamp: the cadena original of CFDI 3.2, 3.3, 4.0, Retenciones 1.0, 2.0 and of the stamps, complements included",
        &["cadena:", "seal:"],
    ),
    bullet(
        JUDGED,
        "xmlsec1 and a second library verify what we sign, we verify what xmlsec1 signs, canonical forms are libxml2's, through the shell too",
        &["xmlsig: bergshamra", "xmlsig: xmlsec1", "xmlsig: what xmlsec1", "xmlsig: inclusive and exclusive", "tools: xml"],
    ),
    bullet(
        JUDGED,
        "Nothing of a CFDI is lost in its JSON: every version, every complement",
        &["CFDI: nothing of a document", "CFDI: shapes that no schema"],
    ),
    bullet(
        UNBREAKABLE,
        "Every signature attack in every profile, and 300 mutants of each kind of signed document: none is believed but for what was signed",
        &["xmlsig: 300 mutants", "xmlsig: the table of attacks"],
    ),
    bullet(
        UNBREAKABLE,
        "A fuzz body for every parser of strangers' bytes, run some thousand seeded times; a fuzzer wraps the same bodies",
        &["fuzz:", "xmlsig: seeded", "hostile", "credentials: seeded", "sat: seeded", "audit: seeded", "blobs: seeded"],
    ),
    bullet(
        COMPLETE,
        "Filters for a pipe: xml c14n, sign and verify, cert inspect, cfdi json; coded refusals, nothing kept, nothing fetched",
        &["tools:"],
    ),
    bullet(
        COMPLETE,
        "Query and export by period, role, type, counterparty, amount, text: CSV (formula-safe), NDJSON, XLSX, Parquet, ZIP of XML in the folder scheme accountants use; streaming",
        &["query:", "export:", "store: each filter", "store: pages of documents"],
    ),
    bullet(
        COMPLETE,
        "A period summary as an accountant would check it against the declaration, each figure traced to its documents; report and summary as JSON, CSV and a printable page",
        &["summary:", "page:"],
    ),
    bullet(
        COMPLETE,
        "A chain of certificates is followed as openssl follows it; whose a certificate is, in three countries",
        &["credentials: the way from a certificate", "credentials: a chain is", "credentials: purpose and tax id"],
    ),
    bullet(
        UNBREAKABLE,
        "Killed for real at each named point of the lifecycle, before and after each call, write and commit: 0 lost, 0 doubled, bounds kept, the chain verifies; the table of points × outcomes is generated",
        &["crash:"],
    ),
    bullet(
        UNBREAKABLE,
        "Authority faults × operations, end to end: 0 wrong final states; the table is generated (docs/fault-table.md)",
        &["faults:"],
    ),
    bullet(
        UNBREAKABLE,
        "An authority that is away, killed or at odds with itself; every variant used up; workers and database servers killed; disk full or read-only; a database locked; objects and keys taken away",
        &["trials:"],
    ),
    bullet(UNBREAKABLE, "What takes its process down buries nothing but itself", &["jobs: what merely shared"]),
    bullet(TOLD, "Events hold against their schemas by another validator", &["webhooks: an event has the shape"]),
    bullet(TOLD, "The line of SAT over the API, from an e.firma to the report", &["api: a year from an e.firma"]),
    bullet(
        TOLD,
        "The first day with curl, as the page tells it: owner, second factor, a reader, a key, a year, a webhook",
        &["the API's first day"],
    ),
    bullet(
        TOLD,
        "A certificate to its proof with curl, as the page tells it: uploaded, replaced, signed with, verified by xmlsec1, the chain by Python, a byte found",
        &["the proof: the page with curl"],
    ),
    bullet(
        TOLD,
        "Certificates go in, wait, are replaced, put back, destroyed; refused for their exact reason; imported by the hundred; a person's own are theirs",
        &["api: a certificate", "api: of two certificates", "api: certificates are let in", "api: a person's own certificate"],
    ),
    bullet(
        TOLD,
        "Keys are opened by turns: some at once, some in a queue, the rest told when to come back; lists that are cut say so",
        &["vault: some open keys", "api: a certificate that finds", "api: certificates in use that"],
    ),
    bullet(
        TOLD,
        "Certificates out of a ZIP with a list: each by itself, as rehearsed; a hostile archive is refused whole; no password is told",
        &[
            "api: certificates are let in out of",
            "api: an archive of certificates",
            "certificates: a list",
            "certificates: a name in",
        ],
    ),
    bullet(
        TOLD,
        "What no row names is collected after a day; a destroyed key is overwritten where SQLite kept it",
        &["certificates: a sealed key", "certificates: only sealed keys", "store: a destroyed key"],
    ),
    bullet(TOLD, "Another tenant's things are not found over the API", &["api: another tenant's taxpayer"]),
    bullet(TOLD, "Every published event is told somewhere", &["webhooks: every event"]),
    bullet(
        TOLD,
        "Forms are compared by what they hold; ends are announced; nobody holds an answer by not reading it",
        &["api: a form is compared", "api: an operation on its way out", "api: whoever reads nothing"],
    ),
    bullet(TOLD, "Every event has the shape of its published schema", &["webhooks: the table of events is closed"]),
    bullet(
        TOLD,
        "The sample of Standard Webhooks is reproduced; both live secrets and Ed25519 verify with other libraries",
        &["webhooks: the sample"],
    ),
    bullet(TOLD, "Others verify what is sent", &["webhooks: both live secrets"]),
    bullet(TOLD, "A secret is shown once, and two live during a rotation", &["webhooks: a secret is shown once"]),
    bullet(TOLD, "Retried over three days; logged; replayed: one, a range, all that failed", &["webhooks: sent again until"]),
    bullet(TOLD, "Retries keep their distances", &["webhooks: retried over three days"]),
    bullet(TOLD, "410 switches an address off with notice", &["webhooks: 410 switches"]),
    bullet(TOLD, "An address is its tenant's alone, needs its permission and is bounded", &["webhooks: an address is its tenant"]),
    bullet(TOLD, "No address that is not public is reached: by text, by name, by rebinding", &["webhooks: a name that leads"]),
    bullet(TOLD, "Odd spellings of private addresses are refused", &["webhooks: odd schemes"]),
    bullet(TOLD, "Special networks are not public", &["webhooks: no private"]),
    bullet(TOLD, "No redirect is followed", &["webhooks: no redirect"]),
    bullet(
        TOLD,
        "Mail leaves by a real server or into a folder, and nothing a stranger wrote becomes a header",
        &["mail: a real server"],
    ),
    bullet(TOLD, "Mail: other promises", &["mail:"]),
    bullet(
        DONE,
        "The demo brings a year home with 0 missing and again changes nothing",
        &["demo: brings a year home", "store: the whole flow"],
    ),
    bullet(
        DONE,
        "kill -9 in the middle of it, then the same command, ends the same; the sandbox's counts are the witness",
        &["done: kill"],
    ),
    bullet(DONE, "The audit chain verifies offline, from the database and from a file", &["audit: verifies offline"]),
    bullet(
        DONE,
        "An edit to one byte of an exported chain is found and named",
        &["audit: an edit to one byte", "audit: verifies offline"],
    ),
    bullet(DONE, "This document is made from the tests of a passing run, and an empty cell fails tidy", &["coverage:"]),
    bullet(
        IDENTITY,
        "Passwords: lengths in code points, what is guessed first, Argon2id with permits and a bounded queue, rehash when the cost is raised",
        &[
            "identity: passwords",
            "identity: a raised cost",
            "identity: a stored hash",
            "identity: one hash",
            "identity: a list of leaked",
            "identity: argon2-cffi",
        ],
    ),
    bullet(
        IDENTITY,
        "No enumeration: the same work and the same answer",
        &["identity: where there is nobody", "api: whoever is not here"],
    ),
    bullet(
        IDENTITY,
        "Throttled by account, address and network; nobody is locked out",
        &[
            "identity: waits after failures",
            "identity: failures are counted",
            "identity: a day of guessing",
            "api: wrong passwords make",
        ],
    ),
    bullet(
        IDENTITY,
        "Access tokens: at least 150 bad ones refused alike; PyJWT reads ours; keys turn over without a false refusal",
        &[
            "identity: none of more than 150",
            "identity: an access token is good",
            "identity: random changes",
            "identity: PyJWT",
            "identity: the next signing key",
            "api: signing keys turn over",
        ],
    ),
    bullet(
        IDENTITY,
        "Refresh tokens: rotated atomically, ten seconds of grace, a replay ends the line; 64 threads on both databases",
        &[
            "identity: a refresh token is read",
            "identity: a child of the grace",
            "identity: 64 refreshes",
            "identity: a spent refresh token",
            "api: a session goes on",
        ],
    ),
    bullet(
        IDENTITY,
        "Revocation within two seconds everywhere",
        &[
            "identity: a token is good only",
            "identity: what is known of a token",
            "api: what another process revokes",
            "identity: a job stands and falls",
            "api: people see their sessions",
        ],
    ),
    bullet(
        IDENTITY,
        "Second factors: a step once ever, recovery codes once, under concurrency; step-up; reset never passes by them",
        &[
            "identity: codes by time",
            "identity: what is no code",
            "identity: an authenticator",
            "identity: pyotp",
            "identity: recovery codes",
            "identity: of 32 logins",
            "identity: a recovery code used twice",
            "identity: without a second factor",
            "api: a person enrols",
            "api: acts that ask",
            "api: a reset by mail",
            "api: a password is changed",
        ],
    ),
    bullet(
        IDENTITY,
        "Passkeys, in builds that ask for them: questions good once and for one act, one site, one person; counters that go back",
        &[
            "identity: passkeys are bound",
            "identity: what is no answer of a device",
            "api: a passkey is enrolled",
            "api: an answer of a device counts once",
            "api: of sixteen equal answers",
            "api: a device that was asked elsewhere",
            "api: a passkey is of one person",
            "api: a device whose counter goes back",
            "api: wrong answers of devices",
            "api: a reset by mail asks for the passkey",
            "api: what is no answer of a device",
            "api: no bit of what a device signed",
            "api: without passkeys",
        ],
    ),
    bullet(
        IDENTITY,
        "Lost factors: another administrator, 72 hours, everybody told, called off meanwhile, a day without signing; the last owner on the host",
        &[
            "identity: lost factors are taken away",
            "identity: a recovery is called off",
            "identity: of two workers",
            "identity: nobody begins a recovery",
            "identity: a recovery falls with",
            "identity: administrators of every organisation",
            "identity: the last owner is recovered",
        ],
    ),
    bullet(
        IDENTITY,
        "A second factor of everybody; failures forgotten and sessions ended by an administrator; notices of what stopped half-way",
        &[
            "identity: a tenant asks a second factor",
            "identity: failures are forgotten",
            "identity: a login that stopped",
            "identity: a notice names",
        ],
    ),
    bullet(
        IDENTITY,
        "The first owner; tokens for one act; API keys as a format; tenants and tokens",
        &[
            "identity: an owner's link",
            "identity: a token for one act",
            "identity: an API key",
            "identity: a mistyped",
            "identity: an address of mail",
            "api: a token is for one tenant",
            "api: forms of identity",
        ],
    ),
    bullet(
        API,
        "One declaration for each operation: route, permission, `x-permission`, `x-idempotency`, bound, document",
        &[
            "api: every declaration is whole",
            "api: every operation refuses whoever shows no credential",
            "api: every operation refuses whoever lacks its permission",
            "api: the OpenAPI document is written from the declarations",
            "api: ids of another tenant are nobody's",
            "api: a tenant that is named must be that of the credential",
        ],
    ),
    bullet(
        API,
        "Problems (RFC 9457) in the language of the caller, with a page for each type",
        &[
            "api: problem+json has every member",
            "api: problems are told in the language",
            "api: the type of every problem is a page",
            "api: unknown places are 404",
            "api: a panic ends its own request",
        ],
    ),
    bullet(
        API,
        "`Idempotency-Key`: done once, answered again, never a secret twice, never what may have been done",
        &[
            "api: the same call under one key",
            "api: of many calls at once under one key",
            "api: an answer with a secret",
            "api: what may have been done",
        ],
    ),
    bullet(
        API,
        "Strict bodies and parameters, bounds in size and time, signed cursors, ETag and If-Match",
        &[
            "api: bodies are read strictly",
            "api: bodies are bounded",
            "api: unknown parameters are refused",
            "api: cursors are signed",
            "api: ETag and If-Match",
        ],
    ),
    bullet(
        API,
        "Limits with `RateLimit` and `RateLimit-Policy`, readable at `/api/limits`",
        &["api: limits of a key and its tenant"],
    ),
    bullet(
        API,
        "Security headers, exact sites, traces, one bounded bearer",
        &[
            "api: security headers stand on every answer",
            "api: only sites that are named exactly",
            "api: traces are echoed",
            "api: only proxies of ours",
            "api: one bearer of at most 4 KiB",
        ],
    ),
    bullet(
        API,
        "Slow heads, header bombs, smuggled requests; a graceful end",
        &[
            "api: heads are bounded",
            "api: a head that never ends",
            "api: nothing is smuggled",
            "api: told to stop, nothing new is taken",
        ],
    ),
    bullet(
        API,
        "Server-sent events, resumable, rechecked each second",
        &["api: a stream of events is resumed", "api: an open stream ends within a second", "api: open streams tell their readers"],
    ),
    bullet(
        API,
        "`serve` with roles, figures on a port of their own, JSON logs",
        &["serve: the API answers, figures", "serve: each request is one JSON object", "serve: roles can run alone"],
    ),
    bullet(
        API,
        "An offline reference page; clients that generators make, and a fuzzer that reads the document",
        &[
            "api: the reference page names every operation",
            "api: every example is understood",
            "api: a generated Python client works",
            "api: a generated TypeScript client works",
            "api: schemathesis finds no 500",
        ],
    ),
    bullet(
        PEOPLE,
        "Row-level security on PostgreSQL holds tenants apart by itself: roles that void it are refused, every table is locked, whoever says nothing sees nothing, with every condition taken out of the statements no foreign row is seen",
        &["rls:"],
    ),
    bullet(PEOPLE, "Tax ids of three countries: the shape is refused, the check digit only told", &["taxpayers:"]),
    bullet(
        PEOPLE,
        "Roles: built in and a tenant's own, until a day, in somebody's place; nobody gives more than they hold, the last owner stays; the matrix of roles and operations is made and tried",
        &["roles:"],
    ),
    bullet(
        PEOPLE,
        "Invitations: good once, for a week, for one address; taken by somebody new or by whoever has an account, one member of many takers; the link by mail alone where there is mail",
        &["invitations:"],
    ),
    bullet(PEOPLE, "Whoever is concerned is told by mail in their language, with the change and never without it", &["notices:"]),
    bullet(PEOPLE, "Every command that acts on an installation has its route", &["shell: every command"]),
    bullet(
        CERTIFICATES,
        "A test authority of ours mints e.firma, seals, Dominican and Panamanian certificates and archives that openssl reads; the published ones open and are refused for exactly their reason",
        &[
            "credentials: minted Dominican",
            "credentials: minted Panamanian",
            "credentials: minted archives",
            "credentials: the published Dominican",
            "mint:",
        ],
    ),
    bullet(
        CERTIFICATES,
        "What does not open is refused for exactly its reason and never with its password: garbage, iterations, bags, passwords of every kind, T61 strings, missing and two keys, authorities, curves, dates, two thousand mutants",
        &[
            "credentials: thirteen archives",
            "credentials: 22 passwords",
            "credentials: T61 strings",
            "credentials: two thousand mutants",
        ],
    ),
    bullet(
        CERTIFICATES,
        "Chain and revocation against configured authorities, asked by a job at configured addresses, the answer kept with its date; silence is unknown, never good; forty hostile answers",
        &["revocation:", "sign: a certificate is judged", "sign: without configured authorities", "sign: the way up"],
    ),
    bullet(
        CERTIFICATES,
        "Nobody is surprised by the end of a certificate: seven thresholds, once each, by mail, event and API, escalated when nobody acknowledges; ten thousand in one pass",
        &["expiry:"],
    ),
    bullet(
        CERTIFICATES,
        "Vault status and an inventory of every algorithm in use, with the reason for each weak one",
        &["vault: the inventory"],
    ),
    bullet(
        PEOPLE,
        "Keys of programs: scopes, networks, an end, two secrets for a while, only digests kept; a test key reaches the sandbox only",
        &["keys:", "people: a key"],
    ),
    bullet(
        SIGNING,
        "Documents signed on request, one or many, that xmlsec1 verifies; sessions and requests of authorities, documents of another RNC, of another profile and signed ones are refused with exact codes and chained; 2,000 mutants",
        &[
            "signing: xmlsec1",
            "signing: a call",
            "signing: a batch",
            "signing: sessions",
            "signing: dgii",
            "signing: a key of the sandbox",
            "signing: 2,000",
            "signing: whoever turned",
            "signing: refusals in a batch",
        ],
    ),
    bullet(
        SIGNING,
        "Every use of a taxpayer's key is in the chain before the key is opened and after, counted without gaps; what a dead process left open is uncertain",
        &[
            "vault: every use",
            "vault: a key that is open",
            "signing: each signature",
            "signing: the counter",
            "signing: an intent whose",
            "signing: the entries of a batch",
        ],
    ),
    bullet(
        SIGNING,
        "Grants: a program signs within one alone, a person who was given one too, and each reason against it has its code; given by people, taken back at once",
        &[
            "vault: a program",
            "signing: a program",
            "signing: a person",
            "signing: grants",
            "signing: expired",
            "signing: owner",
            "signing: a total",
        ],
    ),
    bullet(
        SIGNING,
        "A report tells signature, signer, chain, dates, revocation and what is not covered apart; unknown is never good",
        &["signing: a report", "signing: right mathematics"],
    ),
    bullet(
        PEOPLE,
        "Organisations: suspended, held, exported, destroyed by two persons after thirty days, told in both chains; each row its tenant's alone",
        &["tenants:", "people: members", "people: an organisation"],
    ),
    bullet(
        CUSTODY,
        "The signer can run alone: mutual authentication, nothing lost while it is away; after 1,000 signatures the other processes hold nothing of a taxpayer's key, nor its password",
        &["signer:"],
    ),
    bullet(
        CUSTODY,
        "Two classes of root key, rotations that are rehearsed, credentials carried out and back under a passphrase",
        &[
            "vault: what leads",
            "vault: credentials that a key",
            "vault: a rehearsal",
            "vault: killed at",
            "vault: killed after",
            "vault: a backup",
            "vault: a flipped byte",
        ],
    ),
    bullet(
        CUSTODY,
        "Key material leaves over HTTP under two persons with fresh factors, once, told to whoever could object; whoever is alone waits a day; each credential that comes back has its outcome",
        &[
            "vault: key material leaves",
            "vault: whoever is alone",
            "vault: every credential of a backup",
            "vault: at the shell a backup",
            "vault: with the root key",
        ],
    ),
    bullet(
        PROVEN,
        "Entries are found by what they say, name the request they came by, and seal the address; an entry that cannot be written undoes its act",
        &[
            "audit: every entry of a call",
            "audit: entries are found",
            "audit: an entry that cannot",
            "audit: every operation that leaves",
            "audit: what jobs and commands",
        ],
    ),
    bullet(
        PROVEN,
        "Whoever is unknown is counted by address and minute in the installation's chain",
        &["audit: denials of whoever", "api: whoever shows no credential"],
    ),
    bullet(
        PROVEN,
        "A part is verified, or what came after a checkpoint; one byte flipped in the database is found and named",
        &["audit: a part of the chain", "audit: one byte flipped", "audit: each column"],
    ),
    bullet(
        PROVEN,
        "Proofs of one entry and of an old checkpoint, from kept nodes, with at most 24 hashes among ten million; a part exported, a sheet that runs nothing",
        &[
            "audit: proofs of entries",
            "audit: inclusion and consistency proofs at all",
            "audit: a proof among 10 million",
            "audit: a part is exported",
            "audit: exports, parts, proofs",
        ],
    ),
    bullet(
        PROVEN,
        "A verifier in Python that is handed out agrees with ours on good and on 10,000 mutated exports, and on proofs",
        &["audit: the verifier in Python"],
    ),
    bullet(PROVEN, "The report of custody is gapless or says where not, and is checked offline", &["audit: the custody report"]),
];
