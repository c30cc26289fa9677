"""Finds the server: the newest connection file of all places that a pinned server signed, kept for the next start."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import aiohttp

from clawchat.protocol.connection_file import ConnectionInfo, Endpoint, SealedConnectionFile
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.endpoint_choice import (
    better_endpoints,
    order_endpoints,
    place_of,
    remember_time,
    slow_places,
)
from clawchat.protocol.errors import ClawChatError, PeerError, Replayed, Unauthentic, UnknownPeer
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.keys import DiscoverySecret, IdentityPublic
from clawchat.protocol.limits import CLOCK_SKEW_SECONDS
from clawchat.protocol.places import FILE_NAME, LIST_NAME
from clawchat.protocol.suites import SUITES, suites_to_offer

from .back_off import BackOff, jitter
from .belief import Weighed, weigh, why_none
from .device import Device
from .errors import IdentityReplaced, Unreachable
from .places import Place, ask_places, parse_places
from .revocations import Revocations
from .store import Store

logger = logging.getLogger(__name__)

STORE = "discovery"
FILE, SEEN, TIMES = b"file", b"seen", b"times"
EMPTY_MAP = b"\xa0"
# Times are worth a write to the disk now and then, not at every move.
TIMES_STORED_SECONDS = 30.0
# A new file reaches the places one after the other: so long an older one means nothing.
LAG_SECONDS = 300
# A list that no place has yet is asked for again after pauses that double.
FIRST_LIST_SECONDS, LONGEST_LIST_SECONDS = 2.0, 300.0
# A server hands over for longer: who believed a file since then has not missed all of it.
AWAY_SECONDS = 86_400
REPLACED = "the server has another identity since this device was last here; ask for a new invitation"


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
    """A file of our server: opened, as it was fetched, and the secret that it is sealed under."""

    info: ConnectionInfo
    data: bytes
    secret: DiscoverySecret


class Finder:
    """What the client knows of where its server is.

    A file is believed when a pinned server signed it and its serial is not below the last one believed; its sealed
    bytes are kept in the client's store. Whoever was away while the discovery secret changed finds the new one wrapped
    in the file. Spec: 3.8, 3.10, 3.12
    """

    def __init__(self, store: Store, device: Device, region: str = "", pq_required: bool = True) -> None:
        self._store = store
        self._device = device
        self._region = region
        self._pq_required = pq_required
        self._seen = _Seen.parse(store.get(STORE, SEEN))
        self.revocations = Revocations(store, device)
        self.known = self._load()
        # What became of the places that were asked last and gave what is not to be believed: code by host.
        self.doubts: dict[str, str] = {}
        # Set when a file may name a list that we have not got.
        self._list_named = asyncio.Event()
        self._list_named.set()
        self._times: dict[str, tuple[int, int]] = {
            place: (known[0], known[1]) for place, known in parse_cbor(store.get(STORE, TIMES) or EMPTY_MAP).items()
        }
        self._times_stored_until = 0.0
        self._has_been_told_time = False
        # The server's clock less ours, in seconds, as it was last complained of; 0 while there is nothing to say.
        self._said_offset = 0
        # The endpoint that a connection was lost from, until there is another connection.
        self.lost: Endpoint | None = None

    def now(self) -> int:
        """Seconds since 1970, by our clock and what the server last told of its own."""
        return int(time.time()) + self._seen.clock_offset_seconds

    def check(self) -> None:
        """Nothing, while server and device may go on; an identity whose handover is over is not believed any more.

        Only a server tells that it is over: a clock of ours that runs ahead must not cost us the server.
        Raises: revoked.
        """
        if self._has_been_told_time:
            self._device.end_succession(self.now())
        self.revocations.check()

    def places(self) -> list[Place]:
        """Where the file may be fetched: what the last file says, then what the invite said."""
        return parse_places((*(self.known.urls if self.known else ()), *self._device.locators))

    def take(self, data: bytes) -> ConnectionInfo:
        """Believe a file that was handed to us, and keep it.

        Raises: unknown_peer, unauthentic, malformed (no file of our server); replayed, forked (not to be believed);
        revoked (nobody's files are believed any more).
        """
        self.check()
        chosen, refused = self._choose([self._open(data)])
        if chosen is None:
            raise refused[0][1]
        return chosen

    async def fetch(
        self, http: aiohttp.ClientSession, tell: Callable[[list[Endpoint]], None] = lambda _: None
    ) -> ConnectionInfo:
        """The newest file of all places, which are asked side by side.

        `tell` is told, best first, what ports a file names as soon as it came: they can be tried, since whoever answers
        there has to prove itself; which file is believed all places decide.
        Raises: unreachable (no place gave anything); what was wrong with the only files they gave; identity_replaced
        (that was signed by nobody we know, and we were away for long); revoked.
        """
        self.check()
        found: dict[Place, _Found] = {}
        places = self.places()

        def judge(place: Place, data: bytes) -> None:
            file = self._open(data)
            # One that is older than ours must not hurry the places that have a newer one.
            _, refused = self._weigh([file.info])
            if refused:
                raise refused[0][1]
            found[place] = file
            # Behind a gate of another secret nobody would let us in; which one is in force all places say together.
            in_force = next(iter(self._device.discovery_secrets), None)
            if file.info.is_current(self.now()) and key_id(file.secret) == in_force:
                tell(self.order(file.info.endpoints))

        failed = await ask_places(http, places, FILE_NAME, judge)
        places_by_info = {id(file.info): place for place, file in found.items()}
        chosen, refused = self._choose(list(found.values()))
        failed |= {places_by_info[id(info)]: error for info, error in refused}
        failed |= _outdone(found, failed, chosen)
        self._doubt(failed)
        if chosen is not None:
            return chosen
        raise self._explain(why_none(failed.values()))

    async def keep_revocations(self, http: aiohttp.ClientSession) -> None:
        """Get each revocation list that a believed file names, and check what it ends, until cancelled.

        Raises: revoked.
        """
        back_off = BackOff(FIRST_LIST_SECONDS, LONGEST_LIST_SECONDS)
        while True:
            self.check()
            await self._list_named.wait()
            self._list_named.clear()
            try:
                await self._fetch_revocations(http)
                back_off.reset()
            except ClawChatError as error:
                logger.info("the revocation list is not to be had yet: %s", error)
                self._list_named.set()
                await asyncio.sleep(back_off.next_pause())

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

    def suites(self) -> tuple[int, ...]:
        """Which cipher suites to offer: those of our own floor that the file in force lists.

        Raises: unsupported_version (there is none).
        Spec: 3.7
        """
        return suites_to_offer(self._pq_required, SUITES if self.known is None else self.known.suites)

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
        """A handshake told the server's time; a clock of ours that is wrong is said once for each change of it."""
        offset, self._has_been_told_time = round(clock_offset_ms / 1000), True
        if abs(offset) <= CLOCK_SKEW_SECONDS:
            if self._said_offset != 0:
                logger.info("this machine's clock agrees with the server's again")
            self._said_offset = 0
        elif abs(offset - self._said_offset) > CLOCK_SKEW_SECONDS:
            side = "behind" if offset > 0 else "ahead of"
            logger.warning("this machine's clock is %d s %s the server's; set it to automatic", abs(offset), side)
            self._said_offset = offset
        if offset != self._seen.clock_offset_seconds:
            self._remember(_Seen(self._seen.serial, self._seen.digest, offset))

    def complain(self, error: PeerError) -> None:
        """Somebody gave us a file that is not to be believed."""
        logger.warning("a connection file is not believed: %s", error)

    async def _fetch_revocations(self, http: aiohttp.ClientSession) -> None:
        """Get the list that the file in hand names, when it is another one than we have."""
        info = self.known
        if info is None or not self.revocations.is_due(info):
            return
        failed = await ask_places(http, self.places(), LIST_NAME, lambda place, data: self.revocations.take(data, info))
        if self.revocations.is_due(info):
            raise next(iter(failed.values()), Unreachable("no place has the revocation list"))

    def _doubt(self, failed: dict[Place, ClawChatError]) -> None:
        """Say what places gave that is not to be believed; that one gave nothing, or is late, is no news."""
        age = self.now() - self.known.timestamp if self.known is not None else LAG_SECONDS
        doubts = {}
        for place, error in failed.items():
            is_late = isinstance(error, Replayed) and age < LAG_SECONDS
            if not isinstance(error, Unreachable) and not is_late:
                doubts[place.host] = error.code
                if self.doubts.get(place.host) != error.code:
                    logger.warning("a connection file at %s is not believed: %s", place.host, error)
        self.doubts = doubts

    def _choose(self, found: list[_Found]) -> Weighed:
        seen = self._seen
        chosen, refused = self._weigh([file.info for file in found])
        if chosen is None:
            return None, refused
        if not chosen.is_current(self.now()):
            logger.warning("the newest connection file is outside its validity; is this machine's clock right?")
        self.known = chosen
        self._list_named.set()
        if chosen.serial != seen.serial:
            file = next(file for file in found if file.info is chosen)
            with self._store.transaction():
                self._device.believe_secret(file.secret, chosen.timestamp)
                self._device.named(chosen.server_public)
                self._store.put(STORE, FILE, file.data)
                self._remember(_Seen(chosen.serial, chosen.digest, seen.clock_offset_seconds))
        return chosen, refused

    def _weigh(self, infos: list[ConnectionInfo]) -> Weighed:
        return weigh(infos, last_serial=self._seen.serial, last_digest=self._seen.digest, now=self.now())

    def _open(self, data: bytes, pins: Sequence[IdentityPublic] | None = None) -> _Found:
        pins = self._device.pins if pins is None else pins
        sealed = SealedConnectionFile.parse(data)
        secret = self._device.discovery_secrets.get(sealed.kid)
        if secret is None:
            secret = sealed.unwrap(self._device.psks, pins)
        info = sealed.open({sealed.kid: secret}, pins)
        if self.revocations.refuses_secret(sealed.kid, info.timestamp):
            raise UnknownPeer("sealed under a discovery secret that was revoked")
        return _Found(info, data, secret)

    def _load(self) -> ConnectionInfo | None:
        data = self._store.get(STORE, FILE)
        if data is None or not self._device.pins:
            return None
        try:
            return self._open(data, self._device.kept_by).info
        except ClawChatError:
            # Sealed under a secret that was renewed long ago: the mirrors have a newer one.
            return None

    def _explain(self, error: ClawChatError) -> ClawChatError:
        """Why we go by no file: who signs now may follow whom we know, and nobody can tell us any more."""
        if not isinstance(error, Unauthentic) or self.known is None:
            return error
        is_long = self.now() - self.known.timestamp > AWAY_SECONDS
        return IdentityReplaced(REPLACED) if is_long else error

    def _remember(self, seen: _Seen) -> None:
        self._seen = seen
        self._store.put(STORE, SEEN, seen.encode())


def _outdone(
    found: dict[Place, _Found], failed: dict[Place, ClawChatError], chosen: ConnectionInfo | None
) -> dict[Place, ClawChatError]:
    """The places that gave a file which was news to us, and an older one than another place gave."""
    return {
        place: Replayed(f"serial {file.info.serial} beside {chosen.serial}", {"serial": file.info.serial})
        for place, file in found.items()
        if chosen is not None and place not in failed and file.info.serial < chosen.serial
    }
