//! The JSON of a document, in the shape that `xmltodict` gives.
//!
//! The rule, which never changes: an element is an object; attributes, namespace declarations
//! included, are keys with `@` before the name as written; child elements are keys with the name as
//! written, prefix included; text beside attributes or children is `#text`; an element with text
//! alone is that text, an empty one `null`. Every value is a string: amounts keep their zeros. An
//! element is a list if the schemas let it repeat at its place (`list_paths`), or if it repeats.
//! Text is trimmed, comments and processing instructions fall away. The order among elements of
//! different names is kept by the XML only. The JSON nests up to twice as deep as the XML may
//! (`tree::MAX_DEPTH`), deeper than `serde_json` reads by default; real documents stay below 30.

use super::tree::{NodeId, Tree};
use std::collections::HashMap;

/// Children below which a scan finds a name faster than a table.
const SCAN_UP_TO: usize = 16;
/// Bytes looked at before it is asked whether one of them needs an escape.
const PLAIN_CHUNK: usize = 64;
/// Bytes of JSON that an element makes on average, so that the text rarely moves while it grows.
const BYTES_PER_ELEMENT: usize = 256;

/// The whole document as JSON text: one object whose only key is the root.
pub fn to_json(tree: &Tree<'_>) -> String {
    let mut out = String::with_capacity(tree.len() * BYTES_PER_ELEMENT);
    out.push('{');
    string(&mut out, tree.node(tree.root()).name);
    out.push(':');
    element(&mut out, tree, tree.root());
    out.push('}');
    out
}

/// The children of one name.
struct Group<'a> {
    name: &'a str,
    members: Vec<NodeId>,
    list: bool,
}

fn element(out: &mut String, tree: &Tree<'_>, id: NodeId) {
    let (attributes, text, groups) = (tree.attributes(id), tree.text(id), groups(tree, id));
    if attributes.is_empty() && groups.is_empty() {
        return if text.is_empty() { out.push_str("null") } else { string(out, text) };
    }
    out.push('{');
    for attribute in attributes {
        key(out, "@", attribute.name);
        string(out, &attribute.value);
    }
    for group in &groups {
        key(out, "", group.name);
        members(out, tree, group);
    }
    if !text.is_empty() {
        key(out, "", "#text");
        string(out, text);
    }
    out.push('}');
}

fn members(out: &mut String, tree: &Tree<'_>, group: &Group<'_>) {
    if let ([only], false) = (group.members.as_slice(), group.list) {
        return element(out, tree, *only);
    }
    for (place, member) in group.members.iter().enumerate() {
        out.push(if place == 0 { '[' } else { ',' });
        element(out, tree, *member);
    }
    out.push(']');
}

/// The children by name, names in the order of their first appearance.
fn groups<'t>(tree: &'t Tree<'_>, id: NodeId) -> Vec<Group<'t>> {
    let mut groups: Vec<Group<'t>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for child in tree.children(id) {
        let name = tree.node(child).name;
        let place =
            if groups.len() <= SCAN_UP_TO { groups.iter().position(|it| it.name == name) } else { places.get(name).copied() };
        let list = tree.may_repeat(child);
        match place {
            Some(place) => {
                groups[place].members.push(child);
                groups[place].list |= list;
            }
            None => {
                groups.push(Group { name, members: vec![child], list });
                if groups.len() > SCAN_UP_TO {
                    let known = places.len();
                    places.extend(groups.iter().enumerate().skip(known).map(|(place, it)| (it.name, place)));
                }
            }
        }
    }
    groups
}

/// A comma where one is due, and a key.
fn key(out: &mut String, mark: &str, name: &str) {
    if !out.ends_with('{') {
        out.push(',');
    }
    string_after(out, mark, name);
    out.push(':');
}

fn string(out: &mut String, text: &str) {
    string_after(out, "", text);
}

/// A string that opens with `mark`, in which there is nothing to escape.
fn string_after(out: &mut String, mark: &str, text: &str) {
    out.push('"');
    out.push_str(mark);
    if is_plain(text.as_bytes()) {
        out.push_str(text);
        return out.push('"');
    }
    let escaped = serde_json::to_string(text).expect("a string is always JSON");
    out.push_str(&escaped[1..]); // Its own opening quote left out.
}

/// Whether JSON writes the bytes as they are. Most are the base64 of seals and certificates; looked
/// at without an early end, so that many are looked at together.
fn is_plain(bytes: &[u8]) -> bool {
    bytes
        .chunks(PLAIN_CHUNK)
        .all(|chunk| !chunk.iter().fold(false, |found, it| found | (*it < b' ') | (*it == b'"') | (*it == b'\\')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(xml: &str, expected: &str) {
        let tree = Tree::read(xml).unwrap_or_else(|error| panic!("{xml}: {error}"));
        assert_eq!(to_json(&tree), expected, "{xml}");
    }

    #[test]
    fn the_shape_is_that_of_xmltodict() {
        let cases = [
            ("<a/>", r#"{"a":null}"#),
            ("<a> </a>", r#"{"a":null}"#),
            ("<a> x </a>", r#"{"a":"x"}"#),
            ("<a b='1'/>", r#"{"a":{"@b":"1"}}"#),
            ("<a b='1'>x</a>", r##"{"a":{"@b":"1","#text":"x"}}"##),
            ("<a>x<b/>y</a>", r##"{"a":{"b":null,"#text":"xy"}}"##),
            ("<a>x<!-- c -->y<?pi?>z</a>", r#"{"a":"xyz"}"#),
            ("<a>1 &lt; 2<![CDATA[ & 3]]></a>", r#"{"a":"1 < 2 & 3"}"#),
            ("<a><b/><c/><b/></a>", r#"{"a":{"b":[null,null],"c":null}}"#),
            ("<p:a xmlns:p='u' p:b='&#xA;&quot;'/>", r#"{"p:a":{"@xmlns:p":"u","@p:b":"\n\""}}"#),
            ("<a b='1\n2\t3'/>", r#"{"a":{"@b":"1 2 3"}}"#),
            ("<a><b>01</b><b>1.00</b></a>", r#"{"a":{"b":["01","1.00"]}}"#),
            ("<a>&#241;\u{2029}\u{7f}</a>", "{\"a\":\"ñ\u{2029}\u{7f}\"}"),
        ];
        for (xml, expected) in cases {
            check(xml, expected);
        }
        fedatario_testkit::covers!("JSON: attributes, text, namespaces, repeated elements in the xmltodict shape");
    }

    #[test]
    fn what_the_schemas_let_repeat_is_a_list_even_once() {
        let concept = "<c:Conceptos><c:Concepto/></c:Conceptos>";
        let listed = r#""c:Conceptos":{"c:Concepto":[null]}"#;
        for (uri, is_list) in [("http://www.sat.gob.mx/cfd/4", true), ("http://www.sat.gob.mx/cfd/3", true), ("urn:other", false)] {
            let expected = if is_list { listed.to_owned() } else { listed.replace(['[', ']'], "") };
            check(
                &format!("<c:Comprobante xmlns:c='{uri}'>{concept}</c:Comprobante>"),
                &format!("{{\"c:Comprobante\":{{\"@xmlns:c\":\"{uri}\",{expected}}}}}"),
            );
        }
        // The same name elsewhere in the document is none of the schema's business.
        check(
            "<Comprobante xmlns='http://www.sat.gob.mx/cfd/4'><Concepto/></Comprobante>",
            r#"{"Comprobante":{"@xmlns":"http://www.sat.gob.mx/cfd/4","Concepto":null}}"#,
        );
        // A complement starts its own path, under any prefix and wherever it lies.
        check(
            "<x><Pagos xmlns='http://www.sat.gob.mx/Pagos20'><Pago/></Pagos></x>",
            r#"{"x":{"Pagos":{"@xmlns":"http://www.sat.gob.mx/Pagos20","Pago":[null]}}}"#,
        );
        fedatario_testkit::covers!("JSON: what the schemas let repeat is a list even when single");
    }

    #[test]
    fn strings_are_those_of_serde_json_wherever_the_escape_lies() {
        for escaped in ["\"", "\\", "\n", "\u{1}", "\u{1f}", "\u{7f}", "ñ", "€"] {
            for before in [0, 1, PLAIN_CHUNK - 1, PLAIN_CHUNK, 3 * PLAIN_CHUNK] {
                let text = format!("{}{escaped}{}", "a".repeat(before), "b".repeat(PLAIN_CHUNK));
                let mut out = String::new();
                string_after(&mut out, "@", &text);
                assert_eq!(out, serde_json::to_string(&format!("@{text}")).unwrap());
            }
        }
    }

    #[test]
    fn many_names_and_many_children_stay_grouped() {
        let names = 3 * SCAN_UP_TO;
        let children: String = (0..names * 2).map(|it| format!("<n{0}>{it}</n{0}>", it % names)).collect();
        let tree_text = format!("<a>{children}</a>");
        let json = to_json(&Tree::read(&tree_text).unwrap());
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        let root = value["a"].as_object().unwrap();
        assert_eq!(root.len(), names);
        for it in 0..names {
            assert_eq!(root[&format!("n{it}")], serde_json::json!([it.to_string(), (it + names).to_string()]));
        }
    }
}
