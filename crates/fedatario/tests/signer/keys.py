"""The keys that wrap taxpayers' keys, opened by another implementation of the vault's envelope.

From standard input: the signer's root keys by version (base64), the wrapped keys of tenants and of credentials as the
database holds them (hex). To standard output: each key's name and its bytes in hex. Whoever finds one of them in the
memory of a process can open everything below it.
"""

import json
import sys
from base64 import b64decode
from hashlib import sha256
from struct import pack

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def opened(key, what, tenant, name, blob):
    """head (6) ‖ nonce (12) ‖ ciphertext and tag; bound to what it is, whose, and which object."""
    head, nonce, body = blob[:6], blob[6:18], blob[18:]
    data = b"fedatario.vault.v1\0" + head + tenant
    for text in (what, name):
        data += pack(">Q", len(text.encode())) + text.encode()
    return AESGCM(key).decrypt(nonce, body, data)


def prefixed(prefix, hexadecimal):
    number = int(hexadecimal, 16)
    return prefix + "_" + "".join(DIGITS[number >> (5 * place) & 31] for place in reversed(range(26)))


asked = json.load(sys.stdin)
roots = {int(version): b64decode(key) for version, key in asked["roots"].items()}
found, wrapping = {}, {}
for it in asked["tenant_keys"]:
    name = f"{it['key_use']}/{it['version']}"
    key = opened(roots[it["root_version"]], "tenant-key", bytes.fromhex(it["tenant"]), name, bytes.fromhex(it["wrapped"]))
    wrapping[it["tenant"], name] = key
    found[f"the tenant's key {name}"] = key.hex()
for it in asked["credentials"]:
    fingerprint = sha256(bytes.fromhex(it["certificate"])).hexdigest()
    name = f"{prefixed('crd', it['id'])}/{it['kind']}/{fingerprint}"
    key = wrapping[it["tenant"], f"{it['key_use']}/{it['key_version']}"]
    key = opened(key, "data-key", bytes.fromhex(it["tenant"]), name, bytes.fromhex(it["wrapped"]))
    found[f"the data key of {it['kind']} {it['id']}"] = key.hex()
json.dump(found, sys.stdout)
