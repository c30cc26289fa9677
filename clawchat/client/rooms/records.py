"""What a device keeps of a room beside its group: how far it read, and what must outlive a lost group.

Spec: 4.6
"""

from dataclasses import dataclass
from typing import Any, Self

from clawchat.client.store import Store
from clawchat.protocol.encoding import encode_cbor, parse_cbor

STORE = "rooms"


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """One row. Units: times in seconds since 1970."""

    name: str = ""
    # The last row of the log that was processed, and the last that the program was shown.
    cursor: int = 0
    read: int = 0
    # Whether the server knows the room yet.
    is_made: bool = True
    is_gone: bool = False
    # When this epoch began here, and when this device last made a path of its own.
    epoch_since: int = 0
    updated: int = 0
    # Own messages since then.
    sent: int = 0
    # The highest epoch this device was in.
    epoch: int = 0
    # Whether it has asked to be let go.
    is_leaving: bool = False
    # After an external join, until somebody of that tree was heard.
    is_unconfirmed: bool = False
    # When it came in by an external commit last, and how often without a commit of others between.
    resynced: int = 0
    resyncs: int = 0

    def encode(self) -> bytes:
        """The record as the store keeps it."""
        return encode_cbor({name: getattr(self, name) for name in self.__slots__})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The record in a row of the store."""
        row: dict[str, Any] = parse_cbor(data)
        return cls(**row)


def load_records(store: Store) -> list[tuple[bytes, RoomRecord]]:
    """Every room of this device, by its id."""
    return [(room_id, RoomRecord.parse(value)) for room_id, value in store.items(STORE)]
