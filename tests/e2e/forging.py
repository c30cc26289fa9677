"""Files that should move nobody, made with what their makers would have: a member's secret, or this server's keys."""

import base64

from tests.e2e.server import ServerProcess

# Both lead to `port`; the one by another identity looks newer, the fork has the number of the newest file.
MAKE = """
import base64, time
from dataclasses import replace
from chat.services.identity import current_discovery_secret, current_identity
from chat.services.wraps import current_wraps
from clawchat.protocol.connection_file import seal_connection_file
from clawchat.protocol.fingerprint import server_id
from clawchat.protocol.keys import IdentityKey
from discovery.services import published_info
info, identity = published_info(), current_identity()
if {forged}:
    identity = IdentityKey.generate()
    info = replace(info, serial=info.serial + 1000, server_public=identity.public, server_id=server_id(identity.public))
info = replace(info, endpoints=(replace(info.endpoints[0], port={port}),))
body = seal_connection_file(info, current_discovery_secret(), identity, int(time.time()), wraps=current_wraps())
print(base64.b64encode(body).decode())
"""


def forged_file(server: ServerProcess, port: int) -> bytes:
    """What a member could put there: sealed under the secret in force, signed by an identity of theirs."""
    return _make(server, forged=True, port=port)


def forked_file(server: ServerProcess, port: int) -> bytes:
    """What a copy of this server would publish: its own signature, the newest number, another port."""
    return _make(server, forged=False, port=port)


def file_of_another_server(server: ServerProcess) -> bytes:
    """What another server has published, which is started for this and stopped again."""
    with server:
        server.create_invite("--owner")
        return (server.data_dir / "connection.json").read_bytes()


def _make(server: ServerProcess, **what: object) -> bytes:
    return base64.b64decode(server.run("shell", "-v", "0", "-c", MAKE.format(**what)))
