"""A person or a program that chats: a client with rooms."""

import asyncio
import mimetypes
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Self

from clawchat.protocol.attachment import Attachment, fitting_mime, fitting_name
from clawchat.protocol.credential import DeviceKind
from clawchat.protocol.errors import ClawChatError, UsageError
from clawchat.protocol.signal import Read, Typing

from .client import CONNECT_SECONDS, Client
from .rooms.directory import Person
from .rooms.key_stock import FULL
from .rooms.pace import Pace
from .rooms.room import Room
from .rooms.rooms import Rooms
from .rooms.uploads import Progress, source_of


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
    # Files that it shows; `Member.fetch_file` has their bytes. Their names and types are the sender's word.
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Signal:
    """What somebody in a room tells in passing: that they write (`typing`), or how far they have read (`read`).

    It informs, and nothing may depend on it: any member of the room could have sealed it in this one's name.
    """

    room: Room
    sender: bytes
    sender_name: str
    type: str
    # Of a read mark: the place in the room's log.
    seq: int | None = None


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

    async def send_file(
        self,
        room: Room,
        source: Path | bytes | BinaryIO,
        *,
        name: str = "",
        mime: str = "",
        text: str = "",
        progress: Progress | None = None,
    ) -> int:
        """Send a file, with a text if there is one, and return where its message stands in the room's log.

        It is sealed onto this device's disk first; from then on it arrives, over lost connections and restarts of the
        program, whether or not anybody waits for it here. Name and media type are the source's when none is given, and
        made to fit. `progress` gets the bytes that the server has, and those of the whole.
        Raises: too_large (with `most` bytes in `details`); limit (this device has its fill stored there); not_member;
        OSError (the source cannot be read).
        """
        name = fitting_name(name or (source.name if isinstance(source, Path) else ""))
        mime = fitting_mime(mime or mimetypes.guess_type(name)[0] or "")
        with source_of(source) as (pieces, size):
            upload = await self._rooms.uploads.add(room.room_id, pieces, size, name, mime, text, progress)
        assert upload.queued is not None
        return await room.stored(await asyncio.shield(upload.queued))

    async def fetch_file(self, room: Room, attachment: Attachment, to: Path, progress: Progress | None = None) -> Path:
        """Fetch a file that a message of this room shows; return its path: `to`, or its own name in the folder `to`.

        It is there when all of it is good, and not a moment before. A fetch that was cut short goes on where it was.
        Raises: usage (there is something of this name); not_member (it is gone); malformed, unauthentic (it is not what
        was shown).
        """
        return await self._rooms.downloads.fetch(room.room_id, attachment, to, progress)

    async def read_file(self, room: Room, attachment: Attachment, progress: Progress | None = None) -> bytes:
        """The bytes of a file that a message of this room shows. As `fetch_file`."""
        return await self._rooms.downloads.read(room.room_id, attachment, progress)

    async def signal(self, room: Room, type: str) -> None:
        """Tell who is in the room now: `typing`, good for 6 s or until the next message, or `read`, as far as
        `messages` was read. It may be lost and is never kept; the server passes on one a second.

        Raises: usage (another type).
        """
        if type not in ("typing", "read"):
            raise UsageError(f"no signal called {type!r}")
        await self._rooms.signal(room, Typing() if type == "typing" else Read(room.read))

    async def signals(self) -> AsyncIterator[Signal]:
        """What others tell in passing, as it comes; of what nobody asks for, the last hundred are kept.

        Raises: as `messages`.
        """
        while True:
            heard = await self._rooms.signals.heard.get()
            if isinstance(heard, ClawChatError):
                self._rooms.signals.fail(heard)
                raise heard
            name, signal = await self._rooms.name_of(heard.sender), heard.signal
            said = ("read", signal.seq) if isinstance(signal, Read) else ("typing", None)
            yield Signal(heard.room, heard.sender, name, *said)

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
            said = (name, entry.text, entry.unconfirmed, entry.attachments)
            yield Message(room, entry.id, entry.seq, entry.time_ms, entry.sender, *said)
            room.read = max(room.read, entry.seq)
