//! Makes the table of what may repeat in a CFDI, from SAT's schemas.
//!
//! For every global element of every schema, its children are followed through named types and
//! extensions; a path is listed if its element, or a group around it, has `maxOccurs` above one.
//! The result is Rust text for `crates/fiscal/src/mx/list_paths.rs`, which the program needs at run
//! time and a clone has without the schemas. Two versions of a document that share a namespace (3.2
//! and 3.3) share its paths: what one of them lets repeat is a list in both.

use anyhow::{Context, bail};
use quick_xml::events::{BytesStart, Event};
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where the table lies, from the root of the repository.
pub const TABLE: &str = "crates/fiscal/src/mx/list_paths.rs";
/// Elements inside one another; a type that contains itself is cut here.
const MAX_DEPTH: usize = 24;

/// One element or group of a schema, with what lies inside it.
#[derive(Default)]
struct Particle {
    tag: String,
    attributes: HashMap<String, String>,
    children: Vec<Particle>,
}

/// A schema: its namespace and its content.
struct Schema {
    namespace: String,
    root: Particle,
}

/// A name on the way to something that may repeat.
#[derive(Default)]
struct Branch {
    list: bool,
    children: BTreeMap<String, Branch>,
}

/// The table for all schemas under a folder.
pub fn generate(folder: &Path) -> anyhow::Result<String> {
    let mut files = Vec::new();
    collect(folder, &mut files)?;
    files.sort();
    let schemas = files.iter().map(|it| read(it)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut table: BTreeMap<&str, Branch> = BTreeMap::new();
    for schema in schemas.iter().filter(|it| !it.namespace.is_empty()) {
        let types = types_of(&schema.namespace, &schemas);
        let branch = table.entry(&schema.namespace).or_default();
        for element in schema.root.children.iter().filter(|it| it.tag == "element") {
            add(branch, element, &types, false, 0)?;
        }
    }
    table.values_mut().for_each(prune);
    table.retain(|_, branch| !branch.children.is_empty());
    Ok(write(&table))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|it| it == "xsd") {
            files.push(path);
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Schema> {
    let bytes = std::fs::read(path)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{} is not UTF-8", path.display()))?;
    let root = parse(text.trim_start_matches('\u{feff}')).with_context(|| format!("reading {}", path.display()))?;
    Ok(Schema { namespace: root.attributes.get("targetNamespace").cloned().unwrap_or_default(), root })
}

fn parse(text: &str) -> anyhow::Result<Particle> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut open = vec![Particle::default()];
    loop {
        match reader.read_event()? {
            Event::Start(start) => open.push(particle(&start)?),
            Event::Empty(start) => open.last_mut().context("content after the root")?.children.push(particle(&start)?),
            Event::End(_) => {
                let closed = open.pop().context("a stray end")?;
                open.last_mut().context("a stray end")?.children.push(closed);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    open.pop().and_then(|it| it.children.into_iter().next()).context("no root")
}

fn particle(start: &BytesStart<'_>) -> anyhow::Result<Particle> {
    let mut attributes = HashMap::new();
    for attribute in start.attributes() {
        let attribute = attribute?;
        attributes.insert(attribute.key.0.to_owned(), attribute.value.into_owned());
    }
    Ok(Particle { tag: local(start.name().0).to_owned(), attributes, children: Vec::new() })
}

fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, it)| it)
}

/// The named types of a namespace. Types of other namespaces are catalogues: values, no elements.
fn types_of<'s>(namespace: &str, schemas: &'s [Schema]) -> HashMap<&'s str, &'s Particle> {
    let own = schemas.iter().filter(|it| it.namespace == namespace);
    own.flat_map(|it| &it.root.children)
        .filter(|it| it.tag == "complexType")
        .filter_map(|it| Some((it.attributes.get("name")?.as_str(), it)))
        .collect()
}

type Types<'s> = HashMap<&'s str, &'s Particle>;

/// Adds an element and what lies below; `repeated` says that a group around it may repeat.
fn add(branch: &mut Branch, element: &Particle, types: &Types<'_>, repeated: bool, depth: usize) -> anyhow::Result<()> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    if element.attributes.contains_key("ref") {
        bail!("references to elements are not followed: {:?}", element.attributes);
    }
    let name = element.attributes.get("name").context("an element without a name")?;
    let child = branch.children.entry(name.clone()).or_default();
    child.list |= repeated || may_repeat(element);
    if let Some(named) = element.attributes.get("type").and_then(|it| types.get(local(it))) {
        descend(child, named, types, false, depth)?;
    }
    element.children.iter().try_for_each(|it| descend(child, it, types, false, depth))
}

/// Finds the elements inside a type or a group.
fn descend(branch: &mut Branch, within: &Particle, types: &Types<'_>, repeated: bool, depth: usize) -> anyhow::Result<()> {
    match within.tag.as_str() {
        "element" => return add(branch, within, types, repeated, depth + 1),
        "group" => bail!("named groups are not followed"),
        "extension" => {
            if let Some(base) = within.attributes.get("base").and_then(|it| types.get(local(it))) {
                descend(branch, base, types, repeated, depth + 1)?;
            }
        }
        "annotation" | "attribute" | "simpleType" => return Ok(()),
        _ => {}
    }
    let repeated = repeated || may_repeat(within);
    within.children.iter().try_for_each(|it| descend(branch, it, types, repeated, depth))
}

fn may_repeat(particle: &Particle) -> bool {
    particle.attributes.get("maxOccurs").is_some_and(|it| it == "unbounded" || it.parse::<u32>().is_ok_and(|it| it > 1))
}

/// Drops what leads to no list.
fn prune(branch: &mut Branch) {
    branch.children.values_mut().for_each(prune);
    branch.children.retain(|_, it| it.list || !it.children.is_empty());
}

fn write(table: &BTreeMap<&str, Branch>) -> String {
    let mut out = HEAD.to_owned();
    for (namespace, branch) in table {
        writeln!(out, "    ({namespace:?}, &[").expect("memory");
        write_children(&mut out, branch, 2);
        out.push_str("    ]),\n");
    }
    out.push_str("];\n");
    out
}

fn write_children(out: &mut String, branch: &Branch, depth: usize) {
    let indent = "    ".repeat(depth);
    for (name, child) in &branch.children {
        let make = if child.list { "list" } else { "way" };
        if child.children.is_empty() {
            writeln!(out, "{indent}{make}({name:?}, &[]),").expect("memory");
            continue;
        }
        writeln!(out, "{indent}{make}({name:?}, &[").expect("memory");
        write_children(out, child, depth + 1);
        writeln!(out, "{indent}]),").expect("memory");
    }
}

const HEAD: &str = r#"//! What may repeat in a CFDI, its complements and a retención, by namespace and path.
//!
//! Made by `cargo run -p fedatario-xtask -- lists` from SAT's schemas; change the generator, not
//! this file. A path starts at a global element of its namespace. Only names on the way to something
//! that may repeat are here.

/// A name of the schemas: whether its element may repeat, and what matters below it.
#[derive(Debug)]
pub struct Node {
    /// The name without prefix.
    pub name: &'static str,
    /// Whether it, or a group around it, has `maxOccurs` above one.
    pub list: bool,
    /// The names below it that are on the way to a list.
    pub children: &'static [Node],
}

const fn list(name: &'static str, children: &'static [Node]) -> Node {
    Node { name, list: true, children }
}

const fn way(name: &'static str, children: &'static [Node]) -> Node {
    Node { name, list: false, children }
}

/// The global elements of a namespace that lead to a list.
pub fn roots(namespace: &str) -> &'static [Node] {
    TABLE.binary_search_by_key(&namespace, |(it, _)| it).map_or(&[], |place| TABLE[place].1)
}

/// Sorted by namespace, for the search.
#[rustfmt::skip]
static TABLE: &[(&str, &[Node])] = &[
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_table_is_what_the_schemas_say() {
        let root = fedatario_testkit::fixtures_or_skip!();
        let table = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(TABLE);
        assert_eq!(generate(&root.join("mx/xsd")).unwrap(), std::fs::read_to_string(table).unwrap());
        fedatario_testkit::covers!("list paths: the committed table is what the schemas say");
    }

    const SCHEMA: &str = r#"<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:t" targetNamespace="urn:t">
        <xs:element name="Root"><xs:complexType><xs:sequence>
            <xs:element name="Once" type="t:Kind"/>
            <xs:element name="Bounded" maxOccurs="3"/>
            <xs:sequence maxOccurs="unbounded"><xs:element name="Grouped"/><xs:element name="Way"><xs:complexType>
                <xs:choice maxOccurs="2"><xs:element name="Chosen" minOccurs="0"/></xs:choice>
            </xs:complexType></xs:element></xs:sequence>
            <xs:any maxOccurs="unbounded"/>
        </xs:sequence></xs:complexType></xs:element>
        <xs:complexType name="Kind"><xs:complexContent><xs:extension base="t:Base"><xs:sequence><xs:element name="Single" maxOccurs="1"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>
        <xs:complexType name="Base"><xs:sequence><xs:element name="Inherited" maxOccurs="unbounded"/><xs:element name="Again" type="t:Base"/></xs:sequence></xs:complexType>
    </xs:schema>"#;

    #[test]
    fn groups_types_and_extensions_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.xsd"), SCHEMA).unwrap();
        let table = generate(folder.path()).unwrap();
        let lists = ["Bounded", "Grouped", "Way", "Chosen", "Inherited"];
        let ways = ["Root", "Once", "Again"];
        assert!(lists.iter().all(|it| table.contains(&format!("list({it:?}"))), "{table}");
        assert!(ways.iter().all(|it| table.contains(&format!("way({it:?}"))), "{table}");
        assert!(!table.contains("Single"), "{table}");
        fedatario_testkit::covers!("list paths: groups, named types and extensions are followed");
    }
}
