//! The XML of one generated document: CFDI 4.0, with payments, payroll and transfers.
//!
//! Amounts are whole cents and add up the way the rules of the tax authority want them: by line,
//! by tax, in total. What a listing shows (`total`, `complements`, the tail of the seal) comes from
//! the same numbers as the XML, so that the two cannot disagree.

use super::dice::Dice;
use super::people::Person;
use super::seals::{Forgery, Shop};
use super::{Generator, Kind, PAC, STAMPING_SECONDS, Sketch};
use base64::Engine as _;
use fedatario_fiscal::mx::cadena;
use jiff::ToSpan;
use quick_xml::escape::escape;
use std::fmt::Write as _;

const BASE64: base64::engine::GeneralPurpose = base64::engine::general_purpose::STANDARD;
/// Bytes of an RSA-2048 signature, which is what a seal is.
const SEAL_BYTES: usize = 256;
/// Bytes of a seal certificate as issued nowadays.
const CERTIFICATE_BYTES: usize = 1_460;
/// Most lines of an invoice here; the mean makes a document of some six thousand bytes.
const MAX_LINES: i64 = 9;

/// Product key, unit key, unit, what is sold.
const CATALOGUE: [(&str, &str, &str, &str); 10] = [
    ("84111506", "E48", "Servicio", "Servicios de facturación electrónica"),
    ("81112101", "E48", "Servicio", "Conexión a Internet, periodo mensual"),
    ("43211503", "H87", "Pieza", "Computadora portátil 14\" <reacondicionada>"),
    ("44121600", "XBX", "Caja", "Artículos de papelería & oficina"),
    ("56101703", "H87", "Pieza", "Escritorio ejecutivo de encino"),
    ("50202306", "LTR", "Litro", "Bebida sabor piña, sin azúcar"),
    ("78101800", "E48", "Servicio", "Flete terrestre México–Monterrey"),
    ("80101500", "HUR", "Hora", "Asesoría en administración y gestión"),
    ("72101507", "E48", "Servicio", "Mantenimiento de edificios: señalización"),
    ("90101501", "E48", "Servicio", "Consumo en restaurante «El Ñandú»"),
];

/// One line of an invoice, in cents.
struct Line {
    item: usize,
    quantity: i64,
    unit: i64,
}

impl Line {
    fn amount(&self) -> i64 {
        self.quantity * self.unit
    }

    fn iva(&self) -> i64 {
        (self.amount() * 16 + 50) / 100
    }
}

/// What is withheld from a natural person who invoices for services: income tax and two thirds of
/// the value added tax, both on the base.
fn withheld(base: i64) -> (i64, i64) {
    ((base + 5) / 10, (base * 106_667 + 500_000) / 1_000_000)
}

struct Amounts {
    lines: Vec<Line>,
    withholds: bool,
}

impl Amounts {
    fn of(generator: &Generator, place: u32, sketch: &Sketch) -> Self {
        let mut dice = Dice::of(generator.seed, place.into(), 4);
        let count = dice.between(1, MAX_LINES);
        let line = |dice: &mut Dice| Line {
            item: dice.below(CATALOGUE.len() as u64) as usize,
            quantity: dice.between(1, 20),
            unit: dice.between(100, 999_999),
        };
        let lines = (0..count).map(|_| line(&mut dice)).collect();
        let issuer = generator.parties(sketch).0;
        let withholds = issuer.natural && sketch.kind == Kind::Ingreso && dice.chance(60);
        Self { lines, withholds }
    }

    fn subtotal(&self) -> i64 {
        self.lines.iter().map(Line::amount).sum()
    }

    fn iva(&self) -> i64 {
        self.lines.iter().map(Line::iva).sum()
    }

    fn withheld(&self) -> (i64, i64) {
        let each = |line: &Line| if self.withholds { withheld(line.amount()) } else { (0, 0) };
        self.lines.iter().map(each).fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1))
    }

    fn total(&self) -> i64 {
        let (isr, iva) = self.withheld();
        self.subtotal() + self.iva() - isr - iva
    }
}

/// What an employee is paid for a fortnight, in cents: salary and deductions.
fn payroll(generator: &Generator, place: u32) -> (i64, i64, i64) {
    let mut dice = Dice::of(generator.seed, place.into(), 5);
    let salary = dice.between(400_000, 4_000_000);
    (salary, salary * 3 / 100, salary * 11 / 100)
}

fn cents(it: i64) -> String {
    format!("{}.{:02}", it / 100, it % 100)
}

/// The `Total` of the document as written.
pub(super) fn total(generator: &Generator, place: u32, sketch: &Sketch) -> String {
    match sketch.kind {
        Kind::Ingreso | Kind::Egreso => cents(Amounts::of(generator, place, sketch).total()),
        Kind::Nomina => {
            let (salary, insurance, tax) = payroll(generator, place);
            cents(salary - insurance - tax)
        }
        Kind::Pago | Kind::Traslado => "0".into(),
    }
}

/// Its complements, as SAT's filter names them.
pub(super) fn complements(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Pago => vec!["pagos20".into()],
        Kind::Nomina => vec!["nomina12".into()],
        _ => Vec::new(),
    }
}

/// Why a document could not be made: a key, or the reader of what is to be sealed.
pub(super) type Trouble = Box<dyn std::error::Error + Send + Sync>;

/// A document as its issuer has it, but for the seal.
struct Draft {
    /// Up to where the seal goes.
    before: String,
    /// From there to where the stamp goes.
    after: String,
}

/// What stands behind the stamp.
const TAIL: &str = "</cfdi:Complemento></cfdi:Comprobante>";

impl Draft {
    fn of(generator: &Generator, place: u32, sketch: &Sketch, number: &str, certificate: &str) -> Self {
        let (issuer, receiver) = generator.parties(sketch);
        let body = match sketch.kind {
            Kind::Ingreso | Kind::Egreso => invoice(generator, place, sketch),
            Kind::Pago => payment(generator, place, sketch),
            Kind::Nomina => salary(generator, place, sketch, &receiver),
            Kind::Traslado => transfer(generator, place, sketch),
        };
        let before = opening(place, sketch, &body);
        let mut after = String::with_capacity(8 << 10);
        head(&mut after, generator, place, sketch, &issuer, number, certificate, &body);
        parties(&mut after, sketch, &issuer, &receiver);
        let _ =
            write!(after, "<cfdi:Conceptos>{}</cfdi:Conceptos>{}<cfdi:Complemento>{}", body.concepts, body.taxes, body.complement);
        Self { before, after }
    }

    /// The text that the issuer seals. Our own reader makes it: others judge that reader.
    fn cadena(&self) -> Result<String, Trouble> {
        let seals = cadena::read(&[&self.before, self.after.as_str(), TAIL].concat())?;
        Ok(seals.document)
    }

    fn whole(&self, seal: &str, stamp: &str) -> String {
        [&self.before, seal, &self.after, stamp, TAIL].concat()
    }
}

/// The seals of a document, all as written in it.
struct Sealed {
    draft: Draft,
    sello: String,
    stamp: StampSeals,
}

/// What a stamp repeats and adds.
struct StampSeals {
    sello_cfd: String,
    number: String,
    sello_sat: String,
}

/// The seal of the document, as it is written in it.
pub(super) fn seal(generator: &Generator, place: u32) -> Result<String, Trouble> {
    match generator.shop()? {
        Some(shop) => {
            let forged = generator.forged.get(&place).copied();
            Ok(own_seal(generator, shop, place, forged)?.1)
        }
        None => Ok(filler(generator, place, 6)),
    }
}

/// Right in length and in nothing else.
fn filler(generator: &Generator, place: u32, lane: u64) -> String {
    BASE64.encode(Dice::of(generator.seed, place.into(), lane).bytes(SEAL_BYTES))
}

/// The whole document.
pub(super) fn xml(generator: &Generator, place: u32) -> Result<String, Trouble> {
    let Some(shop) = generator.shop()? else { return Ok(with_filler(generator, place)) };
    let forged = generator.forged.get(&place).copied();
    let mut sealed = sealed(generator, shop, place, forged)?;
    match forged {
        Some(Forgery::Amount) => sealed.draft.after = raised(&sealed.draft.after),
        Some(Forgery::Stamp) => {
            let other = (place + 1) % generator.n;
            sealed.stamp = self::sealed(generator, shop, other, None)?.stamp;
        }
        Some(Forgery::Seal) | None => {}
    }
    Ok(sealed.draft.whole(&sealed.sello, &stamp(generator, place, &generator.sketch(place), &sealed.stamp)))
}

fn with_filler(generator: &Generator, place: u32) -> String {
    let sketch = generator.sketch(place);
    let issuer = generator.parties(&sketch).0;
    let mut key =
        Dice::of(generator.seed, 0, issuer.rfc.bytes().fold(7, |sum: u64, it| sum.wrapping_mul(31).wrapping_add(it.into())));
    let number = format!("300010000005{:08}", key.below(100_000_000));
    let draft = Draft::of(generator, place, &sketch, &number, &BASE64.encode(key.bytes(CERTIFICATE_BYTES)));
    let seals = StampSeals {
        sello_cfd: filler(generator, place, 6),
        number: "30001000000599990001".into(),
        sello_sat: filler(generator, place, 7),
    };
    draft.whole(&seals.sello_cfd, &stamp(generator, place, &sketch, &seals))
}

fn own_seal(generator: &Generator, shop: &Shop, place: u32, forged: Option<Forgery>) -> Result<(Draft, String), Trouble> {
    let sketch = generator.sketch(place);
    let csd = shop.issuer(&generator.parties(&sketch).0)?;
    let draft = Draft::of(generator, place, &sketch, &csd.number, &csd.base64);
    let cadena = draft.cadena()?;
    let sello = if forged == Some(Forgery::Seal) { shop.forge(&cadena)? } else { shop.seal(&csd, &cadena)? };
    Ok((draft, sello))
}

fn sealed(generator: &Generator, shop: &Shop, place: u32, forged: Option<Forgery>) -> Result<Sealed, Trouble> {
    let (draft, sello) = own_seal(generator, shop, place, forged)?;
    let certifier = shop.certifier()?;
    let (uuid, at) = (folio(generator, place), stamped(&generator.sketch(place)));
    let text = format!("||1.1|{uuid}|{at}|{PAC}|{sello}|{}||", certifier.number);
    let stamp = StampSeals { sello_cfd: sello.clone(), number: certifier.number.clone(), sello_sat: shop.seal(&certifier, &text)? };
    Ok(Sealed { draft, sello, stamp })
}

/// The document with a nine before its first unit price.
fn raised(after: &str) -> String {
    const PRICE: &str = " ValorUnitario=\"";
    let Some(at) = after.find(PRICE).map(|it| it + PRICE.len()) else { return after.to_owned() };
    [&after[..at], "9", &after[at..]].concat()
}

fn folio(generator: &Generator, place: u32) -> String {
    generator.uuid(place).to_string().to_uppercase()
}

fn stamped(sketch: &Sketch) -> jiff::civil::DateTime {
    sketch.emitted.saturating_add(STAMPING_SECONDS.seconds())
}

/// What differs from kind to kind.
struct Body {
    /// Attributes of the root beyond those of every document.
    subtotal: String,
    discount: Option<String>,
    currency: &'static str,
    payment: Option<(&'static str, &'static str)>,
    namespaces: &'static str,
    concepts: String,
    taxes: String,
    complement: String,
}

fn opening(place: u32, sketch: &Sketch, body: &Body) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><cfdi:Comprobante xmlns:cfdi=\"http://www.sat.gob.mx/cfd/4\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"{} \
         xsi:schemaLocation=\"http://www.sat.gob.mx/cfd/4 http://www.sat.gob.mx/sitio_internet/cfd/4/cfdv40.xsd\" \
         Version=\"4.0\" Serie=\"{}\" Folio=\"{}\" Fecha=\"{}\" Sello=\"",
        body.namespaces,
        sketch.kind.letter(),
        place + 1,
        sketch.emitted,
    )
}

#[expect(clippy::too_many_arguments, reason = "the attributes of a root come from everywhere")]
fn head(
    out: &mut String,
    generator: &Generator,
    place: u32,
    sketch: &Sketch,
    issuer: &Person,
    number: &str,
    certificate: &str,
    body: &Body,
) {
    out.push('"');
    if let Some((form, _)) = body.payment {
        let _ = write!(out, " FormaPago=\"{form}\"");
    }
    let _ = write!(out, " NoCertificado=\"{number}\" Certificado=\"{certificate}\" SubTotal=\"{}\"", body.subtotal);
    if let Some(discount) = &body.discount {
        let _ = write!(out, " Descuento=\"{discount}\"");
    }
    let total = total(generator, place, sketch);
    let _ = write!(out, " Moneda=\"{}\" Total=\"{total}\" TipoDeComprobante=\"{}\"", body.currency, sketch.kind.letter());
    out.push_str(" Exportacion=\"01\"");
    if let Some((_, method)) = body.payment {
        let _ = write!(out, " MetodoPago=\"{method}\"");
    }
    let _ = write!(out, " LugarExpedicion=\"{}\">", issuer.postcode);
}

fn parties(out: &mut String, sketch: &Sketch, issuer: &Person, receiver: &Person) {
    if sketch.to_public {
        let (month, year) = (sketch.emitted.month(), sketch.emitted.year());
        let _ = write!(out, "<cfdi:InformacionGlobal Periodicidad=\"04\" Meses=\"{month:02}\" Año=\"{year}\"/>");
    }
    let _ = write!(
        out,
        "<cfdi:Emisor Rfc=\"{}\" Nombre=\"{}\" RegimenFiscal=\"{}\"/><cfdi:Receptor Rfc=\"{}\" Nombre=\"{}\" \
         DomicilioFiscalReceptor=\"{}\" RegimenFiscalReceptor=\"{}\" UsoCFDI=\"{}\"/>",
        escape(&issuer.rfc),
        escape(&issuer.name),
        if issuer.natural { "612" } else { "601" },
        escape(&receiver.rfc),
        escape(&receiver.name),
        receiver.postcode,
        regime(sketch, receiver),
        usage(sketch),
    );
}

fn regime(sketch: &Sketch, receiver: &Person) -> &'static str {
    match sketch.kind {
        Kind::Nomina => "605",
        _ if sketch.to_public => "616",
        _ if receiver.natural => "612",
        _ => "601",
    }
}

fn usage(sketch: &Sketch) -> &'static str {
    match sketch.kind {
        Kind::Ingreso if sketch.to_public => "S01",
        Kind::Ingreso => "G03",
        Kind::Egreso => "G02",
        Kind::Pago => "CP01",
        Kind::Nomina => "CN01",
        Kind::Traslado => "S01",
    }
}

fn stamp(generator: &Generator, place: u32, sketch: &Sketch, seals: &StampSeals) -> String {
    let (uuid, at) = (folio(generator, place), stamped(sketch));
    format!(
        "<tfd:TimbreFiscalDigital xmlns:tfd=\"http://www.sat.gob.mx/TimbreFiscalDigital\" \
         xsi:schemaLocation=\"http://www.sat.gob.mx/TimbreFiscalDigital \
         http://www.sat.gob.mx/sitio_internet/cfd/TimbreFiscalDigital/TimbreFiscalDigitalv11.xsd\" Version=\"1.1\" UUID=\"{uuid}\" \
         FechaTimbrado=\"{at}\" RfcProvCertif=\"{PAC}\" SelloCFD=\"{}\" NoCertificadoSAT=\"{}\" SelloSAT=\"{}\"/>",
        seals.sello_cfd, seals.number, seals.sello_sat
    )
}

fn invoice(generator: &Generator, place: u32, sketch: &Sketch) -> Body {
    let amounts = Amounts::of(generator, place, sketch);
    let mut dice = Dice::of(generator.seed, place.into(), 8);
    let third = sketch.on_account.then(|| generator.third(place));
    let concepts = amounts.lines.iter().map(|it| concept(it, amounts.withholds, third.as_ref())).collect();
    let later = !sketch.to_public && sketch.kind == Kind::Ingreso && dice.chance(40);
    let payment = if later { ("99", "PPD") } else { (*dice.pick(&["01", "03", "04", "28"]), "PUE") };
    Body {
        subtotal: cents(amounts.subtotal()),
        discount: None,
        currency: "MXN",
        payment: Some(payment),
        namespaces: "",
        concepts,
        taxes: taxes(&amounts),
        complement: String::new(),
    }
}

fn concept(line: &Line, withholds: bool, third: Option<&Person>) -> String {
    let (key, unit_key, unit, text) = CATALOGUE[line.item];
    let (base, iva) = (cents(line.amount()), cents(line.iva()));
    let mut out = format!(
        "<cfdi:Concepto ClaveProdServ=\"{key}\" NoIdentificacion=\"SKU-{:03}\" Cantidad=\"{}\" ClaveUnidad=\"{unit_key}\" \
         Unidad=\"{unit}\" Descripcion=\"{}\" ValorUnitario=\"{}\" Importe=\"{base}\" ObjetoImp=\"02\"><cfdi:Impuestos>\
         <cfdi:Traslados><cfdi:Traslado Base=\"{base}\" Impuesto=\"002\" TipoFactor=\"Tasa\" TasaOCuota=\"0.160000\" \
         Importe=\"{iva}\"/></cfdi:Traslados>",
        line.item,
        line.quantity,
        escape(text),
        cents(line.unit),
    );
    if withholds {
        let (isr, iva) = withheld(line.amount());
        let _ = write!(
            out,
            "<cfdi:Retenciones><cfdi:Retencion Base=\"{base}\" Impuesto=\"001\" TipoFactor=\"Tasa\" TasaOCuota=\"0.100000\" \
             Importe=\"{}\"/><cfdi:Retencion Base=\"{base}\" Impuesto=\"002\" TipoFactor=\"Tasa\" TasaOCuota=\"0.106667\" \
             Importe=\"{}\"/></cfdi:Retenciones>",
            cents(isr),
            cents(iva)
        );
    }
    out.push_str("</cfdi:Impuestos>");
    if let Some(third) = third {
        let _ = write!(
            out,
            "<cfdi:ACuentaTerceros RfcACuentaTerceros=\"{}\" NombreACuentaTerceros=\"{}\" RegimenFiscalACuentaTerceros=\"612\" \
             DomicilioFiscalACuentaTerceros=\"{}\"/>",
            escape(&third.rfc),
            escape(&third.name),
            third.postcode
        );
    }
    out.push_str("</cfdi:Concepto>");
    out
}

fn taxes(amounts: &Amounts) -> String {
    let (isr, kept) = amounts.withheld();
    let (attribute, list) = if amounts.withholds {
        (
            format!(" TotalImpuestosRetenidos=\"{}\"", cents(isr + kept)),
            format!(
                "<cfdi:Retenciones><cfdi:Retencion Impuesto=\"001\" Importe=\"{}\"/><cfdi:Retencion Impuesto=\"002\" \
                 Importe=\"{}\"/></cfdi:Retenciones>",
                cents(isr),
                cents(kept)
            ),
        )
    } else {
        Default::default()
    };
    let (base, iva) = (cents(amounts.subtotal()), cents(amounts.iva()));
    format!(
        "<cfdi:Impuestos{attribute} TotalImpuestosTrasladados=\"{iva}\">{list}<cfdi:Traslados><cfdi:Traslado Base=\"{base}\" \
         Impuesto=\"002\" TipoFactor=\"Tasa\" TasaOCuota=\"0.160000\" Importe=\"{iva}\"/></cfdi:Traslados></cfdi:Impuestos>"
    )
}

fn without_amounts(concepts: String, namespaces: &'static str, complement: String) -> Body {
    Body {
        subtotal: "0".into(),
        discount: None,
        currency: "XXX",
        payment: None,
        namespaces,
        concepts,
        taxes: String::new(),
        complement,
    }
}

/// A receipt of payments, each for an invoice that the same corpus may hold.
fn payment(generator: &Generator, place: u32, sketch: &Sketch) -> Body {
    let mut dice = Dice::of(generator.seed, place.into(), 9);
    let paid_at = sketch.emitted.saturating_sub(dice.between(1, 5).days());
    let mut payments = String::new();
    let (mut bases, mut ivas) = (0, 0);
    for part in 1..=dice.between(1, 3) {
        let base = dice.between(10_000, 5_000_000);
        let iva = (base * 16 + 50) / 100;
        (bases, ivas) = (bases + base, ivas + iva);
        let related = generator.uuid(dice.below(u64::from(place) + 1) as u32).to_string().to_uppercase();
        let (paid, base, iva) = (cents(base + iva), cents(base), cents(iva));
        let _ = write!(
            payments,
            "<pago20:Pago FechaPago=\"{paid_at}\" FormaDePagoP=\"03\" MonedaP=\"MXN\" TipoCambioP=\"1\" Monto=\"{paid}\" \
             NumOperacion=\"SPEI-{:07}\"><pago20:DoctoRelacionado IdDocumento=\"{related}\" Serie=\"I\" Folio=\"{}\" \
             MonedaDR=\"MXN\" EquivalenciaDR=\"1\" NumParcialidad=\"{part}\" ImpSaldoAnt=\"{paid}\" ImpPagado=\"{paid}\" \
             ImpSaldoInsoluto=\"0.00\" ObjetoImpDR=\"02\"><pago20:ImpuestosDR><pago20:TrasladosDR><pago20:TrasladoDR \
             BaseDR=\"{base}\" ImpuestoDR=\"002\" TipoFactorDR=\"Tasa\" TasaOCuotaDR=\"0.160000\" ImporteDR=\"{iva}\"/>\
             </pago20:TrasladosDR></pago20:ImpuestosDR></pago20:DoctoRelacionado><pago20:ImpuestosP><pago20:TrasladosP>\
             <pago20:TrasladoP BaseP=\"{base}\" ImpuestoP=\"002\" TipoFactorP=\"Tasa\" TasaOCuotaP=\"0.160000\" \
             ImporteP=\"{iva}\"/></pago20:TrasladosP></pago20:ImpuestosP></pago20:Pago>",
            dice.below(10_000_000),
            dice.between(1, 9_999),
        );
    }
    let complement = format!(
        "<pago20:Pagos Version=\"2.0\"><pago20:Totales TotalTrasladosBaseIVA16=\"{}\" TotalTrasladosImpuestoIVA16=\"{}\" \
         MontoTotalPagos=\"{}\"/>{payments}</pago20:Pagos>",
        cents(bases),
        cents(ivas),
        cents(bases + ivas)
    );
    let concepts = "<cfdi:Concepto ClaveProdServ=\"84111506\" Cantidad=\"1\" ClaveUnidad=\"ACT\" Descripcion=\"Pago\" \
                    ValorUnitario=\"0\" Importe=\"0\" ObjetoImp=\"01\"/>";
    without_amounts(concepts.into(), " xmlns:pago20=\"http://www.sat.gob.mx/Pagos20\"", complement)
}

fn transfer(generator: &Generator, place: u32, sketch: &Sketch) -> Body {
    let line = |it: &Line| {
        let (key, unit, _, text) = CATALOGUE[it.item];
        format!(
            "<cfdi:Concepto ClaveProdServ=\"{key}\" Cantidad=\"{}\" ClaveUnidad=\"{unit}\" Descripcion=\"{}\" ValorUnitario=\"0\" \
             Importe=\"0\" ObjetoImp=\"01\"/>",
            it.quantity,
            escape(text)
        )
    };
    without_amounts(Amounts::of(generator, place, sketch).lines.iter().map(line).collect(), "", String::new())
}

fn salary(generator: &Generator, place: u32, sketch: &Sketch, employee: &Person) -> Body {
    let (gross, insurance, tax) = payroll(generator, place);
    let (salary, deductions) = (cents(gross), cents(insurance + tax));
    let mut dice = Dice::of(generator.seed, sketch.person, 10);
    let paid = sketch.emitted.date();
    let first = paid.saturating_sub(14.days());
    let digits = dice.below(100_000_000_000);
    let curp = format!("XAXX{}HDFRRN0{}", born(&employee.rfc), dice.below(10));
    let complement = format!(
        "<nomina12:Nomina Version=\"1.2\" TipoNomina=\"O\" FechaPago=\"{paid}\" FechaInicialPago=\"{first}\" \
         FechaFinalPago=\"{paid}\" NumDiasPagados=\"15.000\" TotalPercepciones=\"{salary}\" TotalDeducciones=\"{deductions}\">\
         <nomina12:Emisor RegistroPatronal=\"B5510768108\"/><nomina12:Receptor Curp=\"{curp}\" NumSeguridadSocial=\"{digits:011}\" \
         FechaInicioRelLaboral=\"2016-12-11\" Antigüedad=\"P300W\" TipoContrato=\"01\" TipoJornada=\"01\" TipoRegimen=\"02\" \
         NumEmpleado=\"{}\" Departamento=\"Operación &amp; Diseño\" Puesto=\"Analista\" RiesgoPuesto=\"1\" PeriodicidadPago=\"04\" \
         SalarioDiarioIntegrado=\"{}\" ClaveEntFed=\"JAL\"/><nomina12:Percepciones TotalSueldos=\"{salary}\" \
         TotalGravado=\"{salary}\" TotalExento=\"0.00\"><nomina12:Percepcion TipoPercepcion=\"001\" Clave=\"001\" \
         Concepto=\"Sueldos, salarios y rayas\" ImporteGravado=\"{salary}\" ImporteExento=\"0.00\"/></nomina12:Percepciones>\
         <nomina12:Deducciones TotalOtrasDeducciones=\"{}\" TotalImpuestosRetenidos=\"{}\"><nomina12:Deduccion \
         TipoDeduccion=\"001\" Clave=\"001\" Concepto=\"Seguridad social\" Importe=\"{}\"/><nomina12:Deduccion \
         TipoDeduccion=\"002\" Clave=\"002\" Concepto=\"ISR\" Importe=\"{}\"/></nomina12:Deducciones></nomina12:Nomina>",
        sketch.person + 1,
        cents(gross / 15),
        cents(insurance),
        cents(tax),
        cents(insurance),
        cents(tax),
    );
    let concepts = format!(
        "<cfdi:Concepto ClaveProdServ=\"84111505\" Cantidad=\"1\" ClaveUnidad=\"ACT\" Descripcion=\"Pago de nómina\" \
         ValorUnitario=\"{salary}\" Importe=\"{salary}\" Descuento=\"{deductions}\" ObjetoImp=\"01\"/>"
    );
    Body {
        subtotal: salary,
        discount: Some(deductions),
        currency: "MXN",
        payment: None,
        namespaces: " xmlns:nomina12=\"http://www.sat.gob.mx/nomina12\"",
        concepts,
        taxes: String::new(),
        complement,
    }
}

/// The six digits of the date of birth that an RFC holds.
fn born(rfc: &str) -> String {
    rfc.chars().filter(char::is_ascii_digit).take(6).collect()
}
