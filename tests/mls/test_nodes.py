"""Leaves, parents and key packages: their layout, what they sign, and what is refused of them."""

from dataclasses import replace

import pytest

from clawchat.mls.codec import Reader, u16, vector, vector_of
from clawchat.mls.errors import Invalid
from clawchat.mls.key_package import KeyPackage, KeyPackageSecrets, make_key_package
from clawchat.mls.member import Member, profile_capabilities
from clawchat.mls.nodes import (
    Capabilities,
    Credential,
    Extension,
    LeafNode,
    LeafNodeSource,
    Lifetime,
    ParentNode,
    encode_node,
    find_extension,
    read_extensions,
    read_node,
)
from clawchat.mls.suite import ROOM_SUITE, X25519_SUITE
from clawchat.protocol.errors import Malformed, Unauthentic, UnsupportedVersion, UsageError
from clawchat.protocol.keys import DeviceKey
from tests.mls.members import NOW, dice, seed

KEY = DeviceKey(seed("nodes"))
OTHER_KEY = DeviceKey(seed("another"))
MEMBER = Member(ROOM_SUITE, b"somebody", bytes(KEY.public), KEY.sign)
PUBLIC = ROOM_SUITE.derive_key_pair(b"leaf").public
PACKAGE = make_key_package(MEMBER, NOW, dice("nodes")).package
# 32 bytes that stand for an HPKE key, so that layouts stay readable.
SMALL = Member(X25519_SUITE, b"id", b"\x51" * 32, lambda message: b"\x60" * 64)


def leaf(source, **fields):
    """A leaf with a made-up signature."""
    return SMALL.leaf(source, b"\x4b" * 32, **fields)


def read(kind, data):
    """The whole of these bytes as one thing."""
    reader = Reader(data)
    found = kind.read(reader) if hasattr(kind, "read") else kind(reader)
    reader.end()
    return found


HEAD = (
    "20" + "4b" * 32 + "20" + "51" * 32 + "0001" + "02" + "6964"  # keys, basic credential `id`
    "020001" + "020001" + "04f0c1f0c2" + "00" + "020001"  # capabilities
)
SIGNED = "4040" + "60" * 64


@pytest.mark.parametrize(
    ("node", "encoded"),
    [
        (
            leaf(LeafNodeSource.KEY_PACKAGE, lifetime=Lifetime(1, 2**64 - 1)),
            HEAD + "01" + "0000000000000001" + "ffffffffffffffff" + "00" + SIGNED,
        ),
        (leaf(LeafNodeSource.UPDATE), HEAD + "02" + "00" + SIGNED),
        (
            leaf(LeafNodeSource.COMMIT, parent_hash=b"\x50\x51", extensions=(Extension(0xF0C2, b"\1\2"),)),
            HEAD + "03" + "025051" + "05f0c2020102" + SIGNED,
        ),
    ],
    ids=["key package", "update", "commit"],
)
def test_a_leaf_has_one_layout(node, encoded):
    """RFC 9420 7.2, for each source; it reads back."""
    assert node.encode().hex() == encoded
    assert read(LeafNode, bytes.fromhex(encoded)) == node


@pytest.mark.parametrize("source", [0, 4, 255])
def test_another_source_is_refused(source):
    """Sources are 1, 2 and 3."""
    with pytest.raises(Malformed, match="source"):
        read(LeafNode, bytes.fromhex(HEAD) + bytes([source]) + bytes.fromhex("00" + SIGNED))


@pytest.mark.parametrize("size", range(0, 154, 7))
def test_a_leaf_that_ends_early_is_refused(size):
    """Wherever it is cut."""
    with pytest.raises(Malformed):
        read(LeafNode, leaf(LeafNodeSource.UPDATE).encode()[:size])


@pytest.mark.parametrize(
    "wrong",
    [
        replace(leaf(LeafNodeSource.UPDATE), leaf_node_source=LeafNodeSource.COMMIT),
        replace(leaf(LeafNodeSource.UPDATE), leaf_node_source=LeafNodeSource.KEY_PACKAGE),
    ],
)
def test_a_leaf_without_what_its_source_needs_is_not_written(wrong):
    """A mistake of ours, found before it is signed."""
    with pytest.raises(UsageError):
        wrong.encode()


def test_a_leaf_of_a_key_package_is_signed_for_every_group():
    """Its signature does not cover a place, those of updates and commits do (RFC 9420 7.2)."""
    node = MEMBER.leaf(LeafNodeSource.KEY_PACKAGE, PUBLIC, lifetime=Lifetime(1, 2))
    node.verify(ROOM_SUITE, b"any group", 7)
    fields = node.encode()[: -len(vector(node.signature))]
    ROOM_SUITE.verify_with_label(bytes(KEY.public), "LeafNodeTBS", fields, node.signature)


@pytest.mark.parametrize(
    ("source", "more"), [(LeafNodeSource.UPDATE, {}), (LeafNodeSource.COMMIT, {"parent_hash": b"hash"})]
)
def test_a_leaf_is_signed_for_its_place(source, more):
    """Another group or leaf index is another leaf."""
    node = MEMBER.leaf(source, PUBLIC, group_id=b"group", leaf_index=3, **more)
    node.verify(ROOM_SUITE, b"group", 3)
    content = node.encode()[: -len(vector(node.signature))] + b"\5group" + b"\0\0\0\3"
    ROOM_SUITE.verify_with_label(bytes(KEY.public), "LeafNodeTBS", content, node.signature)
    for group_id, leaf_index in ((b"other", 3), (b"group", 4)):
        with pytest.raises(Unauthentic):
            node.verify(ROOM_SUITE, group_id, leaf_index)


@pytest.mark.parametrize(
    "change",
    [
        {"encryption_key": b"another"},
        {"credential": Credential(1, b"somebody else")},
        {"capabilities": Capabilities((1,), (1,), (), (), (1,))},
        {"parent_hash": b"other"},
        {"extensions": (Extension(0xF0C2, bytes(32)),)},
        {"signature_key": bytes(OTHER_KEY.public)},
        {"signature": bytes(64)},
        {"signature": b""},
    ],
)
def test_a_changed_leaf_does_not_verify(change):
    """Every field is signed."""
    node = MEMBER.leaf(LeafNodeSource.COMMIT, PUBLIC, group_id=b"group", leaf_index=3, parent_hash=b"hash")
    with pytest.raises(Unauthentic):
        replace(node, **change).verify(ROOM_SUITE, b"group", 3)


def test_capabilities_are_the_profiles():
    """Version 1, the suite, our two extensions, no proposals, basic credentials (protocol.md 4.10)."""
    assert profile_capabilities(0xF04E).encode().hex() == "020001" + "02f04e" + "04f0c1f0c2" + "00" + "020001"
    mine = Capabilities((1,), (0xF04E,), (), (2,), (1,))
    assert replace(MEMBER, capabilities=mine).leaf(LeafNodeSource.UPDATE, PUBLIC).capabilities == mine
    assert MEMBER.leaf(LeafNodeSource.UPDATE, PUBLIC).capabilities == profile_capabilities(0xF04E)


def test_credentials_are_basic_or_certificates():
    """A chain of certificates is a vector of vectors; another type has a content nobody can read."""
    assert read(Credential, b"\0\1\2ab") == Credential(1, b"ab")
    chain = b"\0\2\5\1a\2bc"
    assert read(Credential, chain).encode() == chain
    for wrong in (b"\0\2\3\1a\2", b"\0\0\0", b"\0\3\0", b"\xf0\0\0"):
        with pytest.raises(Malformed):
            read(Credential, wrong)
    with pytest.raises(Malformed, match="credential type 3"):
        read(Credential, b"\0\3\0")


def test_an_extension_comes_once():
    """RFC 9420 13.4: two of one type are refused; which one is found by its type."""
    one, other = Extension(1, b"a"), Extension(0xF0C1, b"b")
    encoded = vector_of((one, other))
    assert encoded.hex() == "08" + "000101" + "61" + "f0c101" + "62"
    assert read(read_extensions, encoded) == (one, other)
    assert find_extension((one, other), 0xF0C1) == b"b"
    assert find_extension((one, other), 2) is None
    with pytest.raises(Malformed, match="twice"):
        read(read_extensions, vector_of((one, other, Extension(1, b"c"))))


@pytest.mark.parametrize("unmerged", [(), (0,), (1, 4, 2**32 - 1)])
def test_a_parent_has_one_layout(unmerged):
    """RFC 9420 7.1."""
    node = ParentNode(b"key", b"hash", unmerged)
    encoded = vector(b"key") + vector(b"hash") + vector(b"".join(index.to_bytes(4, "big") for index in unmerged))
    assert node.encode() == encoded
    assert read(ParentNode, encoded) == node


@pytest.mark.parametrize("unmerged", [(1, 1), (2, 1), (1, 3, 2)])
def test_unmerged_leaves_ascend(unmerged):
    """One set has one list."""
    with pytest.raises(Malformed, match="ascend"):
        read(ParentNode, ParentNode(b"key", b"hash", unmerged).encode())


def test_a_place_in_the_tree_is_blank_a_leaf_or_a_parent():
    """Optional, then the type (RFC 9420 7.8)."""
    node, parent = leaf(LeafNodeSource.UPDATE), ParentNode(b"key", b"", (3,))
    assert encode_node(None) == b"\0"
    assert encode_node(node) == b"\1\1" + node.encode()
    assert encode_node(parent) == b"\1\2" + parent.encode()
    for each in (None, node, parent):
        assert read(read_node, encode_node(each)) == each
    with pytest.raises(Malformed, match="node type 3"):
        read(read_node, b"\1\3" + parent.encode())
    for wrong in (b"\2", b"\1\0" + parent.encode(), b"\1\3" + parent.encode(), b"\1\2" + node.encode()):
        with pytest.raises(Malformed):
            read(read_node, wrong)


def test_a_key_package_has_one_layout():
    """RFC 9420 10; it lasts thirty days, begins an hour ago, and reads back."""
    signed = u16(1) + u16(0xF04E) + vector(PACKAGE.init_key) + PACKAGE.leaf_node.encode() + b"\0"

    assert PACKAGE.encode() == signed + vector(PACKAGE.signature)
    assert read(KeyPackage, PACKAGE.encode()) == PACKAGE
    fresh = make_key_package(MEMBER, NOW, dice("nodes")).package
    assert fresh.leaf_node.lifetime == Lifetime(NOW - 3600, NOW + 30 * 86_400)
    assert fresh == PACKAGE
    fresh.verify(ROOM_SUITE)
    assert PACKAGE.leaf_node.credential == Credential(1, b"somebody")
    assert PACKAGE.ref(ROOM_SUITE) == ROOM_SUITE.hash(
        vector(b"MLS 1.0 KeyPackage Reference") + vector(PACKAGE.encode())
    )
    PACKAGE.verify(ROOM_SUITE)
    ROOM_SUITE.verify_with_label(bytes(KEY.public), "KeyPackageTBS", signed, PACKAGE.signature)


def resigned(key=KEY, **changes):
    """A key package with other fields, signed anew."""
    changed = replace(PACKAGE, **changes)
    return replace(changed, signature=ROOM_SUITE.sign_with_label(key.sign, "KeyPackageTBS", changed._tbs()))


def bad_coefficient(key):
    """The key with its first coefficient out of range."""
    return b"\xff\xff" + key[2:]


@pytest.mark.parametrize(
    ("package", "reason"),
    [
        (resigned(version=2), "package-version"),
        (resigned(cipher_suite=1), "package-suite"),
        (resigned(leaf_node=MEMBER.leaf(LeafNodeSource.UPDATE, PUBLIC)), "package-source"),
        (resigned(init_key=PACKAGE.leaf_node.encryption_key), "init-key"),
    ],
)
def test_an_invalid_key_package_is_refused_by_its_reason(package, reason):
    """RFC 9420 10.1, although every signature is right."""
    with pytest.raises(Invalid) as refused:
        package.verify(ROOM_SUITE)
    assert refused.value.reason == reason
    assert refused.value.code == "invalid"


@pytest.mark.parametrize(
    "package",
    [
        replace(PACKAGE, signature=bytes(64)),
        replace(PACKAGE, signature=b""),
        replace(PACKAGE, init_key=PUBLIC),
        replace(PACKAGE, extensions=(Extension(1, b""),)),
        resigned(key=OTHER_KEY),
        resigned(leaf_node=replace(PACKAGE.leaf_node, signature=bytes(64))),
        resigned(leaf_node=replace(PACKAGE.leaf_node, lifetime=Lifetime(0, 2**40))),
    ],
)
def test_a_forged_key_package_is_refused(package):
    """Its own signature and its leaf's are both verified."""
    with pytest.raises(Unauthentic):
        package.verify(ROOM_SUITE)


@pytest.mark.parametrize(
    "package",
    [
        resigned(init_key=bad_coefficient(PACKAGE.init_key)),
        resigned(init_key=PACKAGE.init_key[:-1]),
        resigned(leaf_node=MEMBER.leaf(LeafNodeSource.KEY_PACKAGE, bad_coefficient(PUBLIC), lifetime=Lifetime(1, 2))),
    ],
)
def test_a_key_nobody_may_seal_to_is_refused(package):
    """Init key and encryption key, although both signatures are right (protocol.md 4.4)."""
    with pytest.raises(Malformed):
        package.verify(ROOM_SUITE)


def test_secrets_of_a_key_package_come_back_from_storage():
    """They belong to the public keys, and show nothing."""
    secrets = make_key_package(MEMBER, NOW, dice("stored"), (Extension(1, b"a"),))

    assert ROOM_SUITE.hpke.kem.public_key(secrets.init_secret) == secrets.package.init_key
    assert ROOM_SUITE.hpke.kem.public_key(secrets.leaf_secret) == secrets.package.leaf_node.encryption_key
    assert secrets.package.extensions == (Extension(1, b"a"),)
    secrets.package.verify(ROOM_SUITE)
    encoded = secrets.encode()
    assert encoded[0] == 1
    assert KeyPackageSecrets.parse(encoded) == secrets
    assert repr(secrets) == "KeyPackageSecrets(...)"
    assert "sign" not in repr(MEMBER).replace("signature_key", "")
    with pytest.raises(UnsupportedVersion, match="version 2"):
        KeyPackageSecrets.parse(b"\2" + encoded[1:])
    for wrong in (encoded[:-1], encoded + b"\0"):
        with pytest.raises(Malformed):
            KeyPackageSecrets.parse(wrong)
    package = secrets.package.encode()
    longer = b"\1" + vector(package + b"\0") + vector(secrets.init_secret) + vector(secrets.leaf_secret)
    with pytest.raises(Malformed):
        KeyPackageSecrets.parse(longer)
