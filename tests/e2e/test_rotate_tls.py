"""New TLS keys while people are connected: every listener shows them within seconds, and the old ones are revoked."""

import asyncio
import sqlite3
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from chat.services.revocations import certificate_key
from clawchat.client import Client
from clawchat.protocol.revocation_list import revoked_id
from tests.e2e.members import make_room, mls_message
from tests.e2e.pairs import until
from tests.e2e.server import ServerProcess
from tests.e2e.test_tls import LOCAL, chat_port

pytestmark = pytest.mark.e2e
SOON_SECONDS = 60


def shown(port: int) -> str:
    """The certificate that a listener shows to programs, in PEM."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=5)


def revoked(data_dir: Path) -> set[bytes]:
    """Which certificates the list names."""
    with sqlite3.connect(f"file:{data_dir / 'clawchat.sqlite3'}?mode=ro", uri=True) as database:
        return {row[0] for row in database.execute("SELECT subject FROM chat_revocation WHERE kind = 'certificate'")}


async def test_new_tls_keys_disturb_nobody(tmp_path):
    """Who is connected goes on; who comes anew is shown new keys of the same authority, by both listeners."""
    server = ServerProcess(tmp_path / "data", interval=3600, lead=120, grace=300, environment=LOCAL)
    await asyncio.to_thread(server.start)
    try:
        authority = server.data_dir / "tls" / "ca.crt"
        vouched_by = authority.read_bytes()
        invite = server.create_invite("--owner")["invite"]
        async with await Client.enrol(invite, tmp_path / "alice", name="Alice", ca_file=authority) as alice:
            room, _ = await make_room(alice, [])
            doors = [server.front_port, await asyncio.to_thread(chat_port, server)]
            before = [await asyncio.to_thread(shown, port) for port in doors]

            said = await asyncio.to_thread(server.run, "rotate_keys", "--tls")
            assert "Nobody has to do anything." in said
            async with asyncio.timeout(SOON_SECONDS):
                while [await asyncio.to_thread(shown, port) for port in doors] == before:
                    await asyncio.sleep(0.2)

            after = [await asyncio.to_thread(shown, port) for port in doors]
            assert not {certificate_key(pem) for pem in before} & {certificate_key(pem) for pem in after}
            assert authority.read_bytes() == vouched_by
            issuers = {x509.load_pem_x509_certificate(pem.encode()).issuer for pem in (*before, *after)}
            assert len(issuers) == 1
            await until(lambda: revoked(server.data_dir) >= {revoked_id(certificate_key(pem)) for pem in before}, 15)
            assert not revoked(server.data_dir) & {revoked_id(certificate_key(pem)) for pem in after}

            await alice.send(room, mls_message(room, b"still here", epoch=0)[1])
        async with Client.open(tmp_path / "alice", ca_file=authority) as again:
            await again.request("directory")
    finally:
        await asyncio.to_thread(server.stop)
