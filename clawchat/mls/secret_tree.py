"""The secret tree: one key for each message of each member in an epoch (RFC 9420 9).

A tree is a value: taking a key gives a new tree in which that key is gone, and what it came from, too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Self

from clawchat.mls import labels, tree_math
from clawchat.mls.codec import Reader, u8, u32, vector_of
from clawchat.mls.errors import KeyUsed
from clawchat.mls.suite import CipherSuite
from clawchat.protocol.errors import Malformed, UsageError

# Of each sender and kind: skipped keys that are kept, and how far ahead a message may be. Spec: 4.4
KEPT_GENERATIONS = 10
MAX_FORWARD = 1000
_GENERATIONS = 1 << 32


class RatchetKind(IntEnum):
    """Which of a leaf's two ratchets."""

    HANDSHAKE = 0
    APPLICATION = 1


@dataclass(frozen=True, slots=True)
class _Ratchet:
    """The secret of the next generation, and keys of skipped ones, ascending."""

    generation: int
    secret: bytes
    skipped: tuple[tuple[int, bytes, bytes], ...] = ()

    def take(self, suite: CipherSuite, generation: int) -> tuple["_Ratchet", bytes, bytes]:
        if generation < self.generation:
            return self._take_skipped(generation)
        if generation - self.generation > MAX_FORWARD:
            raise KeyUsed(f"{generation - self.generation} messages ahead")
        secret = self.secret
        skipped = list(self.skipped)
        for each in range(self.generation, generation):
            if each >= generation - KEPT_GENERATIONS:
                skipped.append((each, *_key_and_nonce(suite, secret, each)))
            secret = suite.derive_tree_secret(secret, labels.SECRET, each, suite.Nh)
        key, nonce = _key_and_nonce(suite, secret, generation)
        after = suite.derive_tree_secret(secret, labels.SECRET, generation, suite.Nh)
        return _Ratchet(generation + 1, after, tuple(skipped[-KEPT_GENERATIONS:])), key, nonce

    def _take_skipped(self, generation: int) -> tuple["_Ratchet", bytes, bytes]:
        for at, (each, key, nonce) in enumerate(self.skipped):
            if each == generation:
                rest = self.skipped[:at] + self.skipped[at + 1 :]
                return _Ratchet(self.generation, self.secret, rest), key, nonce
        raise KeyUsed(f"generation {generation} is used or no longer kept")


def _key_and_nonce(suite: CipherSuite, secret: bytes, generation: int) -> tuple[bytes, bytes]:
    key = suite.derive_tree_secret(secret, labels.KEY, generation, suite.Nk)
    return key, suite.derive_tree_secret(secret, labels.NONCE, generation, suite.Nn)


@dataclass(frozen=True, slots=True)
class SecretTree:
    """Secrets of subtrees nobody below which has sent yet, and the ratchets of those who have."""

    suite: CipherSuite
    leaves: int
    _secrets: Mapping[int, bytes] = field(repr=False)
    _ratchets: Mapping[tuple[int, RatchetKind], _Ratchet] = field(repr=False)

    @classmethod
    def make(cls, suite: CipherSuite, leaves: int, encryption_secret: bytes) -> Self:
        """The tree of an epoch whose ratchet tree has so many places for leaves, a power of two."""
        return cls(suite, leaves, {tree_math.root(leaves): encryption_secret}, {})

    def key(self, leaf: int, kind: RatchetKind, generation: int) -> tuple[Self, bytes, bytes]:
        """The tree without this key, the key (Nk bytes) and its nonce (Nn bytes).

        Raises: key_used; malformed (a leaf index outside the tree).
        """
        if leaf >= self.leaves:
            raise Malformed(f"leaf {leaf} of {self.leaves}")
        tree = self if (leaf, kind) in self._ratchets else self._with_leaf(leaf)
        ratchet, key, nonce = tree._ratchets[leaf, kind].take(self.suite, generation)
        return type(self)(self.suite, self.leaves, tree._secrets, {**tree._ratchets, (leaf, kind): ratchet}), key, nonce

    def next_generation(self, leaf: int, kind: RatchetKind) -> int:
        """Which generation this sender's next message has.

        Raises: usage (2**32 messages were sent).
        """
        ratchet = self._ratchets.get((leaf, kind))
        generation = ratchet.generation if ratchet else 0
        if generation >= _GENERATIONS:
            raise UsageError("the ratchet is at its end")
        return generation

    def encode(self) -> bytes:
        """u32 leaves | secrets<V> of (u32 node | secret) | ratchets<V> of (u32 leaf | u8 kind | u32 generation
        | secret | skipped<V> of (u32 generation | key | nonce)); to be stored, sealed.
        """
        secrets = vector_of(u32(node) + secret for node, secret in sorted(self._secrets.items()))
        ratchets = vector_of(
            u32(leaf)
            + u8(kind)
            + u32(ratchet.generation)
            + ratchet.secret
            + vector_of(map(_encode_key, ratchet.skipped))
            for (leaf, kind), ratchet in sorted(self._ratchets.items())
        )
        return u32(self.leaves) + secrets + ratchets

    @classmethod
    def read(cls, suite: CipherSuite, reader: Reader) -> Self:
        """What `encode` made.

        Raises: malformed.
        """
        leaves = reader.u32()
        secrets = reader.vector_of(lambda inner: (inner.u32(), inner.take(suite.Nh)))
        ratchets = reader.vector_of(lambda inner: _read_ratchet(suite, inner))
        return cls(suite, leaves, dict(secrets), dict(ratchets))

    def _with_leaf(self, leaf: int) -> Self:
        """The tree with both ratchets of a leaf, and without the secrets above it."""
        suite = self.suite
        secrets = dict(self._secrets)
        path = [2 * leaf, *tree_math.direct_path(2 * leaf, self.leaves)]
        held = next(at for at, node in enumerate(path) if node in secrets)
        secret = secrets.pop(path[held])
        for node in reversed(path[:held]):
            above = tree_math.parent(node)
            sides = {
                tree_math.left(above): suite.expand_with_label(secret, labels.TREE, labels.LEFT.encode(), suite.Nh),
                tree_math.right(above): suite.expand_with_label(secret, labels.TREE, labels.RIGHT.encode(), suite.Nh),
            }
            secret = sides.pop(node)
            secrets.update(sides)
        ratchets = {(leaf, kind): _Ratchet(0, suite.derive_secret(secret, label)) for kind, label in _RATCHET_LABELS}
        return type(self)(suite, self.leaves, secrets, {**self._ratchets, **ratchets})


_RATCHET_LABELS = ((RatchetKind.HANDSHAKE, labels.HANDSHAKE), (RatchetKind.APPLICATION, labels.APPLICATION))


def _encode_key(skipped: tuple[int, bytes, bytes]) -> bytes:
    generation, key, nonce = skipped
    return u32(generation) + key + nonce


def _read_ratchet(suite: CipherSuite, reader: Reader) -> tuple[tuple[int, RatchetKind], _Ratchet]:
    leaf, kind, generation, secret = reader.u32(), reader.u8(), reader.u32(), reader.take(suite.Nh)
    if kind not in _KINDS:
        raise Malformed(f"ratchet kind {kind}")
    skipped = reader.vector_of(lambda inner: (inner.u32(), inner.take(suite.Nk), inner.take(suite.Nn)))
    return (leaf, RatchetKind(kind)), _Ratchet(generation, secret, skipped)


_KINDS = frozenset(RatchetKind)
