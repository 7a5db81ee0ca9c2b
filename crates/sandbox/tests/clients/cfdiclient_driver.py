"""Drives cfdiclient (PyPI) against another address."""

import base64
import json
import pathlib
import sys
from datetime import datetime

import cfdiclient
from cfdiclient.webservicerequest import WebServiceRequest

POLLS_AT_MOST = 50

base, fiel, out, rfc, first, last = sys.argv[1:]
fiel, out = pathlib.Path(fiel), pathlib.Path(out)
first, last = (datetime.strptime(it, WebServiceRequest.DATE_TIME_FORMAT) for it in (first, last))

# Only the address: SAT's host goes, its path stays.
for service in WebServiceRequest.__subclasses__():
    service.soap_url = base + "/" + service.soap_url.split("/", 3)[3]

password = (fiel / "password.txt").read_text().strip()
signer = cfdiclient.Fiel((fiel / "fiel.cer").read_bytes(), (fiel / "fiel.key").read_bytes(), password)
token = cfdiclient.Autenticacion(signer).obtener_token()


def ask(direction, content):
    if direction == "issued":
        service, party = cfdiclient.SolicitaDescargaEmitidos(signer), {"rfc_emisor": rfc}
    else:
        service, party = cfdiclient.SolicitaDescargaRecibidos(signer), {"rfc_receptor": rfc}
    status = "Todos" if direction == "issued" else "Vigente"
    answer = service.solicitar_descarga(
        token, rfc, first, last, tipo_solicitud=content, estado_comprobante=status, **party
    )
    assert answer["cod_estatus"] == "5000", answer
    return answer["id_solicitud"]


def wait(solicitud):
    for _ in range(POLLS_AT_MOST):
        found = cfdiclient.VerificaSolicitudDescarga(signer).verificar_descarga(token, rfc, solicitud)
        assert found["cod_estatus"] == "5000" and found["estado_solicitud"] in "123", found
        if found["estado_solicitud"] == "3":
            return found
    raise SystemExit(f"not ready after {POLLS_AT_MOST} polls: {found}")


for direction, content in [("issued", "CFDI"), ("received", "CFDI"), ("issued", "Metadata"), ("received", "Metadata")]:
    solicitud = ask(direction, content)
    ready = wait(solicitud)
    for package in ready["paquetes"]:
        answer = cfdiclient.DescargaMasiva(signer).descargar_paquete(token, rfc, package)
        assert answer["cod_estatus"] == "5000", answer["mensaje"]
        (out / f"{package}.zip").write_bytes(base64.b64decode(answer["paquete_b64"]))
    print(json.dumps({
        "direction": direction, "content": content, "solicitud": solicitud,
        "packages": ready["paquetes"], "cfdis": int(ready["numero_cfdis"]),
    }))
