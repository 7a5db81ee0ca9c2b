//! What a document adds to the books of a period: the figures that a monthly declaration is checked
//! against, each as a sum of amounts that name their document.
//!
//! A working paper, not a declaration: it knows what the documents say, not what was deducted,
//! prorated or paid in cash above a limit. The rules, with their sources, are those of
//! `docs/summary.md`; in short: *facturado* counts what was invoiced, by the date of issue (LISR
//! art. 17); *flujo* counts what was collected or paid, by the date of payment (LIVA arts. 1-B and 5):
//! documents paid at once (PUE) by their date of issue, the others by their Pagos complements. Credit
//! notes are subtracted. Everything is in pesos at the document's own exchange rate.

use super::accounts::{Accounts, DERIVED_DIGITS, Factor, Payment, Tax, TaxKind, rounded, sum};
use rust_decimal::Decimal;

macro_rules! closed {
    ($(#[$doc:meta])* $name:ident { $($(#[$each:meta])* $variant:ident = $text:literal),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[$each])* $variant),* }

        impl $name {
            /// All of them, in the order they are shown in.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// Its permanent name.
            pub fn text(self) -> &'static str { match self { $(Self::$variant => $text),* } }
        }
    };
}

closed! {
    /// The taxpayer's side of a document.
    Side {
        /// What it issued.
        Issued = "emitidos",
        /// What it received.
        Received = "recibidos",
    }
}

closed! {
    /// Which book a figure belongs to.
    Book {
        /// What was invoiced, by date of issue.
        Invoiced = "facturado",
        /// What was collected or paid, by date of payment.
        Cash = "flujo",
        /// Payroll, by date of payment.
        Payroll = "nomina",
        /// Certificates of withheld tax (Retenciones), by date of issue.
        Withheld = "retenciones",
    }
}

closed! {
    /// A line of a book.
    Line {
        /// Subtotal less discount of documents of type I.
        Income = "ingresos",
        /// Of these, paid at once.
        AtOnce = "pue",
        /// Of these, paid later.
        Later = "ppd",
        /// Of these, sales to the public at large.
        Global = "globales",
        /// Payments of documents paid later, without their taxes.
        Paid = "pagos",
        /// Subtotal less discount of credit notes (type E).
        Credit = "egresos",
        /// The book's own sum: what comes in less credit notes.
        Net = "neto",
        /// Base of IVA at 16 %.
        Base16 = "base_16",
        /// IVA at 16 %.
        Iva16 = "iva_16",
        /// Base of IVA at 8 %.
        Base8 = "base_8",
        /// IVA at 8 %.
        Iva8 = "iva_8",
        /// Base of IVA at 0 %.
        Base0 = "base_0",
        /// Base exempt of IVA.
        BaseExempt = "base_exento",
        /// Base of IVA at any other rate.
        BaseOther = "base_otras",
        /// IVA at any other rate.
        IvaOther = "iva_otras",
        /// IEPS.
        Ieps = "ieps",
        /// IVA withheld.
        IvaWithheld = "iva_retenido",
        /// ISR withheld.
        IsrWithheld = "isr_retenido",
        /// IEPS withheld.
        IepsWithheld = "ieps_retenido",
        /// Local taxes added.
        LocalTransferred = "locales_trasladados",
        /// Local taxes withheld.
        LocalWithheld = "locales_retenidos",
        /// Earnings of payroll.
        Earned = "percepciones",
        /// Other payments of payroll.
        OtherPay = "otros_pagos",
        /// Deductions of payroll.
        Deducted = "deducciones",
        /// The amount of the operation of a retención.
        Operation = "operacion",
    }
}

impl Book {
    /// The lines that it has, in the order they are shown in.
    pub fn lines(self) -> impl Iterator<Item = Line> {
        use Line::*;
        const TAXES: [Line; 12] =
            [Base16, Iva16, Base8, Iva8, Base0, BaseExempt, BaseOther, IvaOther, Ieps, IvaWithheld, IsrWithheld, IepsWithheld];
        let (own, taxes, locals): (&[Line], &[Line], &[Line]) = match self {
            Book::Invoiced => (&[Income, AtOnce, Later, Global, Credit, Net], &TAXES, &[LocalTransferred, LocalWithheld]),
            Book::Cash => (&[AtOnce, Paid, Credit, Net], &TAXES, &[]),
            Book::Payroll => (&[Earned, OtherPay, Deducted, Net, IsrWithheld], &[], &[]),
            Book::Withheld => (&[Operation, IsrWithheld, IvaWithheld, IepsWithheld], &[], &[]),
        };
        [own, taxes, locals].into_iter().flatten().copied()
    }
}

/// One figure of the books: `emitidos.flujo.iva_16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Figure {
    /// Whose side.
    pub side: Side,
    /// In which book.
    pub book: Book,
    /// On which line.
    pub line: Line,
}

impl Figure {
    /// Every figure there is, in the order they are shown in.
    pub fn all() -> impl Iterator<Item = Figure> {
        let books = |side: Side| Book::ALL.iter().map(move |book| (side, *book));
        let both = Side::ALL.iter().flat_map(move |side| books(*side));
        both.flat_map(|(side, book)| book.lines().map(move |line| Figure { side, book, line }))
    }

    /// The figure of a name.
    pub fn parse(text: &str) -> Option<Figure> {
        Figure::all().find(|it| it.to_string() == text)
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}.{}.{}", self.side.text(), self.book.text(), self.line.text())
    }
}

/// What one document adds to one figure, in pesos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    /// To which.
    pub figure: Figure,
    /// On which day it counts: `yyyy-MM-dd`.
    pub day: String,
    /// How much; negative when it takes away.
    pub amount: Decimal,
}

/// Why a part of a document is in no figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Gap {
    /// Another currency than pesos, and no exchange rate.
    NoExchangeRate {
        /// The currency.
        currency: String,
    },
    /// A payment of version 1.0 says no taxes, and the document that it pays is not here.
    RelatedMissing {
        /// The document's UUID.
        uuid: String,
    },
    /// An amount that the rule needs is missing or no amount.
    AmountMissing {
        /// Which.
        name: &'static str,
    },
}

impl Gap {
    /// A permanent name.
    pub fn slug(&self) -> &'static str {
        match self {
            Gap::NoExchangeRate { .. } => "no_exchange_rate",
            Gap::RelatedMissing { .. } => "related_missing",
            Gap::AmountMissing { .. } => "amount_missing",
        }
    }
}

/// What a document adds to the books of one side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The amounts.
    pub contributions: Vec<Contribution>,
    /// What could not be counted.
    pub gaps: Vec<Gap>,
}

/// A document as the rules need it.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// `I E T N P`, or `R…` of a retención.
    pub kind: &'a str,
    /// Day of issue, `yyyy-MM-dd`.
    pub day: &'a str,
    /// Its amounts.
    pub accounts: &'a Accounts,
}

/// Adds a document to the books of a side. `related` finds the amounts of a document by its UUID;
/// only payments of version 1.0 need it.
pub fn enter(side: Side, subject: Subject<'_>, related: &dyn Fn(&str) -> Option<Accounts>) -> Entry {
    let mut posting = Posting { side, entry: Entry::default() };
    match subject.kind {
        "I" => posting.invoice(subject, Decimal::ONE),
        "E" => posting.invoice(subject, Decimal::NEGATIVE_ONE),
        "P" => subject.accounts.payments.iter().for_each(|it| posting.payment(it, related)),
        "N" => posting.payroll(subject),
        kind if kind.starts_with('R') => posting.retencion(subject),
        // A transfer of goods moves no money; an unknown type says nothing that a rule knows.
        _ => {}
    }
    posting.entry
}

/// UUIDs of the documents that [`enter`] will ask for.
pub fn needs(accounts: &Accounts) -> impl Iterator<Item = &str> {
    accounts.payments.iter().filter(|it| !it.says_taxes).flat_map(|it| it.settled.iter().map(|it| it.uuid.as_str()))
}

/// Pesos for one unit; none where it is not said.
fn exchange(currency: &str, rate: Option<Decimal>) -> Result<Decimal, Gap> {
    // 3.2 wrote words, and blanks meant pesos.
    let upper = currency.trim().to_uppercase();
    let is_pesos = matches!(upper.as_str(), "" | "MXN" | "XXX" | "MXP" | "M.N." | "MN") || upper.starts_with("PESO");
    match rate.filter(|it| !it.is_zero()) {
        _ if is_pesos => Ok(Decimal::ONE),
        Some(rate) => Ok(rate),
        None => Err(Gap::NoExchangeRate { currency: currency.to_owned() }),
    }
}

/// A product that cannot overflow.
fn times(a: Decimal, b: Decimal) -> Decimal {
    a.checked_mul(b).unwrap_or(Decimal::MAX)
}

/// The entry under way.
struct Posting {
    side: Side,
    entry: Entry,
}

impl Posting {
    fn add(&mut self, book: Book, line: Line, day: &str, amount: Decimal) {
        let figure = Figure { side: self.side, book, line };
        self.entry.contributions.push(Contribution { figure, day: day.to_owned(), amount });
    }

    fn gap(&mut self, gap: Gap) {
        self.entry.gaps.push(gap);
    }

    /// An invoice, or with `sign` −1 a credit note.
    fn invoice(&mut self, subject: Subject<'_>, sign: Decimal) {
        let Subject { day, accounts, .. } = subject;
        let pesos = match exchange(&accounts.currency, accounts.rate) {
            Ok(pesos) => times(pesos, sign),
            Err(gap) => return self.gap(gap),
        };
        let Some(subtotal) = accounts.subtotal else { return self.gap(Gap::AmountMissing { name: "SubTotal" }) };
        let amount = times(subtotal - accounts.discount.unwrap_or_default(), pesos);
        let is_credit = sign.is_sign_negative();
        let is_later = !is_credit && accounts.method.eq_ignore_ascii_case("PPD");
        self.invoiced(day, amount, is_credit, is_later, accounts.is_global);
        self.taxes(Book::Invoiced, day, &accounts.transferred, &accounts.withheld, pesos);
        self.locals(day, accounts, pesos);
        if !is_later {
            let line = if is_credit { Line::Credit } else { Line::AtOnce };
            self.add(Book::Cash, line, day, amount.abs());
            self.add(Book::Cash, Line::Net, day, amount);
            self.taxes(Book::Cash, day, &accounts.transferred, &accounts.withheld, pesos);
        }
    }

    fn invoiced(&mut self, day: &str, amount: Decimal, is_credit: bool, is_later: bool, is_global: bool) {
        if is_credit {
            self.add(Book::Invoiced, Line::Credit, day, -amount);
        } else {
            self.add(Book::Invoiced, Line::Income, day, amount);
            self.add(Book::Invoiced, if is_later { Line::Later } else { Line::AtOnce }, day, amount);
            if is_global {
                self.add(Book::Invoiced, Line::Global, day, amount);
            }
        }
        self.add(Book::Invoiced, Line::Net, day, amount);
    }

    fn locals(&mut self, day: &str, accounts: &Accounts, pesos: Decimal) {
        for (line, amount) in [(Line::LocalTransferred, accounts.local_transferred), (Line::LocalWithheld, accounts.local_withheld)]
        {
            if !amount.is_zero() {
                self.add(Book::Invoiced, line, day, times(amount, pesos));
            }
        }
    }

    /// Taxes, each to its line; `share` converts, and takes the sign or the part.
    fn taxes(&mut self, book: Book, day: &str, transferred: &[Tax], withheld: &[Tax], share: Decimal) {
        for tax in transferred {
            match tax.kind {
                TaxKind::Iva => self.iva(book, day, tax, share),
                TaxKind::Ieps => self.add(book, Line::Ieps, day, derived(tax.amount, share)),
                TaxKind::Isr | TaxKind::Other => {}
            }
        }
        for tax in withheld {
            let line = match tax.kind {
                TaxKind::Iva => Line::IvaWithheld,
                TaxKind::Isr => Line::IsrWithheld,
                TaxKind::Ieps => Line::IepsWithheld,
                TaxKind::Other => continue,
            };
            self.add(book, line, day, derived(tax.amount, share));
        }
    }

    fn iva(&mut self, book: Book, day: &str, tax: &Tax, share: Decimal) {
        let (base, iva) = iva_lines(tax);
        if let Some(amount) = tax.base {
            self.add(book, base, day, derived(amount, share));
        }
        if let Some(line) = iva {
            self.add(book, line, day, derived(tax.amount, share));
        }
    }

    fn payment(&mut self, payment: &Payment, related: &dyn Fn(&str) -> Option<Accounts>) {
        let pesos = match exchange(&payment.currency, payment.rate) {
            Ok(pesos) => pesos,
            Err(gap) => return self.gap(gap),
        };
        if !payment.says_taxes {
            return payment.settled.iter().for_each(|it| self.settle(payment, it, pesos, related));
        }
        let of = |taxes: &[Tax]| sum(taxes.iter().map(|it| it.amount));
        let amount = times(payment.amount - of(&payment.transferred) + of(&payment.withheld), pesos);
        self.add(Book::Cash, Line::Paid, &payment.day, amount);
        self.add(Book::Cash, Line::Net, &payment.day, amount);
        self.taxes(Book::Cash, &payment.day, &payment.transferred, &payment.withheld, pesos);
    }

    /// Version 1.0: the part of the paid document that its payment is.
    fn settle(
        &mut self,
        payment: &Payment,
        settled: &super::accounts::Settled,
        pesos: Decimal,
        related: &dyn Fn(&str) -> Option<Accounts>,
    ) {
        let Some(document) = related(&settled.uuid) else {
            return self.gap(Gap::RelatedMissing { uuid: settled.uuid.clone() });
        };
        let (Some(total), Some(subtotal)) = (document.total.filter(|it| !it.is_zero()), document.subtotal) else {
            return self.gap(Gap::AmountMissing { name: "Total" });
        };
        let equivalence = settled.equivalence.filter(|it| !it.is_zero()).unwrap_or(Decimal::ONE);
        // One document alone may leave out what was paid of it: then it is the whole payment.
        let paid = settled.paid.unwrap_or_else(|| times(payment.amount, equivalence));
        let share = paid.checked_div(total).and_then(|it| it.checked_div(equivalence)).map(|it| times(it, pesos));
        let Some(share) = share else { return self.gap(Gap::AmountMissing { name: "ImpPagado" }) };
        let amount = derived(subtotal - document.discount.unwrap_or_default(), share);
        self.add(Book::Cash, Line::Paid, &payment.day, amount);
        self.add(Book::Cash, Line::Net, &payment.day, amount);
        self.taxes(Book::Cash, &payment.day, &document.transferred, &document.withheld, share);
    }

    fn payroll(&mut self, subject: Subject<'_>) {
        let Some(payroll) = &subject.accounts.payroll else { return };
        let day = if payroll.day.is_empty() { subject.day } else { &payroll.day };
        let net = payroll.earned + payroll.other - payroll.deducted;
        let lines = [
            (Line::Earned, payroll.earned),
            (Line::OtherPay, payroll.other),
            (Line::Deducted, payroll.deducted),
            (Line::IsrWithheld, payroll.isr),
            (Line::Net, net),
        ];
        lines.into_iter().for_each(|(line, amount)| self.add(Book::Payroll, line, day, amount));
    }

    fn retencion(&mut self, subject: Subject<'_>) {
        let accounts = subject.accounts;
        let Some(operation) = accounts.total else { return self.gap(Gap::AmountMissing { name: "MontoTotOperacion" }) };
        self.add(Book::Withheld, Line::Operation, subject.day, operation);
        self.taxes(Book::Withheld, subject.day, &[], &accounts.withheld, Decimal::ONE);
    }
}

/// An amount times a share, to the digits that a derived amount keeps.
fn derived(amount: Decimal, share: Decimal) -> Decimal {
    rounded(times(amount, share), DERIVED_DIGITS)
}

/// The lines of the base and of the tax of an IVA.
fn iva_lines(tax: &Tax) -> (Line, Option<Line>) {
    if tax.factor == Factor::Exento {
        return (Line::BaseExempt, None);
    }
    let percent = tax.rate.map(|it| (it * Decimal::ONE_HUNDRED).normalize());
    match percent.map(|it| it.to_string()).as_deref() {
        Some("16") => (Line::Base16, Some(Line::Iva16)),
        Some("8") => (Line::Base8, Some(Line::Iva8)),
        Some("0") => (Line::Base0, None),
        _ => (Line::BaseOther, Some(Line::IvaOther)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_names_of_their_own() {
        let names: std::collections::BTreeSet<_> = Figure::all().map(|it| it.to_string()).collect();
        assert_eq!(names.len(), Figure::all().count());
        for figure in Figure::all() {
            assert_eq!(Figure::parse(&figure.to_string()), Some(figure));
        }
        for text in ["", "emitidos", "emitidos.flujo.percepciones", "emitidos.flujo.iva_16 "] {
            assert_eq!(Figure::parse(text), None, "{text}");
        }
    }

    #[test]
    fn pesos_have_many_names_and_others_need_a_rate() {
        let two = Some(Decimal::TWO);
        for (currency, rate, expected) in [
            ("MXN", two, Some(Decimal::ONE)),
            ("", None, Some(Decimal::ONE)),
            ("Pesos Mexicanos", two, Some(Decimal::ONE)),
            ("USD", two, two),
            ("USD", None, None),
            ("USD", Some(Decimal::ZERO), None),
        ] {
            assert_eq!(exchange(currency, rate).ok(), expected, "{currency}");
        }
    }
}
