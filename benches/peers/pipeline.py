"""A package of CFDI into SQLite as a Python programmer would: zipfile, xmltodict, sqlite3.

The same rows as ours: the JSON, the columns that it is found by, one row for each UUID, commits that
are synced. Bodies go in by batches of a thousand.
"""

import json
import sqlite3
import sys
import time
import zipfile

import xmltodict

TABLE = """
create table documents (
    tenant_id blob not null, taxpayer_id blob not null, uuid text not null, role text not null, status text not null,
    version text not null, kind text not null, issuer text not null, issuer_name text not null, receiver text not null,
    receiver_name text not null, issued_at text not null, period integer not null, currency text not null,
    total text not null, total_e6 integer not null, complements text not null, warnings text not null,
    package_id blob not null, entry text not null, body text not null,
    primary key (tenant_id, taxpayer_id, uuid)
) strict"""
INDEX = "create index documents_by_period on documents (tenant_id, taxpayer_id, period, role, total_e6)"
INSERT = "insert into documents values (" + ", ".join("?" * 21) + ") on conflict do nothing"
ID = bytes(range(16))


def row(rfc, entry, xml):
    document = xmltodict.parse(xml)
    cfdi = document["cfdi:Comprobante"]
    complement = cfdi["cfdi:Complemento"]
    issuer, receiver = cfdi["cfdi:Emisor"], cfdi["cfdi:Receptor"]
    date = cfdi["@Fecha"]
    role = "issued" if issuer["@Rfc"] == rfc else "received"
    names = [name.split(":")[-1] for name in complement if not name.startswith("@") and name != "tfd:TimbreFiscalDigital"]
    return (
        ID, ID, complement["tfd:TimbreFiscalDigital"]["@UUID"].lower(), role, "unknown", cfdi["@Version"],
        cfdi["@TipoDeComprobante"], issuer["@Rfc"], issuer.get("@Nombre", ""), receiver["@Rfc"], receiver.get("@Nombre", ""),
        date, int(date[:4]) * 100 + int(date[5:7]), cfdi.get("@Moneda", ""), cfdi["@Total"],
        round(float(cfdi["@Total"]) * 1_000_000), ",".join(names), "", ID, entry, json.dumps(document, ensure_ascii=False),
    )


def main(package, folder, rfc):
    began = time.monotonic()
    db = sqlite3.connect(folder + "/python.db", isolation_level=None)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute(TABLE)
    db.execute(INDEX)
    with zipfile.ZipFile(package) as archive:
        names = archive.namelist()
        for start in range(0, len(names), 1000):
            rows = [row(rfc, name, archive.read(name)) for name in names[start : start + 1000]]
            db.execute("begin immediate")
            db.executemany(INSERT, rows)
            db.execute("commit")
    count = db.execute("select count(*) from documents").fetchone()[0]
    db.close()
    print(json.dumps({"units": count, "seconds": time.monotonic() - began}))


main(*sys.argv[1:])
