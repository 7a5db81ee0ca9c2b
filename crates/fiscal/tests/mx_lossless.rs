//! Nothing of a document is lost on its way to JSON: every element, attribute and text, by an
//! independent reader, in every version and with every complement that is published or authored.

use fedatario_fiscal::mx::cfdi::xml_to_json;
use fedatario_testkit::{covers, fixtures};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Facts of the XML by the DOM of Python's library, facts of the JSON by its own rule, without regard
/// to order; white space does not count. Prints one line a document: how many facts there were.
const JUDGE: &str = r##"
import sys, json
from collections import Counter
from xml.dom import expatbuilder

def squeezed(text):
    return "".join(text.split())

def of_xml(node, path, facts):
    path = path + "/" + node.tagName
    facts[(path, "element", "")] += 1
    for name, value in node.attributes.items():
        facts[(path, "@" + name, squeezed(value))] += 1
    text = "".join(it.data for it in node.childNodes if it.nodeType in (it.TEXT_NODE, it.CDATA_SECTION_NODE))
    if squeezed(text):
        facts[(path, "#text", squeezed(text))] += 1
    for child in node.childNodes:
        if child.nodeType == child.ELEMENT_NODE:
            of_xml(child, path, facts)

def of_json(value, path, facts):
    if isinstance(value, list):
        for it in value:
            of_json(it, path, facts)
        return
    facts[(path, "element", "")] += 1
    if isinstance(value, str):
        facts[(path, "#text", squeezed(value))] += 1
    elif isinstance(value, dict):
        for key, it in value.items():
            if key.startswith("@") or key == "#text":
                facts[(path, key, squeezed(it))] += 1
            else:
                of_json(it, path + "/" + key, facts)
    elif value is not None:
        sys.exit("neither text nor object: %r" % value)

for xml, mine in zip(sys.argv[1::2], sys.argv[2::2]):
    theirs, ours = Counter(), Counter()
    of_xml(expatbuilder.parse(xml, namespaces=False).documentElement, "", theirs)
    for key, value in json.load(open(mine, encoding="utf-8")).items():
        of_json(value, "/" + key, ours)
    if theirs != ours:
        sys.exit("%s: lost %r, made up %r" % (xml, list((theirs - ours).items())[:3], list((ours - theirs).items())[:3]))
    print(sum(ours.values()))
"##;

fn xml_files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|it| it.path()).collect();
    found.retain(|it| it.extension().is_some_and(|it| it == "xml"));
    found.sort();
    found
}

fn judge(files: &[PathBuf]) -> Vec<usize> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("python3");
    command.args(["-c", JUDGE]);
    for (place, file) in files.iter().enumerate() {
        let json = xml_to_json(&std::fs::read(file).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let path = folder.path().join(format!("{place}.json"));
        std::fs::write(&path, json).unwrap();
        command.arg(file).arg(path);
    }
    let done = command.output().expect("python3 is there");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().lines().map(|it| it.parse().unwrap()).collect()
}

#[test]
fn nothing_of_a_document_is_lost_in_its_json() {
    let mut files = xml_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/cfdi"));
    if let Some(root) = fixtures::maybe() {
        for folder in ["sim", "oddities", "invalid", "upstream-32", "upstream-33", "upstream-40", "upstream-ret"] {
            let more = xml_files(&root.join("mx/cfdi").join(folder));
            assert!(!more.is_empty(), "{folder}");
            files.extend(more);
        }
    }
    let facts = judge(&files);
    assert_eq!(facts.len(), files.len());
    assert!(facts.iter().all(|it| *it > 3), "{facts:?}");
    covers!("CFDI: nothing of a document is lost in its JSON, in any version, with any complement (judged by Python's DOM)");
}

#[test]
fn shapes_that_no_schema_has_are_kept_too() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        "<a><b/>x<b>y</b>z<c d='1'>&#xA;w</c></a>",
        "<a xmlns='u' xmlns:p='v' p:x='1' x='2'><p:b xmlns:p='w'/><![CDATA[<&>]]></a>",
        "<a><b><b><b>deep</b></b></b><b/><c/><b c='&quot;&amp;'/></a>",
        "<a>\u{1F4B6}<ñandú é='ü'>東</ñandú></a>",
    ];
    let write = |(place, it): (usize, &&str)| {
        let path = folder.path().join(format!("{place}.xml"));
        std::fs::write(&path, it).unwrap();
        path
    };
    let files: Vec<PathBuf> = rows.iter().enumerate().map(write).collect();
    assert_eq!(judge(&files).len(), rows.len());
    covers!("CFDI: shapes that no schema has are kept whole in the JSON too");
}
