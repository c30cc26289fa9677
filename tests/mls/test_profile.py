"""The bytes of the room profile."""

import pytest

from clawchat.mls.codec import Reader
from clawchat.mls.nodes import Capabilities, Extension
from clawchat.mls.profile import (
    REQUIRED_CAPABILITIES,
    ROLES_EXTENSION,
    ROOM_CAPABILITIES,
    ROOM_ID_BYTES,
    VOUCHER_BYTES,
    VOUCHER_EXTENSION,
    Roles,
    Vouch,
    room_extensions,
    voucher_extension,
)
from clawchat.protocol.errors import Malformed

A, B, C = (bytes([number]) * 16 for number in (1, 2, 3))
ONE, TWO = Vouch(b"\1" * 32, A), Vouch(b"\2" * 32, B)
ENCODED = bytes([1, 1, 0, 2]) + A + B + bytes([0, 2]) + ONE.public + A + TWO.public + B


def test_the_profile_is_its_bytes():
    """Capabilities and required_capabilities have the one content of the page, in its order."""
    assert ROOM_CAPABILITIES.encode().hex() == "02000102f04e04f0c1f0c200020001"
    assert REQUIRED_CAPABILITIES.encode().hex() == "00030904f0c1f0c200020001"
    assert Capabilities.read(Reader(ROOM_CAPABILITIES.encode())) == ROOM_CAPABILITIES
    assert (ROLES_EXTENSION, VOUCHER_EXTENSION) == (0xF0C1, 0xF0C2)
    assert (ROOM_ID_BYTES, VOUCHER_BYTES) == (16, 32)


def test_roles_are_written_in_one_order():
    """Whatever order they are given in, and an administrator who is named twice once."""
    roles = Roles(True, (B, A, B), (TWO, ONE))

    assert roles.encode() == ENCODED
    assert Roles.parse(ENCODED) == Roles(True, (A, B), (ONE, TWO))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\2" + ENCODED[1:], "version"),
        (b"\1\2" + ENCODED[2:], "who_may_add"),
        (ENCODED + b"\0", "a byte more"),
        (ENCODED[:-1], "a byte less"),
        (b"", "nothing"),
        (bytes([1, 1, 0, 2]) + B + A + bytes([0, 0]), "administrators that descend"),
        (bytes([1, 1, 0, 2]) + A + A + bytes([0, 0]), "an administrator twice"),
        (bytes([1, 1, 0, 0, 0, 2]) + TWO.public + B + ONE.public + A, "vouchers that descend"),
        (bytes([1, 1, 0, 0, 0, 2]) + ONE.public + A + ONE.public + B, "a voucher twice"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_bytes_are_no_roles(data, why):
    """One set of roles has one encoding."""
    with pytest.raises(Malformed):
        Roles.parse(data)


def test_roles_are_found_in_a_context():
    """Once; none and two are refused."""
    roles = Roles(False, (A,))

    assert Roles.of(room_extensions(roles)) == roles
    assert room_extensions(roles) == (REQUIRED_CAPABILITIES, Extension(0xF0C1, roles.encode()))
    for extensions in ((), (REQUIRED_CAPABILITIES,), (roles.extension(), roles.extension())):
        with pytest.raises(Malformed):
            Roles.of(extensions)


def test_who_administers_and_who_may_add():
    """An administrator, or everybody when no administrator is there."""
    roles = Roles(False, (A, B))

    assert roles.administers(A, [A, C])
    assert not roles.administers(C, [A, C])
    assert roles.administers(C, [C])
    assert not roles.may_add(C, [A, C])
    assert roles.may_add(A, [A, C])
    assert Roles(True, (A, B)).may_add(C, [A, C])
    assert not Roles(True, (A, B)).administers(C, [A, C])


def test_a_voucher_is_found_by_its_key():
    """And is nothing once it was dropped."""
    roles = Roles(True, (), (ONE, TWO))

    assert roles.vouch(TWO.public) == TWO
    assert roles.vouch(b"\3" * 32) is None
    assert voucher_extension(ONE.public) == Extension(0xF0C2, ONE.public)
