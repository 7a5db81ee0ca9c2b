//! Documents by the thousand: everything that makes canonical forms differ from plain copies.

use super::dice::Dice;

const NAMES: &[&str] = &["a", "b", "Concepto", "ñandú", "x-1", "_y.z", "東"];
const PREFIXES: &[&str] = &["", "p", "q", "r", "cfdi"];
// Without `&`: libxml2 writes it bare in a declaration, against the recommendation.
const NAMESPACES: &[&str] = &["urn:one", "urn:two", "http://example.com/a?b='c'", "urn:n%C3%B1", "urn:three"];
const VALUES: &[&str] = &[
    "",
    "v",
    "a b",
    "&#9;&#10;&#13;",
    "raw\ttab",
    "raw\r\nline",
    "raw\rreturn",
    "&lt;&gt;&amp;&quot;&apos;",
    "it's > that",
    "\u{1F4B6} non-BMP &#x1F4B6;",
    "é\u{85}\u{2028}",
    "&#x20;&#x20; edges ",
];
const TEXTS: &[&str] = &[
    "text",
    "&lt;&gt;&amp;\"'",
    "&#13;&#10;&#9;",
    "line\r\nline\rline\n",
    "\u{1F4B6}&#x1F4B6;",
    "<![CDATA[<&>\"'\r\n]]>",
    "<![CDATA[]]>",
    "\u{85}\u{2028}\u{A0}",
    " \t ",
    "a > b",
];
const ASIDES: &[&str] = &["<!-- c\r\nd -->", "<!---->", "<?pi?>", "<?pi  some \r data ?>", "<?pi-2 x=\"&lt;\"?>"];

/// What a prefix is bound to, as an index of [`NAMESPACES`]; `None` is no namespace.
type Scope = [Option<usize>; 5];

/// A whole document with what may stand beside its root.
pub fn document(dice: &mut Dice) -> String {
    let mut out = String::new();
    if dice.one_in(2) {
        out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n");
    }
    asides(dice, &mut out);
    out.push_str(&element(dice, &[None; 5], 4));
    asides(dice, &mut out);
    out
}

fn asides(dice: &mut Dice, out: &mut String) {
    while dice.one_in(3) {
        out.push_str(dice.pick(ASIDES));
        out.push_str(["", "\n", " "][dice.roll(3)]);
    }
}

/// An element whose surroundings bind prefixes so.
pub fn element(dice: &mut Dice, outer: &Scope, depth: usize) -> String {
    let mut scope = *outer;
    let mut declared = declarations(dice, &mut scope);
    let prefix = bound_prefix(dice, &scope);
    let name = qualified(PREFIXES[prefix], dice.pick(NAMES));
    attributes(dice, &scope, &mut declared);
    shuffle(dice, &mut declared);
    let space = dice.pick(&[" ", "\n", "  ", "\t"]);
    let head: String = declared.iter().map(|it| format!("{space}{it}")).collect();
    if dice.one_in(6) {
        return format!("<{name}{head}/>");
    }
    let mut out = format!("<{name}{head}>");
    for _ in 0..dice.roll(5) {
        match dice.roll(5) {
            0 | 1 if depth > 0 => out.push_str(&element(dice, &scope, depth - 1)),
            2 => out.push_str(dice.pick(ASIDES)),
            _ => out.push_str(dice.pick(TEXTS)),
        }
    }
    out + &format!("</{name}>")
}

fn qualified(prefix: &str, local: &str) -> String {
    if prefix.is_empty() { local.to_owned() } else { format!("{prefix}:{local}") }
}

fn declarations(dice: &mut Dice, scope: &mut Scope) -> Vec<String> {
    let mut out = Vec::new();
    for (place, prefix) in PREFIXES.iter().enumerate() {
        if !dice.one_in(4) {
            continue;
        }
        let is_undone = prefix.is_empty() && dice.one_in(3);
        scope[place] = (!is_undone).then(|| dice.roll(NAMESPACES.len()));
        let value = scope[place].map_or("", |it| NAMESPACES[it]);
        let name = if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        out.push(quoted(dice, &name, value));
    }
    out
}

fn quoted(dice: &mut Dice, name: &str, value: &str) -> String {
    let quote = if value.contains('\'') || dice.one_in(2) { '"' } else { '\'' };
    format!("{name}={quote}{value}{quote}")
}

/// A prefix that may be used here; the empty one always may.
fn bound_prefix(dice: &mut Dice, scope: &Scope) -> usize {
    let place = dice.roll(PREFIXES.len());
    if scope[place].is_some() { place } else { 0 }
}

fn attributes(dice: &mut Dice, scope: &Scope, out: &mut Vec<String>) {
    let mut used = Vec::new();
    for _ in 0..dice.roll(4) {
        let place = bound_prefix(dice, scope);
        let local = dice.pick(NAMES);
        let expanded = (if place == 0 { None } else { scope[place] }, local);
        if used.contains(&expanded) {
            continue;
        }
        used.push(expanded);
        let value = dice.pick(VALUES);
        out.push(quoted(dice, &qualified(PREFIXES[place], local), value));
    }
    for (name, value) in [("xml:lang", "es-MX"), ("xml:space", "preserve"), ("xml:base", "http://example.com/")] {
        if dice.one_in(6) {
            out.push(quoted(dice, name, value));
        }
    }
}

fn shuffle(dice: &mut Dice, items: &mut [String]) {
    for place in (1..items.len()).rev() {
        items.swap(place, dice.roll(place + 1));
    }
}

/// A prefix list for the exclusive method.
pub fn prefix_list(dice: &mut Dice) -> Vec<&'static str> {
    let all = ["#default", "p", "q", "r", "cfdi"];
    all.into_iter().filter(|_| dice.one_in(3)).collect()
}
