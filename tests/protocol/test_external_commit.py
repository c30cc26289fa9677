"""The clear part of an external commit: read to its last byte, and nothing else is taken for one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat.mls.codec import vector, vector_of
from clawchat.protocol.authenticated_data import own_device_data
from clawchat.protocol.encoding import u8, u16, u32, u64
from clawchat.protocol.errors import Malformed, PeerError
from clawchat.protocol.external_commit import PUBLIC_MESSAGE, ExternalCommit
from clawchat.protocol.keys import DeviceKey, RootKey
from clawchat.protocol.message_header import ContentType, MessageHeader
from tests.mls_bytes import external_commit, leaf

ROOM, MESSAGE, VOUCHER = bytes(range(16)), bytes(range(16, 32)), bytes([5]) * 32
ROOT, KEY = RootKey(bytes([1]) * 32), DeviceKey(bytes([2]) * 32)
DATA = own_device_data(ROOM, MESSAGE, bytes(64))
INIT = u8(1) + u16(6) + vector(bytes(1120))
REMOVE = u8(1) + u16(3) + u32(4)


def commit(removed: int | None = None, leaf_changes=None, voucher: bytes | None = None, **changes) -> bytes:
    return external_commit(ROOM, 3, DATA, leaf(ROOT, KEY, voucher, **(leaf_changes or {})), removed, **changes)


def test_who_comes_and_who_goes():
    """Group, epoch, authenticated data, the leaf removed, and the new leaf's key, identity and extensions."""
    parsed = ExternalCommit.parse(commit(removed=4, voucher=VOUCHER))

    assert (parsed.group_id, parsed.epoch, parsed.authenticated_data, parsed.removed) == (ROOM, 3, DATA, 4)
    assert (parsed.signature_key, len(parsed.identity)) == (bytes(KEY.public), 146)
    assert parsed.extensions == ((0xF0C2, VOUCHER),)
    bare = ExternalCommit.parse(commit())
    assert (bare.removed, bare.extensions) == (None, ())


def test_its_header_is_a_messages():
    """With the id that stands in the authenticated data."""
    header = MessageHeader.parse(commit())

    assert header == MessageHeader(PUBLIC_MESSAGE, ROOM, 3, ContentType.COMMIT, DATA)
    assert header.message_id == MESSAGE


def test_proposals_come_in_any_order():
    """RFC 9420 sets none."""
    assert ExternalCommit.parse(commit(proposals=vector(REMOVE + INIT))).removed == 4


def test_a_path_may_be_empty_and_long():
    """A group of one has no nodes; each node has any number of ciphertexts."""
    node = vector(bytes(1216)) + vector_of([vector(bytes(1120)) + vector(bytes(64))] * 3)
    for nodes in (b"", vector(bytes(1216)) + vector(b""), node * 4):
        ExternalCommit.parse(commit(nodes=vector(nodes)))


def test_every_truncation_is_refused():
    """And every byte too many."""
    data = commit(removed=4, voucher=VOUCHER)
    for length in range(len(data)):
        with pytest.raises(Malformed):
            ExternalCommit.parse(data[:length])
    with pytest.raises(Malformed):
        ExternalCommit.parse(data + b"\0")


WRONG = {
    "version": {"head": u16(2) + u16(1)},
    "private message": {"head": u16(1) + u16(2)},
    "of a member": {"sender": u8(1) + u32(0)},
    "of an external sender": {"sender": u8(2) + u32(0)},
    "a new member's proposal": {"sender": u8(3)},
    "an application message": {"content_type": u8(1)},
    "a proposal": {"content_type": u8(2)},
    "epoch above 2^53-1": {"epoch": b"\x00\x20" + bytes(6)},
    "long form of the group": {"group_id": u16(0x4000 | 16) + ROOM},
    "no proposals": {"proposals": vector(b"")},
    "no ExternalInit": {"proposals": vector(REMOVE)},
    "two ExternalInits": {"proposals": vector(INIT + INIT)},
    "two Removes": {"proposals": vector(INIT + REMOVE + REMOVE)},
    "two of both": {"proposals": vector(INIT + INIT + REMOVE + REMOVE)},
    "by reference": {"proposals": vector(INIT + u8(2) + vector(bytes(48)))},
    "a PSK": {"proposals": vector(INIT + u8(1) + u16(4) + bytes(8))},
    "a ReInit": {"proposals": vector(INIT + u8(1) + u16(5) + bytes(8))},
    "an unknown proposal": {"proposals": vector(INIT + u8(1) + u16(0xF000))},
    "no path": {"path": u8(0), "leaf": b"", "nodes": b""},
    "an odd octet for the path": {"path": u8(2)},
    "half a node": {"nodes": vector(vector(bytes(32)))},
    "half a ciphertext": {"nodes": vector(vector(bytes(32)) + vector(vector(bytes(8))))},
    "a membership tag": {"confirmation_tag": vector(bytes(48)) + vector(bytes(48))},
    "no confirmation tag": {"confirmation_tag": b""},
}


@pytest.mark.parametrize("name", WRONG)
def test_other_messages_are_refused(name):
    """Whatever else a PublicMessage may be, a room has no use for it."""
    with pytest.raises(Malformed):
        ExternalCommit.parse(commit(**WRONG[name]))


WRONG_LEAVES = {
    "x509": {"credential": u16(2) + vector(vector(bytes(10)))},
    "of a key package": {"source": u8(1) + u64(0) + u64(1)},
    "of an update": {"source": u8(2)},
    "half an extension": {"extensions": vector(u16(0xF0C2))},
    "no signature": {"signature": b""},
}


@pytest.mark.parametrize("name", WRONG_LEAVES)
def test_other_leaves_are_refused(name):
    """A leaf that comes with a commit, and has a basic credential."""
    with pytest.raises(Malformed):
        ExternalCommit.parse(commit(leaf_changes=WRONG_LEAVES[name]))


@settings(max_examples=200)
@given(st.integers(0, 4000), st.binary(min_size=1, max_size=6), st.integers(0, 6))
def test_any_change_is_read_or_malformed(place, patch, cut):
    """Nothing else is raised, and nothing is read beyond the end."""
    data = commit(removed=4, voucher=VOUCHER)
    place %= len(data)
    try:
        ExternalCommit.parse(data[:place] + patch + data[place + cut :])
    except PeerError as error:
        assert error.code == "malformed"
