//! The faults of the authority, each on each operation, and the final state that it must come to.

/// The four operations, in the order of life.
pub const OPERATIONS: [&str; 4] = ["autentica", "solicita", "verifica", "descargar"];

/// How a fault is brought about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The sandbox goes wrong so many times in this way.
    Fault(&'static str, u32),
    /// Nobody listens until the first call of a life that begins with the operation was refused.
    Shut,
    /// The sandbox's clock is so many seconds ahead, until the first call was refused if it is.
    Clock(i64),
}

/// What must be true in the end. In all of them the year is here, nothing is missing, no two accepted
/// requests are equal, no package was fetched a third time, and the chain verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing shows.
    Same,
    /// One more login, nothing else.
    Login,
    /// The first login was refused and says so, the credential cools down, then nothing shows.
    Cooled,
    /// Uncertain once, replaced once by a wider one; whether SAT had done the first.
    Uncertain { done: bool },
    /// Ended in this state, asked anew once, a second wider.
    Anew(&'static str),
    /// The package was lost, its window asked anew.
    Lost,
    /// Fetched a second time.
    Twice,
    /// Too large, and asked in two parts.
    Parts,
    /// Blocked by the certificate until another is registered; nothing further was sent with it.
    NewCertificate,
    /// Blocked and shown; a person has it asked once more.
    Person,
    /// It cannot be.
    Apart(&'static str),
}

impl End {
    /// In words.
    pub fn says(self) -> String {
        match self {
            End::Same => "nothing shows".to_owned(),
            End::Login => "one more login, nothing else".to_owned(),
            End::Cooled => "refused (exit 3) with its reason; after a minute's rest nothing shows".to_owned(),
            End::Uncertain { done: true } => "*uncertain* (SAT had done it), replaced once, 1 s wider".to_owned(),
            End::Uncertain { done: false } => "*uncertain* (SAT had not), replaced once, 1 s wider".to_owned(),
            End::Anew(state) => format!("*{state}*, asked anew once, 1 s wider"),
            End::Lost => "package lost, request *expired*, asked anew once, 1 s wider".to_owned(),
            End::Twice => "fetched a second time".to_owned(),
            End::Parts => "*too_large*, asked in two parts".to_owned(),
            End::NewCertificate => "*blocked* (exit 3), nothing more is sent; goes on with a new e.firma".to_owned(),
            End::Person => "*blocked* and shown (exit 3); `--retry` asks once more, 1 s wider".to_owned(),
            End::Apart(why) => format!("n/a: {why}"),
        }
    }
}

/// A fault and its ends, in the order of [`OPERATIONS`].
pub struct Row {
    pub name: &'static str,
    pub means: Means,
    pub ends: [End; 4],
}

use End::{Anew, Apart, Cooled, Login, Lost, NewCertificate, Parts, Person, Same, Twice, Uncertain};
use Means::{Clock, Fault, Shut};

const NOT_DONE: End = Uncertain { done: false };
const DONE: End = Uncertain { done: true };
const NO_PACKAGE: End = Apart("only a download brings a package");
const NO_REQUEST: End = Apart("says nothing about a request");
const NO_SESSION: End = Apart("a login carries no session");

const fn row(name: &'static str, means: Means, ends: [End; 4]) -> Row {
    Row { name, means, ends }
}

/// All of them.
pub const ROWS: &[Row] = &[
    row("nobody listens", Shut, [Same, Same, Same, Same]),
    row("closes without answering", Fault("close", 1), [Same, NOT_DONE, Same, Twice]),
    row("hangs before doing anything", Fault("hang_before", 1), [Same, NOT_DONE, Same, Twice]),
    row("hangs after accepting", Fault("hang", 1), [Same, DONE, Same, Twice]),
    row("closes after accepting", Fault("cut", 1), [Same, DONE, Same, Twice]),
    row("HTTP 500", Fault("500", 1), [Same, NOT_DONE, Same, Twice]),
    row("HTTP 502", Fault("502", 1), [Same, NOT_DONE, Same, Twice]),
    row("HTTP 503", Fault("503", 1), [Same, NOT_DONE, Same, Twice]),
    row("HTTP 404", Fault("404", 1), [Same, NOT_DONE, Same, Twice]),
    row("HTML with HTTP 200", Fault("html", 1), [Same, NOT_DONE, Same, Twice]),
    row("truncated answer", Fault("truncated", 1), [Same, DONE, Same, Twice]),
    row("truncated gzip", Fault("truncated_gzip", 1), [Same, DONE, Same, Twice]),
    row("slow answer", Fault("slow", 1), [Same, Same, Same, Same]),
    row("wrong id", Fault("wrong_id", 1), [NO_REQUEST, Anew("failed"), Lost, NO_PACKAGE]),
    row("empty package", Fault("empty_paquete", 1), [NO_PACKAGE, NO_PACKAGE, NO_PACKAGE, Twice]),
    row("every package cut twice", Fault("truncated", 3), [NO_PACKAGE, NO_PACKAGE, NO_PACKAGE, Lost]),
    row("token expired in the middle", Fault("300", 1), [NO_SESSION, Login, Login, Login]),
    row("refused (304 or InvalidSecurity)", Fault("304", 1), [Cooled, NewCertificate, NewCertificate, NewCertificate]),
    row("305 in a burst", Fault("305", 2), [NO_SESSION, Same, Same, Same]),
    row("404 as a code", Fault("error_404", 1), [NO_REQUEST, NOT_DONE, Same, Twice]),
    row("404 as a code, but done", Fault("error_404_done", 1), [NO_REQUEST, DONE, Same, Same]),
    row("two minutes apart", Clock(120), [Same, Same, Same, Same]),
    row("ten minutes apart", Clock(600), [Cooled, NO_SESSION, NO_SESSION, NO_SESSION]),
    row("stuck for a while", Fault("stuck", 4), [NO_REQUEST, Apart("four days, a test of its own"), Same, NO_REQUEST]),
    row("state 0", Fault("state:0", 4), [NO_REQUEST, NO_REQUEST, Same, NO_REQUEST]),
    row("a code or state that nobody knows", Fault("unknown_code", 1), [NO_REQUEST, Person, Same, Same]),
    row("state 4, failed at SAT", Fault("state4", 1), [NO_REQUEST, Anew("failed"), Anew("failed"), NO_REQUEST]),
    row("state 6, expired", Fault("expired", 1), [NO_REQUEST, Anew("expired"), Anew("expired"), NO_REQUEST]),
    row("5002, used up for life", Fault("code:5002", 1), [NO_REQUEST, Anew("rejected"), NO_REQUEST, NO_REQUEST]),
    row("5003, too large", Fault("5003", 1), [NO_REQUEST, Parts, Parts, NO_REQUEST]),
    row("5005, already under way", Fault("code:5005", 1), [NO_REQUEST, Anew("rejected"), NO_REQUEST, NO_REQUEST]),
    row("5004, SAT does not know it", Fault("code:5004", 1), [NO_REQUEST, NO_REQUEST, Anew("failed"), Lost]),
    row("5007, no longer there", Fault("code:5007", 1), [NO_REQUEST, NO_REQUEST, NO_REQUEST, Lost]),
    row("5008, handed out twice", Fault("code:5008", 1), [NO_REQUEST, NO_REQUEST, NO_REQUEST, Lost]),
];
