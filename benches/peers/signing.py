"""The same signing service in FastAPI + xmlsec: the key of a program, a document in, signed out, a durable audit row.

python signing.py KEY_PEM CERTIFICATE_PEM DATABASE BEARER PORT
One process of uvicorn for each core, as its documentation advises.
"""

import hashlib
import os
import sqlite3
import sys
import threading

import uvicorn
import xmlsec
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response
from lxml import etree

KEY_FILE, CERTIFICATE_FILE, DATABASE, BEARER = (os.environ.get(f"SIGNING_{it}", "") for it in ("KEY", "CERTIFICATE", "DATABASE", "BEARER"))

app = FastAPI(openapi_url=None)
local = threading.local()
key = None
if KEY_FILE:
    key = xmlsec.Key.from_file(KEY_FILE, xmlsec.constants.KeyDataFormatPem)
    key.load_cert_from_file(CERTIFICATE_FILE, xmlsec.constants.KeyDataFormatPem)


def database() -> sqlite3.Connection:
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(DATABASE, timeout=30, isolation_level=None)
        local.connection.execute("pragma journal_mode = wal")
        local.connection.execute("pragma synchronous = full")
    return local.connection


def principal(authorization: str = Header()) -> str:
    scheme, _, bearer = authorization.partition(" ")
    digest = hashlib.sha256(bearer.encode()).hexdigest()
    row = database().execute("select name from keys where digest = ?", (digest,)).fetchone()
    if scheme.lower() != "bearer" or row is None:
        raise HTTPException(401)
    return row[0]


def signed(document: bytes) -> bytes:
    root = etree.fromstring(document, etree.XMLParser(resolve_entities=False, no_network=True))
    node = xmlsec.template.create(root, xmlsec.constants.TransformInclC14N, xmlsec.constants.TransformRsaSha256)
    root.append(node)
    reference = xmlsec.template.add_reference(node, xmlsec.constants.TransformSha256, uri="")
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(node))
    context = xmlsec.SignatureContext()
    context.key = key
    context.sign(node)
    return etree.tostring(root)


@app.get("/readyz")
def ready() -> dict:
    return {}


async def body(request: Request) -> bytes:
    return await request.body()


@app.post("/api/sign/xml")
def sign(document: bytes = Depends(body), who: str = Depends(principal)) -> Response:
    out = signed(document)
    row = (who, hashlib.sha256(document).hexdigest(), hashlib.sha256(out).hexdigest())
    database().execute("insert into audit (who, document, signed) values (?, ?, ?)", row)
    return Response(out, media_type="application/xml")


if __name__ == "__main__":
    names = ("KEY", "CERTIFICATE", "DATABASE", "BEARER")
    os.environ.update({f"SIGNING_{name}": value for name, value in zip(names, sys.argv[1:5])})
    with sqlite3.connect(sys.argv[3]) as made:
        made.execute("pragma journal_mode = wal")
        made.execute("create table keys (digest text primary key, name text)")
        made.execute("create table audit (n integer primary key, who text, document text, signed text)")
        made.execute("insert into keys values (?, 'erp')", (hashlib.sha256(sys.argv[4].encode()).hexdigest(),))
    folder = os.path.dirname(os.path.abspath(__file__))
    uvicorn.run("signing:app", app_dir=folder, host="127.0.0.1", port=int(sys.argv[5]), workers=os.cpu_count(), log_level="error", access_log=False)
