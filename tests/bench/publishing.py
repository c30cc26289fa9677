"""What publishing costs: side by side to five real mirrors at known distances; MEGA's calls; the object's size."""

import contextlib
import json
import statistics
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clawchat.protocol.connection_file import ConnectionInfo, Endpoint, seal_connection_file
from clawchat.protocol.fingerprint import server_id
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from clawchat.protocol.wraps import MAX_WRAPS, WRAPS_STEP, join_wraps, make_padding
from tests.bench.distance import Distance
from tests.discovery import servers
from tests.e2e.server import ServerProcess
from tests.mega.emulator import PASSWORD, MegaEmulator
from tests.ports import free_port

# Round trips in seconds: other continents, on a bad evening.
ROUND_TRIPS = {"WebDAV": 0.1, "S3": 0.2, "MEGA": 0.3}
ROUNDS = 5
ENDPOINTS = 12
SETTLE_SECONDS = 60.0
STATES = """
import json
from discovery.models import Mirror
print(json.dumps(list(Mirror.objects.values_list("state", flat=True))))
"""
MEASURE = """
import json
from tests.bench.publication_rounds import rounds
print("ROUNDS" + json.dumps(rounds({count})))
"""
ADD = """
import json
from discovery.models import Mirror
from discovery.services.mirror_secrets import write_secrets
for row in json.loads({rows!r}):
    secrets = row.pop("secrets")
    write_secrets(Mirror.objects.create(**row), secrets)
"""


def publishing(folder: Path) -> dict[str, Any]:
    """Publications to all mirrors together, against each mirror alone in the same rounds."""
    with contextlib.ExitStack() as stack:
        dav = stack.enter_context(servers.webdav(folder / "dav", free_port()))
        bucket = stack.enter_context(servers.s3(folder, free_port()))
        mega = stack.enter_context(MegaEmulator())

        def away(name: str, origin: str) -> str:
            return stack.enter_context(Distance(urlsplit(origin).port, ROUND_TRIPS[name])).origin

        account = mega.make_account()
        mega.origin = mega.service.origin = away("MEGA", mega.origin)
        link = {"password": PASSWORD, "link": mega.export_folder(account)}
        rows = [
            _row("WebDAV", "webdav", _moved(dav, away("WebDAV", dav.process.origin)), dav.secrets),
            _row("S3", "storage", _moved(bucket, away("S3", bucket.process.origin)), bucket.secrets),
            _row("MEGA", "mega", {"email": account.email}, link),
        ]
        with ServerProcess(folder / "publishing", interval=3600, lead=120, grace=300) as server:
            server.run("shell", "-v", "0", "-c", ADD.format(rows=json.dumps(rows)))
            _until_well(server)
            _rounds(server, 1)
            mega.requests.clear()
            rounds = _rounds(server, ROUNDS)
            return _figures(rounds, list(mega.requests))


def sizes() -> dict[str, int]:
    """Bytes of the published object by how many devices and open invites it has an entry for, with a dozen ports."""
    return {f"the object for {count} devices, bytes": len(_object(count)) for count in (1, 100, MAX_WRAPS)}


def _row(name: str, kind: str, options: dict, secrets: dict) -> dict:
    return {"name": name, "kind": kind, "options": options, "secrets": secrets}


def _moved(place: servers.Place, origin: str) -> dict:
    """The same place, asked through another origin."""
    return json.loads(json.dumps(place.options).replace(place.process.origin, origin))


def _until_well(server: ServerProcess) -> None:
    """Return once the server has published that these mirrors exist, to all of them."""
    ends = time.monotonic() + SETTLE_SECONDS
    while set(json.loads(server.run("shell", "-v", "0", "-c", STATES))) != {"well"}:
        if time.monotonic() > ends:
            raise TimeoutError(f"the mirrors do not get well\n{server.log_tail()}")


def _rounds(server: ServerProcess, count: int) -> list[dict]:
    said = server.run("shell", "-v", "0", "-c", MEASURE.format(count=count))
    return json.loads(said.partition("ROUNDS")[2].splitlines()[0])


def _figures(rounds: list[dict], requests: list[str]) -> dict[str, Any]:
    names = list(rounds[0]["alone"])
    alone = {name: statistics.median(each["alone"][name] for each in rounds) for name in names}
    slowest, total = max(alone.values()), sum(alone.values())
    together = statistics.median(each["together"] for each in rounds)
    # Each round publishes twice: once together, once one by one.
    visits = 2 * len(rounds)
    return {
        f"publishing to {len(names)} mirrors together, ms": round(1000 * together),
        "each mirror alone, ms": {name: round(1000 * seconds) for name, seconds in alone.items()},
        "together, of the slowest alone": round(together / slowest, 2),
        "together, of the sum": round(together / total, 2),
        "mirrors that took it, at least": min(each["took it"] for each in rounds),
        "MEGA, requests of a publication": {
            kind: round(requests.count(kind) / visits, 2) for kind in dict.fromkeys(requests)
        },
    }


def _object(devices: int) -> bytes:
    identity, now = IdentityKey.generate(), int(time.time())
    until = now + 3600
    ports = tuple(
        Endpoint(f"node-{number}.chat.example.org", 50_000 + number, "/" + "A" * 22, True, now, until, 0.125, "europe")
        for number in range(ENDPOINTS)
    )
    urls = tuple(f"https://mirror-{number}.example.org/clawchat/connection.json" for number in range(5))
    info = ConnectionInfo(
        serial=now,
        server_id=server_id(identity.public),
        server_name="The garden club's server",
        server_public=identity.public,
        timestamp=now,
        valid_from=now,
        valid_until=until,
        next_rotation=until,
        grace_seconds=300,
        endpoints=ports,
        urls=urls,
    )
    entries = -(-devices // WRAPS_STEP) * WRAPS_STEP
    wraps = join_wraps(make_padding() for _ in range(entries))
    return seal_connection_file(info, DiscoverySecret.generate(), identity, now, wraps=wraps)
