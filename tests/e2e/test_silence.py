"""Ten thousand probes at a running server, over TCP and over TLS, calm and while people chat: silence.

What may come back, and why. Without the path: nothing over TCP; over TLS what TLS itself says, its handshake records
and alerts (a scanner sees that somebody speaks TLS, decision 0010). With the path: the 101 of RFC 6455, because a
browser can say nothing before it has seen one; after it nothing but the end. Each kind comes from an address of its
own, so the audit log tells where each one was stopped, and none was stopped by something else. (Loopback is never
banned and has no bucket, so none hides behind those. Who scans and hangs up, or says goodbye, leaves no mark on a live
port.)
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from clawchat.client import Client
from clawchat.client.rooms.rooms import Rooms
from clawchat.protocol.keys import DiscoverySecret, IdentityPublic
from tests.e2e.pairs import Steady, converse
from tests.e2e.probing import (
    ANYBODY,
    AT_TLS,
    HANG_UP,
    LISTEN,
    ON_THE_PATH,
    TRUNCATED,
    Heard,
    Kind,
    Stranger,
    Target,
    complaint,
    knock_all,
)
from tests.e2e.relay import RecordingRelay
from tests.e2e.server import ServerProcess
from tests.soak.rows import Rows

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

PLAIN_PROBES, TLS_PROBES = 8_000, 2_000
SLOW_OF_A_KIND = 20
[REPLAYED] = [kind for kind in ON_THE_PATH if kind.name == "replayed H1"]
SECRETS = (
    "from chat.services.identity import current_discovery_secret, current_identity\n"
    "print(bytes(current_discovery_secret()).hex(), bytes(current_identity().public).hex())"
)
# Nobody moves because of all this, so that each probe finds the port that it is meant for.
STAY = "from chat.services.policy import change_policy\nchange_policy('test', alert_spreads=1000)"


class Chatter(Steady):
    """Chats hard."""

    pause = 0.04


def plan_of(kinds: tuple[Kind, ...], probes: int, phase: int, lengths: range) -> list[tuple[Kind, str, int]]:
    """So many probes of these kinds, mixed; H1 cut to each of these lengths among them."""
    slow, quick = ([kind for kind in kinds if kind.is_slow is is_slow] for is_slow in (True, False))
    numbers = {kind: range(SLOW_OF_A_KIND) for kind in slow} | {TRUNCATED: lengths}
    left = probes - sum(len(each) for each in numbers.values())
    for place, kind in enumerate(quick):
        numbers[kind] = range(left // len(quick) + (place < left % len(quick)))
    sources = {kind: f"127.77.{phase}.{place}" for place, kind in enumerate(numbers, 1)}
    plan = [(number, kind) for kind, each in numbers.items() for number in each]
    return [(kind, sources[kind], number) for number, kind in sorted(plan, key=lambda one: one[0])]


def counted(rows: Rows) -> Counter[tuple[str, str]]:
    """How many strangers the audit log has, by address and by where they were stopped."""
    found: Counter[tuple[str, str]] = Counter()
    for address, details in rows.ask("SELECT address, details FROM chat_auditevent WHERE code = 'strangers'"):
        told = json.loads(details)
        found[address, told["where"]] += told["count"]
    return found


def expected(plan: list[tuple[Kind, str, int]]) -> Counter[tuple[str, str]]:
    """What the audit log must have of a plan."""
    return Counter((source, kind.where) for kind, source, _ in plan if kind.where)


def h1_of(recorded: bytes) -> bytes:
    """The first message of a client that a relay has recorded: what follows the request and its answer, unmasked."""
    data = recorded.split(b"\r\n\r\n", 2)[2]
    assert data[:2] == b"\x82\xfe"
    size, mask = int.from_bytes(data[2:4], "big"), data[4:8]
    return bytes(byte ^ mask[place % 4] for place, byte in enumerate(data[8 : 8 + size]))


@asynccontextmanager
async def members(server: ServerProcess, folder: Path, **trust: Path) -> AsyncIterator[tuple[Client, Client]]:
    """Two real clients, connected as long as the block lasts."""
    invites = [server.create_invite("--owner")["invite"], server.create_invite()["invite"]]
    async with AsyncExitStack() as stack:
        clients = []
        for name, invite in zip(("alice", "bob"), invites, strict=True):
            client = await Client.enrol(invite, folder / name, name=name, layer=Rooms, **trust)
            clients.append(await stack.enter_async_context(client))
        yield clients[0], clients[1]


async def open_port(server: ServerProcess) -> tuple[int, str]:
    """Number and path of the chat port."""
    await asyncio.to_thread(server.run, "shell", "-v", "0", "-c", STAY)
    async with asyncio.timeout(30):
        while not (
            found := Rows(server.data_dir).ask("SELECT port, path FROM rotation_portlease WHERE state = 'open'")
        ):
            await asyncio.sleep(0.1)
    return found[0]


async def target_of(server: ServerProcess, host: str, port: tuple[int, str], recorded: bytes, tls: bool) -> Target:
    """What the probes are made for."""
    printed = await asyncio.to_thread(server.run, "shell", "-v", "0", "-c", SECRETS)
    secret, public = (bytes.fromhex(each) for each in printed.split())
    return Target(host, *port, IdentityPublic(public), DiscoverySecret(secret), recorded, tls)


async def probe_twice(
    server: ServerProcess, target: Target, kinds: tuple[Kind, ...], probes: int, clients: tuple[Client, Client]
) -> None:
    """Half of the probes while all is calm, half while two members chat hard, who lose nothing."""
    middle = len(target.recorded) // 2 if probes == PLAIN_PROBES else 0
    lengths = (range(middle), range(middle, len(target.recorded))) if middle else (range(10), range(10, 20))
    plans = [plan_of(kinds, probes // 2, phase, each) for phase, each in enumerate(lengths, 1)]
    wrong = await knock_all(target, plans[0])

    async def probe_on(talkers: list[Chatter]) -> None:
        wrong.extend(await knock_all(target, plans[1]))

    talkers, log = await converse(clients, Chatter, probe_on)
    for talker in talkers:
        talker.check(log)
        await talker.client.close()
    # What is counted is written at the end, if not before.
    await asyncio.to_thread(server.stop)

    assert wrong == []
    assert len(log) > 100
    assert counted(Rows(server.data_dir)) == expected(plans[0] + plans[1])


async def test_strangers_over_tcp_hear_nothing(tmp_path):
    """8,000 probes of 23 kinds: not a byte for who has no path, the 101 for who has."""
    environment = {"CLAWCHAT_BIND": "127.0.0.2", "CLAWCHAT_HOST": "127.0.0.1", "CLAWCHAT_DECOYS": "0"}
    server = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300, environment=environment)
    with server:
        number, path = await open_port(server)
        async with RecordingRelay(number, "127.0.0.2") as relay, members(server, tmp_path) as clients:
            recorded = h1_of(relay.recorded)
            target = await target_of(server, "127.0.0.2", (number, path), recorded, tls=False)
            await probe_twice(server, target, (*ANYBODY, *ON_THE_PATH), PLAIN_PROBES, clients)


async def test_strangers_over_tls_hear_nothing_but_tls(tmp_path):
    """2,000 more of 28 kinds: under TLS a handshake and an alert, in the clear an alert at the most."""
    environment = {"CLAWCHAT_TLS": "local", "CLAWCHAT_LOOPBACK_TLS": "1", "CLAWCHAT_DECOYS": "0"}
    server = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300, environment=environment)
    with server:
        port = await open_port(server)
        ca_file = server.data_dir / "tls" / "ca.crt"
        async with members(server, tmp_path, ca_file=ca_file) as clients:
            bare = await target_of(server, "127.0.0.1", port, b"", tls=True)
            target = await target_of(server, "127.0.0.1", port, bare.hello(bare.secret), tls=True)
            # One who knows the secret is answered: what is replayed from here on was good once.
            once = Kind("good once", lambda target, number: (*REPLAYED.steps(target, number), LISTEN, HANG_UP))
            heard = await Stranger(target, "127.77.3.1", once).knock(once.steps(target, 0))
            assert heard.inside.partition(b"\r\n\r\n")[2].startswith(b"\x82")
            await probe_twice(server, target, (*ANYBODY, *ON_THE_PATH, *AT_TLS), TLS_PROBES, clients)


UPGRADE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
HANDSHAKE, ALERT, SEALED = (bytes([kind]) + b"\x03\x03\0\x02ab" for kind in (22, 21, 23))


@pytest.mark.parametrize(
    ("kind", "tls", "heard", "is_silent"),
    [
        ("GET /", False, Heard(b"", b"", True), True),
        ("GET /", False, Heard(b"", b"", False), False),
        ("GET /", False, Heard(b"H", b"H", True), False),
        ("wrong gate", False, Heard(UPGRADE, UPGRADE, True), True),
        ("wrong gate", False, Heard(b"", b"", True), False),
        ("wrong gate", False, Heard(UPGRADE + b"\x88\0", UPGRADE + b"\x88\0", True), False),
        ("GET /", True, Heard(HANDSHAKE + SEALED + ALERT, b"", True), True),
        ("GET /", True, Heard(HANDSHAKE + SEALED, b"H", True), False),
        ("GET /", True, Heard(HANDSHAKE + SEALED[:-1], b"", True), False),
        ("GET /", True, Heard(b"HTTP/1.1 400 Bad Request", b"", True), False),
        ("garbage to TLS", True, Heard(ALERT, b"", True), True),
        ("garbage to TLS", True, Heard(HANDSHAKE, b"", True), False),
        ("garbage to TLS", True, Heard(ALERT + ALERT, b"", True), False),
    ],
)
def test_the_judge_sees_an_answer(kind, tls, heard, is_silent):
    """A byte too many, a record too many, a missing answer and an open end are noticed."""
    target = Target("", 0, "/", IdentityPublic(bytes(32)), DiscoverySecret(bytes(32)), b"", tls)
    [meant] = [each for each in (*ANYBODY, *ON_THE_PATH, *AT_TLS) if each.name == kind]

    assert (complaint(meant, target, heard) == "") is is_silent
