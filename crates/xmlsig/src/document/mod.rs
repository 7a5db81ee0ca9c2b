//! A bounded tree of an XML document, with namespaces resolved, fit for canonical forms.
//!
//! Promises: whatever the input, time and memory grow with its size alone; nesting never touches
//! the stack; no DOCTYPE, no entity but the five, no encoding but UTF-8. What it accepts is
//! well-formed XML 1.0 with namespaces. The text of an element is read whole: comments and CDATA
//! sections do not split it. It knows nothing of signatures.

pub(crate) mod chars;
mod parse;

use crate::error::XmlSigError;
use std::ops::Range;

/// The namespace that `xml:` always has.
pub const XML_NS: &str = "http://www.w3.org/XML/1998/namespace";
/// The namespace that no prefix may have.
pub(crate) const XMLNS_NS: &str = "http://www.w3.org/2000/xmlns/";

/// Largest document read for its content, bytes: one archive entry of SAT at most.
pub const MAX_BYTES: usize = 64 << 20;
/// Largest document whose signature is made or checked, bytes: it is held several times over.
pub const MAX_SIGNED_BYTES: usize = 16 << 20;
/// Deepest nesting read for its content, elements.
pub const MAX_DEPTH: usize = 256;
/// Deepest nesting of a signed document, elements; real ones reach a dozen.
pub const MAX_SIGNED_DEPTH: usize = 64;
/// Most attributes, declarations of namespaces included, on one element.
pub const MAX_ATTRIBUTES: usize = 256;
/// Most nodes of a document read for its content: about 100 MiB of tree.
pub const MAX_NODES: usize = 1_000_000;
/// Most nodes of a signed document.
pub const MAX_SIGNED_NODES: usize = 250_000;

/// How much of a stranger's document is read before giving up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Size of the whole document, at most `u32::MAX`.
    pub bytes: usize,
    /// Nesting of elements.
    pub depth: usize,
    /// Attributes and declarations of one element.
    pub attributes: usize,
    /// Elements, texts, comments and instructions together.
    pub nodes: usize,
}

impl Limits {
    /// For reading content.
    pub const GENERAL: Limits = Limits { bytes: MAX_BYTES, depth: MAX_DEPTH, attributes: MAX_ATTRIBUTES, nodes: MAX_NODES };
    /// For signing and verifying.
    pub const VERIFY: Limits =
        Limits { bytes: MAX_SIGNED_BYTES, depth: MAX_SIGNED_DEPTH, attributes: MAX_ATTRIBUTES, nodes: MAX_SIGNED_NODES };
}

/// A node of one [`Document`]; meaningless in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

impl NodeId {
    /// The document itself, parent of the root element and of what stands beside it.
    pub const DOCUMENT: NodeId = NodeId(0);
}

/// Half-open range of offsets in the source.
#[derive(Debug, Clone, Copy, Default)]
struct Span {
    start: u32,
    end: u32,
}

/// Text that is either in the source as it stands, or was normalised.
#[derive(Debug)]
enum Piece {
    Source(Span),
    Owned(Box<str>),
}

/// A namespace of the document by its number; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NsId(u32);

impl NsId {
    pub(crate) const NONE: NsId = NsId(0);
    pub(crate) const XML: NsId = NsId(1);
}

#[derive(Debug)]
enum Kind {
    Document,
    Element(u32),
    Text(Piece),
    Comment(Piece),
    Instruction(Span, Piece),
}

#[derive(Debug)]
struct NodeData {
    kind: Kind,
    span: Span,
    parent: u32,
    first: u32,
    last: u32,
    next: u32,
}

#[derive(Debug)]
struct ElementData {
    name: Span,
    local: u32,
    ns: NsId,
    attributes: Span,
    declarations: Span,
    /// What lies between the tags; `None` for `<a/>`.
    content: Option<Span>,
}

#[derive(Debug)]
struct AttributeData {
    name: Span,
    local: u32,
    ns: NsId,
    value: Piece,
}

#[derive(Debug)]
struct Declaration {
    prefix: Span,
    ns: NsId,
}

/// A parsed document, owning its source.
#[derive(Debug)]
pub struct Document {
    source: String,
    nodes: Vec<NodeData>,
    elements: Vec<ElementData>,
    attributes: Vec<AttributeData>,
    declarations: Vec<Declaration>,
    namespaces: Vec<Box<str>>,
    root: u32,
}

impl Document {
    /// Reads a document within limits.
    pub fn parse(bytes: &[u8], limits: Limits) -> Result<Self, XmlSigError> {
        parse::parse(bytes, limits)
    }

    /// The root element.
    pub fn root(&self) -> Node<'_> {
        self.node(NodeId(self.root))
    }

    /// The document node, with what stands beside the root.
    pub fn document_node(&self) -> Node<'_> {
        self.node(NodeId::DOCUMENT)
    }

    /// A handle on a node of this document.
    ///
    /// # Panics
    ///
    /// If the node is of another document and has no counterpart here.
    pub fn node(&self, id: NodeId) -> Node<'_> {
        assert!((id.0 as usize) < self.nodes.len(), "a node of another document");
        Node { document: self, id }
    }

    /// The bytes that were read, without a byte order mark; offsets of [`Node::range`] are in it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    fn slice(&self, span: Span) -> &str {
        &self.source[span.start as usize..span.end as usize]
    }

    fn piece<'a>(&'a self, piece: &'a Piece) -> &'a str {
        match piece {
            Piece::Source(span) => self.slice(*span),
            Piece::Owned(text) => text,
        }
    }

    pub(crate) fn namespace(&self, ns: NsId) -> &str {
        &self.namespaces[ns.0 as usize]
    }
}

/// A handle on a node.
#[derive(Clone, Copy)]
pub struct Node<'d> {
    document: &'d Document,
    id: NodeId,
}

impl std::fmt::Debug for Node<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Node({}, {:?})", self.id.0, self.qualified_name())
    }
}

/// An attribute that is no declaration of a namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'d> {
    /// Its namespace, empty without prefix.
    pub namespace: &'d str,
    /// Its name without prefix.
    pub local: &'d str,
    /// Its name as written.
    pub name: &'d str,
    /// Its value, normalised.
    pub value: &'d str,
    pub(crate) ns: NsId,
}

/// What a node is, for those who write it out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'d> {
    /// The document itself.
    Document,
    /// An element.
    Element,
    /// Text, CDATA sections and references resolved.
    Text(&'d str),
    /// A comment.
    Comment(&'d str),
    /// A processing instruction: target, and data without its leading space.
    Instruction(&'d str, &'d str),
}

impl<'d> Node<'d> {
    /// Which node of its document it is.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The document it belongs to.
    pub fn document(self) -> &'d Document {
        self.document
    }

    fn record(self) -> &'d NodeData {
        &self.document.nodes[self.id.0 as usize]
    }

    fn element(self) -> Option<&'d ElementData> {
        match self.record().kind {
            Kind::Element(place) => Some(&self.document.elements[place as usize]),
            _ => None,
        }
    }

    /// What it is.
    pub fn content(self) -> Content<'d> {
        let document = self.document;
        match &self.record().kind {
            Kind::Document => Content::Document,
            Kind::Element(_) => Content::Element,
            Kind::Text(text) => Content::Text(document.piece(text)),
            Kind::Comment(text) => Content::Comment(document.piece(text)),
            Kind::Instruction(target, data) => Content::Instruction(document.slice(*target), document.piece(data)),
        }
    }

    /// Whether it is an element.
    pub fn is_element(self) -> bool {
        self.element().is_some()
    }

    /// Whether it is the element of that name. No namespace is the empty string.
    pub fn is(self, namespace: &str, local: &str) -> bool {
        self.is_element() && self.local() == local && self.namespace() == namespace
    }

    /// An element's name without prefix; empty for other nodes.
    pub fn local(self) -> &'d str {
        self.element().map_or("", |it| &self.document.source[it.local as usize..it.name.end as usize])
    }

    /// An element's name as written.
    pub fn qualified_name(self) -> &'d str {
        self.element().map_or("", |it| self.document.slice(it.name))
    }

    /// An element's prefix, empty if it has none.
    pub fn prefix(self) -> &'d str {
        prefix_of(self.qualified_name())
    }

    /// An element's namespace, empty if it has none.
    pub fn namespace(self) -> &'d str {
        self.document.namespace(self.ns())
    }

    pub(crate) fn ns(self) -> NsId {
        self.element().map_or(NsId::NONE, |it| it.ns)
    }

    /// The attributes in the order of the document.
    pub fn attributes(self) -> impl Iterator<Item = Attribute<'d>> + use<'d> {
        let document = self.document;
        let span = self.element().map_or(Span::default(), |it| it.attributes);
        document.attributes[span.start as usize..span.end as usize].iter().map(|it| Attribute {
            namespace: document.namespace(it.ns),
            local: &document.source[it.local as usize..it.name.end as usize],
            name: document.slice(it.name),
            value: document.piece(&it.value),
            ns: it.ns,
        })
    }

    /// The value of an attribute without prefix.
    pub fn attribute(self, local: &str) -> Option<&'d str> {
        self.attribute_ns("", local)
    }

    /// The value of an attribute in a namespace.
    pub fn attribute_ns(self, namespace: &str, local: &str) -> Option<&'d str> {
        self.attributes().find(|it| it.local == local && it.namespace == namespace).map(|it| it.value)
    }

    /// The declarations of namespaces written on this very element: prefix and namespace.
    pub(crate) fn declarations(self) -> impl Iterator<Item = (&'d str, NsId)> + use<'d> {
        let document = self.document;
        let span = self.element().map_or(Span::default(), |it| it.declarations);
        document.declarations[span.start as usize..span.end as usize].iter().map(|it| (document.slice(it.prefix), it.ns))
    }

    /// The node above; none for the document.
    pub fn parent(self) -> Option<Node<'d>> {
        (self.id != NodeId::DOCUMENT).then(|| self.document.node(NodeId(self.record().parent)))
    }

    /// The next node of the same parent.
    pub fn next_sibling(self) -> Option<Node<'d>> {
        self.at(self.record().next)
    }

    /// The first node within.
    pub fn first_child(self) -> Option<Node<'d>> {
        self.at(self.record().first)
    }

    // 0 is the document, which is nobody's child: it stands for none.
    fn at(self, id: u32) -> Option<Node<'d>> {
        (id != 0).then(|| self.document.node(NodeId(id)))
    }

    /// All nodes directly within.
    pub fn children(self) -> impl Iterator<Item = Node<'d>> + use<'d> {
        std::iter::successors(self.first_child(), |it| it.next_sibling())
    }

    /// All elements directly within.
    pub fn elements(self) -> impl Iterator<Item = Node<'d>> + use<'d> {
        self.children().filter(|it| it.is_element())
    }

    /// The first element of that name directly within.
    pub fn child(self, namespace: &str, local: &str) -> Option<Node<'d>> {
        self.elements().find(|it| it.is(namespace, local))
    }

    /// The element of that name directly within, if there is exactly one.
    pub fn only_child(self, namespace: &str, local: &str) -> Option<Node<'d>> {
        let mut found = self.elements().filter(|it| it.is(namespace, local));
        found.next().filter(|_| found.next().is_none())
    }

    /// This node and all within it, in the order of the document.
    pub fn descendants(self) -> impl Iterator<Item = Node<'d>> + use<'d> {
        let apex = self.id;
        std::iter::successors(Some(self), move |it| it.first_child().or_else(|| it.following(apex)))
    }

    /// The next node in document order that is not within this one, staying within `apex`.
    pub(crate) fn following(self, apex: NodeId) -> Option<Node<'d>> {
        let mut node = self;
        while node.id != apex {
            if let Some(next) = node.next_sibling() {
                return Some(next);
            }
            node = node.parent()?;
        }
        None
    }

    /// The text directly within, whole: comments, instructions and CDATA sections do not split it.
    pub fn text(self) -> String {
        let mut whole = String::new();
        for child in self.children() {
            if let Content::Text(text) = child.content() {
                whole.push_str(text);
            }
        }
        whole
    }

    /// Where it stands in [`Document::source`], tags included.
    pub fn range(self) -> Range<usize> {
        let span = self.record().span;
        span.start as usize..span.end as usize
    }

    /// Where an element's content stands in the source; `None` for `<a/>` and other nodes.
    pub fn content_range(self) -> Option<Range<usize>> {
        self.element()?.content.map(|it| it.start as usize..it.end as usize)
    }
}

/// The part of a qualified name before the colon.
pub(crate) fn prefix_of(name: &str) -> &str {
    name.split_once(':').map_or("", |(prefix, _)| prefix)
}
