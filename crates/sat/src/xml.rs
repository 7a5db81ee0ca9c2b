//! Reads SAT's small answers into a tree, within bounds.
//!
//! SAT's answers cross networks that are not SAT's: proxies, captive portals, error pages. So every
//! dimension has a bound, a DOCTYPE ends the reading, and whatever is not a whole well-formed
//! document is [`NoAnswer`]. What a tree means is left to [`crate::reply`].

use fedatario_base::Code;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

/// Bytes of an answer other than a package. The longest real one lists packages, some 50 bytes
/// each: this is room for eighty thousand of them.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;
/// Elements within elements. SAT's deepest answer has six.
const MAX_DEPTH: usize = 32;
/// Elements of one answer: one for each package that fits into the bytes.
const MAX_ELEMENTS: usize = 100_000;
/// Attributes of one element, declarations included. SAT writes at most six.
const MAX_ATTRIBUTES: usize = 64;

/// Why bytes are no answer of SAT: nothing is known of what became of the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Longer than it can be.
    #[error("the answer, or a part of it, is over its bound of {0} bytes")]
    TooLarge(u64),
    /// More nesting, elements or attributes than an answer can have.
    #[error("the answer has more structure than an answer of SAT can have")]
    TooComplex,
    /// Declares a document type, which no answer does and some pages do.
    #[error("the answer declares a document type")]
    Doctype,
    /// Cut short, not XML, not UTF-8.
    #[error("the answer is not a whole XML document")]
    Malformed,
    /// XML, without what this operation answers with.
    #[error("the answer lacks {0}")]
    Missing(&'static str),
    /// What should be base64 is not, or ends early.
    #[error("the package is not whole base64")]
    Package,
}

impl NoAnswer {
    /// Its place in the table of codes.
    pub fn code(&self) -> Code {
        match self {
            NoAnswer::TooLarge(_) | NoAnswer::TooComplex | NoAnswer::Doctype => Code::SoapMalformed,
            NoAnswer::Malformed | NoAnswer::Missing(_) => Code::SoapMalformed,
            NoAnswer::Package => Code::PackageTruncated,
        }
    }
}

/// An element with everything below it. Attributes without namespace only.
#[derive(Debug, Default)]
pub(crate) struct Element {
    namespace: String,
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// Whether it is this one.
    pub(crate) fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    /// Its first child of a name.
    pub(crate) fn child(&self, namespace: &str, name: &str) -> Option<&Element> {
        self.children.iter().find(|it| it.is(namespace, name))
    }

    /// Its children of a name.
    pub(crate) fn all<'a>(&'a self, namespace: &'a str, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |it| it.is(namespace, name))
    }

    /// All of its children.
    pub(crate) fn children(&self) -> &[Element] {
        &self.children
    }

    /// The value of an attribute.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Its own text without the white space around it.
    pub(crate) fn text(&self) -> &str {
        self.text.trim()
    }
}

/// Reads a whole document and answers its root.
pub(crate) fn read(bytes: &[u8]) -> Result<Element, NoAnswer> {
    if bytes.len() > MAX_ANSWER_BYTES {
        return Err(NoAnswer::TooLarge(MAX_ANSWER_BYTES as u64));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| NoAnswer::Malformed)?;
    let mut reader = NsReader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
    let mut open = Open::default();
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(|_| NoAnswer::Malformed)?;
        if matches!(event, Event::Eof) {
            return open.finish();
        }
        open.take(namespace, event)?;
    }
}

/// What is open while reading: the path from the root down.
#[derive(Default)]
struct Open {
    path: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Open {
    fn take(&mut self, namespace: ResolveResult<'_>, event: Event<'_>) -> Result<(), NoAnswer> {
        match event {
            Event::Start(start) => self.start(namespace, &start),
            Event::Empty(start) => self.start(namespace, &start).and_then(|()| self.end()),
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text.xml10_content()),
            Event::CData(data) => self.text(&data.xml10_content()),
            Event::GeneralRef(reference) => self.text(&resolved(&reference)?),
            Event::DocType(_) => Err(NoAnswer::Doctype),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Eof => Ok(()),
        }
    }

    fn start(&mut self, namespace: ResolveResult<'_>, start: &BytesStart<'_>) -> Result<(), NoAnswer> {
        self.elements += 1;
        if self.path.len() >= MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return Err(NoAnswer::TooComplex);
        }
        if self.root.is_some() {
            return Err(NoAnswer::Malformed);
        }
        let namespace = match namespace {
            ResolveResult::Bound(it) => it.0.to_owned(),
            ResolveResult::Unbound => String::new(),
            ResolveResult::Unknown(_) => return Err(NoAnswer::Malformed),
        };
        let name = start.local_name().into_inner().to_owned();
        self.path.push(Element { namespace, name, attributes: attributes(start)?, ..Element::default() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), NoAnswer> {
        let done = self.path.pop().ok_or(NoAnswer::Malformed)?;
        match self.path.last_mut() {
            Some(parent) => parent.children.push(done),
            None => self.root = Some(done),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), NoAnswer> {
        match self.path.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(NoAnswer::Malformed),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element, NoAnswer> {
        self.root.filter(|_| self.path.is_empty()).ok_or(NoAnswer::Malformed)
    }
}

/// Attributes without prefix; declarations and foreign ones are of no use here.
fn attributes(start: &BytesStart<'_>) -> Result<Vec<(String, String)>, NoAnswer> {
    let mut found = Vec::new();
    for (index, attribute) in start.attributes().enumerate() {
        if index >= MAX_ATTRIBUTES {
            return Err(NoAnswer::TooComplex);
        }
        let attribute = attribute.map_err(|_| NoAnswer::Malformed)?;
        if attribute.key.prefix().is_some() || attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| NoAnswer::Malformed)?;
        found.push((attribute.key.0.to_owned(), value.into_owned()));
    }
    Ok(found)
}

/// A character reference or one of the five entities; there are no others without a DOCTYPE.
fn resolved(reference: &BytesRef<'_>) -> Result<String, NoAnswer> {
    if let Some(character) = reference.resolve_char_ref().map_err(|_| NoAnswer::Malformed)? {
        return Ok(character.to_string());
    }
    let known = quick_xml::escape::resolve_predefined_entity(&reference.xml10_content()).map(str::to_owned);
    known.ok_or(NoAnswer::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, NoAnswer>) {
        let found = read(text.as_bytes());
        assert_eq!(found.as_ref().map(|it| it.text()).map_err(Clone::clone), expected, "{text}");
    }

    #[test]
    fn only_whole_documents_are_read() {
        check("<a>x &amp; &#233;<![CDATA[<y>]]></a>", Ok("x & é<y>"));
        check("\u{feff}<?xml version=\"1.0\"?>\n<a> x </a>\n<!-- c -->", Ok("x"));
        for broken in
            ["", " ", "x", "<a>", "<a></b>", "<a/><b/>", "<a/>x", "<p:a/>", "<a>&nope;</a>", "</a>", "<a b=c/>", "<a b='1' b='2'/>"]
        {
            check(broken, Err(NoAnswer::Malformed));
        }
        check("<!DOCTYPE html><html></html>", Err(NoAnswer::Doctype));
        check("<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", Err(NoAnswer::Doctype));
        assert_eq!(read(b"<a>\xff</a>").err(), Some(NoAnswer::Malformed));
    }

    #[test]
    fn every_dimension_is_bounded() {
        let deep = |n: usize| format!("{}{}", "<a>".repeat(n), "</a>".repeat(n));
        check(&deep(MAX_DEPTH), Ok(""));
        check(&deep(MAX_DEPTH + 1), Err(NoAnswer::TooComplex));
        check(&"<a>".repeat(100_000), Err(NoAnswer::TooComplex));
        check(&format!("<r>{}</r>", "<a/>".repeat(MAX_ELEMENTS)), Err(NoAnswer::TooComplex));
        let wide: String = (0..=MAX_ATTRIBUTES).map(|it| format!(" a{it}='1'")).collect();
        check(&format!("<r{wide}/>"), Err(NoAnswer::TooComplex));
        check(&" ".repeat(MAX_ANSWER_BYTES + 1), Err(NoAnswer::TooLarge(MAX_ANSWER_BYTES as u64)));
        fedatario_testkit::covers!("sat: answers are bounded in bytes, depth, elements and attributes; DOCTYPE refused");
    }
}
