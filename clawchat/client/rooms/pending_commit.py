"""A commit of ours that may have left the device: kept with the state it leads to until its fate is known.

It is repeated byte for byte and never made anew for the same epoch. Spec: 4.5, 4.6
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from clawchat.client.store import Store
from clawchat.mls.group import Group, Pending
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import ClawChatError, Malformed

from .home import Home
from .staging import Ask, stage

STORE = "pending"
ADOPTED, SUPERSEDED = "adopted", "superseded"


@dataclass(eq=False, slots=True, repr=False)
class PendingCommit:
    """One commit; `epoch` is the one it ends. The devices it adds and removes stand in it for the server's roster."""

    message_id: bytes
    epoch: int
    next: Group
    commit: bytes
    # Empty when nobody is added.
    welcome: bytes
    group_info: bytes
    added: tuple[bytes, ...]
    removed: tuple[bytes, ...]
    # Whether this device comes (back) in by it.
    is_external: bool = False
    # `adopted`, `superseded`, or why the server does not take it; None while that is open.
    outcome: str | ClawChatError | None = None
    _is_known: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(
        cls, made: Pending, message_id: bytes, added: tuple[bytes, ...] = (), removed: tuple[bytes, ...] = ()
    ) -> "PendingCommit":
        """What a group has made, under this message id."""
        welcome, is_external = made.welcome or b"", made.group is None
        where = (message_id, made.next.epoch - 1, made.next)
        return cls(*where, made.commit, welcome, made.group_info, added, removed, is_external)

    def encode(self) -> bytes:
        """The commit as the store keeps it."""
        row: dict[str, Any] = {"id": self.message_id, "epoch": self.epoch, "next": dict(self.next.rows())}
        row |= {"commit": self.commit, "welcome": self.welcome, "group_info": self.group_info}
        return encode_cbor(
            row | {"added": list(self.added), "removed": list(self.removed), "external": self.is_external}
        )

    async def publish(self, ask: Ask, room_id: bytes) -> int:
        """The seq of the commit in the log, once the server has taken it; again if need be.

        Raises: what the server answers.
        """
        digests = {"commit": await stage(ask, self.commit), "group_info": await stage(ask, self.group_info)}
        if self.welcome:
            digests["welcome"] = await stage(ask, self.welcome)
        members: dict[str, Any] = {"room": room_id, "epoch": self.epoch, "message_id": self.message_id}
        members |= {"added": list(self.added), "removed": list(self.removed)}
        seq = (await ask("room.commit", **members, **digests)).get("seq")
        if not isinstance(seq, int):
            raise Malformed("answer to room.commit")
        return seq

    def settle(self, outcome: str | ClawChatError) -> None:
        """Its fate is known."""
        if self.outcome is None:
            self.outcome = outcome
            self._is_known.set()

    async def fate(self) -> str:
        """`adopted` or `superseded`, once that is known.

        Raises: why the server does not take it.
        """
        await self._is_known.wait()
        assert self.outcome is not None
        if isinstance(self.outcome, ClawChatError):
            raise self.outcome
        return self.outcome


def load_pending(store: Store, room_id: bytes, home: Home) -> PendingCommit | None:
    """The commit of this room whose fate was not known when the program ended."""
    value = store.get(STORE, room_id)
    if value is None:
        return None
    row = parse_cbor(value)
    following = Group.load(home.member, row["next"], rules=home.rules)
    return PendingCommit(
        row["id"],
        row["epoch"],
        following,
        row["commit"],
        row["welcome"],
        row["group_info"],
        tuple(row["added"]),
        tuple(row["removed"]),
        row["external"],
    )
