"""Signatures and canonical forms by what a user would pick instead: WHAT FOLDER TIMES.

Every turn reads the document from its bytes. The clock is processor time, without the set-up.
"""

import json
import os
import sys
import time

from lxml import etree

what, folder, times = sys.argv[1], sys.argv[2], int(sys.argv[3])


def read(name):
    with open(os.path.join(folder, name), "rb") as file:
        return file.read()


signed, document = read("signed.xml"), read("document.xml")

if what == "signxml-verify":
    import signxml

    # What it verifies it has signed itself, in the exclusive form: of an inclusive SignedInfo it loses
    # the namespaces that are in scope and not used.
    certificate = read("cer.pem").decode()
    signer = signxml.XMLSigner(c14n_algorithm=signxml.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0)
    mine = etree.tostring(signer.sign(etree.fromstring(document), key=read("key.pem"), cert=certificate))

    def turn():
        signxml.XMLVerifier().verify(mine, x509_cert=certificate)

elif what == "xmlsec-verify":
    import xmlsec

    key = xmlsec.Key.from_file(os.path.join(folder, "cer.pem"), xmlsec.constants.KeyDataFormatCertPem)

    def turn():
        root = etree.fromstring(signed)
        context = xmlsec.SignatureContext()
        context.key = key
        context.verify(xmlsec.tree.find_node(root, xmlsec.constants.NodeSignature))

elif what == "xmlsec-sign":
    import xmlsec

    key = xmlsec.Key.from_file(os.path.join(folder, "key.pem"), xmlsec.constants.KeyDataFormatPem)
    key.load_cert_from_file(os.path.join(folder, "cer.pem"), xmlsec.constants.KeyDataFormatCertPem)

    def turn():
        root = etree.fromstring(document)
        node = xmlsec.template.create(root, xmlsec.constants.TransformInclC14N, xmlsec.constants.TransformRsaSha256)
        root.append(node)
        reference = xmlsec.template.add_reference(node, xmlsec.constants.TransformSha256, uri="")
        xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
        xmlsec.template.add_x509_data(xmlsec.template.ensure_key_info(node))
        context = xmlsec.SignatureContext()
        context.key = key
        context.sign(node)
        etree.tostring(root)

elif what in ("lxml-c14n", "lxml-exc-c14n"):
    exclusive = what == "lxml-exc-c14n"

    def turn():
        etree.tostring(etree.fromstring(document), method="c14n", exclusive=exclusive, with_comments=False)

else:
    sys.exit(f"no peer {what}")

turn()
began = time.process_time()
for _ in range(times):
    turn()
print(json.dumps({"units": times, "seconds": time.process_time() - began}))
