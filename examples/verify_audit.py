#!/usr/bin/env python3
"""Verifies what Fedatario takes out of its audit: exports, proofs of one entry, proofs of consistency.

    python3 verify_audit.py [--key KEY] FILE        one object of JSON; exit 0 if all holds, 1 if not, 2 if unreadable
    python3 verify_audit.py [--key KEY] --batch     paths on standard input, one line of JSON for each

KEY is the tenant's public key as you hold it from elsewhere (`fedatario audit key`). Without one the file
vouches for itself, and the verdict says "unpinned". Needs Python 3.9 and the package `cryptography`.

    h(n)   = SHA-512("fedatario.audit.v1\\0" + tenant (16 bytes) + n (8, big-endian) + h(n-1) + entry), h(0) = 64 zeros
    leaf   = SHA-256(0x00 + entry);  node = SHA-256(0x01 + left + right)                           (RFC 9162)
    note   = text, blank line, "— name base64(key id + Ed25519 signature)"                         (C2SP)
"""
import base64, hashlib, json, sys
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

EXPORT, PROOF, CONSISTENCY = "fedatario.audit.export.v1", "fedatario.audit.proof.v1", "fedatario.audit.consistency.v1"
GENESIS, MAX_LINE, MAX_PIECES = bytes(64), 64 * 1024 + 1, 4096
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def unbase64(text, size):
    """Bytes of exactly this size from their only spelling, else None."""
    try:
        raw = base64.b64decode(text, validate=True)
    except (ValueError, TypeError):
        return None
    return raw if len(raw) == size and base64.b64encode(raw).decode() == text else None


def tenant_of(text):
    """The 16 bytes of `ten_` and 26 digits of base 32."""
    if not isinstance(text, str) or not text.startswith("ten_") or len(text) != 30 or text[4] > "7":
        return None
    number = 0
    for digit in text[4:]:
        if digit not in ALPHABET:
            return None
        number = number * 32 + ALPHABET.index(digit)
    return number.to_bytes(16, "big")


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def load(line):
    """JSON without a name twice, else None."""
    def pairs(items):
        if len(dict(items)) != len(items):
            raise ValueError("a name twice")
        return dict(items)
    try:
        # A broken character is for the hashes to find; what names a place or a key has none.
        return json.loads(line.decode("utf-8", "replace"), object_pairs_hook=pairs)
    except (ValueError, RecursionError):
        return None


def number(value):
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def place_of(line):
    """What an entry says of its own place: tenant, n, the hash before; else None."""
    it = load(line) if len(line) < MAX_LINE else None
    if not isinstance(it, dict) or not number(it.get("n")):
        return None
    tenant, prev = tenant_of(it.get("tenant")), unbase64(it.get("prev"), 64)
    return None if tenant is None or prev is None else (tenant, it["n"], prev)


def key_of(text):
    """A verifier key `name+id+base64(1 + key)`: its name, its id, its 32 bytes."""
    parts = text.split("+", 2) if isinstance(text, str) else []
    raw = unbase64(parts[2], 33) if len(parts) == 3 else None
    if raw is None or raw[0] != 1 or not 0 < len(parts[0]) <= 256 or not all("!" <= c <= "~" for c in parts[0]):
        return None
    identity = sha256(parts[0].encode(), b"\n", raw)[:4]
    return (parts[0], identity, raw[1:]) if parts[1] == identity.hex() else None


def note_of(text):
    """A checkpoint as it is written, not yet believed."""
    body, blank, rest = text.rpartition("\n\n")
    lines = (body + "\n").split("\n")
    signatures = [line.split(" ") for line in rest[:-1].split("\n")][:100]
    if not blank or not rest.endswith("\n") or len(lines) != 7 or len(text.encode()) > 16 * 1024:
        return None
    if any(len(it) != 3 or it[0] != "\u2014" or not it[1] or len(it[2]) < 8 for it in signatures):
        return None
    origin, size, root, head, before, time = lines[:6]
    good = origin.startswith("fedatario.audit/") and head[:5] == "head " and before[:7] == "before " and time[:5] == "time "
    good = good and size.isascii() and size.isdigit() and str(int(size)) == size
    tenant, root = tenant_of(origin[16:]), unbase64(root, 32)
    head, before = unbase64(head[5:], 64), unbase64(before[7:], 64)
    if not good or None in (tenant, root, head, before) or (size == "0" and head != GENESIS):
        return None
    return {"tenant": tenant, "size": int(size), "root": root, "head": head, "before": before, "text": body + "\n", "by": signatures}


def signed(note, key):
    """Whether the key signed the note; the first line of its name and id decides."""
    for _, name, tagged in note["by"]:
        raw = unbase64(tagged, 68)
        if raw and name == key[0] and raw[:4] == key[1]:
            try:
                Ed25519PublicKey.from_public_bytes(key[2]).verify(raw[4:], note["text"].encode())
                return True
            except (InvalidSignature, ValueError):
                return False
    return False


def header_of(line):
    it = load(line)
    names = {"format": str, "tenant": str, "first": int, "last": int, "prev": str, "key": str}
    if not isinstance(it, dict) or set(it) != set(names) or canonical(it) != line or it["format"] != EXPORT:
        return None
    it["tenant"], it["prev"], it["key"] = tenant_of(it["tenant"]), unbase64(it["prev"], 64), key_of(it["key"])
    if not number(it["first"]) or not number(it["last"]) or None in (it["tenant"], it["prev"], it["key"]):
        return None
    good = 1 <= it["first"] <= it["last"] + 1 and (it["first"] > 1 or it["prev"] == GENESIS)
    return it if good else None


class Reading:
    """An export, line by line: runs of entries that follow each other, and what stands between them."""

    def __init__(self):
        self.header = self.note = self.after = None
        self.runs, self.peaks, self.count, self.held, self.started, self.claimed = [], [], 0, 0, False, False
        self.cut = self.overflow = False

    def line(self, line):
        first, self.started = not self.started, True
        if first:
            self.header, self.claimed = header_of(line), EXPORT.encode() in line
            if self.header or not place_of(line):
                return
        place = place_of(line)
        text = load(line) if self.note is None and not place and len(line) <= 32 * 1024 else None
        note = note_of(text) if isinstance(text, str) and canonical(text) == line else None
        if place:
            self.entry(line, *place)
        elif note:
            self.release()
            self.note = note
        else:
            self.held += 1

    def release(self):
        if self.held:
            self.piece(None)
        self.held = 0

    def piece(self, it):
        self.overflow = self.overflow or len(self.runs) >= MAX_PIECES
        if not self.overflow:
            self.runs.append(it)

    def entry(self, line, tenant, n, prev):
        self.release()
        own = hashlib.sha512(b"".join((b"fedatario.audit.v1\0", tenant, n.to_bytes(8, "big"), prev, line))).digest()
        self.count += 1
        run = self.runs[-1] if self.runs else None
        if run and (run["tenant"], run["last"] + 1, run["own"]) == (tenant, n, prev):
            run.update(last=n, before=prev, own=own)
        else:
            self.piece(dict(tenant=tenant, first=n, last=n, prev=prev, before=prev, own=own))
        if len(self.runs) == 1 and n == sum(size for size, _ in self.peaks) + 1:
            size, node = 1, sha256(b"\0", line)
            while self.peaks and self.peaks[-1][0] == size:
                size, node = size * 2, sha256(b"\1", self.peaks.pop()[1], node)
            self.peaks.append((size, node))
        if self.note and self.after is None:
            self.after = n

    def root(self):
        node = self.peaks[-1][1] if self.peaks else sha256()
        for _, left in reversed(self.peaks[:-1]):
            node = sha256(b"\1", left, node)
        return node

    def verdict(self, pinned):
        runs = [it for it in self.runs if it]
        header, note = self.header, self.note
        if not (self.claimed or header or runs or note):
            return None
        key, bad = pinned or (header and header["key"]), []
        trusted = note if note and key and signed(note, key) else None
        if note and key and not trusted:
            bad.append(header["last"] if header else note["size"])
        if trusted and pinned and header and header["key"] != pinned:
            bad.append(0)
        known = trusted or header or note
        tenant = known["tenant"] if known else runs[0]["tenant"] if runs else bytes(16)
        last = trusted["size"] if trusted else header["last"] if header else note["size"] if note else None
        first, prev = self.start(header, runs, last)
        if not header or (header["tenant"], header["last"], header["first"]) != (tenant, last, first):
            bad.append(0)
        if self.held:
            end = self.runs[-1] if self.runs else None
            complete = end["last"] == last if end else not self.runs and last is not None and last < first
            if last is not None and complete and not note:
                bad.append(last)
            else:
                self.release()
        head, before = (trusted["head"], trusted["before"]) if trusted else (None, None)
        broken = self.walk(tenant, first, prev, last, head, before)
        bad += [] if broken is None else [broken]
        told = broken is not None and last is not None and broken <= last or self.held
        if (not note or self.cut) and not told:
            bad.append((last if last is not None else runs[-1]["last"] if runs else first - 1) + 1)
        if self.after is not None and not bad:
            bad.append(self.after)
        if trusted and not bad and trusted["size"] == sum(size for size, _ in self.peaks) and trusted["root"] != self.root():
            bad.append(trusted["size"])
        trust = "unused" if not trusted else "pinned" if pinned else "unpinned"
        anchored = trusted["size"] if trusted and pinned else None
        return {"what": "export", "intact": not bad, "first": min(bad) if bad else None, "entries": self.count, "anchored": anchored, "key": trust}

    def start(self, header, runs, last):
        if not header:
            first = max(runs[0]["first"], 1) if runs else 1 if last is None else last + 1
            return first, GENESIS if first == 1 else runs[0]["prev"] if runs else None
        whole = len(self.runs) == 1 and runs and runs[0]["last"] == last and runs[0]["prev"] == header["prev"]
        return (runs[0]["first"] if whole else header["first"]), header["prev"]

    def walk(self, tenant, first, prev, last, head, before):
        """The number at which the chain first breaks, or None: what was expected there, or the entry
        before it where that one's hash is not what is named here."""
        e, h, ended = first, prev, None
        for at, run in enumerate(self.runs):
            if last == e - 1 and h is not None and h == head:
                return e
            ours = [it for it in self.runs[at:] if it and it["tenant"] == tenant]
            fits = [it for it in ours if it["first"] == e and h in (None, it["prev"])]
            if fits and fits[0] is run:
                e, h, ended = run["last"] + 1, run["own"], run["before"]
                continue
            if fits or not run:
                return e
            single = run["first"] == run["last"]
            if run["tenant"] == tenant and run["first"] == e:
                after = self.runs[at + 1] if at + 1 < len(self.runs) else "end"
                differs = last == run["last"] and head not in (None, run["own"]) if after == "end" else bool(
                    after and after["first"] == run["last"] + 1 and after["prev"] != run["own"])
                return e if single and differs else 0 if e == first else e - 1
            if single and h == run["prev"]:
                return e
            goes_on = run["last"] >= e or (run["last"] + 1 == e and head == run["own"])
            if run["tenant"] == tenant and first <= run["first"] < e and goes_on:
                return run["first"]
            return e
        if last is None:
            return None
        if e <= last:
            return e
        if e - 1 > last:
            return last + 1
        return (0 if last < first else last) if None not in (h, head) and h != head else None


def verify_export(stream, pinned):
    reading = Reading()
    while line := stream.readline(MAX_LINE):
        if line.endswith(b"\n"):
            reading.line(line[:-1])
        elif len(line) < MAX_LINE:
            reading.cut, started = True, reading.started
            text = load(line)
            if started and (place_of(line) or (isinstance(text, str) and canonical(text) == line and note_of(text))):
                reading.line(line)
            reading.started = True
        else:
            while line and not line.endswith(b"\n"):
                line = stream.readline(MAX_LINE)
            reading.cut = not line or reading.cut
            reading.held += reading.started and bool(line)
            reading.started = True
    return reading.verdict(pinned)


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


def verify_proof(it, pinned):
    names = {PROOF: ("entry", "checkpoint"), CONSISTENCY: ("old", "new")}[it["format"]]
    own = key_of(it.get("key"))
    if own is None or set(it) != {"format", "key", "path", *names} or not isinstance(it["path"], list):
        return None
    if not all(isinstance(it[name], str) for name in names):
        return None
    key, path = pinned or own, [unbase64(step, 32) for step in it["path"]]
    notes = [note_of(it[name]) for name in names if name != "entry"]
    good = None not in path and len(path) <= 54 and all(note and signed(note, key) for note in notes)
    if good and it["format"] == PROOF:
        place = place_of(it["entry"].encode())
        good = bool(place) and place[0] == notes[0]["tenant"] and 1 <= place[1] <= notes[0]["size"]
        roots = good and climb(place[1] - 1, notes[0]["size"], path, sha256(b"\0", it["entry"].encode()))
        good = bool(roots) and roots[0] == notes[0]["root"]
    elif good:
        good = prefix(*notes, path)
    return {"what": "proof" if it["format"] == PROOF else "consistency", "intact": good, "key": "pinned" if pinned else "unpinned"}


def prefix(old, new, path):
    """Whether one checkpoint is a beginning of the other."""
    size, full = old["size"], new["size"]
    if old["tenant"] != new["tenant"] or size > full:
        return False
    if size == 0:
        return not path and old["root"] == sha256()
    if size == full:
        return not path and (old["root"], old["head"], old["before"]) == (new["root"], new["head"], new["before"])
    if size & (size - 1) == 0:
        path = [old["root"], *path]
    index, last = size - 1, full - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    roots = climb(index, last + 1, path[1:], path[0], path[0]) if path else None
    return roots == (old["root"], new["root"])


def verify(path, pinned):
    with open(path, "rb") as stream:
        start = load(stream.read(1024 * 1024))
        if isinstance(start, dict) and start.get("format") in (PROOF, CONSISTENCY):
            return verify_proof(start, pinned)
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
    print(json.dumps(verdict if verdict else {"intact": False, "what": "unknown"}))
    return 2 if verdict is None else 0 if verdict["intact"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
