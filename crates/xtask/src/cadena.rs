//! Makes the order of the values of the cadena original, from the facts collected of SAT's style sheets.
//!
//! The facts are a table in JSON: for each kind of document the order of its elements, and an order
//! that kinds share. Every path becomes a list of moves, every prefix a place in a list of namespaces.
//! The result is Rust text for `crates/fiscal/src/mx/cadena/order_table.rs`, which the program needs at
//! run time and a clone has without the facts. What the generator does not understand stops it.

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Where the table lies, from the root of the repository.
pub const TABLE: &str = "crates/fiscal/src/mx/cadena/order_table.rs";
/// Where the facts lie, from the fixtures' folder.
pub const FACTS: &str = "mx/cfdi/original-string-order.json";
/// The kinds, in the order of their bits.
const FORMATS: [&str; 7] = ["cfdi-4.0", "cfdi-3.3", "cfdi-3.2", "retenciones-2.0", "retenciones-1.0", "tfd-1.1", "tfd-1.0"];

/// Namespaces by prefix, as places in the sorted list of them all.
struct Places<'f> {
    sorted: Vec<&'f str>,
    by_prefix: BTreeMap<&'f str, usize>,
}

/// The rows of an element: the formats, as bits, and the order as Rust text.
type Rows<'f> = BTreeMap<(usize, &'f str), Vec<(u8, String)>>;

/// The table for the facts under a fixtures' folder.
pub fn generate(fixtures: &Path) -> anyhow::Result<String> {
    let path = fixtures.join(FACTS);
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let facts: Value = serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    from_facts(&facts)
}

fn from_facts(facts: &Value) -> anyhow::Result<String> {
    let places = Places::read(object(facts, "namespaces")?)?;
    let documents = object(facts, "documents")?;
    ensure!(documents.keys().all(|it| FORMATS.contains(&it.as_str())), "a kind of document without a bit");
    let mut rows = Rows::new();
    let mut common: BTreeMap<&str, u8> = BTreeMap::new();
    for (place, format) in FORMATS.iter().enumerate() {
        let document = documents.get(*format).with_context(|| format!("no {format}"))?;
        let own = object(document, "elements")?;
        for (name, steps) in own {
            add(&mut rows, &places, name, 1 << place, steps)?;
        }
        for name in document.get("uses_common").and_then(Value::as_array).context("uses_common")? {
            let name = name.as_str().context("a name")?;
            if !own.contains_key(name) {
                *common.entry(name).or_default() |= 1 << place;
            }
        }
    }
    let shared = object(facts, "common_elements")?;
    for (name, formats) in common {
        add(&mut rows, &places, name, formats, shared.get(name).with_context(|| format!("no order for {name}"))?)?;
    }
    write(&places, &rows)
}

fn object<'f>(value: &'f Value, name: &str) -> anyhow::Result<&'f serde_json::Map<String, Value>> {
    value.get(name).and_then(Value::as_object).with_context(|| format!("no object `{name}`"))
}

impl<'f> Places<'f> {
    fn read(namespaces: &'f serde_json::Map<String, Value>) -> anyhow::Result<Self> {
        let pairs = namespaces.iter().map(|(prefix, uri)| Ok((prefix.as_str(), uri.as_str().context("a namespace")?)));
        let pairs = pairs.collect::<anyhow::Result<Vec<_>>>()?;
        let mut sorted: Vec<&str> = pairs.iter().map(|(_, uri)| *uri).collect();
        sorted.sort_unstable();
        sorted.dedup();
        ensure!(sorted.len() < usize::from(u8::MAX), "more namespaces than a byte counts");
        let place = |uri: &str| sorted.binary_search(&uri).expect("taken from there");
        let by_prefix = pairs.iter().map(|(prefix, uri)| (*prefix, place(uri))).collect();
        Ok(Self { sorted, by_prefix })
    }

    fn name<'n>(&self, qualified: &'n str) -> anyhow::Result<(usize, &'n str)> {
        let (prefix, local) = qualified.split_once(':').with_context(|| format!("`{qualified}` has no prefix"))?;
        Ok((*self.by_prefix.get(prefix).with_context(|| format!("`{prefix}` is no prefix"))?, local))
    }

    /// A path as a list of moves.
    fn way(&self, path: &str) -> anyhow::Result<String> {
        let mut moves = Vec::new();
        let (mut rest, mut below) = match path.strip_prefix(".//") {
            Some(rest) => (Some(rest), true),
            None => (Some(path).filter(|it| *it != "."), false),
        };
        while let Some(path) = rest {
            let (part, after) = path.split_once('/').map_or((path, None), |(part, after)| (part, Some(after)));
            ensure!(!part.contains(['@', '[', '.', '(']), "the path `{path}` is not understood");
            moves.push(if part == "*" {
                "Any".to_owned()
            } else {
                let (namespace, name) = self.name(part)?;
                format!("{}({namespace}, {name:?})", if below { "Below" } else { "Child" })
            });
            (rest, below) = (after, false);
        }
        Ok(format!("&[{}]", moves.join(", ")))
    }
}

fn add<'f>(rows: &mut Rows<'f>, places: &Places<'_>, name: &'f str, formats: u8, steps: &Value) -> anyhow::Result<()> {
    let (namespace, local) = places.name(name)?;
    let steps = steps_of(places, steps).with_context(|| format!("the order of {name}"))?;
    let rows = rows.entry((namespace, local)).or_default();
    ensure!(rows.iter().all(|(other, _)| other & formats == 0), "{name} has two orders in one kind");
    rows.push((formats, steps));
    Ok(())
}

fn steps_of(places: &Places<'_>, steps: &Value) -> anyhow::Result<String> {
    let steps = steps.as_array().context("no list of steps")?;
    let steps = steps.iter().map(|it| step(places, it)).collect::<anyhow::Result<Vec<_>>>()?;
    Ok(format!("&[{}]", steps.join(", ")))
}

fn step(places: &Places<'_>, step: &Value) -> anyhow::Result<String> {
    if let Some(text) = step.as_str() {
        return value(places, text);
    }
    let step = step.as_object().context("neither a value nor a step")?;
    let path = |name: &str| step.get(name).and_then(Value::as_str);
    let inner = || steps_of(places, step.get("do").context("nothing to do")?);
    match (path("apply"), path("each"), path("if")) {
        (Some(path), None, None) => Ok(format!("Apply({})", places.way(path)?)),
        (None, Some(path), None) => Ok(format!("Each({}, {})", places.way(path)?, inner()?)),
        (None, None, Some(path)) if path.starts_with('@') => {
            let (name, text) = path[1..].split_once('=').context("a condition without a value")?;
            let text = text.strip_prefix('\'').and_then(|it| it.strip_suffix('\'')).context("a value without quotes")?;
            Ok(format!("IfIs({name:?}, {text:?}, {})", inner()?))
        }
        (None, None, Some(path)) => Ok(format!("If({}, {})", places.way(path)?, inner()?)),
        _ => bail!("a step of no known kind: {step:?}"),
    }
}

/// `!` or `?`, then a path that ends in an attribute or in an element whose text is meant.
fn value(places: &Places<'_>, text: &str) -> anyhow::Result<String> {
    let (make, path) = match (text.strip_prefix('!'), text.strip_prefix('?')) {
        (Some(path), _) => ("Must", path),
        (_, Some(path)) => ("May", path),
        _ => bail!("`{text}` is neither required nor optional"),
    };
    let (way, attribute) = match path.rsplit_once('/') {
        _ if path.starts_with('@') => (".", Some(&path[1..])),
        Some((way, last)) if last.starts_with('@') => (way, Some(&last[1..])),
        _ => (path, None),
    };
    let what = attribute.map_or("Text".to_owned(), |name| format!("Attribute({name:?})"));
    Ok(format!("{make}({}, {what})", places.way(way)?))
}

fn write(places: &Places<'_>, rows: &Rows<'_>) -> anyhow::Result<String> {
    let mut out = HEAD.to_owned();
    for namespace in &places.sorted {
        writeln!(out, "    {namespace:?},")?;
    }
    out.push_str(MIDDLE);
    for ((namespace, name), rows) in rows {
        for (formats, steps) in rows {
            writeln!(out, "    Element {{ namespace: {namespace}, name: {name:?}, formats: 0b{formats:07b}, steps: {steps} }},")?;
        }
    }
    out.push_str("];\n");
    Ok(out)
}

const HEAD: &str = r#"//! The order of the values of the cadena original, by element.
//!
//! Made by `cargo run -p fedatario-xtask -- cadena` from the facts collected of SAT's style sheets;
//! change the generator, not this file. The formats are bits, from the right: CFDI 4.0, 3.3, 3.2,
//! Retenciones 2.0, 1.0, stamp 1.1, 1.0.

use super::order::Element;
use super::order::Move::{Any, Below, Child};
use super::order::Step::{Apply, Each, If, IfIs, May, Must};
use super::order::Value::{Attribute, Text};

/// Sorted, for the search.
#[rustfmt::skip]
pub static NAMESPACES: &[&str] = &[
"#;

const MIDDLE: &str = r#"];

/// Sorted by namespace and name, for the search.
#[rustfmt::skip]
pub static ELEMENTS: &[Element] = &[
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_committed_order_is_what_the_facts_say() {
        let root = fedatario_testkit::fixtures_or_skip!();
        let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(TABLE);
        assert_eq!(generate(&root).unwrap(), std::fs::read_to_string(table).unwrap());
        fedatario_testkit::covers!("cadena: the committed order is what the facts say");
    }

    /// The facts with one order for the root of CFDI 4.0.
    fn facts(steps: Value) -> Value {
        let none = json!({ "elements": {}, "uses_common": [] });
        let mut documents: serde_json::Map<String, Value> = FORMATS.iter().map(|it| ((*it).to_owned(), none.clone())).collect();
        documents.insert("cfdi-4.0".into(), json!({ "elements": { "b:Root": steps }, "uses_common": ["a:Shared"] }));
        json!({
            "namespaces": { "b": "urn:z", "a": "urn:y" },
            "documents": documents,
            "common_elements": { "a:Shared": ["?@Leyenda"] },
        })
    }

    #[test]
    fn every_kind_of_step_is_written_and_no_other() {
        let cases = [
            (json!(["!@A"]), r#"&[Must(&[], Attribute("A"))]"#),
            (json!(["?b:X/@A"]), r#"&[May(&[Child(1, "X")], Attribute("A"))]"#),
            (json!(["!."]), "&[Must(&[], Text)]"),
            (json!(["?b:X/a:Y"]), r#"&[May(&[Child(1, "X"), Child(0, "Y")], Text)]"#),
            (json!([{ "apply": "*" }]), "&[Apply(&[Any])]"),
            (json!([{ "apply": "." }]), "&[Apply(&[])]"),
            (json!([{ "apply": ".//b:X/b:Y" }]), r#"&[Apply(&[Below(1, "X"), Child(1, "Y")])]"#),
            (json!([{ "each": "b:X", "do": ["!@A"] }]), r#"&[Each(&[Child(1, "X")], &[Must(&[], Attribute("A"))])]"#),
            (json!([{ "if": "b:X", "do": [] }]), r#"&[If(&[Child(1, "X")], &[])]"#),
            (json!([{ "if": "@V='1.0'", "do": [] }]), r#"&[IfIs("V", "1.0", &[])]"#),
        ];
        for (steps, expected) in cases {
            let table = from_facts(&facts(steps.clone())).unwrap();
            assert!(table.contains(&format!("name: \"Root\", formats: 0b0000001, steps: {expected} }}")), "{steps}\n{table}");
        }
        let refused = [json!(["@A"]), json!(["!c:X/@A"]), json!([{ "apply": "b:X[1]" }]), json!([{ "do": [] }]), json!([7])];
        for steps in refused {
            assert!(from_facts(&facts(steps.clone())).is_err(), "{steps}");
        }
        fedatario_testkit::covers!("cadena: every kind of step of the order is understood, and no other");
    }
}
