//! A document as one row: the columns that an accountant wants.

use super::sheet::{Cell, Column, Kind};
use super::walk::Read;
use crate::model::Role;
use fedatario_fiscal::mx::accounts::{Accounts, TaxKind};
use rust_decimal::Decimal;
use serde_json::{Map, Value};

/// Characters of the concepts that a row shows.
const CONCEPT_CHARS: usize = 200;

const fn text(name: &'static str) -> Column {
    Column { name, kind: Kind::Text }
}

const fn amount(name: &'static str) -> Column {
    Column { name, kind: Kind::Amount }
}

const fn instant(name: &'static str) -> Column {
    Column { name, kind: Kind::Instant }
}

/// The columns, in their order. New ones come at the end.
pub const COLUMNS: &[Column] = &[
    instant("fecha"),
    text("uuid"),
    text("serie"),
    text("folio"),
    text("emisor_rfc"),
    text("emisor_nombre"),
    text("receptor_rfc"),
    text("receptor_nombre"),
    text("papel"),
    text("tipo"),
    text("version"),
    text("metodo_pago"),
    text("forma_pago"),
    text("uso_cfdi"),
    text("moneda"),
    amount("tipo_cambio"),
    amount("subtotal"),
    amount("descuento"),
    amount("iva_trasladado"),
    amount("ieps_trasladado"),
    amount("iva_retenido"),
    amount("isr_retenido"),
    amount("ieps_retenido"),
    amount("impuestos_locales"),
    amount("total"),
    text("estado"),
    instant("fecha_cancelacion"),
    instant("fecha_timbrado"),
    text("complementos"),
    text("conceptos"),
    text("avisos"),
];

/// The cells of a document, one for each column. Amounts are in its own currency, as it has them;
/// without readable amounts those cells are empty, never zero.
pub fn cells(read: &Read) -> Vec<Cell> {
    let (row, none) = (&read.found.row, Accounts::default());
    let known = read.accounts.is_some();
    let it = read.accounts.as_ref().unwrap_or(&none);
    let tax = |amount: Decimal| if known { Cell::Amount(amount) } else { Cell::Empty };
    let total = Decimal::from_str_exact(&row.total).ok();
    vec![
        Cell::instant(&row.date),
        Cell::text(&row.uuid),
        Cell::text(&it.series),
        Cell::text(&it.folio),
        Cell::text(&row.issuer),
        Cell::text(&row.issuer_name),
        Cell::text(&row.receiver),
        Cell::text(&row.receiver_name),
        Cell::text(role(row.role)),
        Cell::text(&row.kind),
        Cell::text(&row.version),
        Cell::text(&it.method),
        Cell::text(&it.form),
        Cell::text(&it.use_code),
        Cell::text(&row.currency),
        Cell::amount(it.rate),
        Cell::amount(it.subtotal),
        Cell::amount(it.discount),
        tax(it.transferred_of(TaxKind::Iva)),
        tax(it.transferred_of(TaxKind::Ieps)),
        tax(it.withheld_of(TaxKind::Iva)),
        tax(it.withheld_of(TaxKind::Isr)),
        tax(it.withheld_of(TaxKind::Ieps)),
        tax(it.local_transferred - it.local_withheld),
        Cell::amount(total),
        Cell::text(read.found.status.text()),
        Cell::instant(read.found.cancelled_at.as_deref().unwrap_or_default()),
        Cell::instant(&it.stamped_at),
        Cell::text(&row.complements),
        Cell::text(concepts(it)),
        Cell::text(&row.warnings),
    ]
}

/// A document as an object of its columns; amounts are texts.
pub fn object(read: &Read) -> Map<String, Value> {
    let value = |cell: Cell| match cell {
        Cell::Empty => Value::Null,
        Cell::Text(text) => text.into(),
        Cell::Amount(amount) => amount.to_string().into(),
        Cell::Instant(at) => at.to_string().into(),
    };
    COLUMNS.iter().zip(cells(read)).map(|(column, cell)| (column.name.to_owned(), value(cell))).collect()
}

/// The word for a taxpayer's part.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Issued => "emitido",
        Role::Received => "recibido",
        Role::Both => "emitido y recibido",
        Role::Foreign => "ajeno",
    }
}

fn concepts(accounts: &Accounts) -> String {
    accounts.concepts.join("; ").chars().take(CONCEPT_CHARS).collect()
}
