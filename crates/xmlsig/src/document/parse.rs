//! From bytes to the tree: the tokenizer's events, checked for what it leaves unchecked.
//!
//! The tokenizer pairs tags and quotes; here come the characters, names, namespaces, duplicates and
//! bounds. One pass, no recursion; a namespace is looked up in a table, so that thousands of
//! declarations cost no more than their bytes.

use super::chars::{is_char, is_ncname, is_space};
use super::{
    AttributeData, Declaration, Document, ElementData, Kind, Limits, NodeData, NsId, Piece, Span, XML_NS, XMLNS_NS, prefix_of,
};
use crate::error::XmlSigError;
use quick_xml::XmlVersion;
use quick_xml::events::attributes::Attribute;
use quick_xml::events::{BytesPI, BytesRef, BytesStart, Event};
use quick_xml::name::QName;
use quick_xml::reader::Reader;
use std::borrow::Cow;
use std::collections::HashMap;

/// Attributes that are compared each with each, which is faster than sorting so few.
const FEW_ATTRIBUTES: usize = 16;

pub(super) fn parse(bytes: &[u8], limits: Limits) -> Result<Document, XmlSigError> {
    if bytes.len() > limits.bytes.min(u32::MAX as usize) {
        return Err(XmlSigError::TooLarge("bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|it| malformed(it.valid_up_to(), "not UTF-8"))?;
    let source = text.strip_prefix('\u{feff}').unwrap_or(text);
    if source.starts_with('\u{feff}') {
        return Err(malformed(0, "text outside the root"));
    }
    if let Some(at) = forbidden(source) {
        return Err(malformed(at, "a character that XML does not allow"));
    }
    Parser::new(source, limits).run()
}

/// Where the first character stands that XML does not allow. All of them show in one byte: a control,
/// or the first of U+FFFE and U+FFFF, which is rare enough to look twice.
fn forbidden(source: &str) -> Option<usize> {
    let is_suspect = |it: u8| (it < 0x20 && !matches!(it, b'\t' | b'\n' | b'\r')) || it == 0xEF;
    let suspects = source.bytes().filter(|it| is_suspect(*it)).count();
    if suspects == 0 {
        return None;
    }
    source.char_indices().find(|(_, it)| !is_char(*it)).map(|it| it.0)
}

fn malformed(at: usize, what: &'static str) -> XmlSigError {
    XmlSigError::Malformed { at, what }
}

/// An element that is open, and how many bindings to undo when it closes.
struct Open {
    node: u32,
    bindings: usize,
}

struct Parser<'s> {
    source: &'s str,
    limits: Limits,
    document: Document,
    open: Vec<Open>,
    /// For each prefix the namespaces it was given, innermost last.
    scope: HashMap<&'s str, Vec<NsId>>,
    /// The prefixes bound so far and not yet undone.
    bound: Vec<&'s str>,
    interned: HashMap<String, NsId>,
    /// Text that grows until a tag, comment or instruction ends it.
    text: Option<(usize, Cow<'s, str>)>,
    at: usize,
}

impl<'s> Parser<'s> {
    fn new(source: &'s str, limits: Limits) -> Self {
        let root = NodeData { kind: Kind::Document, span: span(0, source.len()), parent: 0, first: 0, last: 0, next: 0 };
        let document = Document {
            source: String::new(),
            nodes: vec![root],
            elements: Vec::new(),
            attributes: Vec::new(),
            declarations: Vec::new(),
            namespaces: vec!["".into(), XML_NS.into()],
            root: 0,
        };
        Self {
            source,
            limits,
            document,
            open: Vec::new(),
            scope: HashMap::from([("xml", vec![NsId::XML])]),
            bound: Vec::new(),
            interned: HashMap::from([(String::new(), NsId::NONE), (XML_NS.to_owned(), NsId::XML)]),
            text: None,
            at: 0,
        }
    }

    fn run(mut self) -> Result<Document, XmlSigError> {
        let mut reader = Reader::from_str(self.source);
        reader.config_mut().check_end_names = true;
        loop {
            self.at = reader.buffer_position() as usize;
            let event = reader.read_event().map_err(|_| malformed(self.at, "tags, quotes or references do not match"))?;
            let end = reader.buffer_position() as usize;
            if matches!(event, Event::Eof) {
                return self.finish();
            }
            self.take(event, end)?;
        }
    }

    fn take(&mut self, event: Event<'s>, end: usize) -> Result<(), XmlSigError> {
        match event {
            Event::Text(it) => self.plain_text(it.into_inner()),
            Event::CData(it) => self.more_text(normalised_lines(it.into_inner())),
            Event::GeneralRef(it) => self.reference(&it),
            Event::Start(it) => self.start(&it, end),
            Event::Empty(it) => self.empty(&it, end),
            Event::End(_) => self.end(end),
            Event::Comment(it) => self.comment(it.into_inner(), end),
            Event::PI(it) => self.instruction(&it, end),
            Event::Decl(_) => self.declaration(end),
            Event::DocType(_) => Err(XmlSigError::Doctype),
            Event::Eof => Ok(()),
        }
    }

    fn fail<T>(&self, what: &'static str) -> Result<T, XmlSigError> {
        Err(malformed(self.at, what))
    }

    fn finish(mut self) -> Result<Document, XmlSigError> {
        if !self.open.is_empty() {
            return self.fail("an element is not closed");
        }
        if self.document.root == 0 {
            return self.fail("there is no root element");
        }
        self.document.source = self.source.to_owned();
        Ok(self.document)
    }

    // --- text -----------------------------------------------------------------------------------

    fn plain_text(&mut self, raw: Cow<'s, str>) -> Result<(), XmlSigError> {
        if self.open.is_empty() {
            return if raw.chars().all(is_space) { Ok(()) } else { self.fail("text outside the root") };
        }
        if raw.contains("]]>") {
            return self.fail("]]> in text");
        }
        self.more_text(normalised_lines(raw))
    }

    fn reference(&mut self, reference: &BytesRef<'s>) -> Result<(), XmlSigError> {
        if let Some(number) = reference.strip_prefix('#') {
            return match character(number) {
                Some(it) => self.more_text(Cow::Owned(it.to_string())),
                None => self.fail("a reference to no character of XML"),
            };
        }
        match quick_xml::escape::resolve_xml_entity(reference) {
            Some(text) => self.more_text(Cow::Borrowed(text)),
            None => self.fail("an entity that is not one of the five"),
        }
    }

    fn more_text(&mut self, more: Cow<'s, str>) -> Result<(), XmlSigError> {
        if self.open.is_empty() {
            return self.fail("text outside the root");
        }
        match &mut self.text {
            Some((_, text)) => text.to_mut().push_str(&more),
            None => self.text = Some((self.at, more)),
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), XmlSigError> {
        let Some((start, text)) = self.text.take() else { return Ok(()) };
        if text.is_empty() {
            return Ok(());
        }
        let kind = Kind::Text(self.piece(text));
        self.append(kind, span(start, self.at)).map(|_| ())
    }

    // --- elements -------------------------------------------------------------------------------

    fn start(&mut self, start: &BytesStart<'s>, end: usize) -> Result<(), XmlSigError> {
        let (node, bindings) = self.element(start, end)?;
        self.set_content(node, Some(span(end, end)));
        self.open.push(Open { node, bindings });
        Ok(())
    }

    fn empty(&mut self, start: &BytesStart<'s>, end: usize) -> Result<(), XmlSigError> {
        let (_, bindings) = self.element(start, end)?;
        self.unbind(bindings);
        Ok(())
    }

    fn end(&mut self, end: usize) -> Result<(), XmlSigError> {
        self.flush()?;
        let Some(open) = self.open.pop() else { return self.fail("an end without a start") };
        self.unbind(open.bindings);
        let at = self.at as u32;
        let record = &mut self.document.nodes[open.node as usize];
        record.span.end = end as u32;
        if let Kind::Element(place) = record.kind
            && let Some(content) = &mut self.document.elements[place as usize].content
        {
            content.end = at;
        }
        Ok(())
    }

    fn set_content(&mut self, node: u32, content: Option<Span>) {
        if let Kind::Element(place) = self.document.nodes[node as usize].kind {
            self.document.elements[place as usize].content = content;
        }
    }

    fn element(&mut self, start: &BytesStart<'s>, end: usize) -> Result<(u32, usize), XmlSigError> {
        self.flush()?;
        if self.open.len() >= self.limits.depth {
            return Err(XmlSigError::TooDeep);
        }
        if self.open.is_empty() && self.document.root != 0 {
            return self.fail("a second root element");
        }
        let raw = self.raw_attributes(start)?;
        let bindings = self.bind(&raw)?;
        // The tag begins with `<`, and the tokenizer puts the name right behind it.
        let name = self.name(self.at + 1, start.name().0.len())?;
        let ns = self.resolve(self.prefix(name), false)?;
        let attributes = self.attributes(&raw)?;
        let declarations = self.written_declarations(&raw);
        let place = self.document.elements.len() as u32;
        let local = self.local_start(name);
        self.document.elements.push(ElementData { name, local, ns, attributes, declarations, content: None });
        let node = self.append(Kind::Element(place), span(self.at, end))?;
        if self.open.is_empty() {
            self.document.root = node;
        }
        Ok((node, bindings))
    }

    /// Name and raw value of each attribute, as places in the source.
    fn raw_attributes(&self, start: &BytesStart<'s>) -> Result<Vec<(Span, Span)>, XmlSigError> {
        let inside = start.attributes_raw();
        let base = self.at + 1 + start.name().0.len();
        let place = |part: &str| base + (part.as_ptr() as usize - inside.as_ptr() as usize);
        let mut found = Vec::new();
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|_| malformed(self.at, "an attribute is malformed"))?;
            if found.len() == self.limits.attributes {
                return Err(XmlSigError::TooLarge("attributes of one element"));
            }
            let Cow::Borrowed(value) = attribute.value else { return self.fail("an attribute is malformed") };
            let name = place(attribute.key.0);
            if !self.source[..name].ends_with(is_space) {
                return self.fail("no space before an attribute");
            }
            if value.contains('<') {
                return self.fail("< in an attribute");
            }
            let value_at = place(value);
            found.push((self.name(name, attribute.key.0.len())?, span(value_at, value_at + value.len())));
        }
        Ok(found)
    }

    /// A qualified name at a place of the source.
    fn name(&self, at: usize, length: usize) -> Result<Span, XmlSigError> {
        let name = &self.source[at..at + length];
        let (prefix, local) = name.split_once(':').unwrap_or(("_", name));
        if is_ncname(prefix) && is_ncname(local) { Ok(span(at, at + length)) } else { self.fail("a name that is none") }
    }

    fn slice(&self, span: Span) -> &'s str {
        &self.source[span.start as usize..span.end as usize]
    }

    fn prefix(&self, name: Span) -> &'s str {
        prefix_of(self.slice(name))
    }

    fn local_start(&self, name: Span) -> u32 {
        self.slice(name).find(':').map_or(name.start, |colon| name.start + colon as u32 + 1)
    }

    /// The prefix that an attribute declares, if it is a declaration.
    fn declared(&self, name: Span) -> Option<&'s str> {
        match self.slice(name) {
            "xmlns" => Some(&self.source[name.end as usize..name.end as usize]),
            other => other.strip_prefix("xmlns:"),
        }
    }

    // --- namespaces -----------------------------------------------------------------------------

    fn bind(&mut self, raw: &[(Span, Span)]) -> Result<usize, XmlSigError> {
        let mut count = 0;
        for (name, value) in raw {
            let Some(prefix) = self.declared(*name) else { continue };
            let namespace = self.value(*value)?;
            self.check_binding(prefix, &namespace)?;
            let ns = self.intern(namespace);
            self.scope.entry(prefix).or_default().push(ns);
            self.bound.push(prefix);
            count += 1;
        }
        Ok(count)
    }

    fn unbind(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(bindings) = self.bound.pop().and_then(|it| self.scope.get_mut(it)) {
                bindings.pop();
            }
        }
    }

    fn check_binding(&self, prefix: &str, namespace: &str) -> Result<(), XmlSigError> {
        let allowed = match prefix {
            "xmlns" => false,
            "xml" => namespace == XML_NS,
            _ => namespace != XML_NS && namespace != XMLNS_NS && (prefix.is_empty() || !namespace.is_empty()),
        };
        if allowed { Ok(()) } else { self.fail("a declaration that namespaces forbid") }
    }

    fn intern(&mut self, namespace: Cow<'_, str>) -> NsId {
        if let Some(found) = self.interned.get(namespace.as_ref()) {
            return *found;
        }
        let ns = NsId(self.document.namespaces.len() as u32);
        self.document.namespaces.push(namespace.as_ref().into());
        self.interned.insert(namespace.into_owned(), ns);
        ns
    }

    fn resolve(&self, prefix: &str, is_attribute: bool) -> Result<NsId, XmlSigError> {
        if prefix.is_empty() && is_attribute {
            return Ok(NsId::NONE);
        }
        match self.scope.get(prefix).and_then(|it| it.last()) {
            Some(ns) => Ok(*ns),
            None if prefix.is_empty() => Ok(NsId::NONE),
            None => self.fail("a prefix that is bound to nothing"),
        }
    }

    fn written_declarations(&mut self, raw: &[(Span, Span)]) -> Span {
        let from = self.document.declarations.len();
        for (name, _) in raw {
            let Some(prefix) = self.declared(*name) else { continue };
            let Some(ns) = self.scope.get(prefix).and_then(|it| it.last()).copied() else { continue };
            let start = name.end as usize - prefix.len();
            self.document.declarations.push(Declaration { prefix: span(start, name.end as usize), ns });
        }
        span(from, self.document.declarations.len())
    }

    fn attributes(&mut self, raw: &[(Span, Span)]) -> Result<Span, XmlSigError> {
        let from = self.document.attributes.len();
        for (name, value) in raw {
            if self.declared(*name).is_some() {
                continue;
            }
            let ns = self.resolve(self.prefix(*name), true)?;
            let value = self.value(*value)?;
            let value = self.piece(value);
            let local = self.local_start(*name);
            self.document.attributes.push(AttributeData { name: *name, local, ns, value });
        }
        self.check_duplicates(raw, from)?;
        Ok(span(from, self.document.attributes.len()))
    }

    /// Neither a name twice as written, nor a namespace and local name twice under two prefixes.
    fn check_duplicates(&self, raw: &[(Span, Span)], from: usize) -> Result<(), XmlSigError> {
        if raw.len() <= FEW_ATTRIBUTES {
            return if self.has_twins(raw, from) { self.fail("an attribute stands twice") } else { Ok(()) };
        }
        let mut written: Vec<&str> = raw.iter().map(|it| self.slice(it.0)).collect();
        written.sort_unstable();
        let expanded = |it: &AttributeData| (it.ns.0, &self.source[it.local as usize..it.name.end as usize]);
        let mut resolved: Vec<_> = self.document.attributes[from..].iter().map(expanded).collect();
        resolved.sort_unstable();
        let twice = written.windows(2).any(|it| it[0] == it[1]) || resolved.windows(2).any(|it| it[0] == it[1]);
        if twice { self.fail("an attribute stands twice") } else { Ok(()) }
    }

    /// The same for a few, each with each. Two that differ as written are one only if both have a prefix.
    fn has_twins(&self, raw: &[(Span, Span)], from: usize) -> bool {
        let written = |it: &(Span, Span)| self.slice(it.0);
        let twice = |place: usize, it: &(Span, Span)| raw[..place].iter().any(|other| written(other) == written(it));
        if raw.iter().enumerate().any(|(place, it)| twice(place, it)) {
            return true;
        }
        let attributes = &self.document.attributes[from..];
        let local = |it: &AttributeData| &self.source[it.local as usize..it.name.end as usize];
        let same = |one: &AttributeData, other: &AttributeData| one.ns == other.ns && local(one) == local(other);
        let prefixed = |it: &AttributeData| it.ns != NsId::NONE;
        attributes.iter().enumerate().any(|(place, it)| prefixed(it) && attributes[..place].iter().any(|other| same(it, other)))
    }

    fn value(&self, raw: Span) -> Result<Cow<'s, str>, XmlSigError> {
        let raw = self.slice(raw);
        let attribute = Attribute { key: QName(""), value: Cow::Borrowed(raw) };
        let value = attribute
            .normalized_value_with(XmlVersion::Implicit1_0, 1, quick_xml::escape::resolve_xml_entity)
            .map_err(|_| malformed(self.at, "a reference in an attribute"))?;
        if matches!(value, Cow::Owned(_)) && !value.chars().all(is_char) {
            return self.fail("a reference to no character of XML");
        }
        Ok(value)
    }

    // --- the rest -------------------------------------------------------------------------------

    fn comment(&mut self, raw: Cow<'s, str>, end: usize) -> Result<(), XmlSigError> {
        self.flush()?;
        if raw.contains("--") || raw.ends_with('-') {
            return self.fail("-- in a comment");
        }
        let kind = Kind::Comment(self.piece(normalised_lines(raw)));
        self.append(kind, span(self.at, end)).map(|_| ())
    }

    fn instruction(&mut self, pi: &BytesPI<'s>, end: usize) -> Result<(), XmlSigError> {
        self.flush()?;
        let target = pi.target();
        if !is_ncname(target) || target.eq_ignore_ascii_case("xml") {
            return self.fail("a processing instruction without a fit target");
        }
        // `<?` stands before the target.
        let at = self.at + 2;
        let target = span(at, at + target.len());
        let data = self.source[target.end as usize..end - 2].trim_start_matches(is_space);
        let data = self.piece(normalised_lines(Cow::Borrowed(data)));
        self.append(Kind::Instruction(target, data), span(self.at, end)).map(|_| ())
    }

    fn declaration(&mut self, end: usize) -> Result<(), XmlSigError> {
        if self.at != 0 {
            return self.fail("an XML declaration that is not at the start");
        }
        let inside = self.source.get("<?xml".len()..end - "?>".len()).and_then(declared_values);
        if inside.is_some() { Ok(()) } else { self.fail("neither XML 1.0 nor UTF-8 is declared") }
    }

    fn piece(&self, text: Cow<'s, str>) -> Piece {
        match text {
            // Only what is really a part of the source has a place in it; the five entities have none.
            Cow::Borrowed(it) => match (it.as_ptr() as usize).checked_sub(self.source.as_ptr() as usize) {
                Some(start) if start + it.len() <= self.source.len() => Piece::Source(span(start, start + it.len())),
                _ => Piece::Owned(it.into()),
            },
            Cow::Owned(it) => Piece::Owned(it.into_boxed_str()),
        }
    }

    fn append(&mut self, kind: Kind, span: Span) -> Result<u32, XmlSigError> {
        let nodes = &mut self.document.nodes;
        if nodes.len() > self.limits.nodes {
            return Err(XmlSigError::TooLarge("nodes"));
        }
        let id = nodes.len() as u32;
        let parent = self.open.last().map_or(0, |it| it.node);
        nodes.push(NodeData { kind, span, parent, first: 0, last: 0, next: 0 });
        let last = nodes[parent as usize].last;
        match last {
            0 => nodes[parent as usize].first = id,
            last => nodes[last as usize].next = id,
        }
        nodes[parent as usize].last = id;
        Ok(id)
    }
}

fn span(start: usize, end: usize) -> Span {
    Span { start: start as u32, end: end as u32 }
}

/// Reads the inside of an XML declaration: what must and may stand there, in its order, and nothing
/// but what we can read: version 1.0 in UTF-8.
fn declared_values(inside: &str) -> Option<()> {
    let mut rest = inside;
    for (name, allowed) in [("version", &["1.0"][..]), ("encoding", &["utf-8"]), ("standalone", &["yes", "no"])] {
        let (value, after) = match declared_value(rest, name) {
            Some(it) => it,
            None if name == "version" => return None,
            None => continue,
        };
        let is_encoding = name == "encoding" && value.eq_ignore_ascii_case(allowed[0]);
        if !is_encoding && !allowed.contains(&value) {
            return None;
        }
        rest = after;
    }
    rest.chars().all(is_space).then_some(())
}

/// One value of a declaration, if it comes next, and what follows it.
fn declared_value<'s>(rest: &'s str, name: &str) -> Option<(&'s str, &'s str)> {
    let after = rest.strip_prefix(is_space)?.trim_start_matches(is_space).strip_prefix(name)?;
    let after = after.trim_start_matches(is_space).strip_prefix('=')?.trim_start_matches(is_space);
    let quote = after.chars().next().filter(|it| matches!(it, '"' | '\''))?;
    after[1..].split_once(quote)
}

/// Line ends as XML 1.0 has them: `\r\n` and a lone `\r` are `\n`.
fn normalised_lines(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")) } else { text }
}

/// The character of a numeric reference, if XML allows it.
fn character(number: &str) -> Option<char> {
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |it| (it, 16));
    if digits.is_empty() || !digits.bytes().all(|it| (it as char).is_digit(radix)) {
        return None;
    }
    char::from_u32(u32::from_str_radix(digits, radix).ok()?).filter(|it| is_char(*it))
}
