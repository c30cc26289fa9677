"""A client of a ClawChat server: enrol once, then send and receive, wherever the port moves."""

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Self

import aiohttp

from clawchat.ending import end_tasks
from clawchat.protocol.credential import DeviceKind
from clawchat.protocol.errors import ClawChatError, Internal, TooFast, Unavailable, UsageError
from clawchat.protocol.invite import Invite
from clawchat.protocol.keys import RecoveryKey
from clawchat.protocol.message_header import MessageHeader

from .connection import Connection
from .device import Device
from .discovery import Finder
from .dispatch import Dispatch
from .errors import ConnectionLost, Unreachable
from .events import Event
from .inbox import Inbox
from .layer import Layer
from .line import Line
from .questions import Answer
from .refusals import pause_after
from .renewals import Renewals
from .sender import Sender
from .store import Store
from .trust import context_trusting

logger = logging.getLogger(__name__)

CLIENT_NAME = "ClawChat Python"
CONNECT_SECONDS = 30.0
REQUEST_SECONDS = 60.0


class Client:
    """One device of one server. Bodies are opaque: what is sent and received are whole MLS messages.

    `Member` is what people and programs chat with; this is what it stands on, and all that an attacker or a load test
    needs: `request`, `send`, `follow`, `events`.

    A message waits on the disk until the server has answered, over lost connections, moves of the port and restarts
    of the program. Of several ports those of our `region` are taken first, when the server names any. `ca_file` is the
    authority of a server that vouches for itself. Without `pq_required` a server may do without ML-KEM, when its file
    says so (3.7). All calls are made from one event loop.
    """

    def __init__(
        self,
        store: Store,
        device: Device,
        *,
        client_name: str = CLIENT_NAME,
        tls: ssl.SSLContext | None = None,
        ca_file: Path | None = None,
        region: str = "",
        pq_required: bool = True,
        layer: Callable[["Client", Store, Device], Layer] | None = None,
    ) -> None:
        self._store = store
        self._device = device
        self._client_name = client_name
        self._tls = context_trusting(ca_file) if tls is None and ca_file is not None else tls
        self._finder = Finder(store, device, region, pq_required)
        self._renewals = Renewals(device, self._finder.now)
        self._inbox = Inbox(store)
        self._sender = Sender(store, self._inbox.put)
        self._http: aiohttp.ClientSession | None = None
        self._line: Line | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._failure: ClawChatError | None = None
        self.layer = layer(self, store, device) if layer is not None else Layer()
        self._dispatch = Dispatch(
            device, self._finder, self._renewals, self._inbox, self._sender, self.layer, self._look_again
        )

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
        **options: Any,
    ) -> Self:
        """A connected client that this invitation has made a device of its server, with a new account called `name`.

        Without a folder everything is kept in memory and ends with the program. When it is cut short, `open` and
        `connect` go on with the same key. The options are those of the class.
        Raises: malformed, expired (the invitation); unreachable; unauthentic (it was used already).
        """
        invite = Invite.parse(invite_text)
        store = Store.in_memory() if folder is None else Store.open(folder)
        try:
            client = cls(store, Device.begin(store, invite, name, int(time.time()), kind), **options)
        except BaseException:
            store.close()
            raise
        try:
            await client.connect(seconds)
        except BaseException:
            await client.close()
            raise
        return client

    @classmethod
    def open(cls, folder: Path, **options: Any) -> Self:
        """The client whose state is in this folder; `connect` it.

        Raises: usage (nothing was enrolled there, or another program uses it).
        """
        store = Store.open(folder)
        device = Device.load(store)
        if device is None:
            store.close()
            raise UsageError(f"no device in {folder}")
        return cls(store, device, **options)

    async def connect(self, seconds: float = CONNECT_SECONDS) -> None:
        """Return once a connection stands; from then on it is kept, whatever happens, until `close`.

        Raises: what stood in the way last, when there is none in time; it is tried further all the same.
        """
        if self._line is None:
            connector = aiohttp.TCPConnector(ssl=self._tls or True)
            self._http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
            self._line = Line(
                self._http, self._finder, self._device, self._dispatch, client_name=self._client_name, tls=self._tls
            )
            self._tasks = [
                asyncio.create_task(self._work(self._line.run())),
                asyncio.create_task(self._work(self._sender.run(self._line))),
                asyncio.create_task(self._work(self._finder.keep_revocations(self._http))),
                asyncio.create_task(self._work(self._renewals.run(self._line.usable))),
                asyncio.create_task(self._work(self.layer.run())),
            ]
        await self.usable(seconds)

    async def close(self) -> None:
        """End the connection in good order and let go of the state; what is unsent stays in the outbox."""
        if self._line is not None:
            await self._line.close()
        await end_tasks(self._tasks)
        if self._http is not None:
            await self._http.close()
        self._fail(ConnectionLost("the client was closed"))
        self._store.close()

    async def __aenter__(self) -> Self:
        """Connect, when that was not done yet."""
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    # What it is and how it stands

    @property
    def device_id(self) -> bytes:
        """This device's id, 16 bytes."""
        return self._device.device_id

    @property
    def user_id(self) -> bytes:
        """Its person's id, 16 bytes."""
        return self._device.user_id

    @property
    def recovery_key(self) -> RecoveryKey:
        """What opens the person's root key that the server keeps sealed; to be written down by the person."""
        return self._device.recovery_key

    @property
    def server_fingerprint(self) -> str:
        """The server's identity, for people to compare."""
        return self._device.server_public.fingerprint

    @property
    def doubts(self) -> dict[str, str]:
        """The hosts of places that gave a file not to be believed when they were last asked, each with the reason."""
        return dict(self._finder.doubts)

    @property
    def status(self) -> str:
        """`offline`, `connecting`, `connected` or `moving`."""
        return self._line.status if self._line is not None else "offline"

    @property
    def problem(self) -> ClawChatError | None:
        """What stands in the way of a connection, None while there is one."""
        return self._failure or (self._line.problem if self._line is not None else None)

    @property
    def port(self) -> int | None:
        """The server's port that is in use, None while there is no connection."""
        return self._line.endpoint.port if self._line is not None and self._line.endpoint is not None else None

    @property
    def unsent(self) -> int:
        """How many messages wait for the server's answer."""
        return len(self._sender)

    # What it does

    async def usable(self, seconds: float) -> Connection:
        """The connection to use now, once there is one. Raises: what stands in the way; usage (not connected)."""
        if self._failure is not None:
            raise self._failure
        if self._line is None:
            raise UsageError("connect first")
        usable = asyncio.create_task(self._line.usable())
        done, _ = await asyncio.wait({usable, self._tasks[0]}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if usable in done:
            return usable.result()
        usable.cancel()
        raise self._failure or self._line.problem or Unreachable(f"no connection in {seconds:g} s")

    def use_file(self, data: bytes) -> None:
        """Look for the server where this connection file says: one that came by hand, where no place can be reached.

        Raises: unknown_peer, unauthentic, malformed (no file of our server); replayed, forked (not to be believed);
        revoked (nobody's files are believed any more).
        Spec: 3.8
        """
        self._finder.take(data)
        self._look_again()

    async def request(self, op: str, *, seconds: float = REQUEST_SECONDS, **members: Any) -> Answer:
        """The server's answer to an operation of docs/protocol.md 3.14, asked again after every lost connection.

        Raises: what the server refuses it for, with what the operation adds in `details`; unreachable (no answer in
        time); usage (not connected).
        """
        body = {"op": op, **members}
        deadline = time.monotonic() + seconds
        while True:
            connection = await self.usable(deadline - time.monotonic())
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    return await connection.ask(body)
            except ConnectionLost:
                continue
            except (TooFast, Unavailable) as error:
                pause = pause_after(error)
                if time.monotonic() + pause >= deadline:
                    raise
                await asyncio.sleep(pause)
            except TimeoutError:
                raise Unreachable(f"no answer to {op} in {seconds:g} s") from None

    async def send(self, room_id: bytes, message: bytes, message_id: bytes | None = None) -> int:
        """The seq of an MLS message in the room's log, once the server has stored it, however long that takes.

        The message id is the one in the message's authenticated data. Sending the same message again is harmless.
        Raises: what the server refuses it for (stale_epoch: encrypt it anew under the same id); malformed (no MLS
        message); usage (another id).
        """
        in_message = MessageHeader.parse(message).message_id
        if message_id is not None and message_id != in_message:
            raise UsageError("the message carries another id")
        return await self._sender.send(room_id, message, in_message)

    async def follow(self, room_id: bytes, after: int = 0) -> None:
        """Have the rows of a room among the events, those after seq `after` first; for good, over restarts too.

        A room that is followed already stays where it is.
        Raises: as `request`.
        """
        self._inbox.cursors.start(room_id, after)
        while True:
            connection = await self.usable(REQUEST_SECONDS)
            try:
                return await self._inbox.resume(connection, [room_id])
            except ConnectionLost:
                continue

    def unfollow(self, room_id: bytes) -> None:
        """Have its rows no more, and forget how far they came."""
        self._inbox.cursors.forget(room_id)

    def events(self) -> AsyncIterator[Event]:
        """Rows of the rooms that are followed, in order and each once, and what else the server has to say.

        A row counts as processed when the next event is asked for; one that was not comes again after a restart.
        Raises: revoked; connection_lost (after `close`).
        """
        return self._inbox.events()

    # Internal

    def _look_again(self) -> None:
        if self._line is not None:
            self._line.port_has_moved()

    async def _work(self, loop: Coroutine[Any, Any, None]) -> None:
        """Run one of the loops; when it ends, nothing goes on by itself, and everybody who waits is told."""
        try:
            await loop
        except ClawChatError as error:
            self._fail(error)
            if self._line is not None:
                await self._line.close()
        except Exception as error:
            logger.exception("the client has a fault")
            self._fail(Internal(f"the client has a fault: {type(error).__name__}"))

    def _fail(self, error: ClawChatError) -> None:
        if self._failure is None:
            self._failure = error
            self._sender.fail(error)
            self._inbox.put(error)
            self.layer.fail(error)
