"""The verifier of exports that is handed out, timed: `verify_audit.py COUNT FILE`."""

import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples"))
sys.dont_write_bytecode = True
import verify_audit

count, file = int(sys.argv[1]), sys.argv[2]
since = time.monotonic()
verdict = verify_audit.verify(file, None)
assert verdict["intact"] and verdict["entries"] == count, verdict
print(json.dumps({"units": count, "seconds": time.monotonic() - since}))
