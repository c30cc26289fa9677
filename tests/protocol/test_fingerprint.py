"""What people compare, and what a server is called."""

import re
import uuid

import pytest

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
    assert server_id(IdentityKey(bytes([1]) * 32).public) != name


@pytest.mark.parametrize("seed", range(8))
def test_all_other_bits_of_a_server_id_are_the_hashs(seed):
    """Four say the version, two the variant; 122 say whose it is."""
    public = IdentityKey(bytes([seed]) * 32).public
    fixed = (0xF << 76) | (0x3 << 62)
    digest = int.from_bytes(sha256(bytes(public))[:16], "big")

    assert uuid.UUID(server_id(public).removeprefix("cc-")).int == digest & ~fixed | (8 << 76) | (2 << 62)
