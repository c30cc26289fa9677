"""The secret tree: keys as RFC 9420 9 derives them, each once, up to the bounds, and nothing left of what was used."""

from itertools import pairwise

import pytest

from clawchat.mls import tree_math
from clawchat.mls.codec import Reader
from clawchat.mls.errors import KeyUsed
from clawchat.mls.secret_tree import RatchetKind, SecretTree
from clawchat.mls.suite import ROOM_SUITE, X25519_SUITE
from clawchat.protocol.errors import Malformed

SECRET = bytes(range(48))
APPLICATION, HANDSHAKE = RatchetKind.APPLICATION, RatchetKind.HANDSHAKE


def tree(leaves=8, suite=ROOM_SUITE):
    """A fresh one."""
    return SecretTree.make(suite, leaves, SECRET[: suite.Nh])


def leaf_secret(suite, leaves, leaf):
    """The tree's node secrets from the root down (RFC 9420 9)."""
    secret = SECRET[: suite.Nh]
    path = [*reversed(tree_math.direct_path(2 * leaf, leaves)), 2 * leaf]
    for above, node in pairwise(path):
        side = b"left" if node == tree_math.left(above) else b"right"
        secret = suite.expand_with_label(secret, "tree", side, suite.Nh)
    return secret


def ratchet(suite, leaves, leaf, label, generations):
    """(secret before, key, nonce) of each generation of a leaf's ratchet (RFC 9420 9.1)."""
    secret = suite.derive_secret(leaf_secret(suite, leaves, leaf), label)
    for generation in range(generations):
        key = suite.derive_tree_secret(secret, "key", generation, suite.Nk)
        nonce = suite.derive_tree_secret(secret, "nonce", generation, suite.Nn)
        yield secret, key, nonce
        secret = suite.derive_tree_secret(secret, "secret", generation, suite.Nh)


@pytest.mark.parametrize("suite", [ROOM_SUITE, X25519_SUITE], ids=repr)
@pytest.mark.parametrize(("leaves", "leaf"), [(1, 0), (2, 1), (8, 0), (8, 5), (8, 7), (64, 42)])
def test_keys_are_the_rfcs(suite, leaves, leaf):
    """Both ratchets of a leaf, three generations each, in whatever tree."""
    current = tree(leaves, suite)
    for kind, label in ((APPLICATION, "application"), (HANDSHAKE, "handshake")):
        for generation, (_, key, nonce) in enumerate(ratchet(suite, leaves, leaf, label, 3)):
            assert current.next_generation(leaf, kind) == generation
            current, *given = current.key(leaf, kind, generation)
            assert given == [key, nonce]


def test_the_order_of_senders_does_not_matter():
    """Whoever speaks first, each leaf has its own keys."""
    first = tree()
    keys = {leaf: first.key(leaf, APPLICATION, 0)[1:] for leaf in range(8)}
    assert len(set(keys.values())) == 8
    for order in (range(8), range(7, -1, -1), (3, 4, 0, 7, 1, 6, 2, 5)):
        current = tree()
        for leaf in order:
            current, *given = current.key(leaf, APPLICATION, 0)
            assert tuple(given) == keys[leaf]


def test_a_key_is_there_once():
    """A used generation is gone, in either kind by itself; the tree before still has it."""
    before = tree()
    after, _, _ = before.key(3, APPLICATION, 0)
    with pytest.raises(KeyUsed) as refused:
        after.key(3, APPLICATION, 0)
    assert refused.value.code == "key_used"
    assert after.key(3, HANDSHAKE, 0)
    assert before.key(3, APPLICATION, 0)[0] == after


def test_ten_skipped_keys_are_kept():
    """The ten before the one that came are there, each once; the eleventh is not (protocol.md 4.4)."""
    keys = [(key, nonce) for _, key, nonce in ratchet(ROOM_SUITE, 8, 3, "application", 13)]
    current, *given = tree().key(3, APPLICATION, 12)
    assert tuple(given) == keys[12]
    for generation in (0, 1):
        with pytest.raises(KeyUsed):
            current.key(3, APPLICATION, generation)
    for generation in (11, 2, 7, 3, 4, 5, 6, 8, 9, 10):
        current, *given = current.key(3, APPLICATION, generation)
        assert tuple(given) == keys[generation]
        with pytest.raises(KeyUsed):
            current.key(3, APPLICATION, generation)
    assert current.next_generation(3, APPLICATION) == 13


def test_skipped_keys_of_several_gaps_are_ten_together():
    """The newest ten; an older one goes when a newer is skipped."""
    current, _, _ = tree().key(3, APPLICATION, 8)
    current, _, _ = current.key(3, APPLICATION, 12)
    with pytest.raises(KeyUsed):
        current.key(3, APPLICATION, 0)
    keys = [(key, nonce) for _, key, nonce in ratchet(ROOM_SUITE, 8, 3, "application", 13)]
    for generation in (1, 7, 9, 11):
        assert current.key(3, APPLICATION, generation)[1:] == keys[generation]


def test_a_message_may_be_a_thousand_ahead():
    """1,000 skipped is the bound, from wherever the ratchet stands (protocol.md 4.4)."""
    current = tree()
    _, key, _ = current.key(3, APPLICATION, 1000)
    assert key == list(ratchet(ROOM_SUITE, 8, 3, "application", 1001))[1000][1]
    with pytest.raises(KeyUsed):
        current.key(3, APPLICATION, 1001)
    current, _, _ = current.key(3, APPLICATION, 5)
    current.key(3, APPLICATION, 1006)
    with pytest.raises(KeyUsed):
        current.key(3, APPLICATION, 1007)


def test_the_ends_of_a_ratchet():
    """The last generation has a key; after it the sender must not go on."""
    encoded = tree(1).key(0, APPLICATION, 0)[0].encode()
    at_end = encoded.replace(b"\0\0\0\0\1\0\0\0\1", b"\0\0\0\0\1\xff\xff\xff\xff")
    current = SecretTree.read(ROOM_SUITE, Reader(at_end))
    assert current.next_generation(0, APPLICATION) == 2**32 - 1
    current, _, _ = current.key(0, APPLICATION, 2**32 - 1)
    with pytest.raises(Exception, match="at its end") as refused:
        current.next_generation(0, APPLICATION)
    assert refused.value.code == "usage"


@pytest.mark.parametrize("leaf", [8, 9, 2**32 - 1])
def test_a_leaf_outside_the_tree_is_refused(leaf):
    """The index comes from outside."""
    with pytest.raises(Malformed):
        tree().key(leaf, APPLICATION, 0)


def test_nothing_used_is_left_in_what_is_stored():
    """Not the key, not the nonce, not the secrets they came from, up to the root (RFC 9420 9.2)."""
    current = tree()
    used = [SECRET, leaf_secret(ROOM_SUITE, 8, 3)]
    path = tree_math.direct_path(6, 8)
    secret = SECRET
    for above, node in zip(reversed(path), [*reversed(path[:-1]), 6], strict=True):
        side = b"left" if node == tree_math.left(above) else b"right"
        secret = ROOM_SUITE.expand_with_label(secret, "tree", side, 48)
        used.append(secret)
    for each in list(ratchet(ROOM_SUITE, 8, 3, "application", 3)):
        used.extend(each)
    for generation in range(3):
        current, _, _ = current.key(3, APPLICATION, generation)
    stored = current.encode()

    assert all(each not in stored for each in used)
    assert "(3," not in repr(current)
    skipping, key, nonce = tree().key(3, APPLICATION, 2)
    kept = skipping.encode()
    assert [list(ratchet(ROOM_SUITE, 8, 3, "application", 2))[n][1] in kept for n in (0, 1)] == [True, True]
    assert key not in kept
    assert nonce not in kept
    first = next(ratchet(ROOM_SUITE, 8, 3, "application", 2))
    skipping, _, _ = skipping.key(3, APPLICATION, 0)
    assert first[1] not in skipping.encode()
    assert first[2] not in skipping.encode()


def test_it_comes_back_from_storage():
    """With its senders, skipped keys and secrets; the same tree has the same bytes."""
    current, _, _ = tree().key(3, APPLICATION, 4)
    current, _, _ = current.key(6, HANDSHAKE, 0)
    other, _, _ = tree().key(6, HANDSHAKE, 0)
    other, _, _ = other.key(3, APPLICATION, 4)
    encoded = current.encode()
    reader = Reader(encoded)

    assert SecretTree.read(ROOM_SUITE, reader) == current
    reader.end()
    assert encoded == other.encode()
    assert encoded[:4] == b"\0\0\0\x08"
    for size in range(0, len(encoded), 11):
        with pytest.raises(Malformed):
            SecretTree.read(ROOM_SUITE, Reader(encoded[:size]))


def test_a_stored_ratchet_of_another_kind_is_refused():
    """Kinds are 0 and 1."""
    encoded = tree(1).key(0, APPLICATION, 0)[0].encode()
    with pytest.raises(Malformed, match="kind"):
        SecretTree.read(ROOM_SUITE, Reader(encoded.replace(b"\0\0\0\0\1\0\0\0\1", b"\0\0\0\0\2\0\0\0\1")))
