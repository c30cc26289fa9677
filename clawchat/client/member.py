"""A person or a program that chats: a client with rooms."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from clawchat.protocol.credential import DeviceKind
from clawchat.protocol.errors import ClawChatError, UsageError

from .client import CONNECT_SECONDS, Client
from .rooms.directory import Person
from .rooms.key_stock import FULL
from .rooms.pace import Pace
from .rooms.room import Room
from .rooms.rooms import Rooms


@dataclass(frozen=True, slots=True)
class Message:
    """A text that somebody wrote in a room. Units: time in milliseconds since 1970, by the server's clock."""

    room: Room
    id: bytes
    seq: int
    time_ms: int
    sender: bytes
    sender_name: str
    text: str
    # Read before anybody was heard who had been in the room with this device. Spec: 4.6
    unconfirmed: bool = False


class Member:
    """One device of one person, in any number of end-to-end encrypted rooms. docs/python-client.md shows ten lines.

    What it does survives lost connections, moves of the port and restarts of the program: state and ciphertext are on
    the disk before anything leaves. All calls are made from one event loop.
    """

    def __init__(self, client: Client) -> None:
        if not isinstance(client.layer, Rooms):
            raise UsageError("a client without rooms")
        self.client, self._rooms = client, client.layer

    # Lifecycle

    @classmethod
    async def enrol(
        cls,
        invite_text: str,
        folder: Path | None,
        *,
        name: str,
        kind: DeviceKind = DeviceKind.HUMAN,
        seconds: float = CONNECT_SECONDS,
        pace: Pace | None = None,
        packages: int = FULL,
        **options: Any,
    ) -> Self:
        """A connected member that this invitation has made a device of its server, with a new account called `name`.

        `pace` has the random waits, `packages` is how many key packages are kept at the server; the rest is as for
        `Client.enrol`, errors too.
        """
        layer = partial(Rooms, pace=pace, packages=packages)
        return cls(
            await Client.enrol(invite_text, folder, name=name, kind=kind, seconds=seconds, layer=layer, **options)
        )

    @classmethod
    def open(cls, folder: Path, *, pace: Pace | None = None, packages: int = FULL, **options: Any) -> Self:
        """The member whose state is in this folder; `connect` it.

        Raises: usage (nothing was enrolled there, or another program uses it).
        """
        return cls(Client.open(folder, layer=partial(Rooms, pace=pace, packages=packages), **options))

    async def connect(self, seconds: float = CONNECT_SECONDS) -> None:
        """As `Client.connect`."""
        await self.client.connect(seconds)

    async def close(self) -> None:
        """End the connection in good order and let go of the state; what is unsent stays in the rooms' outboxes."""
        await self.client.close()

    async def __aenter__(self) -> Self:
        """Connect, when that was not done yet."""
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    # Who and what there is

    @property
    def user_id(self) -> bytes:
        """The person's id, 16 bytes."""
        return self.client.user_id

    @property
    def device_id(self) -> bytes:
        """This device's id, 16 bytes."""
        return self.client.device_id

    @property
    def rooms(self) -> list[Room]:
        """Every room this device is in."""
        return [room for room in self._rooms.all if room.is_joined]

    async def people(self) -> list[Person]:
        """Everybody on the server, by name.

        Raises: as `Client.request`.
        """
        await self._rooms.directory.refresh()
        return self._rooms.directory.people

    # What one does

    async def create_room(self, name: str, *, others_may_add: bool = True) -> Room:
        """A new room; its creator is its administrator. Without `others_may_add` only administrators bring people in.

        Raises: too_large (the name).
        """
        return self._rooms.create(name, others_may_add)

    async def room(self, which: str | bytes) -> Room:
        """The room of this name or id, as soon as this device is in it.

        Raises: what ended the client.
        """
        while True:
            for room in self.rooms:
                if which in (room.name, room.room_id):
                    return room
            await self._rooms.until_changed()

    async def messages(self) -> AsyncIterator[Message]:
        """What others write in all rooms, as it comes.

        A message counts as read when the next one is asked for; one that was not comes again after a restart.
        Raises: revoked; connection_lost (after `close`).
        """
        while True:
            news = await self._rooms.news.get()
            if isinstance(news, ClawChatError):
                # For whoever asks next.
                self._rooms.news.put_nowait(news)
                raise news
            room, entry = news
            name = await self._rooms.name_of(entry.sender)
            yield Message(room, entry.id, entry.seq, entry.time_ms, entry.sender, name, entry.text, entry.unconfirmed)
            room.read = max(room.read, entry.seq)
