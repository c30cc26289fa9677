"""Finds the server: the newest connection file of all mirrors that a pinned server signed, kept for the next start."""

import asyncio
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

from clawchat.protocol.connection_file import ConnectionInfo, Endpoint, SealedConnectionFile, choose_freshest
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.endpoint_choice import (
    better_endpoints,
    order_endpoints,
    place_of,
    remember_time,
    slow_places,
)
from clawchat.protocol.errors import ClawChatError, PeerError
from clawchat.protocol.limits import CLOCK_SKEW_SECONDS, CONNECTION_FILE_MAX_BYTES

from .back_off import jitter
from .device import Device
from .errors import Unreachable
from .store import Store

logger = logging.getLogger(__name__)

STORE = "discovery"
FILE, SEEN, TIMES = b"file", b"seen", b"times"
FETCH_SECONDS = 6.0
# Once one mirror has given a good file, the others get so much longer.
REST_SECONDS = 1.0
MAX_LOCATIONS = 16
CHUNK_BYTES = 16_384
EMPTY_MAP = b"\xa0"
# Times are worth a write to the disk now and then, not at every move.
TIMES_STORED_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """What may not be forgotten even when the file itself is of no use any more."""

    serial: int = 0
    digest: bytes = b""
    clock_offset_seconds: int = 0

    def encode(self) -> bytes:
        # The offset may be negative, and the protocol's CBOR carries no negative numbers.
        return encode_cbor({"serial": self.serial, "digest": self.digest, "offset": str(self.clock_offset_seconds)})

    @classmethod
    def parse(cls, data: bytes | None) -> "_Seen":
        if data is None:
            return cls()
        row = parse_cbor(data)
        return cls(row["serial"], row["digest"], int(row["offset"]))


@dataclass(frozen=True, slots=True)
class _Found:
    """A file of our server: opened, and as it was fetched."""

    info: ConnectionInfo
    data: bytes


class Finder:
    """What the client knows of where its server is.

    A file is believed when a pinned server signed it and its serial is not below the last one believed; its sealed
    bytes are kept in the client's store. Spec: 3.8
    """

    def __init__(self, store: Store, device: Device, region: str = "") -> None:
        self._store = store
        self._device = device
        self._region = region
        self._seen = _Seen.parse(store.get(STORE, SEEN))
        self.known = self._load()
        self._times: dict[str, tuple[int, int]] = {
            place: (known[0], known[1]) for place, known in parse_cbor(store.get(STORE, TIMES) or EMPTY_MAP).items()
        }
        self._times_stored_until = 0.0
        # The endpoint that a connection was lost from, until there is another connection.
        self.lost: Endpoint | None = None

    def now(self) -> int:
        """Seconds since 1970, by our clock and what the server last told of its own."""
        return int(time.time()) + self._seen.clock_offset_seconds

    def locations(self) -> tuple[str, ...]:
        """Where the file may be fetched: what the last file says, then what the invite said."""
        urls = (*(self.known.urls if self.known else ()), *self._device.locators)
        web = [url for url in urls if url.startswith(("https://", "http://"))]
        return tuple(dict.fromkeys(web))[:MAX_LOCATIONS]

    def take(self, data: bytes) -> ConnectionInfo:
        """Believe a file that was handed to us, and keep it.

        Raises: unknown_peer, unauthentic, malformed (no file of our server); replayed, forked (not to be believed).
        """
        return self._choose([self._open(data)])

    async def fetch(self, http: aiohttp.ClientSession) -> ConnectionInfo:
        """The newest file of all mirrors, which are asked side by side.

        Raises: unreachable (no mirror gave a file of our server); replayed, forked (only such that are not believed).
        """
        locations = self.locations()
        waiting = {asyncio.create_task(_get(http, url)) for url in locations}
        found: list[_Found] = []
        deadline = time.monotonic() + FETCH_SECONDS
        try:
            while waiting and (left := deadline - time.monotonic()) > 0:
                done, waiting = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                found += [file for task in done if (file := self._judge(task.result())) is not None]
                if found:
                    deadline = min(deadline, time.monotonic() + REST_SECONDS)
        finally:
            for task in waiting:
                task.cancel()
        if not found:
            raise Unreachable(f"none of {len(locations)} mirrors has a connection file of this server")
        return self._choose(found)

    def order(self, endpoints: Iterable[Endpoint]) -> list[Endpoint]:
        """These endpoints in the order in which to dial them.

        Spec: 3.15
        """
        listed, now = tuple(endpoints), self.now()
        slow = slow_places(listed, self._times, now)
        if self.lost is not None:
            slow.add(place_of(self.lost))
        draws = [jitter() for _ in listed]
        return order_endpoints(listed, now=now, draws=draws, slow=slow, region=self._region)

    def better(self, endpoint: Endpoint) -> list[Endpoint]:
        """Where to go from this endpoint, best first; nothing when it is where we should be."""
        return self.order(better_endpoints(endpoint.url, self.known)) if self.known is not None else []

    def proved(self, endpoint: Endpoint, seconds: float) -> None:
        """A server proved itself in this time; a slow one is avoided for a while."""
        self._times = remember_time(self._times, endpoint, round(seconds * 1000), self.now())
        if time.monotonic() < self._times_stored_until:
            return
        self._times_stored_until = time.monotonic() + TIMES_STORED_SECONDS
        self._store.put(STORE, TIMES, encode_cbor({place: list(known) for place, known in self._times.items()}))

    def authenticated(self, clock_offset_ms: int) -> None:
        """A handshake told the server's time."""
        offset = round(clock_offset_ms / 1000)
        if abs(offset) > CLOCK_SKEW_SECONDS:
            logger.warning("this machine's clock is %d s away from the server's", offset)
        if offset != self._seen.clock_offset_seconds:
            self._remember(_Seen(self._seen.serial, self._seen.digest, offset))

    def complain(self, error: PeerError) -> None:
        """Somebody gave us a file that is not to be believed."""
        logger.warning("a connection file is not believed: %s", error)

    def _judge(self, data: bytes | None) -> _Found | None:
        if data is None:
            return None
        try:
            return self._open(data)
        except PeerError as error:
            self.complain(error)
            return None

    def _choose(self, found: list[_Found]) -> ConnectionInfo:
        infos = [file.info for file in found]
        seen, now = self._seen, self.now()
        chosen = choose_freshest(infos, last_serial=seen.serial, last_digest=seen.digest, now=now)
        if not chosen.is_current(now):
            logger.warning("the newest connection file is outside its validity; is this machine's clock right?")
        self.known = chosen
        if chosen.serial != seen.serial:
            data = next(file.data for file in found if file.info is chosen)
            with self._store.transaction():
                self._store.put(STORE, FILE, data)
                self._remember(_Seen(chosen.serial, chosen.digest, seen.clock_offset_seconds))
        return chosen

    def _open(self, data: bytes) -> _Found:
        sealed = SealedConnectionFile.parse(data)
        return _Found(sealed.open(self._device.discovery_secrets, self._device.pins), data)

    def _load(self) -> ConnectionInfo | None:
        data = self._store.get(STORE, FILE)
        try:
            return None if data is None else self._open(data).info
        except ClawChatError:
            # Sealed under a secret that was renewed long ago: the mirrors have a newer one.
            return None

    def _remember(self, seen: _Seen) -> None:
        self._seen = seen
        self._store.put(STORE, SEEN, seen.encode())


async def _get(http: aiohttp.ClientSession, url: str) -> bytes | None:
    """What a mirror gives; None when it gives nothing that could be a connection file."""
    data = b""
    try:
        async with http.get(url, timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS)) as answer:
            if answer.status != 200:
                return None
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                data += chunk
                if len(data) > CONNECTION_FILE_MAX_BYTES:
                    return None
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return None
    return data
