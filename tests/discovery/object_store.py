"""OpenStack Swift with its S3 door in one process: `python -m tests.discovery.object_store FOLDER PORT`.

A store that keeps objects on a disk and checks every signature; one device, one copy, one account. Started again over
the same folder it has what it had.
"""

import sys
from pathlib import Path

import eventlet

eventlet.monkey_patch()

import eventlet.wsgi  # noqa: E402  (what it imports must be patched)
from swift.common.ring import RingBuilder  # noqa: E402
from swift.common.utils import NullLogger, set_swift_dir  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402

LOOPBACK = "127.0.0.1"
ACCOUNT, KEY = "mirrors:alice", "correct-horse-battery-staple"
DEVICE = "disk"
KEEPERS = ["account", "container", "object"]

COMMON = """[swift-hash]
swift_hash_path_prefix = clawchat
swift_hash_path_suffix = tests
"""
KEEPER = """[DEFAULT]
devices = {folder}
mount_check = false
swift_dir = {folder}
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
DOOR = """[DEFAULT]
swift_dir = {folder}
[pipeline:main]
pipeline = catch_errors s3api tempauth bulk slo dlo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_{account} = {key} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
"""


def serve(folder: Path, port: int) -> None:
    """Answer on this port of loopback for as long as the process lives."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DEVICE).mkdir(exist_ok=True)
    (folder / "swift.conf").write_text(COMMON)
    set_swift_dir(str(folder))
    for kind in KEEPERS:
        keeper = eventlet.listen((LOOPBACK, 0))
        make_ring(folder, kind, keeper.getsockname()[1])
        eventlet.spawn(answer, keeper, folder / f"{kind}.conf", KEEPER.format(folder=folder, kind=kind))
    door = DOOR.format(folder=folder, account=ACCOUNT.replace(":", "_"), key=KEY)
    answer(eventlet.listen((LOOPBACK, port)), folder / "proxy.conf", door)


def make_ring(folder: Path, kind: str, port: int) -> None:
    """Say where the one device is; its port is another at each start."""
    ring = RingBuilder(part_power=1, replicas=1, min_part_hours=0)
    ring.add_dev({"region": 1, "zone": 1, "ip": LOOPBACK, "port": port, "device": DEVICE, "weight": 1.0})
    ring.rebalance()
    ring.get_ring().save(str(folder / f"{kind}.ring.gz"))


def answer(listener: eventlet.greenio.GreenSocket, path: Path, settings: str) -> None:
    """Serve one of the four applications."""
    path.write_text(settings)
    eventlet.wsgi.server(listener, loadapp(str(path)), NullLogger())


if __name__ == "__main__":
    serve(Path(sys.argv[1]).resolve(), int(sys.argv[2]))
