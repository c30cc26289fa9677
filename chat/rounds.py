"""What a server process looks after again and again: news, heads, silence, the audit chain, what is old."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from chat import attempts, strangers
from chat.models import News
from chat.services import audit, bans, connections, devices, log, pruning, wraps
from chat.services.country_file import CountryFileKeeper
from chat.services.news import NewsReader
from clawchat.ending import end_tasks
from clawchat.protocol.errors import Unavailable
from clawchat.protocol.frame import MessageType
from clawchat.protocol.limits import PING_AFTER_SECONDS, SILENCE_SECONDS

if TYPE_CHECKING:
    from chat.hub import Hub
    from chat.live import LiveSession

logger = logging.getLogger(__name__)

NEWS_SECONDS = 0.25
DIRECTORY_SECONDS = 1.0
HEADS_SECONDS = 1.0
ALIVE_SECONDS = 10.0
EXPIRED_SECONDS = 10.0
# How soon another file of countries is in use.
COUNTRIES_SECONDS = 5.0
STRANGERS_SECONDS = 60.0
ATTEMPTS_SECONDS = 1.0
SEALING_APART_SECONDS = 0.02
PRUNE_SECONDS = 3600.0
# A peer whose socket takes nothing for so long is gone or means harm.
BLOCKED_SECONDS = 60.0
# A session made by an invite has nothing to do but to end.
ENROLLED_SECONDS = 30.0


class Rounds:
    """The loops of one hub. Each round can be called by itself."""

    def __init__(self, hub: "Hub") -> None:
        self._hub = hub
        self._news = NewsReader()
        self._country_file = CountryFileKeeper(hub.countries)
        # When sessions last heard that the directory changed, and whether it has changed since.
        self._directory_told_at = float("-inf")
        self._directory_changed = False
        # Whether keys, limits, bans, devices with old pairs are to be read again.
        self._secret_renewed = False
        self._identity_changed = False
        self._policy_changed = False
        self._bans_changed = False
        self._pairs_wanted = False
        self._read_now = asyncio.Event()
        self._reading = asyncio.Lock()
        self._tasks: list[asyncio.Task] = []

    async def skip_old_news(self) -> None:
        """What was news before is in the rows already."""
        await self._hub.database.run(self._news.skip)

    async def start(self) -> None:
        """Begin; old news were skipped before."""
        await self._read_bans()
        await self.read_countries()
        rounds = [
            (HEADS_SECONDS, self.look_at_heads),
            (HEADS_SECONDS, self.look_at_sessions),
            (ATTEMPTS_SECONDS, self.write_attempts),
            (HEADS_SECONDS, self.seal_audit),
            (ALIVE_SECONDS, self.keep_alive),
            (EXPIRED_SECONDS, self.drop_expired_invites),
            (COUNTRIES_SECONDS, self.read_countries),
            (STRANGERS_SECONDS, self.write_strangers),
            (STRANGERS_SECONDS, self.write_refused),
            (PRUNE_SECONDS, self.prune),
        ]
        self._tasks = [asyncio.create_task(self._every(seconds, work)) for seconds, work in rounds]
        self._tasks.append(asyncio.create_task(self._follow_news()))

    async def stop(self) -> None:
        """End all loops, and write what they still hold."""
        await end_tasks(self._tasks)
        await self._guard(self.write_strangers)
        await self._guard(self.write_attempts)
        await self._guard(self.seal_audit)

    # News

    def read_news_soon(self) -> None:
        """Do not wait for the next quarter of a second."""
        self._read_now.set()

    async def read_news(self) -> None:
        """Do what the news since the last time ask for."""
        async with self._reading:
            await self._act_on_news()
            # Last, because it asks the database: should that fail, nothing else is lost, and it is tried again.
            if self._secret_renewed or self._identity_changed:
                await self._take_keys()
            if self._policy_changed:
                await self._hub.read_policy()
                self._policy_changed = False
            if self._bans_changed:
                await self._read_bans()
            if self._pairs_wanted:
                # Not whoever came by a new pair before these news were read.
                self._hub.request_pairs(await self._hub.database.run(devices.with_due_pairs))
                self._pairs_wanted = False

    async def _act_on_news(self) -> bool:
        """Whether a piece of news was that the keys have changed."""
        rows = await self._hub.database.run(self._news.read)
        for row in rows:
            self._act(row)
        return any(row.kind in (News.Kind.SECRET, News.Kind.IDENTITY) for row in rows)

    async def _take_keys(self) -> None:
        # A secret may be younger than the news that told of one: whoever was shut out before it was read is in the
        # news by now, and must be gone before anybody is given it.
        renewed = True
        while renewed:
            keys = await self._hub.read_keys()
            renewed = await self._act_on_news()
        self._hub.use_keys(keys)
        if self._secret_renewed:
            self._hub.give_secret()
        if self._identity_changed:
            self._hub.give_successor()
        self._secret_renewed = self._identity_changed = False

    def _act(self, row: News) -> None:
        hub = self._hub
        match row.kind:
            case News.Kind.REVOKED:
                hub.close_device(bytes.fromhex(row.subject))
            case News.Kind.WELCOME:
                hub.notify_device(bytes.fromhex(row.subject), "welcome")
            case News.Kind.DIRECTORY:
                self._directory_changed = True
                self._tell_directory()
            case News.Kind.SECOND_SESSION:
                device_id, connection_pk, surplus = row.subject.split(":")
                hub.replace_older(bytes.fromhex(device_id), int(connection_pk), int(surplus))
            case News.Kind.SECRET:
                self._secret_renewed = True
            case News.Kind.IDENTITY:
                self._identity_changed = True
            case News.Kind.POLICY:
                self._policy_changed = True
            case News.Kind.BANS:
                self._bans_changed = True
            case News.Kind.REKEY:
                hub.request_rekey()
            case News.Kind.PAIRS:
                self._pairs_wanted = True

    async def _read_bans(self) -> None:
        self._hub.banned.replace(await self._hub.database.run(bans.bans_in_force))
        self._bans_changed = False

    async def read_countries(self) -> None:
        """Take the operator's file of countries, when there is another one."""
        self._hub.countries.use(await self._hub.database.run(self._country_file.look))

    def _tell_directory(self) -> None:
        """At most once a second: every notice makes every client ask."""
        now = time.monotonic()
        if self._directory_changed and now - self._directory_told_at >= DIRECTORY_SECONDS:
            self._directory_changed, self._directory_told_at = False, now
            self._hub.notify_all("directory")

    # Heads

    async def look_at_heads(self) -> None:
        """Find rows that no wake-up told of, and go on where reading had to stop."""
        feeds = self._hub.feeds
        if feeds:
            for room_id, head in (await self._hub.database.run(log.heads, tuple(feeds))).items():
                self._hub.hear(room_id, head)
        for feed in tuple(feeds.values()):
            feed.look_after()

    # Sessions

    async def look_at_sessions(self) -> None:
        """Ping who is silent, close who stays so, who reads nothing, and whose keys are too old."""
        now = self._hub.clock()
        for session in tuple(self._hub.all_sessions()):
            self._look_at(session, now)
            if not session.is_open:
                self._hub.remove(session)
        await self._note_new_keys()

    async def _note_new_keys(self) -> None:
        renewed = [
            (session, session.keys_since)
            for session in self._hub.all_sessions()
            if session.arrival is not None and session.keys_since is not None
        ]
        if renewed:
            since = {session.arrival.connection_pk: since for session, since in renewed}
            await self._hub.database.run(connections.note_new_keys, since)
        for session, since in renewed:
            if session.keys_since == since:
                session.keys_since = None

    @staticmethod
    def _look_at(session: "LiveSession", now: float) -> None:
        silent = now - session.heard_at
        session.blocked_since = None if session.link.writable else session.blocked_since or now
        if session.blocked_since is not None and now - session.blocked_since >= BLOCKED_SECONDS:
            session.drop("reads nothing")
        elif session.arrival is None and now - session.opened_at >= ENROLLED_SECONDS:
            session.close(0, "enrolled")
        elif silent >= SILENCE_SECONDS:
            session.close(0, "silence")
        else:
            session.look_after_keys(now)
            if session.arrival is not None and silent >= PING_AFTER_SECONDS <= now - session.pinged_at:
                session.pinged_at = now
                session.send(MessageType.PING, b"")

    # Rows

    async def seal_audit(self) -> None:
        """Link the audit events that wait, with pauses in which others get to the database."""
        while await self._hub.database.run(audit.seal_batch) == audit.BATCH:
            await asyncio.sleep(SEALING_APART_SECONDS)

    async def keep_alive(self) -> None:
        """Say that this process's connections live."""
        live = [session.arrival.connection_pk for session in self._hub.all_sessions() if session.arrival is not None]
        await self._hub.database.run(connections.keep_alive, live)

    async def drop_expired_invites(self) -> None:
        """Take what is published for them from invites whose time is over."""
        await self._hub.database.run(wraps.drop_expired)

    async def write_strangers(self) -> None:
        """Put the strangers of the last minute into the audit log."""
        counts = self._hub.strangers.take()
        if not counts:
            return
        try:
            await self._hub.database.run(strangers.write, counts)
        except Unavailable:
            self._hub.strangers.give_back_counts(counts)
            raise

    async def write_attempts(self) -> None:
        """Put into the audit log who could not prove who they are."""
        counts = self._hub.attempts.take()
        if not counts:
            return
        try:
            await self._hub.database.run(attempts.write, counts)
        except Unavailable:
            self._hub.attempts.give_back(counts)
            raise

    async def write_refused(self) -> None:
        """Put into the audit log which frames of the last minute could not be taken."""
        sessions = [session for session in self._hub.all_sessions() if session.arrival is not None]
        taken = [(session, session.take_refused()) for session in sessions]
        refused = [(session.arrival.connection_pk, counts) for session, counts in taken]
        try:
            await self._hub.database.run(connections.note_refused, refused)
        except Unavailable:
            for session, counts in taken:
                session.give_back_refused(counts)
            raise

    async def prune(self) -> None:
        """Remove what has had its time, the log apart."""
        await self._hub.database.run(pruning.prune_leftovers)

    # Internal

    async def _follow_news(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(NEWS_SECONDS):
                    await self._read_now.wait()
            self._read_now.clear()
            await self._guard(self.read_news)
            self._tell_directory()

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await asyncio.sleep(seconds)
            await self._guard(work)

    @staticmethod
    async def _guard(work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Unavailable:
            logger.warning("the database does not answer; %s is tried again", work.__name__)
        except Exception:
            logger.exception("%s failed", work.__name__)
