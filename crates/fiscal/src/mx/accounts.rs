//! The amounts of one document, read from its JSON: what columns and books are made from.
//!
//! Amounts are decimals, never floats, and stay as the document has them: in its own currency, with
//! its own roundings. What a version does not carry is taken from where it does: 3.3 has no base
//! beside its summed taxes, so bases come from its concepts; 3.2 has none at all, so a base is the
//! tax divided by its rate. Amounts beyond [`AMOUNT_BELOW`] are no amounts.

use super::abridged::Element;
use rust_decimal::{Decimal, RoundingStrategy};

/// Amounts reach this at most: a thousand times what a year of the whole country produces, and far
/// enough below what a decimal holds that products and sums of millions stay exact.
pub const AMOUNT_BELOW: Decimal = Decimal::from_parts(2_764_472_320, 232_830, 0, false, 0);
/// Exchange rates and tax rates stay below this.
pub const RATE_BELOW: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);
/// Digits after the point that a derived amount keeps.
pub const DERIVED_DIGITS: u32 = 6;

/// Which tax.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TaxKind {
    /// 001, ISR.
    Isr,
    /// 002, IVA.
    Iva,
    /// 003, IEPS.
    Ieps,
    /// Something else.
    Other,
}

impl TaxKind {
    /// From the catalogue's number (retenciones 1.0 wrote two digits) or the word of version 3.2.
    fn parse(text: &str) -> Self {
        match text {
            "001" | "01" | "ISR" => TaxKind::Isr,
            "002" | "02" | "IVA" => TaxKind::Iva,
            "003" | "03" | "IEPS" => TaxKind::Ieps,
            _ => TaxKind::Other,
        }
    }
}

/// How it is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Factor {
    /// A share of the base.
    Tasa,
    /// So much for each unit.
    Cuota,
    /// Not at all.
    Exento,
}

/// A tax of a document, transferred or withheld.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tax {
    /// Which.
    pub kind: TaxKind,
    /// How.
    pub factor: Factor,
    /// At which rate, where the document says it; 0.16 is sixteen percent.
    pub rate: Option<Decimal>,
    /// On what.
    pub base: Option<Decimal>,
    /// How much.
    pub amount: Decimal,
}

/// One payment of a Pagos complement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// `FechaPago`, its day: `yyyy-MM-dd`.
    pub day: String,
    /// `MonedaP`.
    pub currency: String,
    /// `TipoCambioP`.
    pub rate: Option<Decimal>,
    /// `Monto`.
    pub amount: Decimal,
    /// Whether the complement itself says the taxes (2.0), or only the documents paid do (1.0).
    pub says_taxes: bool,
    /// `TrasladosP`.
    pub transferred: Vec<Tax>,
    /// `RetencionesP`.
    pub withheld: Vec<Tax>,
    /// What was paid with it.
    pub settled: Vec<Settled>,
}

/// A document that a payment pays, in part or whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    /// Its UUID, lower case.
    pub uuid: String,
    /// What was paid of it, in its own currency; version 1.0 may leave it out when there is one only.
    pub paid: Option<Decimal>,
    /// Units of its currency for one of the payment's (`EquivalenciaDR`, `TipoCambioDR`).
    pub equivalence: Option<Decimal>,
}

/// A payroll complement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Payroll {
    /// `FechaPago`: `yyyy-MM-dd`.
    pub day: String,
    /// `TotalPercepciones`.
    pub earned: Decimal,
    /// `TotalOtrosPagos`.
    pub other: Decimal,
    /// `TotalDeducciones`.
    pub deducted: Decimal,
    /// ISR among the deductions (type 002).
    pub isr: Decimal,
}

/// The amounts of a document.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounts {
    /// `Serie`.
    pub series: String,
    /// `Folio`.
    pub folio: String,
    /// `UsoCFDI`.
    pub use_code: String,
    /// `MetodoPago`: `PUE`, `PPD`; the words of version 3.2.
    pub method: String,
    /// `FormaPago`.
    pub form: String,
    /// `Moneda`.
    pub currency: String,
    /// `TipoCambio`.
    pub rate: Option<Decimal>,
    /// `FechaTimbrado`.
    pub stamped_at: String,
    /// `SubTotal`.
    pub subtotal: Option<Decimal>,
    /// `Descuento`.
    pub discount: Option<Decimal>,
    /// `Total`; of a retención `MontoTotOperacion`.
    pub total: Option<Decimal>,
    /// Taxes added to it.
    pub transferred: Vec<Tax>,
    /// Taxes taken from it.
    pub withheld: Vec<Tax>,
    /// Local taxes added to it.
    pub local_transferred: Decimal,
    /// Local taxes taken from it.
    pub local_withheld: Decimal,
    /// Payments of its Pagos complement.
    pub payments: Vec<Payment>,
    /// Its payroll complement.
    pub payroll: Option<Payroll>,
    /// Whether it invoices sales to the public at large.
    pub is_global: bool,
    /// What its concepts are called, in their order.
    pub concepts: Vec<String>,
}

impl Accounts {
    /// Reads a document's JSON.
    pub fn read(json: &str) -> Result<Self, serde_json::Error> {
        let root = Element::read(json)?;
        Ok(if root.name() == "Retenciones" { retencion(&root) } else { comprobante(&root) })
    }

    /// The sum of one tax among those added.
    pub fn transferred_of(&self, kind: TaxKind) -> Decimal {
        sum(self.transferred.iter().filter(|it| it.kind == kind).map(|it| it.amount))
    }

    /// The sum of one tax among those withheld.
    pub fn withheld_of(&self, kind: TaxKind) -> Decimal {
        sum(self.withheld.iter().filter(|it| it.kind == kind).map(|it| it.amount))
    }
}

/// A sum that cannot overflow: what would is the largest there is, and visibly wrong.
pub fn sum(all: impl IntoIterator<Item = Decimal>) -> Decimal {
    all.into_iter().fold(Decimal::ZERO, |sum, it| sum.checked_add(it).unwrap_or(Decimal::MAX))
}

/// An amount as documents write it.
fn amount(text: Option<&str>) -> Option<Decimal> {
    Decimal::from_str_exact(text?).ok().filter(|it| it.abs() < AMOUNT_BELOW)
}

fn rate(text: Option<&str>) -> Option<Decimal> {
    Decimal::from_str_exact(text?).ok().filter(|it| *it >= Decimal::ZERO && *it < RATE_BELOW)
}

fn owned(text: Option<&str>) -> String {
    text.unwrap_or_default().to_owned()
}

fn day(text: Option<&str>) -> String {
    text.and_then(|it| it.get(..10)).unwrap_or_default().to_owned()
}

/// Rounds half away from zero, as the authority does.
pub fn rounded(value: Decimal, digits: u32) -> Decimal {
    value.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero)
}

fn comprobante(root: &Element<'_>) -> Accounts {
    let receiver = root.child("Receptor");
    let receiver_rfc = receiver.and_then(|it| it.text("Rfc")).unwrap_or_default();
    let locals = root.below(&["Complemento", "ImpuestosLocales"]);
    let local = |name: &str| sum(locals.iter().filter_map(|it| amount(it.text(name))));
    // 3.2 had `metodoDePago` for how and `formaDePago` for in how many parts.
    let is_old = root.text("Version") == Some("3.2");
    let (method, form) = if is_old { ("FormaDePago", "MetodoDePago") } else { ("MetodoPago", "FormaPago") };
    let concepts = root.below(&["Conceptos", "Concepto"]);
    Accounts {
        series: owned(root.text("Serie")),
        folio: owned(root.text("Folio")),
        use_code: owned(receiver.and_then(|it| it.text("UsoCFDI"))),
        method: owned(root.text(method)),
        form: owned(root.text(form)),
        currency: owned(root.text("Moneda")),
        rate: rate(root.text("TipoCambio")),
        stamped_at: stamped_at(root),
        subtotal: amount(root.text("SubTotal")),
        discount: amount(root.text("Descuento")),
        total: amount(root.text("Total")),
        transferred: transferred(root, &concepts),
        withheld: withheld(root),
        local_transferred: local("TotaldeTraslados"),
        local_withheld: local("TotaldeRetenciones"),
        payments: root.below(&["Complemento", "Pagos"]).into_iter().flat_map(payments).collect(),
        payroll: payroll(root),
        is_global: root.child("InformacionGlobal").is_some() || receiver_rfc == "XAXX010101000",
        concepts: concepts.iter().filter_map(|it| it.text("Descripcion")).map(str::to_owned).collect(),
    }
}

fn stamped_at(root: &Element<'_>) -> String {
    owned(root.below(&["Complemento", "TimbreFiscalDigital"]).first().and_then(|it| it.text("FechaTimbrado")))
}

/// The summed taxes of the document, with bases from where they are; a document without a sum is
/// summed by its concepts.
fn transferred(root: &Element<'_>, concepts: &[&Element<'_>]) -> Vec<Tax> {
    let of_concepts = || {
        let nodes = concepts.iter().flat_map(|it| it.below(&["Impuestos", "Traslados", "Traslado"]));
        nodes.map(|it| tax(it, "")).collect::<Vec<_>>()
    };
    let summed: Vec<Tax> = root.below(&["Impuestos", "Traslados", "Traslado"]).into_iter().map(|it| tax(it, "")).collect();
    if summed.is_empty() {
        return of_concepts();
    }
    if summed.iter().all(|it| it.base.is_some()) {
        return summed;
    }
    let parts = of_concepts();
    let mut taxes: Vec<Tax> = summed.into_iter().map(|it| based(it, &parts)).collect();
    // 3.3 does not sum what is exempt.
    if !taxes.iter().any(|it| it.factor == Factor::Exento) {
        taxes.extend(parts.into_iter().filter(|it| it.factor == Factor::Exento));
    }
    taxes
}

/// A summed tax with the base of its parts, or the base that its rate gives.
fn based(tax: Tax, parts: &[Tax]) -> Tax {
    if tax.base.is_some() {
        return tax;
    }
    let same = |it: &&Tax| (it.kind, it.factor, it.rate) == (tax.kind, tax.factor, tax.rate);
    let bases: Vec<Decimal> = parts.iter().filter(same).filter_map(|it| it.base).collect();
    let by_rate = || Some(rounded(tax.amount.checked_div(tax.rate.filter(|it| !it.is_zero())?)?, 2));
    let base = if bases.is_empty() { by_rate() } else { Some(sum(bases)) };
    Tax { base, ..tax }
}

fn withheld(root: &Element<'_>) -> Vec<Tax> {
    let summed = root.below(&["Impuestos", "Retenciones", "Retencion"]);
    let nodes =
        if summed.is_empty() { root.below(&["Conceptos", "Concepto", "Impuestos", "Retenciones", "Retencion"]) } else { summed };
    nodes.into_iter().map(|it| tax(it, "")).collect()
}

/// A tax; its attributes end in `P` within payments.
fn tax(node: &Element<'_>, end: &str) -> Tax {
    let text = |name: &str| node.text(&format!("{name}{end}"));
    let factor = match text("TipoFactor") {
        Some("Exento") => Factor::Exento,
        Some("Cuota") => Factor::Cuota,
        _ => Factor::Tasa,
    };
    // 3.2 wrote percents.
    let percent = || rate(node.text("Tasa")).and_then(|it| it.checked_div(Decimal::ONE_HUNDRED));
    Tax {
        kind: TaxKind::parse(text("Impuesto").unwrap_or_default()),
        factor,
        rate: rate(text("TasaOCuota")).or_else(percent).map(|it| it.normalize()),
        base: amount(text("Base")),
        amount: amount(text("Importe")).unwrap_or_default(),
    }
}

fn payments(complement: &Element<'_>) -> Vec<Payment> {
    let says_taxes = !complement.text("Version").unwrap_or_default().starts_with("1.");
    complement.all("Pago").map(|it| payment(it, says_taxes)).collect()
}

fn payment(node: &Element<'_>, says_taxes: bool) -> Payment {
    let taxes = |path: &[&str]| node.below(path).into_iter().map(|it| tax(it, "P")).collect();
    let settled = node.all("DoctoRelacionado").map(|it| Settled {
        uuid: it.text("IdDocumento").unwrap_or_default().to_ascii_lowercase(),
        paid: amount(it.text("ImpPagado")),
        equivalence: rate(it.text("EquivalenciaDR").or_else(|| it.text("TipoCambioDR"))),
    });
    Payment {
        day: day(node.text("FechaPago")),
        currency: owned(node.text("MonedaP")),
        rate: rate(node.text("TipoCambioP")),
        amount: amount(node.text("Monto")).unwrap_or_default(),
        says_taxes,
        transferred: taxes(&["ImpuestosP", "TrasladosP", "TrasladoP"]),
        withheld: taxes(&["ImpuestosP", "RetencionesP", "RetencionP"]),
        settled: settled.collect(),
    }
}

/// All payrolls of a document as one: a receipt of settlement carries two.
fn payroll(root: &Element<'_>) -> Option<Payroll> {
    let all = root.below(&["Complemento", "Nomina"]);
    let first = all.first()?;
    let total = |name: &str| sum(all.iter().filter_map(|it| amount(it.text(name))));
    let isr = all.iter().flat_map(|it| it.below(&["Deducciones", "Deduccion"]));
    let isr = isr.filter(|it| matches!(it.text("TipoDeduccion"), Some("002" | "2")));
    // 1.1 said it in two parts.
    let part = |it: &Element<'_>| {
        amount(it.text("Importe"))
            .unwrap_or_else(|| sum(["ImporteGravado", "ImporteExento"].iter().filter_map(|n| amount(it.text(n)))))
    };
    Some(Payroll {
        day: day(first.text("FechaPago")),
        earned: total("TotalPercepciones"),
        other: total("TotalOtrosPagos"),
        deducted: total("TotalDeducciones"),
        isr: sum(isr.map(part)),
    })
}

fn retencion(root: &Element<'_>) -> Accounts {
    let totals = root.child("Totales");
    let withheld = totals.into_iter().flat_map(|it| it.all("ImpRetenidos")).map(|it| Tax {
        kind: TaxKind::parse(it.text("ImpuestoRet").or_else(|| it.text("Impuesto")).unwrap_or_default()),
        factor: Factor::Tasa,
        rate: None,
        base: amount(it.text("BaseRet")),
        amount: amount(it.text("MontoRet")).unwrap_or_default(),
    });
    Accounts {
        folio: owned(root.text("FolioInt")),
        stamped_at: stamped_at(root),
        total: amount(totals.and_then(|it| it.text("MontoTotOperacion"))),
        withheld: withheld.collect(),
        ..Accounts::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_what_they_say() {
        assert_eq!(AMOUNT_BELOW, Decimal::from_str_exact("1000000000000000").unwrap());
        assert_eq!(RATE_BELOW, Decimal::from(1_000_000));
        for text in ["1000000000000000", "-1000000000000000", "1e3", "abc", "", "99999999999999999999999999999999"] {
            assert_eq!(amount(Some(text)), None, "{text}");
        }
        assert_eq!(amount(Some("-5.50")), Some(Decimal::from_str_exact("-5.50").unwrap()));
        assert_eq!(rate(Some("-1")), None);
    }
}
