//! XML read once into a flat tree: what the JSON and the indexed columns are both made from.
//!
//! Promises: one pass, borrowed text wherever XML allows it, and bounds on size, depth, elements
//! and attributes before any memory is spent on them. DOCTYPE and every entity but the five
//! predefined are refused. Namespaces are resolved by name and never fetched. It does not judge the
//! document; a prefix that nobody declared is remembered, not refused.

use super::encoding::DecodeError;
use super::list_paths::{self, Node as ListNode};
use fedatario_base::Code;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesRef, BytesStart, Event};
use std::borrow::Cow;

/// Bytes of one document. SAT's own limit for a stamped file is far lower; addenda are not bound by it.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024 * 1024;
/// Open elements at once; real documents stay below 20, and the JSON writer recurses this deep.
pub const MAX_DEPTH: usize = 256;
/// Attributes of one element; the richest in the schemas has about 30.
pub const MAX_ATTRIBUTES: usize = 256;
/// Elements of one document, so that 64 MiB of `<a/>` cannot take gigabytes.
pub const MAX_ELEMENTS: usize = 1_000_000;
/// Attributes of one document, for the same reason.
pub const MAX_ATTRIBUTES_TOTAL: usize = 4_000_000;

/// Namespace bindings in scope at once: looking a prefix up walks them.
pub const MAX_BINDINGS: usize = 512;
/// Bytes of a value looked at before it is asked whether one of them needs work.
const PLAIN_CHUNK: usize = 64;
/// What the prefix `xml` always means.
const XML_NAMESPACE: &str = "http://www.w3.org/XML/1998/namespace";

/// Index of an element in [`Tree::nodes`].
pub type NodeId = u32;

/// An attribute, namespace declarations included, in the order of the document.
#[derive(Debug)]
pub struct Attribute<'a> {
    /// The name as written, with its prefix.
    pub name: &'a str,
    /// The value after XML's attribute normalisation.
    pub value: Cow<'a, str>,
}

/// An element.
#[derive(Debug)]
pub struct Node<'a> {
    /// The name as written, with its prefix.
    pub name: &'a str,
    namespace: u32,
    attributes: (u32, u32),
    text: Cow<'a, str>,
    first: Option<NodeId>,
    next: Option<NodeId>,
    list: bool,
}

/// A document in memory. The root is node 0.
#[derive(Debug)]
pub struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    attributes: Vec<Attribute<'a>>,
    namespaces: Vec<Cow<'a, str>>,
    /// Some element uses a prefix that no ancestor declares.
    pub undeclared_prefix: bool,
    /// Text other than blanks follows the root.
    pub trailing_junk: bool,
}

/// Why bytes are not a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// More than [`MAX_DOCUMENT_BYTES`], [`MAX_ELEMENTS`] or the bounds on attributes.
    #[error("the document is larger than {0} allows")]
    TooLarge(&'static str),
    /// More than [`MAX_DEPTH`] open elements.
    #[error("more than {MAX_DEPTH} elements are open at once")]
    TooDeep,
    /// A document type declaration, or an entity that only one could define.
    #[error("document types and their entities are refused")]
    Doctype,
    /// Not the text it says it is.
    #[error(transparent)]
    Encoding(#[from] DecodeError),
    /// Not well-formed.
    #[error("not well-formed near byte {at}: {what}")]
    Malformed {
        /// Bytes read before the mistake.
        at: u64,
        /// What the parser found.
        what: String,
    },
}

impl XmlError {
    /// The entry of the table of codes.
    pub fn code(&self) -> Code {
        match self {
            XmlError::TooLarge(_) => Code::XmlTooLarge,
            XmlError::TooDeep => Code::XmlTooDeep,
            XmlError::Doctype => Code::XmlDoctype,
            XmlError::Encoding(_) | XmlError::Malformed { .. } => Code::XmlMalformed,
        }
    }
}

/// The part of a qualified name after its prefix.
pub fn local_name(name: &str) -> &str {
    name.split_once(':').map_or(name, |(_, local)| local)
}

/// Whether a value is free of references, blanks to normalise and NUL: of `&` and all below the
/// space. Looked at without an early end, so that many bytes are looked at together.
fn is_plain(value: &[u8]) -> bool {
    value.chunks(PLAIN_CHUNK).all(|chunk| !chunk.iter().fold(false, |found, it| found | (*it < b' ') | (*it == b'&')))
}

/// The first tag of a decoded document, whatever follows it.
pub(super) fn first_tag(text: &str) -> Option<BytesStart<'_>> {
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => return Some(tag),
            Event::DocType(_) | Event::Eof => return None,
            _ => {}
        }
    }
}

/// The prefix that an attribute declares, if it is a namespace declaration.
fn declared_prefix(name: &str) -> Option<&str> {
    match name.strip_prefix("xmlns")? {
        "" => Some(""),
        rest => rest.strip_prefix(':'),
    }
}

impl<'a> Tree<'a> {
    /// Reads a decoded document, from its first `<`.
    pub fn read(text: &'a str) -> Result<Self, XmlError> {
        if text.len() > MAX_DOCUMENT_BYTES {
            return Err(XmlError::TooLarge("MAX_DOCUMENT_BYTES"));
        }
        Builder::new(text).run()
    }

    /// The root element.
    pub fn root(&self) -> NodeId {
        0
    }

    /// One element.
    pub fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id as usize]
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a document has a root.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The namespace of an element; empty when it has none.
    pub fn namespace(&self, id: NodeId) -> &str {
        &self.namespaces[self.node(id).namespace as usize]
    }

    /// The place of an element's namespace in [`Tree::namespaces`].
    pub(super) fn namespace_place(&self, id: NodeId) -> usize {
        self.node(id).namespace as usize
    }

    /// Every namespace that the document binds, in the order of their places.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.namespaces.iter().map(AsRef::as_ref)
    }

    /// The name of an element without its prefix.
    pub fn local(&self, id: NodeId) -> &'a str {
        local_name(self.node(id).name)
    }

    /// The attributes of an element, in the order of the document.
    pub fn attributes(&self, id: NodeId) -> &[Attribute<'a>] {
        let (from, to) = self.node(id).attributes;
        &self.attributes[from as usize..to as usize]
    }

    /// The value of an attribute without prefix.
    pub fn attribute(&self, id: NodeId, name: &str) -> Option<&str> {
        self.attributes(id).iter().find(|it| it.name == name).map(|it| it.value.as_ref())
    }

    /// Its own text, all pieces joined, blanks around it removed.
    pub fn text(&self, id: NodeId) -> &str {
        self.node(id).text.trim()
    }

    /// Whether the schemas let the element repeat at its place.
    pub fn may_repeat(&self, id: NodeId) -> bool {
        self.node(id).list
    }

    /// The elements right below, in the order of the document.
    pub fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.node(id).first, |it| self.node(*it).next)
    }

    /// Every attribute of the document.
    pub fn all_attributes(&self) -> &[Attribute<'a>] {
        &self.attributes
    }
}

/// An element that is still open.
struct Open {
    id: NodeId,
    last_child: Option<NodeId>,
    /// How many namespace bindings there were before it.
    bindings: usize,
    /// Where the schemas stand: what may follow below this element.
    lists: &'static [ListNode],
}

struct Builder<'a> {
    source: &'a str,
    reader: quick_xml::Reader<&'a [u8]>,
    tree: Tree<'a>,
    open: Vec<Open>,
    /// Prefix and index in `tree.namespaces`, innermost last.
    bindings: Vec<(&'a str, u32)>,
}

impl<'a> Builder<'a> {
    fn new(source: &'a str) -> Self {
        let tree = Tree {
            nodes: Vec::new(),
            attributes: Vec::new(),
            namespaces: vec![Cow::Borrowed(""), Cow::Borrowed(XML_NAMESPACE)],
            undeclared_prefix: false,
            trailing_junk: false,
        };
        let reader = quick_xml::Reader::from_str(source);
        Self { source, reader, tree, open: Vec::new(), bindings: vec![("xml", 1)] }
    }

    fn run(mut self) -> Result<Tree<'a>, XmlError> {
        loop {
            match self.reader.read_event().map_err(|error| self.malformed(error))? {
                Event::Start(start) => self.start(&start, 1)?,
                Event::Empty(start) => {
                    self.start(&start, 2)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(text.xml10_content())?,
                Event::CData(text) => self.text(text.xml10_content())?,
                Event::GeneralRef(reference) => self.reference(&reference)?,
                Event::DocType(_) => return Err(XmlError::Doctype),
                Event::Comment(_) | Event::PI(_) | Event::Decl(_) => {}
                Event::Eof => return self.finish(),
            }
        }
    }

    fn malformed(&self, what: impl std::fmt::Display) -> XmlError {
        XmlError::Malformed { at: self.reader.buffer_position(), what: what.to_string() }
    }

    fn finish(self) -> Result<Tree<'a>, XmlError> {
        if !self.open.is_empty() {
            return Err(self.malformed("an element is never closed"));
        }
        if self.tree.nodes.is_empty() {
            return Err(self.malformed("there is no element"));
        }
        Ok(self.tree)
    }

    /// Opens an element whose tag ends `closing` bytes after its attributes (`>` or `/>`).
    fn start(&mut self, start: &BytesStart<'_>, closing: usize) -> Result<(), XmlError> {
        self.check_room()?;
        let (tag, name) = self.tag(start, closing)?;
        let bindings = self.bindings.len();
        let attributes = self.attributes(tag, name.len())?;
        let namespace = self.resolve(name);
        let id = self.tree.nodes.len() as NodeId;
        let (list, lists) = self.schema_step(namespace, local_name(name));
        self.tree.nodes.push(Node { name, namespace, attributes, text: Cow::Borrowed(""), first: None, next: None, list });
        self.link(id);
        self.open.push(Open { id, last_child: None, bindings, lists });
        Ok(())
    }

    fn check_room(&self) -> Result<(), XmlError> {
        if self.open.is_empty() && !self.tree.nodes.is_empty() {
            return Err(self.malformed("a second root element"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(XmlError::TooDeep);
        }
        if self.tree.nodes.len() >= MAX_ELEMENTS {
            return Err(XmlError::TooLarge("MAX_ELEMENTS"));
        }
        Ok(())
    }

    /// The tag's text in the source, which outlives the event that announced it.
    fn tag(&self, start: &BytesStart<'_>, closing: usize) -> Result<(&'a str, &'a str), XmlError> {
        let name_len = start.name().0.len();
        let len = name_len + start.attributes_raw().len();
        let end = (self.reader.buffer_position() as usize).saturating_sub(closing);
        let tag = end.checked_sub(len).and_then(|from| self.source.get(from..end));
        let tag = tag.filter(|_| name_len > 0).ok_or_else(|| self.malformed("a tag without a name"))?;
        Ok((tag, &tag[..name_len]))
    }

    fn attributes(&mut self, tag: &'a str, name_len: usize) -> Result<(u32, u32), XmlError> {
        let from = self.tree.attributes.len();
        for attribute in Attributes::new(tag, name_len) {
            let attribute = attribute.map_err(|error| self.malformed(error))?;
            let value = self.value(&attribute)?;
            let total = self.tree.attributes.len();
            if total - from >= MAX_ATTRIBUTES || total >= MAX_ATTRIBUTES_TOTAL {
                return Err(XmlError::TooLarge("MAX_ATTRIBUTES"));
            }
            if let Some(prefix) = declared_prefix(attribute.key.0) {
                self.bind(prefix, value.clone())?;
            }
            self.tree.attributes.push(Attribute { name: attribute.key.0, value });
        }
        Ok((from as u32, self.tree.attributes.len() as u32))
    }

    /// The value as XML means it. Most, and the long ones above all, mean what they are.
    fn value(&self, attribute: &quick_xml::events::attributes::Attribute<'a>) -> Result<Cow<'a, str>, XmlError> {
        if is_plain(attribute.value.as_bytes()) {
            return Ok(attribute.value.clone());
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| self.malformed(error))?;
        self.refuse_nul(&value)?;
        Ok(value)
    }

    /// PostgreSQL's `jsonb` cannot hold it, and XML forbids it.
    fn refuse_nul(&self, text: &str) -> Result<(), XmlError> {
        if text.contains('\0') { Err(self.malformed("a NUL character")) } else { Ok(()) }
    }

    fn bind(&mut self, prefix: &'a str, uri: Cow<'a, str>) -> Result<(), XmlError> {
        if self.bindings.len() >= MAX_BINDINGS {
            return Err(XmlError::TooLarge("MAX_BINDINGS"));
        }
        self.bindings.push((prefix, self.tree.namespaces.len() as u32));
        self.tree.namespaces.push(uri);
        Ok(())
    }

    fn resolve(&mut self, name: &str) -> u32 {
        let prefix = name.split_once(':').map_or("", |(prefix, _)| prefix);
        match self.bindings.iter().rev().find(|(bound, _)| *bound == prefix) {
            Some((_, namespace)) => *namespace,
            None => {
                self.tree.undeclared_prefix |= !prefix.is_empty();
                0
            }
        }
    }

    /// Whether the schemas let an element repeat here, and what they say about its children. A path
    /// starts anew wherever the namespace changes, as it does in a complement.
    fn schema_step(&self, namespace: u32, local: &str) -> (bool, &'static [ListNode]) {
        let uri = &self.tree.namespaces[namespace as usize];
        let parent = self.open.last().filter(|it| {
            let parent = self.tree.nodes[it.id as usize].namespace;
            parent == namespace || self.tree.namespaces[parent as usize] == *uri
        });
        let candidates = parent.map_or_else(|| list_paths::roots(uri), |it| it.lists);
        candidates.iter().find(|it| it.name == local).map_or((false, &[]), |it| (it.list, it.children))
    }

    fn link(&mut self, id: NodeId) {
        let Some(parent) = self.open.last_mut() else { return };
        match parent.last_child.replace(id) {
            Some(sibling) => self.tree.nodes[sibling as usize].next = Some(id),
            None => self.tree.nodes[parent.id as usize].first = Some(id),
        }
    }

    fn end(&mut self) {
        if let Some(open) = self.open.pop() {
            self.bindings.truncate(open.bindings);
        }
    }

    fn text(&mut self, piece: Cow<'a, str>) -> Result<(), XmlError> {
        let Some(open) = self.open.last() else {
            self.tree.trailing_junk |= !piece.trim().is_empty();
            return Ok(());
        };
        self.refuse_nul(&piece)?;
        let text = &mut self.tree.nodes[open.id as usize].text;
        match text.is_empty() {
            // What stands before the first word is trimmed in the end: the blanks of a layout cost nothing.
            true if piece.trim().is_empty() => {}
            true => *text = piece,
            false => text.to_mut().push_str(&piece),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), XmlError> {
        let character = reference.resolve_char_ref().map_err(|error| self.malformed(error))?;
        let text = match character {
            Some(it) => Cow::Owned(it.to_string()),
            None => Cow::Borrowed(resolve_xml_entity(reference).ok_or(XmlError::Doctype)?),
        };
        self.text(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_hold_before_memory_is_spent() {
        let deep = |n: usize| "<a>".repeat(n) + &"</a>".repeat(n);
        let attributes = |n: usize| format!("<a{}/>", (0..n).map(|it| format!(" a{it}=''")).collect::<String>());
        let bindings = |n: usize| {
            let level: String = (0..200).map(|it| format!(" xmlns:p{it}=''")).collect();
            format!("<a{level}>").repeat(n) + &"</a>".repeat(n)
        };
        let cases = [
            (deep(MAX_DEPTH), Ok(())),
            (deep(MAX_DEPTH + 1), Err(Code::XmlTooDeep)),
            (deep(200_000), Err(Code::XmlTooDeep)),
            (attributes(MAX_ATTRIBUTES), Ok(())),
            (attributes(MAX_ATTRIBUTES + 1), Err(Code::XmlTooLarge)),
            (bindings(2), Ok(())),
            (bindings(4), Err(Code::XmlTooLarge)),
            (format!("<r>{}</r>", "<a/>".repeat(MAX_ELEMENTS)), Err(Code::XmlTooLarge)),
            (format!("<r>{}</r>", " ".repeat(MAX_DOCUMENT_BYTES)), Err(Code::XmlTooLarge)),
        ];
        for (text, expected) in cases {
            assert_eq!(Tree::read(&text).map(|_| ()).map_err(|it| it.code()), expected, "{:.80}", text);
        }
        fedatario_testkit::covers!("XML: size, depth, elements, attributes and namespace bindings are bounded");
    }

    #[test]
    fn doctypes_entities_and_broken_documents_are_refused() {
        let cases = [
            ("<!DOCTYPE a><a/>", Code::XmlDoctype),
            ("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", Code::XmlDoctype),
            ("<a>&x;</a>", Code::XmlDoctype),
            ("<a b='&x;'/>", Code::XmlMalformed),
            ("<a>&#0;</a>", Code::XmlMalformed),
            ("<a>\0</a>", Code::XmlMalformed),
            ("<a b='\0'/>", Code::XmlMalformed),
            ("<a b='1' b='2'/>", Code::XmlMalformed),
            ("<a></b>", Code::XmlMalformed),
            ("<a>", Code::XmlMalformed),
            ("<cfdi:Comprobante", Code::XmlMalformed),
            ("<a/><b/>", Code::XmlMalformed),
            ("<?xml version='1.0'?>", Code::XmlMalformed),
            ("< />", Code::XmlMalformed),
            ("<>", Code::XmlMalformed),
        ];
        for (text, expected) in cases {
            assert_eq!(Tree::read(text).map(|_| ()).map_err(|it| it.code()), Err(expected), "{text}");
        }
        fedatario_testkit::covers!("XML: DOCTYPE and undefined entities are refused");
    }

    #[test]
    fn namespaces_follow_their_scope() {
        let text = "<a xmlns='x' xmlns:p='y'><p:b/><c xmlns=''><d/></c><q:e/><xml:f/></a>";
        let tree = Tree::read(text).unwrap();
        let found: Vec<_> = (0..tree.len() as NodeId).map(|it| (tree.local(it), tree.namespace(it).to_owned())).collect();
        let expected = [("a", "x"), ("b", "y"), ("c", ""), ("d", ""), ("e", ""), ("f", XML_NAMESPACE)];
        assert_eq!(found, expected.map(|(name, uri)| (name, uri.to_owned())));
        assert!(tree.undeclared_prefix);
    }
}
