"""Files that should move nobody, made with what their makers would have: a member's secret, or this server's keys."""

import base64

from tests.e2e.server import ServerProcess

# Both lead to `port`. The forged one looks newer, and only the signature tells it from the server's own; the fork has
# the number of the newest file.
MAKE = """
import base64, time
from dataclasses import replace
from chat.services.identity import current_discovery_secret, current_identity
from chat.services.wraps import current_wraps
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.keys import IdentityKey
from clawchat.protocol.primitives import NONCE_BYTES, random_bytes
from discovery.services import published_info
info, signer = published_info(), current_identity()
if {forged}:
    info, signer = replace(info, serial=info.serial + 1000), IdentityKey.generate()
info = replace(info, endpoints=(replace(info.endpoints[0], port={port}),))
secret, wraps, iv = current_discovery_secret(), current_wraps(), random_bytes(NONCE_BYTES)
body = SealedConnectionFile.seal(info.encode(), secret, iv, [signer], wraps).encode(int(time.time()))
print(base64.b64encode(body).decode())
"""


def forged_file(server: ServerProcess, port: int) -> bytes:
    """What a member could put there: sealed under the secret in force, signed by an identity of theirs."""
    return _make(server, forged=True, port=port)


def forked_file(server: ServerProcess, port: int) -> bytes:
    """What a copy of this server would publish: its own signature, the newest number, another port.

    Once the server has published again it is no fork any more, but an older file.
    """
    return _make(server, forged=False, port=port)


def file_of_another_server(server: ServerProcess) -> bytes:
    """What another server has published, which is started for this and stopped again."""
    with server:
        server.create_invite("--owner")
        return (server.data_dir / "connection.json").read_bytes()


def _make(server: ServerProcess, **what: object) -> bytes:
    return base64.b64decode(server.run("shell", "-v", "0", "-c", MAKE.format(**what)))
