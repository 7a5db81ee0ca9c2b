//! Follows the order over a tree and writes the values down.
//!
//! Each value is written after a bar, its white space collapsed and trimmed as XPath does: blank, tab,
//! carriage return and line feed, nothing else. Work is bounded by the number of elements, whatever the
//! nesting, and recursion by the depth that the tree has.

use super::order::{self, Format, Move, Step, Value, Way};
use super::order_table::NAMESPACES;
use super::{CadenaError, MAX_UNKNOWN, is_stamp};
use crate::mx::tree::{MAX_DEPTH, NodeId, Tree};

/// Elements looked at for each element there is: the longest order has some forty steps, each of which
/// walks the children once.
const MAX_LOOKS_PER_ELEMENT: usize = 256;
/// Orders followed inside one another: one a level, and one more where an element is applied to itself.
const MAX_LEVELS: usize = 2 * MAX_DEPTH;
/// A namespace that no order names.
const FOREIGN: u8 = u8::MAX;

/// What came of it.
pub struct Written {
    /// The text, bars included.
    pub cadena: String,
    /// Namespaces of complements without an order.
    pub unknown: Vec<String>,
    /// A value holds a bar.
    pub bars: bool,
}

/// The text of a whole document.
pub fn document(tree: &Tree<'_>, format: Format) -> Result<Written, CadenaError> {
    write(tree, tree.root(), format)
}

/// The text of a stamp.
pub fn stamp(tree: &Tree<'_>, id: NodeId, format: Format) -> Result<Written, CadenaError> {
    write(tree, id, format)
}

fn write(tree: &Tree<'_>, id: NodeId, format: Format) -> Result<Written, CadenaError> {
    let namespaces = tree.namespaces().map(place_of).collect();
    let written = Written { cadena: String::with_capacity(1024), unknown: Vec::new(), bars: false };
    let looks = tree.len().saturating_mul(MAX_LOOKS_PER_ELEMENT);
    let mut writer = Writer { tree, format, namespaces, scratch: Vec::new(), looks, level: 0, written };
    writer.written.cadena.push('|');
    writer.element(id, false)?;
    writer.written.cadena.push_str("||");
    Ok(writer.written)
}

fn place_of(namespace: &str) -> u8 {
    NAMESPACES.binary_search(&namespace).map_or(FOREIGN, |it| it as u8)
}

struct Writer<'t, 'a> {
    tree: &'t Tree<'a>,
    format: Format,
    /// For each namespace of the tree, its place in the table.
    namespaces: Vec<u8>,
    /// Elements that the paths under way lead to; each keeps to its own end of it.
    scratch: Vec<NodeId>,
    looks: usize,
    level: usize,
    written: Written,
}

impl<'t> Writer<'t, '_> {
    /// Follows the order of an element; `wild` says that no path named it.
    fn element(&mut self, id: NodeId, wild: bool) -> Result<(), CadenaError> {
        let namespace = self.namespaces[self.tree.namespace_place(id)];
        match order::steps(self.format, namespace, self.tree.local(id)) {
            Some(steps) => self.deeper(|it| it.steps(id, steps)),
            None if wild && is_stamp(self.tree, id) => Ok(()),
            None => {
                if wild {
                    self.note_unknown(id);
                }
                self.deeper(|it| it.bare_text(id))
            }
        }
    }

    fn deeper(&mut self, what: impl FnOnce(&mut Self) -> Result<(), CadenaError>) -> Result<(), CadenaError> {
        if self.level >= MAX_LEVELS {
            return Err(CadenaError::TooManySteps);
        }
        self.level += 1;
        let done = what(self);
        self.level -= 1;
        done
    }

    fn note_unknown(&mut self, id: NodeId) {
        let (namespace, unknown) = (self.tree.namespace(id), &mut self.written.unknown);
        if unknown.len() < MAX_UNKNOWN && !unknown.iter().any(|it| it == namespace) {
            unknown.push(namespace.to_owned());
        }
    }

    /// What a style sheet does with an element it has no rule for.
    fn bare_text(&mut self, id: NodeId) -> Result<(), CadenaError> {
        let tree = self.tree;
        self.look(1)?;
        self.written.cadena.push_str(tree.text(id));
        tree.children(id).try_for_each(|it| self.deeper(|writer| writer.bare_text(it)))
    }

    fn steps(&mut self, id: NodeId, steps: &'static [Step]) -> Result<(), CadenaError> {
        steps.iter().try_for_each(|it| self.step(id, it))
    }

    fn step(&mut self, id: NodeId, step: &'static Step) -> Result<(), CadenaError> {
        match step {
            Step::Must(way, value) => self.value(id, way, value, true),
            Step::May(way, value) => self.value(id, way, value, false),
            Step::Apply(way) => {
                let wild = matches!(way.last(), Some(Move::Any));
                self.each(id, way, |writer, it| writer.element(it, wild))
            }
            Step::Each(way, steps) => self.each(id, way, |writer, it| writer.steps(it, steps)),
            Step::If(way, steps) => {
                let from = self.select(id, way)?;
                let any = self.scratch.len() > from;
                self.scratch.truncate(from);
                if any { self.steps(id, steps) } else { Ok(()) }
            }
            Step::IfIs(name, value, steps) if self.tree.attribute(id, name) == Some(value) => self.steps(id, steps),
            Step::IfIs(..) => Ok(()),
        }
    }

    fn each(
        &mut self,
        id: NodeId,
        way: Way,
        mut what: impl FnMut(&mut Self, NodeId) -> Result<(), CadenaError>,
    ) -> Result<(), CadenaError> {
        let from = self.select(id, way)?;
        let mut place = from;
        while let Some(it) = self.scratch.get(place).copied() {
            what(self, it)?;
            place += 1;
        }
        self.scratch.truncate(from);
        Ok(())
    }

    /// Writes the first value that the path leads to.
    fn value(&mut self, id: NodeId, way: Way, value: &Value, required: bool) -> Result<(), CadenaError> {
        let tree = self.tree;
        let get = |it: NodeId| match value {
            Value::Attribute(name) => tree.attribute(it, name),
            Value::Text => Some(tree.text(it)),
        };
        let found = if way.is_empty() {
            get(id)
        } else {
            let from = self.select(id, way)?;
            let found = self.scratch[from..].iter().find_map(|it| get(*it));
            self.scratch.truncate(from);
            found
        };
        if found.is_some() || required {
            self.put(found.unwrap_or_default());
        }
        Ok(())
    }

    fn put(&mut self, value: &str) {
        let cadena = &mut self.written.cadena;
        cadena.push('|');
        let from = cadena.len();
        for word in value.split([' ', '\t', '\r', '\n']).filter(|it| !it.is_empty()) {
            if cadena.len() > from {
                cadena.push(' ');
            }
            cadena.push_str(word);
        }
        self.written.bars |= cadena[from..].contains('|');
    }

    fn look(&mut self, elements: usize) -> Result<(), CadenaError> {
        self.looks = self.looks.checked_sub(elements).ok_or(CadenaError::TooManySteps)?;
        Ok(())
    }

    /// Puts the elements that a path leads to at the end of the scratch; answers where they begin.
    fn select(&mut self, id: NodeId, way: Way) -> Result<usize, CadenaError> {
        let from = self.scratch.len();
        self.scratch.push(id);
        let mut sorted = true;
        for it in way {
            let (first, end) = (from, self.scratch.len());
            for place in first..end {
                self.go(self.scratch[place], it)?;
            }
            self.scratch.drain(first..end);
            sorted &= !matches!(it, Move::Below(..));
        }
        if !sorted {
            // Elements are numbered in the order of the document; nested ones may be met twice.
            let mut found = self.scratch.split_off(from);
            found.sort_unstable();
            found.dedup();
            self.scratch.extend(found);
        }
        Ok(from)
    }

    fn go(&mut self, id: NodeId, along: &Move) -> Result<(), CadenaError> {
        let tree: &'t Tree<'_> = self.tree;
        for child in tree.children(id) {
            self.look(1)?;
            match along {
                Move::Any => self.scratch.push(child),
                Move::Child(namespace, name) if self.is(child, *namespace, name) => self.scratch.push(child),
                Move::Child(..) => {}
                Move::Below(namespace, name) => {
                    if self.is(child, *namespace, name) {
                        self.scratch.push(child);
                    }
                    self.go(child, along)?;
                }
            }
        }
        Ok(())
    }

    fn is(&self, id: NodeId, namespace: u8, name: &str) -> bool {
        self.namespaces[self.tree.namespace_place(id)] == namespace && self.tree.local(id) == name
    }
}
