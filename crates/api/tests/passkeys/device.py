"""A device with a browser around it, as PyPI's soft-webauthn has it: a line of JSON in, a line out.

{"do": "new", "device": NAME, "options": …, "origin": …}    makes a key, {"do": "prove", …} proves it;
"set": {"sign_count": 0} changes the device first, "like": NAME makes it a copy of another,
"rp": NAME makes it take another site's name for its own. Options and answers are JSON as browsers have
it, with bytes in base64url.
"""
import copy
import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode

from soft_webauthn import SoftWebauthnDevice

devices = {}


class Device(SoftWebauthnDevice):
    """One that can be told to make the key that it has once more."""

    is_fixed = False

    def cred_init(self, rp_id, user_handle):
        key = (self.credential_id, self.private_key)
        super().cred_init(rp_id, user_handle)
        if self.is_fixed:
            self.credential_id, self.private_key = key


def raw(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text(value):
    return urlsafe_b64encode(value).decode().rstrip("=")


def parsed(options):
    options = dict(options, challenge=raw(options["challenge"]))
    if "user" in options:
        options["user"] = dict(options["user"], id=raw(options["user"]["id"]))
    return {"publicKey": options}


def written(answer):
    response = {name: text(value) for name, value in answer["response"].items() if value is not None}
    raw_id = text(answer["rawId"])
    return {"id": raw_id, "rawId": raw_id, "type": answer["type"], "response": response, "clientExtensionResults": {}}


for line in sys.stdin:
    asked = json.loads(line)
    if "like" in asked:
        devices[asked["device"]] = copy.copy(devices[asked["like"]])
    device = devices.setdefault(asked["device"], Device())
    options = parsed(asked["options"])
    for name, value in asked.get("set", {}).items():
        setattr(device, name, value)
    if asked["do"] == "new":
        if "rp" in asked:
            options["publicKey"]["rp"] = {"id": asked["rp"]}
        answer = device.create(options, asked["origin"])
    else:
        kept, device.rp_id = device.rp_id, asked.get("rp", device.rp_id)
        options["publicKey"]["rpId"] = device.rp_id
        answer = device.get(options, asked["origin"])
        device.rp_id = kept
    print(json.dumps(written(answer)), flush=True)
