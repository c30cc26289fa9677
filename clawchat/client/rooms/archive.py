"""What was read of a room's log: in clear for its owner, sealed on the disk, for good.

MLS keeps no history: a message's key is gone once it was read. Spec: 4.6
"""

from dataclasses import dataclass
from typing import Any, Self

from clawchat.client.store import Store
from clawchat.protocol.attachment import Attachment, encode_attachments, parse_attachments
from clawchat.protocol.encoding import encode_cbor, parse_cbor, u8, u64

STORE = "archive"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a room's log has for people.

    `kind` is `text`, `unreadable` (a message that did not open), or what happened to the members in `users`:
    `created`, `joined`, `left`. Units: time in milliseconds since 1970, by the server's clock.
    """

    kind: str
    id: bytes
    seq: int
    time_ms: int
    # The person, empty when nobody is known; ids are 16 bytes.
    sender: bytes = b""
    own: bool = False
    text: str = ""
    users: tuple[bytes, ...] = ()
    # Read while nobody had confirmed yet that the room is the one this device was in. Spec: 4.6
    unconfirmed: bool = False
    # Files that a text shows.
    attachments: tuple[Attachment, ...] = ()

    def encode(self) -> bytes:
        """The entry as the store keeps it."""
        row = {name: getattr(self, name) for name in self.__slots__} | {"users": list(self.users)}
        return encode_cbor(row | {"attachments": encode_attachments(self.attachments)})

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The entry in a row of the store."""
        row: dict[str, Any] = parse_cbor(data)
        # Rows of former versions have no files.
        attachments = parse_attachments(row.get("attachments"))
        return cls(**row | {"users": tuple(row["users"]), "attachments": attachments})


class Archive:
    """The entries of one room, in the order of its log. Key: `room_id[16] || u64 seq || u8 place`."""

    def __init__(self, store: Store, room_id: bytes) -> None:
        self._store, self._room_id = store, room_id

    def entries(self, after: int = -1) -> list[Entry]:
        """What stands after this seq."""
        rows = self._store.items(STORE, self._key(after + 1), self._room_id + b"\xff" * 9)
        return [Entry.parse(value) for _, value in rows]

    def has(self, message_id: bytes) -> bool:
        """Whether an entry has this id. It reads them all: only what looks wrong is worth the question."""
        return any(entry.id == message_id for entry in self.entries())

    def add(self, entries: list[Entry]) -> None:
        """Keep these entries."""
        places: dict[int, int] = {}
        for entry in entries:
            place = places.setdefault(entry.seq, 0)
            places[entry.seq] += 1
            self._store.put(STORE, self._key(entry.seq, place), entry.encode())

    def _key(self, seq: int, place: int = 0) -> bytes:
        return self._room_id + u64(seq) + u8(place)
