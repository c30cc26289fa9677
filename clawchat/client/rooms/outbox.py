"""One room's own messages until they stand in its log.

The log must get them in the order they were written, each once, whatever breaks in between. Three rules see to it:
every connection gets all that is not acknowledged, in order, from the first on; what was encrypted for a new epoch
waits until the server has answered for everything before it; and the server knows a message by its id, so a repeat is
harmless whatever its bytes. The plaintext stays beside the ciphertext, to be encrypted anew when an epoch ends.
Spec: 3.13, 4.5
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clawchat.client.connection import Connection
from clawchat.client.store import Store
from clawchat.protocol.encoding import encode_cbor, parse_cbor, u64

from .archive import Entry
from .payload import Text, parse_payload

STORE = "room outbox"


@dataclass(eq=False, slots=True, repr=False)
class OutboxEntry:
    """A message on its way. Units: time in milliseconds since 1970."""

    message_id: bytes
    order: int
    time_ms: int
    # What is encrypted; empty for the proposal by which this device leaves.
    payload: bytes
    # What the transcript shows, None for what people do not see.
    text: str | None
    # Epoch and bytes of the ciphertext, once there is one.
    epoch: int = 0
    message: bytes = b""
    # The connection it was sent on last.
    connection: Connection | None = None
    # Where the server has put it; its row has not come yet.
    seq: int = 0
    # The server has left the epoch it was encrypted in.
    stale: bool = False

    @property
    def is_leave(self) -> bool:
        """Whether it is no message but the proposal to remove this device."""
        return not self.payload

    @property
    def is_acknowledged(self) -> bool:
        """Whether the server has it."""
        return self.seq > 0

    def shown(self, seq: int, time_ms: int, user_id: bytes) -> list[Entry]:
        """What the transcript has of it at this place of the log: one entry, or none."""
        if self.text is None:
            return []
        said = parse_payload(self.payload)
        attachments = said.attachments if isinstance(said, Text) else ()
        return [
            Entry("text", self.message_id, seq, time_ms, user_id, own=True, text=self.text, attachments=attachments)
        ]

    def encode(self, epoch: int, message: bytes) -> bytes:
        """The entry as the store keeps it, with this ciphertext."""
        row: dict[str, Any] = {"id": self.message_id, "time": self.time_ms, "payload": self.payload}
        return encode_cbor(row | {"text": self.text, "epoch": epoch, "message": message})


class Outbox:
    """The entries of one room, by the order they were given in. Key: `room_id[16] || u64 order`."""

    def __init__(self, store: Store, room_id: bytes) -> None:
        self._store, self._room_id = store, room_id
        rows = store.items(STORE, room_id, room_id + b"\xff" * 8)
        self._entries = [_parse(int.from_bytes(key[16:], "big"), value) for key, value in rows]

    def __iter__(self) -> Iterator[OutboxEntry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, message_id: bytes) -> OutboxEntry | None:
        """The entry with this id, None when it is not here (any more)."""
        return next((entry for entry in self._entries if entry.message_id == message_id), None)

    def add(self, message_id: bytes, time_ms: int, payload: bytes, text: str | None) -> OutboxEntry:
        """Keep a message, on the disk too. Within a transaction it counts from its end on."""
        order = self._entries[-1].order + 1 if self._entries else time_ms
        entry = OutboxEntry(message_id, max(order, time_ms), time_ms, payload, text)
        self.write(entry, 0, b"")
        self._entries.append(entry)
        return entry

    def stay(self) -> None:
        """Drop the wish to leave, which belonged to the stay before."""
        for entry in [each for each in self._entries if each.is_leave]:
            self.erase(entry)
            self._entries.remove(entry)

    def write(self, entry: OutboxEntry, epoch: int, message: bytes) -> None:
        """Put its row into the store, with this ciphertext."""
        self._store.put(STORE, self._key(entry), entry.encode(epoch, message))

    def erase(self, entry: OutboxEntry) -> None:
        """Take its row out of the store."""
        self._store.delete(STORE, self._key(entry))

    def acknowledge(self, entry: OutboxEntry, seq: int) -> None:
        """The server has taken it."""
        entry.seq = seq
        self._renew_overtaken(entry)

    def remove(self, entry: OutboxEntry) -> None:
        """It stands in the log."""
        self._renew_overtaken(entry)
        self._entries.remove(entry)

    def sendable(self, connection: Connection, epoch: int) -> list[OutboxEntry]:
        """What may be sent on this connection now, in order; `epoch` is the group's."""
        plan = []
        for entry in self._entries:
            if entry.is_acknowledged:
                continue
            if entry.connection is connection and not entry.stale:
                # Under way for an epoch that is over: it may yet be refused, and nothing may overtake it.
                if entry.epoch != epoch:
                    break
            elif entry.stale and entry.epoch == epoch:
                # The commit that made it stale has not been read yet.
                break
            else:
                plan.append(entry)
        return plan

    def rewind(self, first: OutboxEntry) -> None:
        """After a refusal that will pass: this one and all behind it are sent again, in order."""
        for entry in self._entries[self._entries.index(first) :]:
            if not entry.is_acknowledged:
                entry.connection = None

    def _renew_overtaken(self, by: OutboxEntry) -> None:
        """Have what was refused and then overtaken encrypted anew: members keep the keys of few missing messages.

        Not every refused one is: each time skips a key, and members do not follow over more than a thousand.
        """
        for entry in self._entries[: self._entries.index(by)]:
            if not entry.is_acknowledged and entry.connection is None:
                entry.message = b""

    def _key(self, entry: OutboxEntry) -> bytes:
        return self._room_id + u64(entry.order)


def _parse(order: int, value: bytes) -> OutboxEntry:
    row = parse_cbor(value)
    return OutboxEntry(row["id"], order, row["time"], row["payload"], row["text"], row["epoch"], row["message"])
