"""The original string by another interpreter of the same facts: slow, simple, on Python's own XML parser.

Arguments: the facts, then documents. Writes one JSON object: name of the file -> string, of every document that
ElementTree can parse and the facts know.
"""

import json
import pathlib
import sys
import xml.etree.ElementTree as tree

FACTS = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
KINDS = {
    ("cfdi", "4.0"): "cfdi-4.0",
    ("cfdi_2", "3.3"): "cfdi-3.3",
    ("cfdi_2", "3.2"): "cfdi-3.2",
    ("retenciones", "2.0"): "retenciones-2.0",
    ("retenciones_2", "1.0"): "retenciones-1.0",
}


def qualified(name):
    prefix, local = name.split(":")
    return "{%s}%s" % (FACTS["namespaces"][prefix], local)


def select(element, path):
    if path == ".":
        return [element]
    below = path.startswith(".//")
    found = [element]
    for place, part in enumerate(path.removeprefix(".//").split("/")):
        if part == "*":
            found = [child for it in found for child in it]
        elif below and place == 0:
            found = [child for it in found for child in it.iter(qualified(part))]
        else:
            found = [child for it in found for child in it if child.tag == qualified(part)]
    return found


def value(element, path):
    way, _, last = path.rpartition("/")
    if not last.startswith("@"):
        found = select(element, path)
        return "".join(found[0].itertext()) if found else None
    found = (it.get(last[1:]) for it in select(element, way or "."))
    return next((it for it in found if it is not None), None)


def holds(element, condition):
    if not condition.startswith("@"):
        return bool(select(element, condition))
    name, text = condition[1:].split("=")
    return element.get(name) == text.strip("'")


def walk(element, steps, orders, out):
    for step in steps:
        if isinstance(step, str):
            text = value(element, step[1:])
            if text is not None or step[0] == "!":
                out.append("|" + " ".join((text or "").split()))
        elif "apply" in step:
            for it in select(element, step["apply"]):
                if it.tag in orders:
                    walk(it, orders[it.tag], orders, out)
        elif "each" in step:
            for it in select(element, step["each"]):
                walk(it, step["do"], orders, out)
        elif holds(element, step["if"]):
            walk(element, step["do"], orders, out)


def original(root):
    version = root.get("Version") or root.get("version")
    prefixes = [prefix for prefix, uri in FACTS["namespaces"].items() if root.tag.startswith("{%s}" % uri)]
    kind = next((KINDS[it, version] for it in prefixes if (it, version) in KINDS), None)
    if kind is None:
        return None
    document = FACTS["documents"][kind]
    orders = {qualified(it): FACTS["common_elements"][it] for it in document["uses_common"]}
    orders.update({qualified(it): steps for it, steps in document["elements"].items()})
    out = ["|"]
    walk(root, orders[root.tag], orders, out)
    return "".join(out) + "||"


strings = {}
for file in map(pathlib.Path, sys.argv[2:]):
    try:
        string = original(tree.parse(file).getroot())
    except tree.ParseError:
        continue
    if string is not None:
        strings[file.name] = string
print(json.dumps(strings))
