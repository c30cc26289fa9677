"""An external commit: the one PublicMessage of a room, by which a device joins on its own. What is clear in it.

Only the shape is read. Whether the signatures, the path and the confirmation tag are right is for members to judge;
the server compares who comes and who goes with what it knows.
Spec: 3.13; RFC 9420 6, 6.2, 7.2, 7.6, 12.1, 12.4
"""

from dataclasses import dataclass
from typing import Self

from clawchat.protocol._vectors import parse_vector
from clawchat.protocol.encoding import Reader
from clawchat.protocol.errors import Malformed

PUBLIC_MESSAGE = 1
_MLS_VERSION = 1
_NEW_MEMBER_COMMIT = 4
_CONTENT_COMMIT = 3
_BY_VALUE = 1
_REMOVE, _EXTERNAL_INIT = 3, 6
_BASIC_CREDENTIAL = 1
# Versions, suites, extensions, proposals, credentials.
_CAPABILITIES = 5
_SOURCE_COMMIT = 3


@dataclass(frozen=True, slots=True)
class ExternalCommit:
    """Who comes into which group, and which leaf goes for it."""

    group_id: bytes
    epoch: int
    authenticated_data: bytes
    # The index of the leaf that is removed.
    removed: int | None
    # Of the new leaf.
    signature_key: bytes
    identity: bytes
    # Type and data of each.
    extensions: tuple[tuple[int, bytes], ...]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The external commit in a whole MLS message.

        u16 version | u16 wire_format = 1 | group_id<V> | u64 epoch | u8 sender_type = 4 | authenticated_data<V>
        | u8 content_type = 3 | proposals<V> | u8 1 | LeafNode | UpdatePathNode nodes<V> | signature<V>
        | confirmation_tag<V>

        Raises: malformed (another message or sender; other proposals than one ExternalInit and at most one Remove, by
        value; no path; anything that is not in its one encoding, to the last byte).
        """
        reader = Reader(data)
        _expect(reader.u16(), _MLS_VERSION, "MLS version")
        _expect(reader.u16(), PUBLIC_MESSAGE, "MLS wire format")
        group_id, epoch = parse_vector(reader), reader.u64()
        _expect(reader.u8(), _NEW_MEMBER_COMMIT, "sender type of a public message")
        authenticated_data = parse_vector(reader)
        _expect(reader.u8(), _CONTENT_COMMIT, "MLS content type")
        removed = _parse_proposals(parse_vector(reader))
        _expect(reader.u8(), 1, "path of an external commit")
        signature_key, identity, extensions = _parse_leaf(reader)
        _parse_path_nodes(parse_vector(reader))
        parse_vector(reader)
        parse_vector(reader)
        reader.end()
        return cls(group_id, epoch, authenticated_data, removed, signature_key, identity, extensions)


def _expect(value: int, expected: int, what: str) -> None:
    if value != expected:
        raise Malformed(f"{what} {value}, expected {expected}")


def _parse_proposals(data: bytes) -> int | None:
    """The leaf that the one Remove names, if there is one."""
    reader = Reader(data)
    named: list[int] = []
    removed = None
    while reader.offset < len(data):
        _expect(reader.u8(), _BY_VALUE, "kind of proposal in an external commit")
        kind = reader.u16()
        if kind == _EXTERNAL_INIT:
            parse_vector(reader)
        elif kind == _REMOVE:
            removed = reader.u32()
        else:
            raise Malformed(f"proposal type {kind} in an external commit")
        named.append(kind)
    if sorted(named) not in ([_EXTERNAL_INIT], [_REMOVE, _EXTERNAL_INIT]):
        raise Malformed("an external commit holds one ExternalInit and at most one Remove")
    return removed


def _parse_leaf(reader: Reader) -> tuple[bytes, bytes, tuple[tuple[int, bytes], ...]]:
    """Signature key, identity and extensions of a LeafNode that comes with a commit."""
    parse_vector(reader)
    signature_key = parse_vector(reader)
    _expect(reader.u16(), _BASIC_CREDENTIAL, "credential type")
    identity = parse_vector(reader)
    for _ in range(_CAPABILITIES):
        parse_vector(reader)
    _expect(reader.u8(), _SOURCE_COMMIT, "source of the leaf")
    parse_vector(reader)
    extensions = _parse_extensions(parse_vector(reader))
    parse_vector(reader)
    return signature_key, identity, extensions


def _parse_extensions(data: bytes) -> tuple[tuple[int, bytes], ...]:
    reader = Reader(data)
    extensions = []
    while reader.offset < len(data):
        extensions.append((reader.u16(), parse_vector(reader)))
    return tuple(extensions)


def _parse_path_nodes(data: bytes) -> None:
    reader = Reader(data)
    while reader.offset < len(data):
        parse_vector(reader)
        _parse_ciphertexts(parse_vector(reader))


def _parse_ciphertexts(data: bytes) -> None:
    reader = Reader(data)
    while reader.offset < len(data):
        parse_vector(reader)
        parse_vector(reader)
