"""Messages on their way out: kept until the server has acknowledged or refused them. No I/O but the store's."""

from dataclasses import dataclass

from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import UsageError

from .store import Store

STORE = "outbox"
# The server takes at most 64 without answer (docs/protocol.md 3.13).
IN_FLIGHT = 32


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """One message as it is sent, and sent again unchanged under the same id until it is answered."""

    number: int
    message_id: bytes
    room_id: bytes
    message: bytes


class Outbox:
    """Messages in the order they were given; which of them the current connection carries already.

    Spec: 3.13
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        rows = [_parse(message_id, value) for message_id, value in store.items(STORE)]
        self._waiting = {row.message_id: row for row in sorted(rows, key=lambda row: row.number)}
        self._in_flight: set[bytes] = set()
        self._next_number = max((row.number for row in rows), default=0) + 1

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, message_id: bytes) -> bool:
        return message_id in self._waiting

    @property
    def in_flight(self) -> int:
        """How many were sent on this connection and not answered yet."""
        return len(self._in_flight)

    def add(self, message_id: bytes, room_id: bytes, message: bytes) -> None:
        """Keep a message, on the disk too, before it is sent for the first time.

        Raises: usage (another message waits under this id).
        """
        there = self._waiting.get(message_id)
        if there is not None:
            if (there.room_id, there.message) != (room_id, message):
                raise UsageError(f"another message waits under the id {message_id.hex()}")
            return
        outgoing = OutgoingMessage(self._next_number, message_id, room_id, message)
        self._store.put(STORE, message_id, _encode(outgoing))
        self._next_number += 1
        self._waiting[message_id] = outgoing

    def next_to_send(self) -> OutgoingMessage | None:
        """The oldest message that this connection does not carry yet; None when there is none or the flight is full."""
        if len(self._in_flight) >= IN_FLIGHT:
            return None
        return next((each for each in self._waiting.values() if each.message_id not in self._in_flight), None)

    def sent(self, message_id: bytes) -> None:
        """This connection carries it now."""
        self._in_flight.add(message_id)

    def land(self, message_id: bytes) -> None:
        """Forget that it was sent: it was refused for the moment, and goes out again."""
        self._in_flight.discard(message_id)

    def land_all(self) -> None:
        """Forget what was sent: another connection carries everything again, in the old order."""
        self._in_flight.clear()

    def settle(self, message_id: bytes) -> None:
        """It was acknowledged, or refused for good: it is not sent again."""
        self._in_flight.discard(message_id)
        if self._waiting.pop(message_id, None) is not None:
            self._store.delete(STORE, message_id)


def _encode(row: OutgoingMessage) -> bytes:
    return encode_cbor({"number": row.number, "room": row.room_id, "message": row.message})


def _parse(message_id: bytes, value: bytes) -> OutgoingMessage:
    row = parse_cbor(value)
    return OutgoingMessage(row["number"], message_id, row["room"], row["message"])
