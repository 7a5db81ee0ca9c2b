//! Which windows of time a year is asked in, and how a window grows and splits.
//!
//! Pure arithmetic over Mexican civil time, to the second; both ends of a window belong to it. The
//! year is fourteen windows a direction: metadata by halves first, then CFDI by months. A window
//! only ever widens, because narrowing loses documents; overlaps fall out by folio. What was asked,
//! and how often, is for the caller to remember.

use super::time;
use fedatario_base::Code;
use jiff::Span;
use jiff::civil::{Date, DateTime, date};

/// How often one window may be asked, the first time included: SAT counts identical requests for
/// life, and each variant starts one second earlier than the last.
pub const MAX_VARIANTS: u32 = 8;
/// How far back SAT answers, from today at midnight.
pub const YEARS_BACK: i16 = 6;
/// The shortest window that has two halves, each with its end after its start, in seconds.
const MIN_SPLIT_SECONDS: i64 = 4;
/// What is shorter than this is no part of its own, in seconds.
const SECONDS_A_DAY: i64 = 86_400;

/// Whose side of the documents is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// What the taxpayer issued.
    Issued,
    /// What the taxpayer received.
    Received,
}

/// What SAT shall put into the packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// Rows about documents, cancelled ones included.
    Metadata,
    /// The documents.
    Cfdi,
}

/// Which documents are asked for, by their state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Estado {
    /// Whatever their state.
    Todos,
    /// Those not cancelled.
    Vigente,
    /// Those cancelled.
    Cancelado,
}

impl Direction {
    /// A permanent name.
    pub fn text(self) -> &'static str {
        match self {
            Direction::Issued => "issued",
            Direction::Received => "received",
        }
    }

    /// The direction of a permanent name.
    pub fn parse(text: &str) -> Option<Self> {
        [Direction::Issued, Direction::Received].into_iter().find(|it| it.text() == text)
    }
}

impl Content {
    /// A permanent name.
    pub fn text(self) -> &'static str {
        match self {
            Content::Metadata => "metadata",
            Content::Cfdi => "cfdi",
        }
    }

    /// SAT's word for it, in `TipoSolicitud`.
    pub fn sat(self) -> &'static str {
        match self {
            Content::Metadata => "Metadata",
            Content::Cfdi => "CFDI",
        }
    }

    /// The content of a permanent name.
    pub fn parse(text: &str) -> Option<Self> {
        [Content::Metadata, Content::Cfdi].into_iter().find(|it| it.text() == text)
    }
}

impl Estado {
    /// What is asked: everything, except that SAT refuses the XML of received documents unless only
    /// those in force are asked for.
    pub fn asked(direction: Direction, content: Content) -> Self {
        match (direction, content) {
            (Direction::Received, Content::Cfdi) => Estado::Vigente,
            _ => Estado::Todos,
        }
    }

    /// SAT's word for it, in `EstadoComprobante`.
    pub fn sat(self) -> &'static str {
        match self {
            Estado::Todos => "Todos",
            Estado::Vigente => "Vigente",
            Estado::Cancelado => "Cancelado",
        }
    }
}

/// A stretch of time, both seconds at its ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first second.
    pub from: DateTime,
    /// The last second.
    pub to: DateTime,
}

impl Window {
    /// From the first second of one day to the last of another.
    pub fn days(from: Date, to: Date) -> Self {
        Self { from: from.at(0, 0, 0, 0), to: to.at(23, 59, 59, 0) }
    }

    /// How many seconds lie in it; none when it ends before it starts.
    pub fn seconds(&self) -> i64 {
        seconds_between(self.from, self.to) + 1
    }

    /// Whether a moment lies in it.
    pub fn contains(&self, at: DateTime) -> bool {
        self.from <= at && at <= self.to
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", time::format(self.from), time::format(self.to))
    }
}

/// Why a window cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// The end is not after the start.
    #[error("a window must end after it starts")]
    Order,
    /// The start is more than six years back.
    #[error("a window may start {YEARS_BACK} years back at the earliest")]
    TooOld,
    /// The end is in the future.
    #[error("a window must not end in the future")]
    Future,
    /// Received documents with their XML, and not only those in force.
    #[error("the XML of received documents can be asked only for those in force")]
    ReceivedCancelled,
}

impl WindowError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            WindowError::Order => Code::WindowOrder,
            WindowError::TooOld => Code::WindowTooOld,
            WindowError::Future => Code::WindowFuture,
            WindowError::ReceivedCancelled => Code::WindowReceivedCancelled,
        }
    }
}

/// A request that a year needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlannedRequest {
    /// Whose side.
    pub direction: Direction,
    /// What is asked for.
    pub content: Content,
    /// In which state.
    pub estado: Estado,
    /// The half-year or month that it belongs to.
    pub slot: Window,
    /// What is asked now: the slot, cut at now, less what was asked before.
    pub window: Window,
}

/// A window that was asked before, of the same taxpayer and direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Asked {
    /// What was asked for.
    pub content: Content,
    /// The window, as it was asked.
    pub window: Window,
}

/// The requests that a year still needs, metadata first, in order of time.
///
/// `now` is Mexican civil time. A slot in the future is left out; a running one ends now. `prior`
/// holds the windows asked before (not those whose request came to nothing): a slot that they cover
/// is left out, one that they cover up to some moment asks only for the rest.
pub fn year_plan(year: i16, direction: Direction, now: DateTime, prior: &[Asked]) -> Vec<PlannedRequest> {
    let request = |(content, slot): (Content, Window)| {
        let window = remainder(slot, now, prior.iter().filter(|it| it.content == content).map(|it| it.window))?;
        Some(PlannedRequest { direction, content, estado: Estado::asked(direction, content), slot, window })
    };
    slots(year).into_iter().filter_map(request).collect()
}

/// The fourteen slots of a year: two halves of metadata, twelve months of CFDI.
pub fn slots(year: i16) -> Vec<(Content, Window)> {
    if !(1..=9999).contains(&year) {
        return Vec::new(); // No calendar has it, and so nobody has documents of it.
    }
    let halves = [Window::days(date(year, 1, 1), date(year, 6, 30)), Window::days(date(year, 7, 1), date(year, 12, 31))];
    let months = (1..=12).map(|it| date(year, it, 1)).map(|it| Window::days(it, it.last_of_month()));
    halves.into_iter().map(|it| (Content::Metadata, it)).chain(months.map(|it| (Content::Cfdi, it))).collect()
}

/// The part of a slot that lies before now and after what was asked.
fn remainder(slot: Window, now: DateTime, asked: impl Iterator<Item = Window>) -> Option<Window> {
    let mut asked: Vec<Window> = asked.collect();
    asked.sort();
    let mut from = slot.from;
    for window in asked {
        if window.from <= from && window.to >= from {
            from = after(window.to);
        }
    }
    let to = slot.to.min(whole_second(now));
    // A slot's last second cannot be asked alone: it takes the one before along.
    let from = if from == to && to == slot.to { before(to) } else { from };
    (from < to).then_some(Window { from, to })
}

/// Whether SAT would take the window, seen from `now`, Mexican civil time.
pub fn check(window: Window, now: DateTime) -> Result<(), WindowError> {
    if window.from >= window.to {
        return Err(WindowError::Order);
    }
    if window.from < oldest_start(now) {
        return Err(WindowError::TooOld);
    }
    if window.to > now {
        return Err(WindowError::Future);
    }
    Ok(())
}

/// Whether SAT would take the state that is asked for.
pub fn check_estado(direction: Direction, content: Content, estado: Estado) -> Result<(), WindowError> {
    match (direction, content, estado) {
        (Direction::Received, Content::Cfdi, Estado::Todos | Estado::Cancelado) => Err(WindowError::ReceivedCancelled),
        _ => Ok(()),
    }
}

/// The earliest start that SAT answers.
pub fn oldest_start(now: DateTime) -> DateTime {
    // 29 February minus six years is the 28th: `jiff` stays within the month.
    let day = now.date().saturating_sub(Span::new().years(YEARS_BACK));
    day.at(0, 0, 0, 0)
}

/// The window that starts `k` seconds earlier: new to SAT, and wider, so that nothing is lost.
pub fn widen(window: Window, k: u32) -> Window {
    Window { from: window.from.saturating_sub(Span::new().seconds(k)), to: window.to }
}

/// The next variant of a window after `used` of them, the plain one included; `None` when all are used.
pub fn next_variant(window: Window, used: u32) -> Option<(u32, Window)> {
    (used < MAX_VARIANTS).then(|| (used, widen(window, used)))
}

/// Two windows that together are the one: at the end of a month if it spans several, at midnight if
/// it spans several days, else in the middle. `None` when it is too short.
pub fn split(window: Window) -> Option<(Window, Window)> {
    if window.seconds() < MIN_SPLIT_SECONDS {
        return None;
    }
    let middle = window.from.saturating_add(Span::new().seconds(window.seconds() / 2));
    let midnight = middle.date().at(0, 0, 0, 0);
    let month = middle.date().first_of_month().at(0, 0, 0, 0);
    let next_month = after(middle.date().last_of_month().at(23, 59, 59, 0));
    let cut = [month, next_month, midnight, middle].into_iter().find(|it| leaves_two(window, *it))?;
    Some((Window { from: window.from, to: before(cut) }, Window { from: cut, to: window.to }))
}

fn leaves_two(window: Window, cut: DateTime) -> bool {
    window.from < before(cut) && cut < window.to
}

/// The calendar months of a window, cut at its ends: what a half-year of metadata becomes when it is
/// too large. Less than a day at either end stays with the month beside it, so that a widened window
/// has no part of its own for its few seconds. A window of one month is split in two; one that
/// cannot be split is itself alone.
pub fn split_months(window: Window) -> Vec<Window> {
    let mut months = Vec::new();
    let mut from = window.from;
    while from <= window.to {
        let next_day = from.saturating_add(Span::new().days(1));
        let end = next_day.date().last_of_month().at(23, 59, 59, 0);
        let end = if seconds_between(end, window.to) < SECONDS_A_DAY { window.to } else { end };
        months.push(Window { from, to: end });
        from = after(end);
    }
    match (months.as_slice(), split(window)) {
        ([_] | [], Some((first, second))) => vec![first, second],
        ([], None) => vec![window],
        _ => months,
    }
}

fn seconds_between(from: DateTime, to: DateTime) -> i64 {
    to.duration_since(from).as_secs()
}

fn after(at: DateTime) -> DateTime {
    at.saturating_add(Span::new().seconds(1))
}

fn before(at: DateTime) -> DateTime {
    at.saturating_sub(Span::new().seconds(1))
}

fn whole_second(at: DateTime) -> DateTime {
    at.date().at(at.hour(), at.minute(), at.second(), 0)
}
