//! Every point at which the program can be killed, as data.
//!
//! A point is `operation.moment`. The list is complete for the ports that are decorated: a point
//! that is reached and stands not here fails the harness, and so does one that stands here and is
//! never reached.

/// In which course of events a point lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Course {
    /// Registering an e.firma.
    Register,
    /// A year without trouble.
    Year,
    /// A year whose authority loses answers, fails requests and cuts packages.
    Troubled,
    /// A package that is given by hand.
    ByHand,
}

/// One point.
#[derive(Debug, Clone, Copy)]
pub struct Point {
    /// Its name.
    pub name: &'static str,
    /// Where it lies.
    pub course: Course,
    /// What has happened when it is reached, and what has not.
    pub says: &'static str,
}

const fn point(course: Course, name: &'static str, says: &'static str) -> Point {
    Point { name, course, says }
}

use Course::{ByHand, Register, Troubled, Year};

/// All of them, in the order of life.
pub const POINTS: &[Point] = &[
    point(Register, "register.before-put", "the key is sealed, nothing is kept"),
    point(Register, "register.after-put", "an object of the credential lies there, no row names it"),
    point(Register, "register.before-commit", "both objects lie there, no row names them"),
    point(Register, "register.after-commit", "the credential is active, nobody was told"),
    point(Year, "plan.before-commit", "the windows are computed, none is a row"),
    point(Year, "plan.after-commit", "windows and jobs are rows, no job is claimed"),
    point(Year, "claim.before", "the worker is about to lease jobs"),
    point(Year, "claim.after", "jobs are leased, none is begun"),
    point(Year, "login.claimed", "the right to log in is ours, nothing was sent"),
    point(Year, "login.before-open", "the login is not on record"),
    point(Year, "login.after-open", "the login is on record"),
    point(Year, "login.before-depart", "the login is about to be recorded as departed"),
    point(Year, "login.before-send", "the login is recorded as departed, not a byte left"),
    point(Year, "login.after-answer", "the token is in memory only"),
    point(Year, "login.after-record", "the answer is on record, the token is not kept"),
    point(Year, "login.before-keep", "the token is sealed, not kept"),
    point(Year, "login.after-keep", "the session is kept, whoever wants it does not know"),
    point(Year, "token.before-put", "the session is kept, its file is not written"),
    point(Year, "token.after-put", "the session's file is written"),
    point(Year, "ask.begun", "the job is held, nothing is done"),
    point(Year, "ask.before-commit-asked", "the request is about to be counted as asked"),
    point(Year, "ask.after-commit-asked", "the request counts as asked, nothing was sent"),
    point(Year, "ask.before-recall", "what an earlier life did is not looked up"),
    point(Year, "ask.after-recall", "what an earlier life left open is closed"),
    point(Year, "ask.before-open", "the attempt is not on record"),
    point(Year, "ask.after-open", "the attempt is on record, not departed"),
    point(Year, "ask.before-depart", "session and tokens are ours, the attempt has not departed"),
    point(Year, "ask.before-send", "the attempt is recorded as departed, not a byte left"),
    point(Year, "ask.after-answer", "SAT accepted, its answer is in memory only"),
    point(Year, "ask.after-record", "SAT's answer is on record, the request does not know"),
    point(Year, "ask.before-commit-accepted", "the request is about to become accepted"),
    point(Year, "ask.after-commit-accepted", "the request is accepted, its verification is a job"),
    point(Year, "ask.done", "the job is ended"),
    point(Year, "verify.begun", "the job is held, nothing is done"),
    point(Year, "verify.before-open", "the call is not on record"),
    point(Year, "verify.after-open", "the call is on record, not departed"),
    point(Year, "verify.before-depart", "the call has not departed"),
    point(Year, "verify.before-send", "the call is recorded as departed, not a byte left"),
    point(Year, "verify.after-answer", "SAT's answer is in memory only"),
    point(Year, "verify.after-record", "SAT's answer is on record, the request does not know"),
    point(Year, "verify.before-commit-waiting", "the request is about to wait on"),
    point(Year, "verify.after-commit-waiting", "the request waits, its job is due later"),
    point(Year, "verify.before-commit-ready", "the packages are known to memory only"),
    point(Year, "verify.after-commit-ready", "the packages are rows with a job each"),
    point(Year, "verify.before-commit-empty", "the request is about to end without documents"),
    point(Year, "verify.after-commit-empty", "the request has ended without documents"),
    point(Year, "verify.done", "the job is ended or put off"),
    point(Year, "fetch.begun", "the job is held, nothing is done"),
    point(Year, "fetch.before-recall", "what an earlier life did is not looked up"),
    point(Year, "fetch.after-recall", "what an earlier life left open is closed"),
    point(Year, "fetch.slot-begun", "a temporary lies there, nothing was sent"),
    point(Year, "fetch.before-open", "the download is not on record"),
    point(Year, "fetch.after-open", "the download is on record, not departed"),
    point(Year, "fetch.before-depart", "the download has not departed"),
    point(Year, "fetch.before-send", "the download is recorded as departed, not a byte left"),
    point(Year, "fetch.before-write", "SAT has begun to hand the package out, nothing is written"),
    point(Year, "fetch.bytes-written", "a part of the package is in the temporary"),
    point(Year, "fetch.before-keep", "the whole package is in the temporary, without a name"),
    point(Year, "fetch.slot-kept", "the package is durable under its name, no row names it"),
    point(Year, "fetch.after-answer", "the package is durable, the download is not closed"),
    point(Year, "fetch.after-record", "the download is on record, the package does not know"),
    point(Year, "fetch.before-commit-stored", "the package is about to become stored"),
    point(Year, "fetch.after-commit-stored", "the package is stored, its import is a job"),
    point(Year, "fetch.done", "the job is ended"),
    point(Year, "import.begun", "the job is held, nothing is done"),
    point(Year, "import.before-commit-batch", "a batch is read, not a document is kept"),
    point(Year, "import.batch-committed", "a batch of documents is kept, the package is not settled"),
    point(Year, "import.before-commit-imported", "all batches are kept, the package is not settled"),
    point(Year, "import.after-commit-imported", "the package is settled, perhaps the request with it"),
    point(Year, "import.done", "the job is ended"),
    point(Year, "report.begun", "the job is held, nothing is done"),
    point(Year, "report.before-commit-reconciled", "every request has ended, none is reconciled"),
    point(Year, "report.after-commit-reconciled", "the requests are reconciled, there is no report"),
    point(Year, "record.before-put", "the record of a request is not written"),
    point(Year, "record.after-put", "the record of a request is written"),
    point(Year, "report.before-put", "the report is signed, not kept"),
    point(Year, "report.after-put", "the report is kept, the chain does not know"),
    point(Year, "report.before-commit-told", "the chain is about to hear of the report"),
    point(Year, "report.after-commit-told", "the chain knows of the report"),
    point(Year, "report.before-commit-ended", "the job is about to end"),
    point(Year, "report.after-commit-ended", "the job is ended"),
    point(Year, "report.done", "nothing is left to do"),
    point(Troubled, "ask.before-commit-uncertain", "the answer was lost, the request does not know"),
    point(Troubled, "ask.after-commit-uncertain", "the request is uncertain, its variant is planned"),
    point(Troubled, "verify.before-commit-failed", "SAT gave the request up, ours does not know"),
    point(Troubled, "verify.after-commit-failed", "the request has failed, its variant is planned"),
    point(Troubled, "verify.before-commit-too_large", "the request is too large, no part is planned"),
    point(Troubled, "verify.after-commit-too_large", "the parts of the request are planned"),
    point(Troubled, "fetch.before-commit-lost", "both downloads were cut, the package does not know"),
    point(Troubled, "fetch.after-commit-lost", "the package is lost, its window is planned anew"),
    point(Troubled, "job.before-commit-given-back", "the job could not be ended, and is still held"),
    point(Troubled, "job.after-commit-given-back", "the job is given back, due later"),
    point(ByHand, "hand.slot-begun", "a temporary lies there"),
    point(ByHand, "hand.before-write", "nothing is copied"),
    point(ByHand, "hand.bytes-written", "a part is copied"),
    point(ByHand, "hand.before-keep", "all is copied, without a name"),
    point(ByHand, "hand.slot-kept", "the package is durable, no row names it"),
    point(ByHand, "hand.before-commit-added", "the package is about to become a row"),
    point(ByHand, "hand.after-commit-added", "the package is a row, nothing is read"),
    point(ByHand, "hand.before-commit-batch", "a batch is read, not a document is kept"),
    point(ByHand, "hand.batch-committed", "a batch of documents is kept, the package is not settled"),
    point(ByHand, "hand.before-commit-imported", "all batches are kept, the package is not settled"),
    point(ByHand, "hand.after-commit-imported", "the package is settled, nobody was told"),
];
