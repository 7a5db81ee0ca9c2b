//! Canonical XML 1.0, inclusive and exclusive, of a document or of one element in it.
//!
//! Promises: the bytes of the W3C recommendations, which libxml2 judges in the tests; time and
//! memory in proportion to what is written, and what is written is bounded, because a namespace
//! declared once may have to be written thousands of times. A subset is an element with all that
//! is in it, at most without one element within: what XML signatures need, and nothing else.

use crate::document::{Attribute, Content, Document, Limits, Node, NodeId, NsId, XML_NS, prefix_of};
use crate::error::XmlSigError;
use std::collections::{HashMap, HashSet};

/// Longest canonical form, as a multiple of the source: real documents stay below two.
pub const MAX_GROWTH: usize = 4;
/// What a canonical form may always have, bytes, so that the bound on growth spares small documents.
pub const MIN_ROOM: usize = 64 << 10;

/// A canonicalisation method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    exclusive: bool,
    comments: bool,
    prefixes: Vec<String>,
}

impl Method {
    /// Canonical XML 1.0, comments dropped.
    pub const INCLUSIVE: Method = Method { exclusive: false, comments: false, prefixes: Vec::new() };
    /// Exclusive canonical XML 1.0, comments dropped.
    pub const EXCLUSIVE: Method = Method { exclusive: true, comments: false, prefixes: Vec::new() };

    /// The same, comments kept.
    pub fn with_comments(mut self) -> Self {
        self.comments = true;
        self
    }

    /// The same, these prefixes treated inclusively (`#default` for the default namespace). It has
    /// no effect on the inclusive method.
    pub fn with_prefixes(mut self, prefixes: &[&str]) -> Self {
        let canonical = |it: &&str| if *it == "#default" { String::new() } else { (*it).to_owned() };
        self.prefixes = prefixes.iter().map(canonical).collect();
        self
    }

    fn is_inclusive_for(&self, prefix: &str) -> bool {
        !self.exclusive || self.prefixes.iter().any(|it| it == prefix)
    }
}

/// The canonical form of a whole document.
pub fn canonicalize(xml: &[u8], method: &Method) -> Result<Vec<u8>, XmlSigError> {
    let document = Document::parse(xml, Limits::GENERAL)?;
    canonicalize_node(&document, NodeId::DOCUMENT, method, None)
}

/// The canonical form of `apex` with all that is in it but `omit`.
pub fn canonicalize_node(document: &Document, apex: NodeId, method: &Method, omit: Option<NodeId>) -> Result<Vec<u8>, XmlSigError> {
    let room = document.source().len().saturating_mul(MAX_GROWTH).saturating_add(MIN_ROOM);
    let mut writer = Writer::new(document, apex, method, omit, room);
    writer.run()?;
    Ok(writer.out)
}

struct Writer<'d> {
    document: &'d Document,
    apex: NodeId,
    method: &'d Method,
    omit: Option<NodeId>,
    room: usize,
    out: Vec<u8>,
    /// For each prefix the namespaces written so far on the way down, innermost last.
    rendered: HashMap<&'d str, Vec<NsId>>,
    /// The prefixes written, and for each open element how many of them are its own.
    written: Vec<&'d str>,
    counts: Vec<usize>,
    /// The attributes of the element at hand, in their order.
    sorted: Vec<Attribute<'d>>,
    seen_root: bool,
}

impl<'d> Writer<'d> {
    fn new(document: &'d Document, apex: NodeId, method: &'d Method, omit: Option<NodeId>, room: usize) -> Self {
        let capacity = document.node(apex).range().len() + 256;
        Self {
            document,
            apex,
            method,
            omit,
            room,
            out: Vec::with_capacity(capacity),
            rendered: HashMap::new(),
            written: Vec::new(),
            counts: Vec::new(),
            sorted: Vec::new(),
            seen_root: false,
        }
    }

    fn run(&mut self) -> Result<(), XmlSigError> {
        let mut next = Some(self.document.node(self.apex));
        while let Some(node) = next {
            let inside = self.enter(node)?;
            next = inside.or_else(|| self.leave(node));
        }
        Ok(())
    }

    /// Writes the beginning of a node and answers the first node within.
    fn enter(&mut self, node: Node<'d>) -> Result<Option<Node<'d>>, XmlSigError> {
        if self.omit == Some(node.id()) {
            return Ok(None);
        }
        if self.out.len() > self.room {
            return Err(XmlSigError::TooLarge("canonical form"));
        }
        match node.content() {
            Content::Document => return Ok(node.first_child()),
            Content::Element => {
                self.start(node);
                return Ok(node.first_child());
            }
            Content::Text(text) => escape_text(text, &mut self.out),
            Content::Comment(text) if self.method.comments => self.aside(node, &["<!--", text, "-->"]),
            Content::Comment(_) => {}
            Content::Instruction(target, "") => self.aside(node, &["<?", target, "?>"]),
            Content::Instruction(target, text) => self.aside(node, &["<?", target, " ", text, "?>"]),
        }
        Ok(None)
    }

    /// Ends a node, and its parents while they have nothing left, and answers what comes next.
    fn leave(&mut self, from: Node<'d>) -> Option<Node<'d>> {
        let mut node = from;
        loop {
            self.finish(node);
            if node.id() == self.apex {
                return None;
            }
            if let Some(next) = node.next_sibling() {
                return Some(next);
            }
            node = node.parent()?;
        }
    }

    fn finish(&mut self, node: Node<'d>) {
        if !node.is_element() || self.omit == Some(node.id()) {
            return;
        }
        self.push(&["</", node.qualified_name(), ">"]);
        for _ in 0..self.counts.pop().unwrap_or_default() {
            if let Some(bindings) = self.written.pop().and_then(|it| self.rendered.get_mut(it)) {
                bindings.pop();
            }
        }
    }

    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.extend_from_slice(part.as_bytes());
        }
    }

    /// A comment or instruction; beside the root it has a line of its own.
    fn aside(&mut self, node: Node<'d>, parts: &[&str]) {
        let is_beside = node.parent().is_some_and(|it| it.id() == NodeId::DOCUMENT) && node.id() != self.apex;
        if is_beside && self.seen_root {
            self.out.push(b'\n');
        }
        self.push(parts);
        if is_beside && !self.seen_root {
            self.out.push(b'\n');
        }
    }

    fn start(&mut self, node: Node<'d>) {
        self.seen_root = true;
        self.push(&["<", node.qualified_name()]);
        let mut namespaces = self.candidates(node);
        namespaces.sort_unstable_by_key(|it| it.0);
        namespaces.dedup_by_key(|it| it.0);
        let before = self.written.len();
        for (prefix, ns) in namespaces {
            self.namespace(prefix, ns);
        }
        self.counts.push(self.written.len() - before);
        self.attributes(node);
        self.out.push(b'>');
    }

    /// The namespaces that may have to be written on this element: prefix and namespace.
    fn candidates(&self, node: Node<'d>) -> Vec<(&'d str, NsId)> {
        let mut found: Vec<_> = match node.id() == self.apex {
            true => in_scope(node).into_iter().filter(|it| self.method.is_inclusive_for(it.0)).collect(),
            false => node.declarations().filter(|it| self.method.is_inclusive_for(it.0)).collect(),
        };
        if self.method.exclusive {
            found.push((node.prefix(), node.ns()));
            let prefixed = |it: Attribute<'d>| (prefix_of(it.name), it.ns);
            found.extend(node.attributes().map(prefixed).filter(|it| !it.0.is_empty()));
        }
        found
    }

    /// Writes a declaration, unless what is written above already says the same.
    fn namespace(&mut self, prefix: &'d str, ns: NsId) {
        if ns == NsId::XML {
            return;
        }
        let above = self.rendered.get(prefix).and_then(|it| it.last()).copied();
        if above.unwrap_or(NsId::NONE) == ns {
            return;
        }
        match prefix {
            "" => self.push(&[" xmlns=\""]),
            prefix => self.push(&[" xmlns:", prefix, "=\""]),
        }
        escape_attribute(self.document.namespace(ns), &mut self.out);
        self.out.push(b'"');
        self.rendered.entry(prefix).or_default().push(ns);
        self.written.push(prefix);
    }

    fn attributes(&mut self, node: Node<'d>) {
        let mut attributes = std::mem::take(&mut self.sorted); // One allocation for all elements.
        attributes.clear();
        attributes.extend(node.attributes());
        if !self.method.exclusive && node.id() == self.apex {
            attributes.extend(inherited(node));
        }
        attributes.sort_unstable_by_key(|it| (it.namespace, it.local));
        for attribute in &attributes {
            self.push(&[" ", attribute.name, "=\""]);
            escape_attribute(attribute.value, &mut self.out);
            self.out.push(b'"');
        }
        self.sorted = attributes;
    }
}

/// All bindings that hold at an element, the innermost of each prefix.
pub(crate) fn in_scope(node: Node<'_>) -> Vec<(&str, NsId)> {
    let mut seen = HashSet::new();
    let above = std::iter::successors(Some(node), |it| it.parent());
    above.flat_map(|it| it.declarations()).filter(|it| seen.insert(it.0)).collect()
}

/// The `xml:` attributes that an element has from those above it: the inclusive form keeps them.
pub(crate) fn inherited(node: Node<'_>) -> Vec<Attribute<'_>> {
    let mut seen: HashSet<&str> = node.attributes().filter(|it| it.namespace == XML_NS).map(|it| it.local).collect();
    let above = std::iter::successors(node.parent(), |it| it.parent());
    let all = above.flat_map(|it| it.attributes()).filter(|it| it.namespace == XML_NS);
    all.filter(|it| seen.insert(it.local)).collect()
}

fn escape_text(text: &str, out: &mut Vec<u8>) {
    escape(text, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'>' => Some("&gt;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

fn escape_attribute(text: &str, out: &mut Vec<u8>) {
    escape(text, out, |byte| match byte {
        b'&' => Some("&amp;"),
        b'<' => Some("&lt;"),
        b'"' => Some("&quot;"),
        b'\t' => Some("&#x9;"),
        b'\n' => Some("&#xA;"),
        b'\r' => Some("&#xD;"),
        _ => None,
    });
}

fn escape(text: &str, out: &mut Vec<u8>, reference: impl Fn(u8) -> Option<&'static str>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if let Some(it) = reference(*byte) {
            out.extend_from_slice(&bytes[from..at]);
            out.extend_from_slice(it.as_bytes());
            from = at + 1;
        }
    }
    out.extend_from_slice(&bytes[from..]);
}

/// Text as it stands between tags, escaped as the canonical form does.
pub(crate) fn escaped_text(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    escape_text(text, &mut out);
    String::from_utf8(out).expect("escaping keeps UTF-8")
}

/// An attribute's value between its quotes, escaped as the canonical form does.
pub(crate) fn escaped_attribute(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    escape_attribute(text, &mut out);
    String::from_utf8(out).expect("escaping keeps UTF-8")
}
