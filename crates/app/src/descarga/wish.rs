//! One request as somebody words it, brought into the terms of SAT's service.

use crate::error::{AppError, AppResult};
use crate::model::{Content, Direction, Estado, Family, Filters, Wanted};
use fedatario_base::Code;
use fedatario_fiscal::mx::asking;
use jiff::civil::{Date, DateTime};
use std::collections::BTreeSet;

/// Folios that one wish asks for: each is a request of its own.
pub const FOLIOS_AT_MOST: usize = 500;

/// What somebody wants, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// At which service; CFDI unless said.
    pub family: Option<Family>,
    /// From whose side; issued unless said.
    pub direction: Option<Direction>,
    /// Documents or metadata; documents unless said.
    pub content: Option<Content>,
    /// `EstadoComprobante`; what the service takes for the content unless said.
    pub estado: Option<Estado>,
    /// From when: a date, or a moment to the second.
    pub from: Option<String>,
    /// To when, included.
    pub to: Option<String>,
    /// Letter of `TipoComprobante`.
    pub kind: Option<String>,
    /// Name of a complement.
    pub complement: Option<String>,
    /// RFCs of the other side.
    pub counterparties: Vec<String>,
    /// RFC on whose account.
    pub third_party: Option<String>,
    /// UUIDs; with any, nothing else counts.
    pub folios: Vec<String>,
}

impl Wish {
    /// What it means: one window, or each folio.
    pub fn wanted(&self) -> AppResult<Vec<Wanted>> {
        let family = self.family.unwrap_or(Family::Cfdi);
        if !self.folios.is_empty() {
            return self.of_folios(family);
        }
        let direction = self.direction.unwrap_or(Direction::Issued);
        let content = self.content.unwrap_or(Content::Cfdi);
        let usual = match (direction, content) {
            (Direction::Received, Content::Cfdi) => Estado::Vigente,
            _ => Estado::Todos,
        };
        let counterparties: BTreeSet<String> = self.counterparties.iter().map(|it| it.trim().to_uppercase()).collect();
        let filters = Filters {
            counterparties: counterparties.into_iter().collect(),
            kind: self.kind.as_ref().map(|it| it.to_uppercase()),
            complement: self.complement.as_ref().map(|it| it.to_lowercase()),
            third_party: self.third_party.as_ref().map(|it| it.trim().to_uppercase()),
            folio: None,
        };
        let from = moment("from", self.from.as_deref(), |it| it.at(0, 0, 0, 0))?;
        let to = moment("to", self.to.as_deref(), |it| it.at(23, 59, 59, 0))?;
        Ok(vec![Wanted { family, direction, content, estado: self.estado.unwrap_or(usual), from, to, filters }])
    }

    fn of_folios(&self, family: Family) -> AppResult<Vec<Wanted>> {
        if self.folios.len() > FOLIOS_AT_MOST {
            return Err(input(Code::Usage, format!("folio: {} are too many, {FOLIOS_AT_MOST} at most", self.folios.len())));
        }
        let folios: Result<BTreeSet<String>, asking::Broken> =
            self.folios.iter().map(|it| asking::folio(it).map(|it| it.to_string())).collect();
        let folios = folios.map_err(|broken| input(broken.code(), broken.to_string()))?;
        let of = |folio: String| Wanted {
            family,
            direction: Direction::Issued,
            content: Content::Cfdi,
            estado: Estado::Todos,
            from: DateTime::ZERO,
            to: DateTime::ZERO,
            filters: Filters { folio: Some(folio), ..Filters::default() },
        };
        Ok(folios.into_iter().map(of).collect())
    }
}

/// A moment to the second, or a date alone, which means the whole day. Civil time of Mexico City.
fn moment(name: &str, text: Option<&str>, of_day: impl Fn(Date) -> DateTime) -> AppResult<DateTime> {
    let text = text.unwrap_or_default().trim();
    if let Ok(day) = text.parse::<Date>()
        && text.len() == "2025-01-31".len()
    {
        return Ok(of_day(day));
    }
    let shaped = text.len() == "2025-01-31T23:59:59".len();
    let moment = text.parse::<DateTime>().ok().filter(|_| shaped);
    moment.ok_or_else(|| input(Code::Usage, format!("{name}: {text:?} is no 2025-01-31 and no 2025-01-31T23:59:59")))
}

fn input(code: Code, text: String) -> AppError {
    AppError::Input { code, text }
}
