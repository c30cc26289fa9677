"""A scaled day of one session: hours of four seconds, in each of which files go up and come down again."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any, Self

from clawchat.client import Member
from clawchat.protocol.limits import (
    ATTACHMENT_CHUNK_BYTES,
    FILE_CHUNK_BYTES,
    FRAME_OVERHEAD,
    HARD_LIMIT_BYTES,
    HARD_LIMIT_SECONDS,
    SOFT_LIMIT_BYTES,
    SOFT_LIMIT_SECONDS,
)
from clawchat.protocol.padding import padded_length
from clawchat.protocol.primitives import random_bytes
from tests.e2e.pairs import Steady, until
from tests.e2e.server import ServerProcess
from tests.soak.watching import Passed, Watch

HOURS = 24
HOUR_SECONDS = 4
# Of 40 rekeys 24 are by time and 16 by volume; the operator asks for some more.
SHARE_BY_TIME = 24 / 40
ASKED_EVERY_HOURS, MOST_ASKS = 8, 12
RENEWED_SECONDS = 60
# Of the hours that it should take.
MOST_TIMES = 3
# What no rule of the protocol is about, so that a device may be as fast as it can.
FREE = 1 << 40
RATES = {
    **dict.fromkeys(["messages_per_second", "message_burst", "requests_per_second", "request_burst"], 1_000_000),
    **dict.fromkeys(["bytes_per_second", "byte_burst", "max_stored_bytes_per_device"], FREE),
}
LEAST_FILE_BYTES = 1 << 20
# Of a frame with a full chunk so many are the file's: the chunk with its tag is padded to the next 16,384.
FRAME_OF_CHUNK = FRAME_OVERHEAD + padded_length(FILE_CHUNK_BYTES)


class Slow(Steady):
    """A member who says something three times a second."""

    pause = 0.33


@dataclass(frozen=True)
class Course:
    """How much is to happen, and under which limits. Units: bytes; `file` goes up and down in each hour, and takes a
    quarter more in frames.
    """

    bytes: int
    hours: int
    by_volume: int
    asked: int
    file: int
    # The soft and the hard limit of one key's bytes.
    soft: int
    hard: int

    @classmethod
    def of(cls, wanted: int, rekeys: int) -> Self:
        """A course of at least so many bytes and rekeys; each direction of an hour wears a key out by its volume."""
        hours = max(1, round(rekeys * SHARE_BY_TIME))
        way = max(LEAST_FILE_BYTES, -(-wanted // (2 * hours)))
        file = way * ATTACHMENT_CHUNK_BYTES // FRAME_OF_CHUNK
        soft = min(SOFT_LIMIT_BYTES, way * 3 // 4)
        hard = max(1 << 20, HARD_LIMIT_BYTES * soft // SOFT_LIMIT_BYTES)
        return cls(wanted, hours, max(0, rekeys - hours), -(-hours // ASKED_EVERY_HOURS), file, soft, hard)

    @property
    def hard_seconds(self) -> int:
        """For how long a key may serve, scaled like the hour."""
        return HARD_LIMIT_SECONDS * HOUR_SECONDS // SOFT_LIMIT_SECONDS

    def limits(self) -> str:
        """What sets the operator's limits, in Python. Time goes below what an operator may choose, so that row is
        written past its rules.
        """
        limits = {**RATES, "rekey_after_bytes": self.soft, "keys_end_after_bytes": self.hard}
        limits["max_file_bytes"] = max(self.file, 25 << 20)
        times = {"rekey_after_seconds": HOUR_SECONDS, "keys_end_after_seconds": self.hard_seconds}
        return (
            "from chat.models import ConnectionPolicy; from chat.services.policy import change_policy; "
            f"ConnectionPolicy.objects.update_or_create(pk=1, defaults={times}); change_policy('soak', **{limits})"
        )


@dataclass
class Day:
    """The watched session of one member, from `begin` to `end`, and what was found out on the way."""

    server: ServerProcess
    member: Member
    course: Course
    watch: Watch
    complaints: list[str] = field(default_factory=list)
    files: int = 0
    seconds: float = 0.0
    talkers: list[Slow] = field(default_factory=list)
    log: list[dict[str, Any]] = field(default_factory=list)
    # Of the client, when it said goodbye.
    epoch: int = -1

    async def begin(self) -> None:
        """Take the session that is to last, and a room of its own for the files."""
        self.room = await self.member.create_room("Files")
        connection = self.member.client._line._current
        assert connection is not None and connection._session is not None
        self.connection, self.session = connection, connection._session
        self.session_id = self.session.session_id.hex()
        soft = self.session.soft_limits
        if (soft.seconds, soft.volume_bytes) != (HOUR_SECONDS, self.course.soft):
            self.complaints.append(f"the session has other limits than were set: {soft}")

    @property
    def passed(self) -> Passed:
        """What went through the session so far."""
        return self.watch.of(self.session)

    async def run(self) -> None:
        """All hours, and some more where the bytes or the rekeys are not there yet: slow machines wear keys out by time
        rather than by volume.
        """
        began, hour = time.monotonic(), 0
        while hour < self.course.hours or (not self._is_enough() and hour < MOST_TIMES * self.course.hours):
            if not self.lives:
                self.complaints.append(f"the session ended in hour {hour}: {self.member.client.problem!r}")
                break
            await self._carry_a_file()
            await self._until_rekeyed("time")
            if hour % ASKED_EVERY_HOURS == 0:
                await self._ask_for_keys()
            hour += 1
            print(self._progress(hour, time.monotonic() - began), flush=True)
        self.seconds = time.monotonic() - began

    async def end(self) -> None:
        """Say goodbye right after a rekey, so that none is under way, and when nothing else is."""
        await self._until_rekeyed("time")
        await until(lambda: self.session.sending_epoch == self.session.receiving_epoch, RENEWED_SECONDS)
        await self.connection.quiet(RENEWED_SECONDS)
        if not self.lives:
            self.complaints.append("at the end it was another session")
        self.epoch = self.connection.epoch

    @property
    def lives(self) -> bool:
        """Whether the member still has the session that it had in the beginning."""
        return self.member.client._line._current is self.connection and not self.connection.over

    async def _carry_a_file(self) -> None:
        """Up and down again, as people do it, and away."""
        data = random_bytes(self.course.file)
        seq = await self.member.send_file(self.room, data)
        (shown,) = next(entry.attachments for entry in self.room.entries if entry.seq == seq)
        if await self.member.read_file(self.room, shown) != data:
            self.complaints.append(f"file {self.files} came back as another one")
        await self.member.client.request("file.drop", file=shown.id, room=self.room.room_id)
        self.files += 1

    async def _until_rekeyed(self, why: str) -> None:
        """Wait for the next rekey of this kind, while nothing but talk goes on, and until both directions have it."""
        before, epoch = self.passed.rekeys[why], self.connection.epoch
        await until(
            lambda: (self.passed.rekeys[why] > before and self.connection.epoch > epoch) or not self.lives,
            RENEWED_SECONDS,
        )

    async def _ask_for_keys(self) -> None:
        """By the operator's command; one that meets another rekey is answered by that one, so it may take several."""
        before = self.passed.rekeys["asked"]
        for _ in range(MOST_ASKS):
            epoch = self.connection.epoch
            await asyncio.to_thread(self.server.run, "rotate_keys", "--sessions")
            await until(lambda epoch=epoch: self.connection.epoch > epoch or not self.lives, RENEWED_SECONDS)
            if self.passed.rekeys["asked"] > before or not self.lives:
                return
        self.complaints.append(f"no rekey on an operator's word in {MOST_ASKS} times")

    def _is_enough(self) -> bool:
        return self.passed.bytes >= self.course.bytes and self.passed.rekeys["volume"] >= self.course.by_volume

    def _progress(self, hour: int, seconds: float) -> str:
        passed, rekeys = self.passed, self.passed.rekeys
        return (
            f"  hour {hour} of {self.course.hours}, {seconds:.0f} s: {passed.bytes / 1e6:.0f} MB in "
            f"{passed.frames_up + passed.frames_down} frames, epoch {self.connection.epoch} "
            f"({rekeys['time']} by time, {rekeys['volume']} by volume, {rekeys['asked']} asked for)"
        )
