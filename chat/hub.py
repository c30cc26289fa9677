"""The hub: all live sessions of this server process, and the rooms they listen to."""

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import Callable, Container, Coroutine, Iterable, Iterator

from django.conf import settings

from chat.admission import Admission
from chat.attempts import Attempts
from chat.banned import Banned
from chat.counting import Counts
from chat.countries import Countries
from chat.database import DatabaseThreads
from chat.detector import Detector
from chat.feed import Feed
from chat.live import LiveSession
from chat.meter import Meter
from chat.models import ConnectionPolicy
from chat.rates import Rates
from chat.rounds import Rounds
from chat.services import connections
from chat.services.delivery import Append, Outcome, Place
from chat.services.identity import ServerKeys, ensure_server, server_keys
from chat.services.policy import current_policy
from chat.services.writer import Finished, Writer
from chat.shared_buckets import SharedBuckets
from chat.strangers import Strangers
from chat.wake import Wake
from clawchat.protocol.bodies import PresenceBody
from clawchat.protocol.errors import Rediscover, Revoked, Unavailable
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import Gate
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.primitives import random_bytes

logger = logging.getLogger(__name__)

# A second session of a device ends the first within 30 s; a client that moves has closed it long before.
REPLACED_AFTER_SECONDS = 25.0
# An answer to a rekey takes about a millisecond of the loop.
REKEY_APART_SECONDS = 0.01
PAIR_NOTICE = "psk_renew"


class Hub:
    """One per server process. Used on the event loop's thread only; the writer's thread calls back through it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.process = random_bytes(16).hex()
        self.sessions: dict[int, list[LiveSession]] = {}
        self.feeds: dict[bytes, Feed] = {}
        self.counts = Counts()
        self.strangers = Strangers(self.counts)
        self.attempts = Attempts()
        # The name of the node that this process is; its rows of tallies have it.
        self.node = ""
        self.banned, self.countries = Banned(), Countries()
        # Rates that count over all server processes, in this Redis; None where there is none.
        self.redis_url = settings.REDIS_URL
        self.shared: SharedBuckets | None = None
        # Devices between their proof and their session, by reception: a revocation in that moment must find them too.
        self.arriving: dict[object, bytes] = {}
        self._enrolled: set[LiveSession] = set()
        self._tasks: set[asyncio.Task] = set()
        self._running = False
        # Whether it is all there: from the end of the start to the begin of the end.
        self.is_up = False

    # Life

    async def start(self) -> None:
        """Begin to deliver: writer, wake-ups and rounds. A second call does nothing."""
        if self._running:
            return
        self._running = True
        self.loop = asyncio.get_running_loop()
        self.database = DatabaseThreads()
        await self.database.run(ensure_server)
        self.rounds = Rounds(self)
        # Before limits and keys are read: what changes them from here on is news.
        await self.rounds.skip_old_news()
        self.policy: ConnectionPolicy = await self.database.run(current_policy)
        self.use_keys(await self.read_keys())
        self.countries.limit(self.policy)
        if self.redis_url:
            self.shared = SharedBuckets(self.redis_url, self.keys.server_id, self.clock)
            self.shared.start()
        self.rates = Rates(self.policy, self.clock(), self.shared)
        self.admission = Admission(self.policy, self.rates, self.clock())
        self.writer = Writer(self._hand_over, self.policy.max_stored_bytes_per_device)
        self.writer.start()
        await self.rounds.start()
        self.wake = Wake(self.process, self.hear, self.rounds.read_news_soon, self.hear_signal)
        self.wake.start()
        self.meter = Meter(self)
        self.meter.start()
        self.detector = Detector(self)
        self.detector.start()
        self.is_up = True

    async def stop(self) -> None:
        """Close what is open, store what waits, write the last rows."""
        if not self._running:
            return
        self._running = self.is_up = False
        await self.detector.stop()
        await self.meter.stop()
        await self.rounds.stop()
        self.dismiss_all()
        await self.wake.stop()
        if self.shared is not None:
            await self.shared.stop()
        await asyncio.to_thread(self.writer.stop)
        await self.settle()
        await asyncio.to_thread(self.database.close)

    def dismiss_all(self) -> None:
        """Tell every session that the server stops; who is only cut off would take it for a fault of the line.

        Spec: 3.7
        """
        for session in tuple(self.all_sessions()):
            session.close(0, "server stops")
            self.remove(session)

    @property
    def can_store(self) -> bool:
        """Whether messages will be stored as soon as the database takes them; False only after a bug of ours."""
        return not self.is_up or self.writer.lives

    async def settle(self) -> None:
        """Wait for everything that was begun beside: reading on, rows of ended connections."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def read_keys(self) -> ServerKeys:
        """Identity and discovery secret as the rows have them now."""
        return await self.database.run(server_keys)

    def use_keys(self, keys: ServerKeys) -> None:
        """From here on nobody passes the gate under a former secret, and who arrives is told this one.

        After the start only when everybody who was shut out before these keys were read has been closed.
        Spec: 3.10
        """
        self.keys = keys
        key = gate_key(keys.discovery_secret)
        # The successor first: while a handover lasts, more and more come by it.
        self.gates = [Gate(key, identity) for identity in (keys.successor, keys.identity) if identity is not None]

    async def read_policy(self) -> None:
        """Read the limits, and go by them from here on."""
        self.policy = await self.database.run(current_policy)
        self.rates.limit(self.policy, self.clock())
        self.admission.limit(self.policy, self.clock())
        self.countries.limit(self.policy)
        self.writer.most_stored = self.policy.max_stored_bytes_per_device

    def spawn(self, work: Coroutine) -> asyncio.Task:
        """Run something beside; what it raises is a bug and logged."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finish_task)
        return task

    def is_refused(self, address: str) -> bool:
        """Whether nobody from this address is let in to a chat port: banned, or of a country that may not come.

        Asked once for each connection: who is refused is counted.
        """
        if address in self.banned:
            self.counts.refuse("banned")
        elif not self.countries.may_come(address):
            self.counts.refuse("country")
        else:
            return False
        return True

    # Sessions

    def all_sessions(self) -> Iterator[LiveSession]:
        """Every live session, those of enrolments too."""
        for sessions in self.sessions.values():
            yield from sessions
        yield from self._enrolled

    def add(self, session: LiveSession) -> None:
        """Take in a session whose AUTH_OK was sent."""
        if session.arrival is None:
            self._enrolled.add(session)
            return
        session.link.on_writable = session.drained
        own = self.sessions.setdefault(session.device_pk, [])
        own.append(session)
        if session.arrival.is_pair_due:
            self._notify([session], PAIR_NOTICE)
        if len(own) > self.policy.max_sessions_per_device:
            own[0].close(0, "replaced")
            self.remove(own[0])

    def remove(self, session: LiveSession) -> None:
        """Forget a session that has ended, and write its row to the end. A second call does nothing."""
        self.counts.see(session)
        if session.arrival is None:
            self._enrolled.discard(session)
            return
        own = self.sessions.get(session.device_pk, [])
        if session in own:
            own.remove(session)
            if not own:
                del self.sessions[session.device_pk]
            self.spawn(self._depart(session.arrival.connection_pk, session.ending()))

    def close_device(self, device_id: bytes, number: int = Revoked.number) -> None:
        """Close every session of a device with a code of protocol.md 3.11."""
        for reception, arriving in list(self.arriving.items()):
            if arriving == device_id:
                reception.refuse(number)
        self._close_where(lambda session: session.device_id == device_id, number)

    def close_port(self, port: int, number: int = Rediscover.number) -> None:
        """Close every session on one of our ports: its time is over."""
        self._close_where(lambda session: session.link.port == port, number)

    def replace_older(self, device_id: bytes, connection_pk: int, surplus: int = 0) -> None:
        """Let the sessions of a device that are older than this connection end soon, and those up to `surplus` now."""
        for session in tuple(self.all_sessions()):
            if session.arrival is None or session.device_id != device_id:
                continue
            if session.arrival.connection_pk <= surplus:
                session.close(0, "replaced")
                self.remove(session)
            elif session.arrival.connection_pk < connection_pk:
                self.loop.call_later(REPLACED_AFTER_SECONDS, session.close, 0, "replaced")

    def announce_port(self, connection_file: bytes) -> None:
        """Hand the published connection file to every session: a port is about to change."""
        for session in tuple(self.all_sessions()):
            if session.arrival is not None:
                session.send(MessageType.PORT_ROTATION, connection_file)

    def give_secret(self) -> None:
        """Give the discovery secret in force to every session of a device."""
        for session in tuple(self.all_sessions()):
            if session.arrival is not None:
                session.notify("secret", kid=self.keys.kid, secret=bytes(self.keys.discovery_secret))

    def give_successor(self) -> None:
        """Tell every device that came by the identity which hands over who follows; those of an identity that has
        handed over come again. Spec: 3.2"""
        serving = {gate.server_public for gate in self.gates}
        for session in tuple(self.all_sessions()):
            if session.server_public not in serving:
                session.close(Rediscover.number)
                self.remove(session)
            elif session.arrival is not None and self.keys.hands_over(session.server_public):
                session.notify("successor", statement=self.keys.statement)

    def request_rekey(self) -> None:
        """Ask every session for new keys, one after the other: all answers at once would hold up what is said."""
        for number, session in enumerate(self.all_sessions()):
            self.loop.call_later(number * REKEY_APART_SECONDS, session.renew_keys, self.clock())

    def request_pairs(self, due: Container[int]) -> None:
        """Ask these devices for another pair, one after the other like new keys: each is written into its row.

        Sessions that begin from here on are told when they do, if they are still to be.
        """
        asked = [tuple(sessions) for device_pk, sessions in self.sessions.items() if device_pk in due]
        for number, sessions in enumerate(asked):
            self.loop.call_later(number * REKEY_APART_SECONDS, self._notify, sessions, PAIR_NOTICE)

    def notify_device(self, device_id: bytes, notice: str) -> None:
        """Give a notice to the sessions of one device."""
        for sessions in self.sessions.values():
            if sessions[0].device_id == device_id:
                self._notify(sessions, notice)

    def notify_all(self, notice: str) -> None:
        """Give a notice to every session that has an account."""
        for sessions in self.sessions.values():
            self._notify(sessions, notice)

    # Rooms

    def feed(self, room_id: bytes) -> Feed:
        """The feed of a room, made when nobody listened to it yet."""
        if room_id not in self.feeds:
            self.feeds[room_id] = Feed(room_id, self.database, self.spawn, self._forget)
        return self.feeds[room_id]

    def hear(self, room_id: bytes, head: int) -> None:
        """Somebody says how far a room's log goes."""
        if room_id in self.feeds:
            self.feeds[room_id].hear(head)

    def pass_on(self, payload: bytes) -> None:
        """Give a signal (0x03) to everybody it is for, here and in the other processes, and forget it."""
        self.hear_signal(payload)
        self.wake.tell_signal(payload)

    def hear_signal(self, payload: bytes) -> None:
        """Give a signal to those of this process."""
        body = PresenceBody.parse(payload)
        if body.room_id in self.feeds:
            self.feeds[body.room_id].pass_on(body.signal.sender, payload)

    def unsubscribe(self, session: LiveSession, room_id: bytes) -> None:
        """Stop a session's rows of one room."""
        subscription = session.subscriptions.pop(room_id, None)
        if subscription is not None:
            subscription.end()

    def submit(self, work: Append, done: Callable[[Outcome], None]) -> None:
        """Have a message stored; `done` is called here with what became of it, after it was handed out."""
        self.writer.submit(work, done)

    def tell_news(self) -> None:
        """Something was put into the news: let this process and the others read it now."""
        self.rounds.read_news_soon()
        self.wake.tell_news()

    # Internal

    def _hand_over(self, finished: list[Finished]) -> None:
        """Called in the writer's thread: back to the loop, once for the whole batch."""
        try:
            self.loop.call_soon_threadsafe(self._deliver, finished)
        except RuntimeError:
            logger.warning("%d messages stored while the server stopped", len(finished))

    def _deliver(self, finished: list[Finished]) -> None:
        news = False
        for work, _, outcome in finished:
            if isinstance(outcome, Place) and outcome.row is not None:
                self.counts.messages += 1
                if work.room_id in self.feeds:
                    self.feeds[work.room_id].offer([outcome.row])
                self.wake.tell_room(work.room_id, outcome.seq)
                news = news or work.commit is not None
        for _, done, outcome in finished:
            done(outcome)
        if news:
            self.tell_news()

    def _close_where(self, chosen: Callable[[LiveSession], bool], number: int) -> None:
        for session in tuple(self.all_sessions()):
            if session.arrival is not None and chosen(session):
                session.close(number)
                self.remove(session)

    @staticmethod
    def _notify(sessions: Iterable[LiveSession], notice: str) -> None:
        for session in tuple(sessions):
            if session.has_account:
                session.notify(notice)

    def _forget(self, feed: Feed) -> None:
        if self.feeds.get(feed.room_id) is feed:
            del self.feeds[feed.room_id]

    async def _depart(self, connection_pk: int, ending: connections.Ending) -> None:
        # While the database is away the row stays open; nobody speaks for it any more, so it is closed as lost.
        with contextlib.suppress(Unavailable):
            await self.database.run(connections.depart, connection_pk, ending)

    def _finish_task(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("a task of the hub failed", exc_info=task.exception())


@functools.cache
def get_hub() -> Hub:
    """This process's hub."""
    return Hub()
