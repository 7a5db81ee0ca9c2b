"""Drives satcfdi (PyPI) against another address: by period, and one document by its folio."""

import base64
import json
import pathlib
import sys
import zipfile
from datetime import datetime

from satcfdi.models import Signer
from satcfdi.pacs import sat

POLLS_AT_MOST = 50

base, fiel, out, rfc, first, last = sys.argv[1:]
fiel, out = pathlib.Path(fiel), pathlib.Path(out)
first, last = (datetime.fromisoformat(it) for it in (first, last))


def services(of):
    for service in of.__subclasses__():
        yield service
        yield from services(service)


# Only the address: SAT's host goes, its path stays; the family of withholdings lies under /retenciones.
for service in services(sat._SATRequest):
    if service.soap_url:
        family = "/retenciones" if "//reten" in service.soap_url else ""
        service.soap_url = f"{base}{family}/" + service.soap_url.split("/", 3)[3]

signer = Signer.load(
    certificate=(fiel / "fiel.cer").read_bytes(),
    key=(fiel / "fiel.key").read_bytes(),
    password=(fiel / "password.txt").read_text().strip(),
)
assert signer.rfc == rfc, signer.rfc
client = sat.SAT(signer=signer)


def wait(status, solicitud):
    for _ in range(POLLS_AT_MOST):
        found = status(solicitud)
        assert found["CodEstatus"] == "5000" and int(found["EstadoSolicitud"]) in (1, 2, 3), found
        if int(found["EstadoSolicitud"]) == 3:
            return found
    raise SystemExit(f"not ready after {POLLS_AT_MOST} polls: {found}")


def run(direction, content, asked, status, download):
    assert asked["CodEstatus"] == "5000", asked
    ready = wait(status, asked["IdSolicitud"])
    for package in ready["IdsPaquetes"]:
        answer, paquete = download(package)
        assert answer["CodEstatus"] == "5000", answer
        (out / f"{package}.zip").write_bytes(base64.b64decode(paquete))
    print(json.dumps({
        "direction": direction, "content": content, "solicitud": asked["IdSolicitud"],
        "packages": ready["IdsPaquetes"], "cfdis": ready["NumeroCFDIs"],
    }))


period = {"fecha_inicial": first, "fecha_final": last}
kinds = sat.TipoDescargaMasivaTerceros
of_cfdi = client.recover_comprobante_status, client.recover_comprobante_download
for content in (kinds.CFDI, kinds.METADATA):
    run("issued", str(content), client.recover_comprobante_emitted_request(
        rfc_emisor=rfc, tipo_solicitud=content, estado_comprobante="Todos", **period), *of_cfdi)
    run("received", str(content), client.recover_comprobante_received_request(
        rfc_receptor=rfc, tipo_solicitud=content, estado_comprobante="Vigente", **period), *of_cfdi)

first_package = next(it for it in sorted(out.glob("*.zip")) if zipfile.ZipFile(it).namelist()[0].endswith(".xml"))
folio = zipfile.ZipFile(first_package).namelist()[0].removesuffix(".xml")
run("folio", "CFDI", client.recover_comprobante_uuid_request(folio=folio), *of_cfdi)
