"""A package of metadata into SQLite as a Python programmer would: zipfile, csv, sqlite3."""

import csv
import io
import json
import sqlite3
import sys
import time
import zipfile
from itertools import islice

TABLE = """
create table metadata (
    tenant_id blob not null, taxpayer_id blob not null, uuid text not null, issuer text not null, issuer_name text not null,
    receiver text not null, receiver_name text not null, pac text not null, issued_at text not null, stamped_at text not null,
    period integer not null, amount text not null, effect text not null, status text not null, cancelled_at text,
    extra text not null, package_id blob not null,
    primary key (tenant_id, taxpayer_id, uuid)
) strict"""
INSERT = "insert into metadata values (" + ", ".join("?" * 17) + ") on conflict do nothing"
ID = bytes(range(16))


def row(it):
    uuid, issuer, issuer_name, receiver, receiver_name, pac, issued, stamped, amount, effect, status, cancelled = it
    return (
        ID, ID, uuid.lower(), issuer, issuer_name, receiver, receiver_name, pac, issued.replace(" ", "T"),
        stamped.replace(" ", "T"), int(issued[:4]) * 100 + int(issued[5:7]), amount, effect,
        "vigente" if status == "1" else "cancelado", cancelled.replace(" ", "T") or None, "{}", ID,
    )


def main(package, folder, rfc):
    began = time.monotonic()
    db = sqlite3.connect(folder + "/python.db", isolation_level=None)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute(TABLE)
    with zipfile.ZipFile(package) as archive:
        for name in archive.namelist():
            with archive.open(name) as raw:
                lines = csv.reader(io.TextIOWrapper(raw, "utf-8", newline=""), delimiter="~", quoting=csv.QUOTE_NONE)
                next(lines)
                while rows := [row(it) for it in islice(lines, 1000)]:
                    db.execute("begin immediate")
                    db.executemany(INSERT, rows)
                    db.execute("commit")
    count = db.execute("select count(*) from metadata").fetchone()[0]
    db.close()
    print(json.dumps({"units": count, "seconds": time.monotonic() - began}))


main(*sys.argv[1:])
