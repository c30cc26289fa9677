"""`rotate_keys --all` in the middle of a busy chat: nobody notices, and no former key is good for anything any more.

Two browsers and two Python clients, over TLS by the local authority, talk before, through and after the handover.
"""

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from clawchat.client import Client
from clawchat.client.device import Credentials
from clawchat.client.dial import dial
from clawchat.client.errors import ConnectionLost, IdentityReplaced
from clawchat.client.rooms.rooms import Rooms
from clawchat.protocol.connection_file import Endpoint, SealedConnectionFile
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.revocation_list import RevocationKind, SealedRevocationList, check_identity_revocation
from tests.e2e.browser import Browsers, Person
from tests.e2e.pairs import Steady, converse, until
from tests.e2e.server import ROOT, ServerProcess
from tests.e2e.talking import application_log, everything_arrived, said, start_talking
from tests.rotation.certificates import shake_hands

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

# Long enough for everybody to come by the new identity on a busy machine, short enough to wait for its end.
OVERLAP = 75
MESSAGES, EVERY_MS = 220, 400
SOON_SECONDS = 60
LOCAL = {"CLAWCHAT_TLS": "local", "CLAWCHAT_LOOPBACK_TLS": "1"}
# Every sealed secret of the database, tried under the keys of a master key file.
TRY_MASTER = """
from chat.services.secrets import open_secret
from clawchat.protocol.errors import Unauthentic
from rotation.services.master_kind import COLUMNS
opened = total = 0
for column in COLUMNS:
    for row in column.filled():
        total += 1
        try:
            open_secret(column.purpose, bytes(getattr(row, column.name)), column.context(row))
            opened += 1
        except Unauthentic:
            pass
print(opened, "of", total)
"""


class Calm(Steady):
    """Leaves the browsers beside it some air."""

    pause = 0.1


@dataclass(frozen=True)
class Former:
    """What somebody who has copied everything holds when the keys change."""

    credentials: Credentials
    identity: IdentityPublic
    certificate: x509.Certificate
    master_file: Path
    # Of every device, by its id.
    pairs: dict[bytes, bytes]

    @classmethod
    def of(cls, server: ServerProcess, client: Client, folder: Path) -> "Former":
        """The keys of now."""
        credentials = client._device.credentials
        assert credentials is not None and client.port is not None
        kept = shutil.copy(master_file(server), folder / "former.key")
        certificate = shake_hands(client.port, ca_file=authority(server)).certificate
        return cls(credentials, client._device.server_public, certificate, Path(kept), pairs_in_use(server))


@pytest.fixture
def server(tmp_path):
    """A server that vouches for itself, whose port moves only when a secret changes."""
    with ServerProcess(tmp_path / "data", interval=3600, lead=3, grace=8, environment=LOCAL) as running:
        yield running


def authority(server: ServerProcess) -> Path:
    """The certificate that `trustca` shows."""
    return server.data_dir / "tls" / "ca.crt"


def master_file(server: ServerProcess) -> Path:
    """Where the server's master key lies."""
    return server.data_dir / "secrets" / "master.key"


async def test_all_keys_change_in_the_middle_of_a_busy_chat(server, tmp_path, chromium_path, monkeypatch):
    """Nothing lost, nothing twice, everybody still in; every former key is refused, and the old identity is gone."""
    async with AsyncExitStack() as stack:
        paula, peter, dave = [await enrol(server, tmp_path, name) for name in ("paula", "peter", "dave")]
        stack.push_async_callback(paula.close)
        stack.push_async_callback(peter.close)
        # He is away for all of it.
        await dave.close()
        browsers = await stack.enter_async_context(Browsers(chromium_path, tmp_path / "browsers"))
        people = await two_people(server, browsers, trusting_home(server, tmp_path))
        before = Former.of(server, paula, tmp_path)
        assert len(before.pairs) == 5
        for person in people:
            await start_talking(person, MESSAGES, EVERY_MS, burst=1)
        said_by_the_command: list[str] = []

        async def course(_: list[Calm]) -> None:
            began = time.time()
            await asyncio.sleep(3)
            command = asyncio.to_thread(server.run, "rotate_keys", "--all", "--overlap", str(OVERLAP))
            said_by_the_command.append(await command)
            await asyncio.sleep(3)
            await former_keys_are_refused(server, before, paula, began)
            await until(lambda: all(len(client._device.pins) == 1 for client in (paula, peter)), OVERLAP + 60)
            await every_pair_is_another(server, before, paula, dave.device_id)

        talkers, log = await converse((paula, peter), Calm, course)
        await everything_arrived(people, 2 * MESSAGES, seconds=120)
        for talker in talkers:
            talker.check(log)
        await the_old_identity_is_gone(server, before, paula)
        for person in people:
            assert await fingerprint(person) == paula.server_fingerprint
        screens = [await person.transcript() for person in people]
        newcomer = await enrol(server, tmp_path, "nina")
        await newcomer.close()
        monkeypatch.setattr("clawchat.client.discovery.AWAY_SECONDS", 0)
        dave = Client.open(tmp_path / "dave", ca_file=authority(server))
        with pytest.raises(IdentityReplaced, match="invitation"):
            await dave.connect(10)
        await dave.close()
        complaints = [person.complaints_about_code() for person in people]

    assert "Not changed" not in said_by_the_command[0]
    assert len(log) == sum(len(talker.sent) for talker in talkers) > 2 * OVERLAP
    everything_is_on_the_screens(
        server, screens, {message_id.hex() for talker in talkers for message_id in talker.sent}
    )
    assert complaints == [[], []]


async def enrol(server: ServerProcess, folder: Path, name: str) -> Client:
    """A Python client, connected."""
    options = ["--owner"] if name == "paula" else []
    invite = (await asyncio.to_thread(server.create_invite, *options))["invite"]
    return await Client.enrol(invite, folder / name, name=name.title(), layer=Rooms, ca_file=authority(server))


def trusting_home(server: ServerProcess, folder: Path) -> dict[str, str]:
    """The environment of browsers that trust the server's authority."""
    certutil = shutil.which("certutil")
    if certutil is None:
        pytest.skip("certutil is not installed (sudo apt install libnss3-tools)")
    home = folder / "home"
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    where = ["-d", f"sql:{database}"]
    subprocess.run([certutil, "-N", "--empty-password", *where], check=True)
    subprocess.run([certutil, "-A", *where, "-n", "clawchat", "-t", "C,,", "-i", authority(server)], check=True)
    return {**os.environ, "HOME": str(home)}


async def two_people(server: ServerProcess, browsers: Browsers, environment: dict[str, str]) -> list[Person]:
    """Alice and Bob in a room of their own, each at a browser."""
    people = []
    for name in ("alice", "bob"):
        invite = await asyncio.to_thread(server.create_invite)
        people.append(await browsers.open(name, invite["url"], env=environment))
        await people[-1].enrol()
    alice, bob = people
    await alice.create_room("Garden")
    await alice.add("bob")
    await bob.open_room("Garden")
    return people


# What the former keys are good for


async def former_keys_are_refused(server: ServerProcess, former: Former, client: Client, began: float) -> None:
    """Secret, sessions, certificate and master key, while both identities serve."""
    endpoint = client._line.endpoint
    current = client._device.credentials
    assert endpoint is not None and current is not None
    await knock(client, endpoint, current)
    for identity in (former.identity, current.server_public):
        gate = former.credentials.gate_key
        assert gate != gate_key(next(iter(client._device.discovery_secrets.values())))
        with pytest.raises(ConnectionLost):
            await knock(client, endpoint, Credentials(identity, gate, current.psk_id, current.psk, current.device_key))
    certificate = shake_hands(endpoint.port, ca_file=authority(server)).certificate
    assert certificate.public_key() != former.certificate.public_key()
    revocations = client._finder.revocations
    await until(lambda: revocations.refuses_certificate(former.certificate.public_bytes(Encoding.DER)), SOON_SECONDS)
    assert not revocations.refuses_certificate(certificate.public_bytes(Encoding.DER))
    for key_file, opens in ((former.master_file, False), (master_file(server), True)):
        opened, _, total = (await asyncio.to_thread(under_master, server, key_file)).split()
        assert int(opened) == (int(total) if opens else 0)
    await until(lambda: oldest_session_keys(server) > began, SOON_SECONDS)


async def every_pair_is_another(server: ServerProcess, former: Former, client: Client, away: bytes) -> None:
    """Of browsers and Python clients alike, but not of who was away; and the former one opens nothing."""
    now = pairs_in_use(server)
    assert {device for device, pair in now.items() if pair == former.pairs[device]} == {away}
    current, endpoint = client._device.credentials, client._line.endpoint
    assert current is not None and endpoint is not None
    with pytest.raises(Unauthentic):
        await knock(client, endpoint, replace(current, psk_id=former.credentials.psk_id, psk=former.credentials.psk))
    said = await asyncio.to_thread(server.run, "rotate_keys")
    assert "of 5 devices; 1 of them still use one from before" in said


def pairs_in_use(server: ServerProcess) -> dict[bytes, bytes]:
    """The id of the pair that each device uses, by the device's."""
    return dict(rows(server, "SELECT device_id, psk_id FROM chat_device"))


async def knock(client: Client, endpoint: Endpoint, credentials: Credentials) -> None:
    """One handshake; the server hangs up on strangers."""
    connection = await dial(client._http, endpoint, credentials, tls=client._tls)
    await connection.close()


def under_master(server: ServerProcess, key_file: Path) -> str:
    """How many sealed values open under this master key file."""
    done = subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "-c", TRY_MASTER],
        cwd=ROOT,
        env={**server.environment, "CLAWCHAT_MASTER_KEY_FILE": str(key_file)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def oldest_session_keys(server: ServerProcess) -> float:
    """Since when the live session with the oldest keys has them, in seconds since 1970."""
    query = "SELECT MIN(unixepoch(keys_since)) FROM chat_connection WHERE closed_at IS NULL"
    return rows(server, query)[0][0]


async def the_old_identity_is_gone(server: ServerProcess, former: Former, client: Client) -> None:
    """Its key is erased, nothing is signed by it, its gate is closed, and it stands on the list by its own word."""
    [new] = client._device.pins
    states = dict(rows(server, "SELECT public, length(private_sealed) FROM chat_serveridentity"))
    assert new != former.identity
    assert states[bytes(former.identity)] == 0 < states[bytes(new)]
    current = client._device.credentials
    assert current is not None and client._line.endpoint is not None
    with pytest.raises(ConnectionLost):
        pair = (current.psk_id, current.psk, current.device_key)
        await knock(client, client._line.endpoint, Credentials(former.identity, current.gate_key, *pair))
    [file] = rows(server, "SELECT body FROM discovery_publication ORDER BY serial DESC LIMIT 1")[0]
    sealed = SealedConnectionFile.parse(bytes(file))
    assert sealed.verify([new]) == new
    with pytest.raises(Unauthentic):
        sealed.verify([former.identity])
    assert sealed.open(client._device.discovery_secrets, [new]).server_public == new
    [listed] = rows(server, "SELECT body FROM discovery_revocationlist ORDER BY serial DESC LIMIT 1")[0]
    entries = SealedRevocationList.parse(bytes(listed)).open(client._device.discovery_secrets, [new]).entries
    ended = [entry for entry in entries if entry.kind is RevocationKind.IDENTITY]
    assert [check_identity_revocation(entry, former.identity) for entry in ended] == [True]


def rows(server: ServerProcess, query: str) -> list[tuple]:
    """What the server's database answers."""
    with sqlite3.connect(f"file:{server.data_dir / 'clawchat.sqlite3'}?mode=ro", uri=True) as database:
        return database.execute(query).fetchall()


# What the browsers show


async def fingerprint(person: Person) -> str:
    """The server's, as the page has it, once there is a connection."""
    return await person.page.evaluate("() => document.querySelector('cc-app').app.connection.fingerprint")


def everything_is_on_the_screens(server: ServerProcess, screens: list[list[dict]], others: set[str]) -> None:
    """Each message once, in the order of the log; what the Python clients said stands in another room."""
    log = [entry for entry in application_log(server.data_dir) if entry[1] not in others]
    for screen in screens:
        shown = [row for row in screen if row["status"] != "notice"]
        assert len(shown) == 2 * MESSAGES
        ids = {row["id"] for row in shown}
        assert [(row["seq"], row["id"]) for row in shown] == [entry for entry in log if entry[1] in ids]
        assert said(shown, "alice") == said(shown, "bob") == list(range(MESSAGES))
