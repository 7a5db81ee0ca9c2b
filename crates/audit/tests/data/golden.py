#!/usr/bin/env python3
"""Writes golden.json: a chain, its Merkle roots and a checkpoint's text, with hashlib alone.

It knows the formulas from their definition and nothing of the Rust code. Run it again only when
the format itself changes, which makes a new version of the format.
"""
import base64, hashlib, json, sys

TENANT_TEXT = "ten_01h455vb4pex5vsknk084sn02q"
TENANT = bytes.fromhex("01890a5dac96774bbcceb302099a8057")
DOMAIN = b"fedatario.audit.v1\0"


def canonical(value):
    # Keys here are ASCII and numbers are integers, so sorting by code point is RFC 8785's order.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def link(n, prev, entry):
    return hashlib.sha512(DOMAIN + TENANT + n.to_bytes(8, "big") + prev + entry).digest()


def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def root(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\1" + root(leaves[:k]) + root(leaves[k:])).digest()


EVENTS = [
    {"at": "2026-09-01T12:00:00.000Z", "actor": "os:1000", "action": "taxpayer.registered", "result": "done",
     "object": "txp_01h455vb4pex5vsknk084sn02q", "fields": {"environment": "sandbox"}},
    {"at": "2026-09-01T12:00:01.250Z", "actor": "os:1000", "action": "sat.solicitud.asked", "result": "refused",
     "code": "authority_rejected", "fields": {"note": "Ñandú \u20ac \"quoted\" \\ \u0007 /", "k": 0, "below": -7, "list": [True, None, 9007199254740991]}},
    {"at": "2026-09-01T12:00:02.000Z", "actor": "system", "action": "sat.package.stored", "result": "done",
     "digests": {"package": hashlib.sha256(b"package").hexdigest()}},
]

entries, leaves, prev = [], [], bytes(64)
for n, event in enumerate(EVENTS, 1):
    entry = canonical(dict(event, tenant=TENANT_TEXT, n=n, prev=base64.b64encode(prev).decode()))
    own = link(n, prev, entry)
    leaves.append(leaf(entry))
    entries.append({"n": n, "entry": entry.decode(), "hash": own.hex(), "root": root(leaves).hex()})
    before, prev = prev, own

text = "\n".join([
    "fedatario.audit/" + TENANT_TEXT, str(len(entries)), base64.b64encode(root(leaves)).decode(),
    "head " + base64.b64encode(prev).decode(), "before " + base64.b64encode(before).decode(), "time 2026-09-01T13:00:00.000Z", ""])
salt, body = bytes(range(32)), canonical({"name": "Peña"})
detail = hashlib.sha256(b"fedatario.audit.detail.v1\0" + salt + body).hexdigest()
json.dump({"entries": entries, "checkpoint": text, "detail": detail}, sys.stdout, indent=1, ensure_ascii=False)
print()
