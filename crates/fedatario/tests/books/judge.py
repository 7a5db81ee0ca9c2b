"""The books of a period, computed from the XML by the rules of docs/summary.md and nothing else.

Usage: judge.py RFC FROM TO STATUSES FOLDER... ; STATUSES is JSON {uuid: "Vigente" | "Cancelado"}.
Prints {"figures": {...}, "months": {...}, "uuids": {figure: [...]}}; amounts with two decimals.
"""

import json
import sys
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from xml.etree import ElementTree

RFC, FROM, TO = sys.argv[1:4]
STATUSES = json.loads(Path(sys.argv[4]).read_text(encoding="utf-8"))
MICRO, CENT = Decimal("0.000001"), Decimal("0.01")


def local(node):
    return node.tag.rsplit("}", 1)[-1] if isinstance(node.tag, str) else ""


def children(node, *path):
    if not path:
        return [node]
    return [end for child in node if local(child) == path[0] for end in children(child, *path[1:])]


def attribute(node, *names):
    wanted = {name.lower() for name in names}
    return next((value.strip() for key, value in node.attrib.items() if key.lower() in wanted), None)


def number(node, *names):
    text = attribute(node, *names)
    return Decimal(text) if text else Decimal(0)


def micro(value):
    return value.quantize(MICRO, ROUND_HALF_UP)


KIND = {"001": "isr", "01": "isr", "ISR": "isr", "002": "iva", "02": "iva", "IVA": "iva", "003": "ieps", "03": "ieps", "IEPS": "ieps"}


def tax(node, end=""):
    rate = attribute(node, "TasaOCuota" + end)
    old = attribute(node, "tasa")
    return {
        "kind": KIND.get(attribute(node, "Impuesto" + end, "ImpuestoRet"), "?"),
        "exempt": attribute(node, "TipoFactor" + end) == "Exento",
        "rate": Decimal(rate) if rate else Decimal(old) / 100 if old else None,
        "base": Decimal(attribute(node, "Base" + end)) if attribute(node, "Base" + end) else None,
        "amount": number(node, "Importe" + end, "MontoRet"),
    }


def transferred(root):
    parts = [tax(n) for n in children(root, "Conceptos", "Concepto", "Impuestos", "Traslados", "Traslado")]
    whole = [tax(n) for n in children(root, "Impuestos", "Traslados", "Traslado")]
    if not whole:
        return parts
    if all(it["base"] is not None for it in whole):
        return whole
    for it in whole:
        if it["base"] is None:
            same = [p["base"] for p in parts if (p["kind"], p["exempt"], p["rate"]) == (it["kind"], it["exempt"], it["rate"])]
            if same:
                it["base"] = sum(same, Decimal(0))
            elif it["rate"]:
                it["base"] = (it["amount"] / it["rate"]).quantize(CENT, ROUND_HALF_UP)
    if not any(it["exempt"] for it in whole):
        whole += [p for p in parts if p["exempt"]]
    return whole


def withheld(root):
    whole = children(root, "Impuestos", "Retenciones", "Retencion")
    return [tax(n) for n in whole or children(root, "Conceptos", "Concepto", "Impuestos", "Retenciones", "Retencion")]


def pesos(currency, rate):
    if (currency or "").upper() in ("", "MXN", "XXX") or (currency or "").upper().startswith("PESO"):
        return Decimal(1)
    return Decimal(rate) if rate and Decimal(rate) else None


def document(path):
    root = ElementTree.parse(path).getroot()
    stamp = children(root, "Complemento", "TimbreFiscalDigital")
    return attribute(stamp[0], "UUID").lower() if stamp else None, root


DOCUMENTS = {}
for folder in sys.argv[5:]:
    for path in sorted(Path(folder).glob("*.xml")):
        uuid, root = document(path)
        if uuid:
            DOCUMENTS[uuid] = root

FIGURES, MONTHS, UUIDS = defaultdict(Decimal), defaultdict(lambda: defaultdict(Decimal)), defaultdict(set)


def enter(uuid, side, book, line, day, amount):
    if FROM <= day <= TO:
        name = f"{side}.{book}.{line}"
        FIGURES[name] += amount
        MONTHS[day[:7]][name] += amount
        UUIDS[name].add(uuid)


def taxes(uuid, side, book, day, added, taken, share):
    for it in added:
        amount, base = micro(it["amount"] * share), it["base"]
        if it["kind"] == "ieps":
            enter(uuid, side, book, "ieps", day, amount)
        if it["kind"] != "iva":
            continue
        percent = None if it["rate"] is None else it["rate"] * 100
        line = "exento" if it["exempt"] else {16: "16", 8: "8", 0: "0"}.get(percent, "otras")
        if base is not None:
            enter(uuid, side, book, f"base_{line}", day, micro(base * share))
        if line not in ("exento", "0"):
            enter(uuid, side, book, f"iva_{line}", day, amount)
    for it in taken:
        if it["kind"] != "?":
            enter(uuid, side, book, f"{it['kind']}_retenido", day, micro(it["amount"] * share))


def invoice(uuid, side, root, day, sign):
    rate = pesos(attribute(root, "Moneda"), attribute(root, "TipoCambio"))
    if rate is None:
        return
    share = rate * sign
    amount = (number(root, "SubTotal") - number(root, "Descuento")) * share
    later = sign > 0 and attribute(root, "MetodoPago") == "PPD"
    if sign > 0:
        enter(uuid, side, "facturado", "ingresos", day, amount)
        enter(uuid, side, "facturado", "ppd" if later else "pue", day, amount)
        public = any(attribute(n, "Rfc") == "XAXX010101000" for n in children(root, "Receptor"))
        if public or children(root, "InformacionGlobal"):
            enter(uuid, side, "facturado", "globales", day, amount)
    else:
        enter(uuid, side, "facturado", "egresos", day, -amount)
    enter(uuid, side, "facturado", "neto", day, amount)
    added, taken = transferred(root), withheld(root)
    taxes(uuid, side, "facturado", day, added, taken, share)
    for line, name in (("locales_trasladados", "TotaldeTraslados"), ("locales_retenidos", "TotaldeRetenciones")):
        local_tax = sum((number(n, name) for n in children(root, "Complemento", "ImpuestosLocales")), Decimal(0))
        if local_tax:
            enter(uuid, side, "facturado", line, day, local_tax * share)
    if not later:
        enter(uuid, side, "flujo", "pue" if sign > 0 else "egresos", day, abs(amount))
        enter(uuid, side, "flujo", "neto", day, amount)
        taxes(uuid, side, "flujo", day, added, taken, share)


def payment(uuid, side, complement, node):
    day = attribute(node, "FechaPago")[:10]
    rate = pesos(attribute(node, "MonedaP"), attribute(node, "TipoCambioP"))
    if rate is None:
        return
    if attribute(complement, "Version") != "1.0":
        added = [tax(n, "P") for n in children(node, "ImpuestosP", "TrasladosP", "TrasladoP")]
        taken = [tax(n, "P") for n in children(node, "ImpuestosP", "RetencionesP", "RetencionP")]
        total = number(node, "Monto") - sum(it["amount"] for it in added) + sum(it["amount"] for it in taken)
        parts = [(total * rate, added, taken, rate)]
    else:
        parts = []
        for it in children(node, "DoctoRelacionado"):
            paid = DOCUMENTS.get(attribute(it, "IdDocumento").lower())
            if paid is None:
                continue
            equivalence = Decimal(attribute(it, "TipoCambioDR") or 1)
            amount = attribute(it, "ImpPagado")
            amount = Decimal(amount) if amount else number(node, "Monto") * equivalence
            share = amount / number(paid, "Total") / equivalence * rate
            net = micro((number(paid, "SubTotal") - number(paid, "Descuento")) * share)
            parts.append((net, transferred(paid), withheld(paid), share))
    for net, added, taken, share in parts:
        enter(uuid, side, "flujo", "pagos", day, net)
        enter(uuid, side, "flujo", "neto", day, net)
        taxes(uuid, side, "flujo", day, added, taken, share)


def payroll(uuid, side, root):
    all_ = children(root, "Complemento", "Nomina")
    day = attribute(all_[0], "FechaPago")[:10]
    earned, other, deducted = (sum((number(n, name) for n in all_), Decimal(0)) for name in ("TotalPercepciones", "TotalOtrosPagos", "TotalDeducciones"))
    isr = sum((number(d, "Importe") for d in children(root, "Complemento", "Nomina", "Deducciones", "Deduccion") if attribute(d, "TipoDeduccion") == "002"), Decimal(0))
    for line, amount in (("percepciones", earned), ("otros_pagos", other), ("deducciones", deducted), ("isr_retenido", isr), ("neto", earned + other - deducted)):
        enter(uuid, side, "nomina", line, day, amount)


def retencion(uuid, side, root, day):
    for total in children(root, "Totales"):
        enter(uuid, side, "retenciones", "operacion", day, number(total, "MontoTotOperacion"))
        taxes(uuid, side, "retenciones", day, [], [tax(n) for n in children(total, "ImpRetenidos")], Decimal(1))


def parties(root):
    issuer = [attribute(n, "Rfc", "RfcE", "RFCEmisor") for n in children(root, "Emisor")]
    nested = children(root, "Receptor") + children(root, "Receptor", "Nacional")
    receiver = [attribute(n, "Rfc", "RfcR", "RFCRecep") for n in nested]
    return issuer, receiver


for uuid, root in DOCUMENTS.items():
    if STATUSES.get(uuid) == "Cancelado":
        continue
    issuer, receiver = parties(root)
    day = attribute(root, "Fecha", "FechaExp")[:10]
    kind = {"ingreso": "I", "egreso": "E", "traslado": "T"}.get(attribute(root, "TipoDeComprobante"), attribute(root, "TipoDeComprobante"))
    for side in [s for s, who in (("emitidos", issuer), ("recibidos", receiver)) if RFC in who]:
        if local(root) == "Retenciones":
            retencion(uuid, side, root, day)
        elif kind in ("I", "E"):
            invoice(uuid, side, root, day, Decimal(1 if kind == "I" else -1))
        elif kind == "P":
            for complement in children(root, "Complemento", "Pagos"):
                for node in children(complement, "Pago"):
                    payment(uuid, side, complement, node)
        elif kind == "N":
            payroll(uuid, side, root)


def cents(sums):
    return {name: f"{amount.quantize(CENT, ROUND_HALF_UP):.2f}" for name, amount in sorted(sums.items())}


print(json.dumps({
    "figures": cents(FIGURES),
    "months": {month: cents(sums) for month, sums in sorted(MONTHS.items())},
    "uuids": {name: sorted(found) for name, found in UUIDS.items()},
}))
