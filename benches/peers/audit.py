"""A hash chain as one would write it by hand: sqlite3 and hashlib, one durable transaction an entry."""

import hashlib
import json
import os
import sqlite3
import sys
import time

_, count, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3]
db = sqlite3.connect(os.path.join(folder, "audit-peer.db"), isolation_level=None)
db.execute("pragma journal_mode=wal")
db.execute("pragma synchronous=full")
db.execute("create table entries (n integer primary key, prev blob, hash blob, entry blob)")
since = time.monotonic()
for at in range(count):
    db.execute("begin immediate")
    row = db.execute("select n, hash from entries order by n desc limit 1").fetchone() or (0, bytes(64))
    entry = {
        "action": "sat.solicitud.accepted",
        "actor": "os:1000",
        "at": time.time(),
        "object": f"sol_{at:026}",
        "id_solicitud": "f3b1c1de-5f0e-4d6c-8f5b-2f6d3f2c9a11",
        "cod_estatus": "5000",
        "window": "2025-03-01T00:00:00 – 2025-03-31T23:59:59",
        "request": "07" * 32,
    }
    body = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    n = row[0] + 1
    digest = hashlib.sha512(n.to_bytes(8, "big") + row[1] + body).digest()
    db.execute("insert into entries values (?, ?, ?, ?)", (n, row[1], digest, body))
    db.execute("commit")
print(json.dumps({"units": count, "seconds": time.monotonic() - since}))
