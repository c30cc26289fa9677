"""What people compare, and what a server is called."""

import re
import uuid

from clawchat.protocol.fingerprint import fingerprint, server_id
from clawchat.protocol.keys import IdentityKey
from clawchat.protocol.primitives import sha256

PUBLIC = IdentityKey(bytes(32)).public


def test_fingerprint_is_the_start_of_the_hash():
    """Eight groups of four digits."""
    shown = fingerprint(PUBLIC)

    assert re.fullmatch(r"([0-9a-f]{4} ){7}[0-9a-f]{4}", shown)
    assert shown.replace(" ", "") == sha256(bytes(PUBLIC))[:16].hex()


def test_server_id_is_a_uuid_of_the_key():
    """39 characters that only this key can claim."""
    name = server_id(PUBLIC)
    value = uuid.UUID(name.removeprefix("cc-"))

    assert len(name) == 39
    assert (value.version, value.variant) == (8, uuid.RFC_4122)
    assert value.bytes[:6] == sha256(bytes(PUBLIC))[:6]
    assert server_id(IdentityKey(bytes([1]) * 32).public) != name
