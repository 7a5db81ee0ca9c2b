//! The books of a period: figures by month and by counterparty, and what each is made of.
//!
//! The rules are pure and stand in `fiscal::mx::books`; here documents are brought to them, and what
//! they answer is added up. A payment counts on the day that it says, and is documented later: so
//! payments and payrolls are also looked for in documents issued around the period.

use super::period::Period;
use super::question::Question;
use super::walk::{Read, Walk};
use crate::App;
use crate::error::AppResult;
use crate::model::{DocumentFilter, DocumentKind, DocumentStatus, Role, Taxpayer};
use fedatario_base::Scope;
use fedatario_fiscal::mx::accounts::{Accounts, rounded, sum};
use fedatario_fiscal::mx::books::{self, Book, Contribution, Entry, Figure, Line, Side, Subject};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// Months before the period in which its payrolls may have been issued.
const MONTHS_BEFORE: i32 = 1;
/// Months after the period in which its payments may have been documented: the rules say by the
/// fifth of the next month, people say later.
const MONTHS_AFTER: i32 = 12;
/// Counterparties with a line of their own; the rest is summed in one line.
pub const COUNTERPARTIES_AT_MOST: usize = 20_000;
/// Documents that are named when a part of them could not be counted; the rest is counted.
pub const GAPS_NAMED: usize = 100;
/// Digits after the point that figures are shown with.
const CENTS: u32 = 2;
/// The line of counterparties that have none of their own.
pub const OTHERS: &str = "(otros)";

/// Figures and their sums.
pub type Sums = BTreeMap<Figure, Decimal>;

/// What is known of a counterparty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counterparty {
    /// Its name, as its last document has it.
    pub name: String,
    /// Documents that count.
    pub documents: u64,
    /// Its part in the figures.
    pub sums: Sums,
}

/// Documents of which something could not be counted, for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uncounted {
    /// How many times.
    pub count: u64,
    /// The first: UUID, and what is missing.
    pub named: Vec<(String, String)>,
}

/// The books of a period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Whose.
    pub rfc: String,
    /// Their name.
    pub name: String,
    /// Of when.
    pub period: Period,
    /// Sums of the whole period.
    pub total: Sums,
    /// Sums by month, AAAAMM.
    pub months: BTreeMap<i32, Sums>,
    /// Sums by side and counterparty.
    pub counterparties: BTreeMap<(Side, String), Counterparty>,
    /// Documents that count, by side and type.
    pub documents: BTreeMap<(Side, String), u64>,
    /// Documents left out because they are cancelled.
    pub cancelled: u64,
    /// Documents that count although no metadata says whether they are current.
    pub unknown: u64,
    /// What could not be counted, by reason.
    pub uncounted: BTreeMap<&'static str, Uncounted>,
}

/// One document's part in a figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traced {
    /// The document.
    pub uuid: String,
    /// Its type.
    pub kind: String,
    /// The other party.
    pub counterparty: String,
    /// Its name.
    pub name: String,
    /// The day on which it counts.
    pub day: String,
    /// How much it adds.
    pub amount: Decimal,
}

/// Sums a period up.
pub async fn summarise(app: &App, scope: &Scope, taxpayer: &Taxpayer, period: Period) -> AppResult<Summary> {
    let mut summary = Summary {
        rfc: taxpayer.tax_id.clone(),
        name: taxpayer.name.clone(),
        period,
        total: Sums::new(),
        months: BTreeMap::new(),
        counterparties: BTreeMap::new(),
        documents: BTreeMap::new(),
        cancelled: 0,
        unknown: 0,
        uncounted: BTreeMap::new(),
    };
    through(app, scope, taxpayer, period, &mut |seen| summary.take(seen)).await?;
    Ok(summary)
}

/// Hands over every document's part in one figure; answers the sum.
pub async fn explain(
    app: &App,
    scope: &Scope,
    taxpayer: &Taxpayer,
    period: Period,
    figure: Figure,
    take: &mut (dyn FnMut(Traced) + Send),
) -> AppResult<Decimal> {
    let mut total = Decimal::ZERO;
    let mut look = |seen: Seen<'_>| {
        let Seen::Entered { read, side, entry } = seen else { return };
        for it in entry.contributions.iter().filter(|it| it.figure == figure && period.holds(&it.day)) {
            total = sum([total, it.amount]);
            take(traced(read, side, it));
        }
    };
    through(app, scope, taxpayer, period, &mut look).await?;
    Ok(rounded(total, CENTS))
}

fn traced(read: &Read, side: Side, it: &Contribution) -> Traced {
    let (rfc, name) = other(read, side);
    Traced {
        uuid: read.found.row.uuid.clone(),
        kind: read.found.row.kind.clone(),
        counterparty: rfc.to_owned(),
        name: name.to_owned(),
        day: it.day.clone(),
        amount: it.amount,
    }
}

/// The other party of a document.
fn other(read: &Read, side: Side) -> (&str, &str) {
    let row = &read.found.row;
    match side {
        Side::Issued => (&row.receiver, &row.receiver_name),
        Side::Received => (&row.issuer, &row.issuer_name),
    }
}

/// A document on its way into the books.
enum Seen<'a> {
    /// It is cancelled.
    Cancelled,
    /// Its amounts could not be read.
    Unreadable(&'a Read),
    /// What it adds to one side.
    Entered { read: &'a Read, side: Side, entry: Entry },
}

type Look<'a> = dyn FnMut(Seen<'_>) + Send + 'a;

/// Every document that may count in a period: by its own date, and what says another date inside.
async fn through(app: &App, scope: &Scope, taxpayer: &Taxpayer, period: Period, look: &mut Look<'_>) -> AppResult<()> {
    use DocumentKind::{Egreso, Ingreso, Nomina, Pago, Retencion, Traslado};
    let passes =
        [(period, vec![Ingreso, Egreso, Traslado, Retencion]), (period.widened(MONTHS_BEFORE, MONTHS_AFTER), vec![Pago, Nomina])];
    for (span, kinds) in passes {
        let filter = DocumentFilter { periods: span.months(), dates: Some(span.instants()), kinds, ..DocumentFilter::default() };
        let question = Question { filter, ..Question::default() };
        let mut walk = Walk::begin(app, scope, taxpayer, question, None, None).await?;
        while let Some(batch) = walk.next().await? {
            let related = related(&mut walk, taxpayer, &batch).await?;
            batch.iter().for_each(|it| enter(it, &related, period, look));
        }
    }
    Ok(())
}

/// The documents that payments of a batch pay and say too little of.
async fn related(walk: &mut Walk, taxpayer: &Taxpayer, batch: &[Read]) -> AppResult<HashMap<String, Accounts>> {
    let mut uuids: Vec<&str> = batch.iter().filter_map(|it| it.accounts.as_ref()).flat_map(books::needs).collect();
    uuids.sort_unstable();
    uuids.dedup();
    let mut related = HashMap::new();
    for uuids in uuids.chunks(super::walk::BATCH) {
        let found = walk.tx().documents_named(taxpayer.id, uuids).await?;
        related.extend(found.into_iter().filter_map(|it| Some((it.row.uuid, Accounts::read(&it.row.json).ok()?))));
    }
    Ok(related)
}

fn enter(read: &Read, related: &HashMap<String, Accounts>, period: Period, look: &mut Look<'_>) {
    let row = &read.found.row;
    if read.found.status == DocumentStatus::Cancelado {
        let within = row.date.get(..10).is_some_and(|it| period.holds(it));
        return if within {
            look(Seen::Cancelled)
        };
    }
    let Some(accounts) = &read.accounts else { return look(Seen::Unreadable(read)) };
    let subject = Subject { kind: &row.kind, day: row.date.get(..10).unwrap_or_default(), accounts };
    for side in sides(row.role) {
        let entry = books::enter(*side, subject, &|uuid| related.get(uuid).cloned());
        look(Seen::Entered { read, side: *side, entry });
    }
}

fn sides(role: Role) -> &'static [Side] {
    match role {
        Role::Issued => &[Side::Issued],
        Role::Received => &[Side::Received],
        Role::Both => &[Side::Issued, Side::Received],
        Role::Foreign => &[],
    }
}

fn add(sums: &mut Sums, it: &Contribution) {
    let sum_ = sums.entry(it.figure).or_default();
    *sum_ = sum([*sum_, it.amount]);
}

/// The month of a day, AAAAMM; a day that is none has none.
fn month(day: &str) -> Option<i32> {
    Some(day.get(..4)?.parse::<i32>().ok()? * 100 + day.get(5..7)?.parse::<i32>().ok()?)
}

impl Summary {
    fn take(&mut self, seen: Seen<'_>) {
        match seen {
            Seen::Cancelled => self.cancelled += 1,
            Seen::Unreadable(read) => self.leave_out("unreadable", &read.found.row.uuid, String::new()),
            Seen::Entered { read, side, entry } => self.enter(read, side, &entry),
        }
    }

    fn enter(&mut self, read: &Read, side: Side, entry: &Entry) {
        let row = &read.found.row;
        let within = row.date.get(..10).is_some_and(|it| self.period.holds(it));
        let counts: Vec<&Contribution> = entry.contributions.iter().filter(|it| self.period.holds(&it.day)).collect();
        if within || !counts.is_empty() {
            *self.documents.entry((side, row.kind.clone())).or_default() += 1;
            self.unknown += u64::from(read.found.status == DocumentStatus::Unknown);
            entry.gaps.iter().for_each(|it| self.leave_out(it.slug(), &row.uuid, format!("{it:?}")));
        }
        if counts.is_empty() {
            return;
        }
        let (rfc, name) = other(read, side);
        let known = self.counterparties.contains_key(&(side, rfc.to_owned()));
        let room = known || self.counterparties.len() < COUNTERPARTIES_AT_MOST;
        let key = if room { rfc } else { OTHERS };
        let party = self.counterparties.entry((side, key.to_owned())).or_default();
        party.documents += 1;
        if room {
            party.name = name.to_owned();
        }
        counts.iter().for_each(|it| add(&mut party.sums, it));
        for it in counts {
            add(&mut self.total, it);
            month(&it.day).into_iter().for_each(|month| add(self.months.entry(month).or_default(), it));
        }
    }

    fn leave_out(&mut self, reason: &'static str, uuid: &str, detail: String) {
        let uncounted = self.uncounted.entry(reason).or_default();
        uncounted.count += 1;
        if uncounted.named.len() < GAPS_NAMED {
            uncounted.named.push((uuid.to_owned(), detail));
        }
    }

    /// The summary as one JSON object; amounts are texts of two decimals.
    pub fn json(&self) -> Value {
        let months: Vec<Value> = self
            .months
            .iter()
            .map(|(month, sums)| json!({ "month": month_name(*month), "figures": figures(sums), "iva": iva(sums) }))
            .collect();
        let party = |((side, rfc), it): (&(Side, String), &Counterparty)| json!({ "side": side.text(), "rfc": rfc, "name": it.name, "documents": it.documents, "figures": figures(&it.sums) });
        let documents =
            |((side, kind), count): (&(Side, String), &u64)| json!({ "side": side.text(), "type": kind, "count": count });
        let uncounted: Map<String, Value> = self.uncounted.iter().map(|(reason, it)| (reason.to_string(), it.json())).collect();
        json!({
            "rfc": self.rfc, "name": self.name, "from": self.period.from.to_string(), "to": self.period.to.to_string(),
            "working_paper": true, "currency": "MXN",
            "figures": figures(&self.total), "iva": iva(&self.total), "months": months,
            "counterparties": self.counterparties.iter().map(party).collect::<Vec<_>>(),
            "documents": self.documents.iter().map(documents).collect::<Vec<_>>(),
            "cancelled": self.cancelled, "status_unknown": self.unknown, "uncounted": uncounted,
        })
    }
}

impl Uncounted {
    fn json(&self) -> Value {
        let named: Vec<Value> = self.named.iter().map(|(uuid, detail)| json!({ "uuid": uuid, "detail": detail })).collect();
        json!({ "count": self.count, "documents": named })
    }
}

/// `2025-03`.
pub fn month_name(month: i32) -> String {
    format!("{:04}-{:02}", month / 100, month % 100)
}

/// An amount as it is shown.
pub fn shown(amount: Decimal) -> String {
    format!("{:.2}", rounded(amount, CENTS))
}

fn figures(sums: &Sums) -> Map<String, Value> {
    sums.iter().map(|(figure, amount)| (figure.to_string(), shown(*amount).into())).collect()
}

/// What the IVA of a period comes to, from its books of cash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Iva {
    /// Transferred to customers, and collected.
    pub transferred: Decimal,
    /// Transferred by suppliers, and paid.
    pub creditable: Decimal,
    /// Withheld by customers.
    pub withheld: Decimal,
    /// The first less the others.
    pub balance: Decimal,
}

/// The IVA of sums.
pub fn iva_of(sums: &Sums) -> Iva {
    let cash = |side, line| sums.get(&Figure { side, book: Book::Cash, line }).copied().unwrap_or_default();
    let all = |side| sum([Line::Iva16, Line::Iva8, Line::IvaOther].map(|it| cash(side, it)));
    let (transferred, creditable) = (all(Side::Issued), all(Side::Received));
    let withheld = cash(Side::Issued, Line::IvaWithheld);
    Iva { transferred, creditable, withheld, balance: sum([transferred, -creditable, -withheld]) }
}

fn iva(sums: &Sums) -> Value {
    let it = iva_of(sums);
    json!({
        "trasladado_cobrado": shown(it.transferred), "acreditable_pagado": shown(it.creditable),
        "retenido_por_clientes": shown(it.withheld), "saldo": shown(it.balance),
    })
}
