//! List 69-B: who is presumed to invoice what never happened, as the file that SAT publishes.
//!
//! Every fifth counterparty of the corpus is on it, the four situations in turn, among invented
//! strangers. The file is what readers stumble over in life: three lines before the first row, quotes
//! where a name has a comma, one byte a letter (windows-1252). The status query speaks from the same list.

use super::corpus::{Corpus, Facts};
use std::collections::BTreeMap;

/// One counterparty of so many is listed.
const ONE_OF: usize = 5;
/// Strangers on the list, so that most of it concerns nobody here.
const STRANGERS: usize = 40;

/// Where somebody stands in the procedure of article 69-B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Situation {
    Definitivo,
    Presunto,
    Desvirtuado,
    SentenciaFavorable,
}

impl Situation {
    const ALL: [Self; 4] = [Self::Definitivo, Self::Presunto, Self::Desvirtuado, Self::SentenciaFavorable];

    fn words(self) -> &'static str {
        match self {
            Self::Definitivo => "Definitivo",
            Self::Presunto => "Presunto",
            Self::Desvirtuado => "Desvirtuado",
            Self::SentenciaFavorable => "Sentencia Favorable",
        }
    }

    /// Whether the status query warns of somebody in it.
    fn is_suspect(self) -> bool {
        matches!(self, Self::Definitivo | Self::Presunto)
    }
}

/// The list.
#[derive(Debug)]
pub(super) struct Efos(BTreeMap<String, (String, Situation)>);

impl Efos {
    /// The list that goes with a corpus.
    pub fn of(corpus: &Corpus) -> Self {
        let known = corpus.counterparties().into_iter().enumerate().filter(|(place, _)| place % ONE_OF == 1);
        let known = known.map(|(place, it)| (it.rfc, it.name, place / ONE_OF));
        let strangers = (0..STRANGERS).map(|n| {
            let name = format!("COMERCIALIZADORA \"EL AÑO {n}\", S.A. DE C.V.");
            (format!("ÑAC{:02}0{}1{}AB{}", 10 + n / 2, 1 + n % 9, n % 10, n % 10), name, n)
        });
        let listed = strangers.chain(known).map(|(rfc, name, n)| (rfc, (name, Situation::ALL[n % Situation::ALL.len()])));
        Self(listed.collect())
    }

    /// What the status query says of a document's parties: 100 when somebody is suspect, else 200, or
    /// 201 when a third party was looked up as well.
    pub fn answer(&self, it: &Facts) -> &'static str {
        let suspect = |rfc: &str| self.0.get(rfc).is_some_and(|(_, situation)| situation.is_suspect());
        match &it.third {
            _ if suspect(&it.emisor.rfc) => "100",
            Some(third) if suspect(&third.rfc) => "100",
            Some(_) => "201",
            None => "200",
        }
    }

    /// The list as the file.
    pub fn csv(&self) -> Vec<u8> {
        let mut text = String::from(HEAD);
        for (n, (rfc, (name, situation))) in self.0.iter().enumerate() {
            text.push_str(&row(n + 1, rfc, name, *situation));
        }
        encoding_rs::WINDOWS_1252.encode(&text).0.into_owned()
    }
}

/// Notice, title, names of the columns.
const HEAD: &str = "Información actualizada al 15 de enero de 2026; es de prueba: nadie de esta lista existe,,,,,,,,,\r\n\
    Listado completo de contribuyentes (artículo 69-B del Código Fiscal de la Federación),,,,,,,,,\r\n\
    No,RFC,Nombre del Contribuyente,Situación del contribuyente,Número y fecha de oficio global de presunción SAT,\
    Publicación página SAT presuntos,Número y fecha de oficio global de contribuyentes que desvirtuaron SAT,\
    Publicación página SAT desvirtuados,Número y fecha de oficio global de definitivos SAT,Publicación página SAT definitivos\r\n";

fn row(n: usize, rfc: &str, name: &str, situation: Situation) -> String {
    let office = |is: bool| if is { format!("\"500-05-2025-{n:05} de fecha 8 de enero de 2025\",10/01/2025") } else { ",".into() };
    format!(
        "{n},{},{},{},{},{},{}\r\n",
        quoted(rfc),
        quoted(name),
        situation.words(),
        office(true),
        office(situation == Situation::Desvirtuado),
        office(situation == Situation::Definitivo),
    )
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}
