//! The order of the values of a cadena original: its vocabulary, and the search for an element.
//!
//! The rows themselves ([`super::order_table`]) are made by `xtask cadena`. An element may stand in
//! several rows: each names the formats it is for, and no two rows of an element share one.

use super::SealHash;
use super::order_table::ELEMENTS;

/// What a cadena original can be made of; a bit for each in [`Element::formats`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Cfdi40,
    Cfdi33,
    Cfdi32,
    Retenciones20,
    Retenciones10,
    Tfd11,
    Tfd10,
}

impl Format {
    /// The version that the document itself bears.
    pub fn version(self) -> &'static str {
        match self {
            Self::Cfdi40 => "4.0",
            Self::Cfdi33 => "3.3",
            Self::Cfdi32 => "3.2",
            Self::Retenciones20 => "2.0",
            Self::Tfd11 => "1.1",
            Self::Retenciones10 | Self::Tfd10 => "1.0",
        }
    }

    /// The digest that goes with it.
    pub fn hash(self) -> SealHash {
        match self {
            Self::Cfdi32 | Self::Retenciones10 | Self::Tfd10 => SealHash::Sha1,
            Self::Cfdi40 | Self::Cfdi33 | Self::Retenciones20 | Self::Tfd11 => SealHash::Sha256,
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// One move of a path through the tree; namespaces are places in [`super::order_table::NAMESPACES`].
#[derive(Debug)]
pub enum Move {
    /// To the children of a name.
    Child(u8, &'static str),
    /// To the descendants of a name, in the order of the document.
    Below(u8, &'static str),
    /// To all children.
    Any,
}

/// A path; without moves it stays where it is.
pub type Way = &'static [Move];

/// What is written of an element that a path leads to.
#[derive(Debug)]
pub enum Value {
    /// An attribute.
    Attribute(&'static str),
    /// The text.
    Text,
}

/// One step of an element's order.
#[derive(Debug)]
pub enum Step {
    /// Write the value, empty if it is absent.
    Must(Way, Value),
    /// Write the value if it exists.
    May(Way, Value),
    /// Follow the order of every element that the path leads to.
    Apply(Way),
    /// Do the steps at every element that the path leads to.
    Each(Way, &'static [Step]),
    /// Do the steps here if the path leads anywhere.
    If(Way, &'static [Step]),
    /// Do the steps here if an attribute has that value.
    IfIs(&'static str, &'static str, &'static [Step]),
}

/// The order of one element.
#[derive(Debug)]
pub struct Element {
    /// Its namespace, as a place in the table.
    pub namespace: u8,
    /// Its name without prefix.
    pub name: &'static str,
    /// The formats in which it has this order, as bits.
    pub formats: u8,
    /// Its order.
    pub steps: &'static [Step],
}

/// The order of an element in a format.
pub fn steps(format: Format, namespace: u8, name: &str) -> Option<&'static [Step]> {
    let from = ELEMENTS.partition_point(|it| (it.namespace, it.name) < (namespace, name));
    let rows = ELEMENTS[from..].iter().take_while(|it| it.namespace == namespace && it.name == name);
    rows.into_iter().find(|it| it.formats & format.bit() != 0).map(|it| it.steps)
}
