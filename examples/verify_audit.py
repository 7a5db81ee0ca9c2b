#!/usr/bin/env python3
"""Verifies what Fedatario takes out of its audit: exports, proofs of one entry or of consistency, reports of custody.

    python3 verify_audit.py [--key KEY] FILE        one object of JSON; exit 0 if all holds, 1 if not, 2 if unreadable
    python3 verify_audit.py [--key KEY] --batch     paths on standard input, one line of JSON for each

KEY is the tenant's public key as you hold it from elsewhere (`fedatario audit key`). Without one the file vouches for
itself, and the verdict says "unpinned". Needs Python 3.9 and the package `cryptography`.

    h(n)  = SHA-512("fedatario.audit.v1\\0" + tenant (16 bytes) + n (8, big-endian) + h(n-1) + entry), h(0) = 64 zeros
    leaf  = SHA-256(0x00 + entry);  node = SHA-256(0x01 + left + right)                            (RFC 9162)
    note  = text, blank line, "\u2014 name base64(key id + Ed25519 signature)"                          (C2SP)
"""
import base64, hashlib, json, re, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXPORT, PROOF, CONSISTENCY, CUSTODY = (f"fedatario.audit.{it}.v1" for it in ("export", "proof", "consistency", "custody"))
GENESIS, MAX_ENTRY, MAX_NOTE, MAX_PATH = bytes(64), 64 * 1024, 16 * 1024, 54
TENANT = re.compile("ten_([0-7][0-9a-hjkmnp-tv-z]{25})")
BASE32 = str.maketrans("jkmnpqrstvwxyz", "ijklmnopqrstuv")  # Crockford's digits, as int() reads them
KEY = re.compile(r"([!-*,-~]{1,256})\+([0-9a-f]{8})\+([^+].*)")
NOTE = re.compile(
    r"(fedatario\.audit/([^\n]*)\n(0|[1-9][0-9]{0,18})\n([^\n]*)\nhead ([^\n]*)\nbefore ([^\n]*)\ntime [^\n]*\n)"
    "\n((?:\u2014 [^ \n]+ [^ \n]+\n)+)")


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unbase64(text, size):
    """Bytes of exactly this size from their only spelling, else None."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        return None
    return raw if len(raw) == size and base64.b64encode(raw).decode() == text else None


def load(line):
    """JSON without a name twice, else None. A broken character is for the hashes to find."""
    def pairs(items):
        if len(dict(items)) != len(items):
            raise ValueError("a name twice")
        return dict(items)
    try:
        return json.loads(line.decode("utf-8", "replace"), object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return None


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


def is_number(value):
    return type(value) is int and 0 <= value < 2**53


def tenant_of(text):
    found = TENANT.fullmatch(text) if isinstance(text, str) else None
    return found and int(found[1].translate(BASE32), 32).to_bytes(16, "big")


def key_of(text):
    """A verifier key `name+id+base64(1 + key)`: its name, its id, its 32 bytes; else None."""
    found = KEY.fullmatch(text) if isinstance(text, str) else None
    raw = found and unbase64(found[3], 33)
    identity = raw and sha256(found[1].encode(), b"\n", raw)[:4]
    return (found[1], identity, raw[1:]) if raw and raw[0] == 1 and found[2] == identity.hex() else None


def signed_by(key, signature, octets):
    try:
        Ed25519PublicKey.from_public_bytes(key[2]).verify(signature, octets)
    except (InvalidSignature, ValueError):
        return False
    return True


def note_of(text):
    """A checkpoint as it is written, not yet believed; else None."""
    is_text = isinstance(text, str) and len(text.encode("utf-8", "replace")) <= MAX_NOTE
    found = NOTE.fullmatch(text) if is_text else None
    if not found:
        return None
    text, tenant, size, root, head, before, lines = found.groups()
    note = dict(text=text, tenant=tenant_of(tenant), size=int(size), by=[it.split(" ")[1:] for it in lines.split("\n")[:-1]],
                root=unbase64(root, 32), head=unbase64(head, 64), before=unbase64(before, 64))
    return None if None in note.values() or (size == "0" and note["head"] != GENESIS) else note


def holds(note, key):
    """Whether the key signed the note; the first line of its name and id decides."""
    for name, tagged in note["by"]:
        raw = unbase64(tagged, 68)
        if raw and name == key[0] and raw[:4] == key[1]:
            return signed_by(key, raw[4:], note["text"].encode())
    return False


def place_of(line):
    """What an entry says of its own place: tenant, n, the hash before; else None."""
    it = load(line) if len(line) <= MAX_ENTRY else None
    if not isinstance(it, dict) or not is_number(it.get("n")):
        return None
    place = (tenant_of(it.get("tenant")), it["n"], unbase64(it.get("prev"), 64))
    return None if None in place else place


def header_of(line):
    it = load(line)
    if not isinstance(it, dict) or set(it) != {"format", "tenant", "first", "last", "prev", "key"} or canonical(it) != line:
        return None
    it.update(tenant=tenant_of(it["tenant"]), prev=unbase64(it["prev"], 64), key=key_of(it["key"]))
    good = it["format"] == EXPORT and is_number(it["first"]) and is_number(it["last"]) and None not in it.values()
    return it if good and 1 <= it["first"] <= it["last"] + 1 and (it["first"] > 1 or it["prev"] == GENESIS) else None


class Tree:
    """A Merkle tree that grows by one leaf at a time and keeps only its peaks."""

    def __init__(self):
        self.size, self.peaks = 0, []

    def grown(self, entry):
        size, node, self.size = 1, sha256(b"\0", entry), self.size + 1
        while self.peaks and self.peaks[-1][0] == size:
            size, node = size * 2, sha256(b"\1", self.peaks.pop()[1], node)
        self.peaks.append((size, node))
        return self

    def root(self):
        node = self.peaks[-1][1] if self.peaks else sha256()
        for _, left in reversed(self.peaks[:-1]):
            node = sha256(b"\1", left, node)
        return node


def lines_of(stream):
    """Each line without its end, and whether it has one; what is longer than any entry is no line."""
    while line := stream.readline(MAX_ENTRY + 1):
        whole = line.endswith(b"\n")
        if not whole and len(line) > MAX_ENTRY:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_ENTRY + 1)
            yield b"", bool(line)
        else:
            yield (line[:-1] if whole else line), whole


def verify_export(stream, pinned):
    """Each entry is held against what must come next. The first that does not fit is told by the number that was
    expected there; where its bytes are whole, those of the entry before it were changed. After that only the
    checkpoint is looked for, to be held against what was read."""
    lines = lines_of(stream)
    line, whole = next(lines, (b"", False))
    header = header_of(line) if whole else None
    is_ours, note, broken, tree = whole and (EXPORT.encode() in line or place_of(line)), None, [] if header else [0], Tree()
    tenant, n, before, head = (header["tenant"], header["first"] - 1, None, header["prev"]) if header else (None, 0, None, GENESIS)
    for line, whole in lines:
        place = place_of(line)
        text = load(line) if place is None and note is None and len(line) <= 2 * MAX_NOTE else None
        found = note_of(text) if isinstance(text, str) and canonical(text) == line else None
        note, is_ours = note or found, is_ours or place or found
        if found:
            broken += [] if whole else [n + 1]
        elif note or broken or place != (tenant, n + 1, head):
            is_start = place and not broken and tree.size == 0 and place[2] == head
            broken.append(0 if is_start else n + 1)  # What begins where nothing is missing has a header that lies.
        else:
            n, before, tree = n + 1, head, tree.grown(line)
            head = hashlib.sha512(b"".join((b"fedatario.audit.v1\0", tenant, n.to_bytes(8, "big"), before, line))).digest()
    if not is_ours:
        return None
    key = pinned or (header and header["key"])
    trusted = note if note and key and holds(note, key) else None
    if header and not broken:
        is_end = trusted and (trusted["tenant"], trusted["size"], trusted["head"]) == (tenant, n, head)
        is_end = is_end and before in (None, trusted["before"]) and (header["first"] > 1 or trusted["root"] == tree.root())
        if is_end:
            broken += [] if (header["last"], header["key"]) == (n, key) else [0]
        else:
            broken.append(n + 1 if not note or (trusted and trusted["size"] > n) else n)
    trust = "unused" if not trusted else "pinned" if pinned else "unpinned"
    return {"what": "export", "intact": not broken, "first": min(broken, default=None), "entries": tree.size,
            "anchored": trusted["size"] if trusted and pinned else None, "key": trust}


def climb(index, size, path, left, right=None):
    """Hashes up a path by RFC 9162; the roots of the (old and) new tree, or None."""
    last = size - 1
    for step in path:
        if last == 0:
            return None
        if index & 1 or index == last:
            left, right = sha256(b"\1", step, left), right and sha256(b"\1", step, right)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            left, right = (left, sha256(b"\1", right, step)) if right else (sha256(b"\1", left, step), None)
        index, last = index >> 1, last >> 1
    return (left, right) if last == 0 else None


def includes(note, entry, path):
    place = place_of(entry)
    if not place or place[0] != note["tenant"] or not 1 <= place[1] <= note["size"]:
        return False
    return climb(place[1] - 1, note["size"], path, sha256(b"\0", entry)) == (note["root"], None)


def precedes(old, new, path):
    """Whether one checkpoint is a beginning of the other."""
    size, full = old["size"], new["size"]
    if old["tenant"] != new["tenant"] or size > full:
        return False
    if size in (0, full):
        same = all(old[it] == new[it] for it in ("root", "head", "before"))
        return not path and (same if size == full else old["root"] == sha256())
    path = [old["root"], *path] if size & (size - 1) == 0 else path
    index, last = size - 1, full - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    return bool(path) and climb(index, last + 1, path[1:], path[0], path[0]) == (old["root"], new["root"])


def verify_proof(it, pinned):
    names = ("entry", "checkpoint") if it["format"] == PROOF else ("old", "new")
    own, path = key_of(it.get("key")), it.get("path")
    if own is None or set(it) != {"format", "key", "path", *names} or not isinstance(path, list):
        return None
    if not all(isinstance(it[name], str) for name in names):
        return None
    path, notes = [unbase64(step, 32) for step in path], [note_of(it[name]) for name in names if name != "entry"]
    good = None not in path and len(path) <= MAX_PATH and all(note and holds(note, pinned or own) for note in notes)
    if good:
        good = includes(notes[0], it["entry"].encode("utf-8", "replace"), path) if it["format"] == PROOF else precedes(*notes, path)
    return {"what": it["format"].split(".")[2], "intact": good, "key": "pinned" if pinned else "unpinned"}


def findings(signatures):
    """What does not fit among counters that run from 1, each once, each with its end: as the report has to tell it."""
    found, seen, highest = [], {}, 0
    for it in signatures:
        if it["counter"] in seen or it["counter"] < highest:
            found.append((it["counter"], "double" if it["counter"] in seen else "disordered", it["intended"]))
        seen.setdefault(it["counter"], it["intended"])
        highest = max(highest, it["counter"])
    gaps = [(after, n) for after, n in zip([0, *sorted(seen)], sorted(seen)) if n > after + 1]
    found += [(after + 1, "gap", seen[n]) for after, n in gaps]
    return sorted(found + [(it["counter"], "open", it["intended"]) for it in signatures if it["ended"] is None])


def verify_custody(it, pinned):
    report, own = it["report"], key_of(it["report"].get("key"))
    note = note_of(report.get("checkpoint"))
    if own is None or set(it) != {"report", "signature"} or not isinstance(report.get("signatures"), list):
        return None
    signature, key = unbase64(it["signature"], 64), pinned or own
    good = bool(signature) and signed_by(key, signature, b"fedatario.custody.v1\0" + canonical(report))
    good = good and bool(note) and holds(note, key) and note["tenant"] == tenant_of(report["tenant"])
    if good:  # The house signed it; whether it follows from what it lists is counted again.
        told = [(it["counter"], it["kind"], it["n"]) for it in report["findings"] if it["kind"] not in ("unmatched", "unreadable")]
        numbers = [it["intended"] for it in report["signatures"]]
        last = max([*numbers, *(it["ended"] or 0 for it in report["signatures"]), 0])
        good = told == findings(report["signatures"]) and numbers == sorted(set(numbers)) and last <= note["size"]
        good = good and report["uses"] == len(numbers) and report["gapless"] == (not report["findings"])
    told = {"credential": report.get("credential"), "uses": report.get("uses"), "gapless": report.get("gapless")}
    return {"what": "custody", "intact": good, **told, "key": "pinned" if pinned else "unpinned"}


def verify(path, pinned):
    with open(path, "rb") as stream:
        first = stream.readline(MAX_ENTRY + 1)
        if EXPORT.encode() not in first and not place_of(first.rstrip(b"\n")):
            it = load(first + stream.read())
            if isinstance(it, dict) and it.get("format") in (PROOF, CONSISTENCY):
                return verify_proof(it, pinned)
            if isinstance(it, dict) and isinstance(it.get("report"), dict) and it["report"].get("format") == CUSTODY:
                return verify_custody(it, pinned)
        stream.seek(0)
        return verify_export(stream, pinned)


def main(arguments):
    pinned = None
    if arguments[:1] == ["--key"]:
        pinned, arguments = key_of(arguments[1].strip()), arguments[2:]
        if pinned is None:
            sys.exit("not a verifier key")
    if arguments == ["--batch"]:
        for path in sys.stdin:
            print(json.dumps(verify(path.rstrip("\n"), pinned)), flush=True)
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        sys.exit(__doc__)
    verdict = verify(arguments[0], pinned)
    print(json.dumps(verdict or {"intact": False, "what": "unknown"}))
    return 2 if verdict is None else 0 if verdict["intact"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
