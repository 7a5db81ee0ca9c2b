"""What a client made by openapi-python-client can do."""

import sys

from made import AuthenticatedClient, Client
from made.api.health import health_live
from made.api.identity import principal_read
from made.api.limits import limits_read
from made.models import Limits, Principal, Problem

url = sys.argv[1]
nobody = Client(base_url=url)
somebody = AuthenticatedClient(base_url=url, token="all")

assert health_live.sync(client=nobody).status == "ok"
who = principal_read.sync(client=somebody)
assert isinstance(who, Principal) and who.tenant_id.startswith("ten_"), who
assert "TENANT_SAT_ASK" in who.permissions, who.permissions
left = limits_read.sync(client=somebody)
assert isinstance(left, Limits) and left.limits[0].remaining > 0, left
refused = principal_read.sync(client=AuthenticatedClient(base_url=url, token="wrong"))
assert isinstance(refused, Problem) and refused.code == "unauthenticated" and not refused.retryable, refused
print("everything as it should be")
