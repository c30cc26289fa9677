"""A group as rows to be stored, sealed: what a commit changes, what every message changes, and the epoch before.

The epoch's row is large and written once per epoch; the live row is small and written with every message. Both name
their epoch, so rows of two moments are never put together.
Spec: 4.6
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from clawchat.mls.codec import Reader, optional, u8, u32, u64, vector, vector_of
from clawchat.mls.epoch import Epoch, GroupState, PastEpoch
from clawchat.mls.key_schedule import GroupContext, KeySchedule
from clawchat.mls.proposals import read_proposal
from clawchat.mls.ratchet_tree import RatchetTree
from clawchat.mls.rules import Proposed
from clawchat.mls.secret_tree import SecretTree
from clawchat.mls.suite import CipherSuite
from clawchat.protocol.errors import Malformed, UnsupportedVersion

Rows: TypeAlias = dict[str, bytes | None]
_T = TypeVar("_T")
_VERSION = 1


def encode_rows(state: GroupState, before: GroupState | None = None) -> Rows:
    """The rows `epoch`, `live` and `past`, but for those that are as they were `before`; None: there is none."""
    rows: Rows = {}
    if before is None or state.epoch is not before.epoch:
        rows["epoch"] = _encode_epoch(state.epoch)
    if before is None or state.secret_tree is not before.secret_tree or state.waiting is not before.waiting:
        rows["live"] = _encode_live(state)
    if before is None or state.past is not before.past:
        rows["past"] = _encode_past(state.past) if state.past else None
    return rows


def parse_rows(suite: CipherSuite, rows: Mapping[str, bytes | None]) -> GroupState:
    """The state in the three rows.

    Raises: malformed (a row missing, rows of two moments); unsupported_version.
    """
    epoch = _parse(rows.get("epoch"), lambda reader: _read_epoch(suite, reader))
    number, secret_tree, waiting = _parse(rows.get("live"), lambda reader: _read_live(suite, reader))
    past = _parse(rows["past"], lambda reader: _read_past(suite, reader)) if rows.get("past") is not None else None
    if number != epoch.context.epoch or (past and past.context.epoch + 1 != number):
        raise Malformed("rows of two epochs")
    return GroupState(epoch, secret_tree, waiting, past)


def _encode_epoch(epoch: Epoch) -> bytes:
    """version u8 | context | tree<V> | interim_transcript_hash<V> | confirmation_tag<V> | u32 leaf_index
    | keys<V> of (u32 node | secret<V>), ascending | key schedule
    """
    return (
        u8(_VERSION)
        + epoch.context.encode()
        + epoch.tree.encode()
        + vector(epoch.interim_transcript_hash)
        + vector(epoch.confirmation_tag)
        + u32(epoch.leaf_index)
        + vector_of(u32(node) + vector(secret) for node, secret in sorted(epoch.keys.items()))
        + epoch.schedule.encode()
    )


def _read_epoch(suite: CipherSuite, reader: Reader) -> Epoch:
    context = _read_context(suite, reader)
    return Epoch(
        context,
        RatchetTree.read(suite, reader),
        reader.vector(),
        reader.vector(),
        reader.u32(),
        dict(reader.vector_of(lambda inner: (inner.u32(), inner.vector()))),
        KeySchedule.read(suite, reader),
    )


def _encode_live(state: GroupState) -> bytes:
    """version u8 | u64 epoch | secret tree | waiting<V> of (reference<V> | optional u32 sender | proposal)"""
    waiting = vector_of(
        vector(reference)
        + optional(u32(proposed.sender) if proposed.sender is not None else None)
        + proposed.proposal.encode()
        for reference, proposed in state.waiting.items()
    )
    return u8(_VERSION) + u64(state.epoch.context.epoch) + state.secret_tree.encode() + waiting


def _read_live(suite: CipherSuite, reader: Reader) -> tuple[int, SecretTree, dict[bytes, Proposed]]:
    epoch, secret_tree = reader.u64(), SecretTree.read(suite, reader)
    return epoch, secret_tree, dict(reader.vector_of(_read_waiting))


def _read_waiting(reader: Reader) -> tuple[bytes, Proposed]:
    reference, sender = reader.vector(), reader.optional(Reader.u32)
    return reference, Proposed(read_proposal(reader), sender, by_reference=True)


def _encode_past(past: PastEpoch) -> bytes:
    """version u8 | context | tree<V> | sender_data_secret<V> | secret tree"""
    return (
        u8(_VERSION)
        + past.context.encode()
        + past.tree.encode()
        + vector(past.sender_data_secret)
        + past.secret_tree.encode()
    )


def _read_past(suite: CipherSuite, reader: Reader) -> PastEpoch:
    context, tree = _read_context(suite, reader), RatchetTree.read(suite, reader)
    return PastEpoch(context, tree, reader.vector(), SecretTree.read(suite, reader))


def _read_context(suite: CipherSuite, reader: Reader) -> GroupContext:
    context = GroupContext.read(reader)
    if context.cipher_suite != suite.number:
        raise Malformed("rows of another cipher suite")
    return context


def _parse(data: bytes | None, read: Callable[[Reader], _T]) -> _T:
    if data is None:
        raise Malformed("a row is missing")
    reader = Reader(data)
    version = reader.u8()
    if version != _VERSION:
        raise UnsupportedVersion(f"group row version {version}")
    value = read(reader)
    reader.end()
    return value
