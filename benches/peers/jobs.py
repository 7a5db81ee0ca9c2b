"""Trivial jobs through huey's SQLite storage: put in first, then taken and run one by one."""

import json
import os
import sys
import time

from huey import SqliteHuey

count, folder = int(sys.argv[1]), sys.argv[2]
huey = SqliteHuey(filename=os.path.join(folder, "jobs-peer.db"), fsync=True, results=False)


@huey.task()
def nothing(at):
    return at


for at in range(count):
    nothing(at)
since = time.monotonic()
done = 0
while (task := huey.dequeue()) is not None:
    huey.execute(task)
    done += 1
assert done == count, done
print(json.dumps({"units": count, "seconds": time.monotonic() - since}))
