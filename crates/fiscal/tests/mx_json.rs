//! The JSON of any XML at all, against a second, slower reading of the same rule.

use fedatario_fiscal::mx::cfdi::xml_to_json;
use fedatario_testkit::covers;
use proptest::prelude::*;
use serde_json::{Map, Value};

/// An element as a test makes it.
#[derive(Debug, Clone)]
struct Element {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Element>,
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for it in text.chars() {
        match it {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '"' => out += "&quot;",
            '\n' => out += "&#xA;",
            other => out.push(other),
        }
    }
    out
}

fn xml(it: &Element) -> String {
    let attributes: String = it.attributes.iter().map(|(name, value)| format!(" {name}=\"{}\"", escaped(value))).collect();
    let children: String = it.children.iter().map(|it| xml(it) + "\n").collect();
    format!("<{0}{attributes}>{1}{children}</{0}>", it.name, escaped(&it.text))
}

fn expected(it: &Element) -> Value {
    let mut object = Map::new();
    for (name, value) in &it.attributes {
        object.insert(format!("@{name}"), Value::String(value.clone()));
    }
    for child in &it.children {
        let same: Vec<Value> = it.children.iter().filter(|other| other.name == child.name).map(expected).collect();
        object.insert(child.name.clone(), if same.len() > 1 { Value::Array(same) } else { same[0].clone() });
    }
    let text = it.text.trim().to_owned();
    match (object.is_empty(), text.is_empty()) {
        (true, true) => Value::Null,
        (true, false) => Value::String(text),
        (false, true) => Value::Object(object),
        (false, false) => {
            object.insert("#text".to_owned(), Value::String(text));
            Value::Object(object)
        }
    }
}

fn elements() -> impl Strategy<Value = Element> {
    let attributes = prop::collection::btree_map("[a-d]", "[ -~ñÑ\n]{0,8}", 0..3);
    let leaf = ("[A-E]", attributes, "[ -~ñÑ]{0,8}").prop_map(|(name, attributes, text)| Element {
        name,
        attributes: attributes.into_iter().collect(),
        text,
        children: Vec::new(),
    });
    leaf.prop_recursive(4, 60, 8, |inner| {
        ("[A-E]", prop::collection::vec(inner, 0..8)).prop_map(|(name, children)| Element {
            name,
            attributes: Vec::new(),
            text: String::new(),
            children,
        })
    })
}

proptest! {
    #[test]
    fn any_document_reads_as_the_rule_says(root in elements()) {
        let json = xml_to_json(xml(&root).as_bytes()).unwrap();
        let found: Value = serde_json::from_str(&json).unwrap();
        let wanted = Map::from_iter([(root.name.clone(), expected(&root))]);
        prop_assert_eq!(found, Value::Object(wanted));
        prop_assert_eq!(xml_to_json(xml(&root).as_bytes()).unwrap(), json);
    }
}

#[test]
fn the_property_of_json_is_claimed() {
    any_document_reads_as_the_rule_says();
    covers!("JSON: any document reads as the rule says, the same every time (property)");
}
