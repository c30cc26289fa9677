"""Members who talk, change keys, lose connections and programs at random; at the end all have read the same."""

import asyncio
import random

import pytest

from clawchat.client.rooms.pace import Pace
from clawchat.client.rooms.rooms import Rooms
from clawchat.protocol.bodies import ErrorBody
from clawchat.protocol.errors import TooFast
from tests.client.hub import Hub, Seat, until

NAMES = ("Alice", "Bob", "Carol", "Dave")
STEPS = 120
PACE = Pace(help=0.0, resync=0.0, update_wait=0.0, update_messages=30)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_everybody_reads_the_same_whatever_breaks(seed):
    """Loss of connections, answers and programs, commits at once, refusals: one transcript, nothing unread."""
    chance, hub = random.Random(seed), Hub()
    seats = [await hub.seat(name, PACE) for name in NAMES]
    try:
        room_id = await _room_of(seats)
        said = []
        for number in range(STEPS):
            await _step(chance, hub, chance.choice(seats), room_id, said, f"{seed}-{number}")
            await asyncio.sleep(chance.choice((0, 0, 0.01)))
        hub.held, hub.keeps_acks, hub.errors = set(), False, []
        for seat in seats:
            await seat.restart()
        rooms = [await seat.room(room_id) for seat in seats]
        await until(lambda: all(room.unsent == 0 and room.pending is None for room in rooms), 30)
        await until(lambda: len({room.record.cursor for room in rooms}) == 1, 30)

        transcripts = [seat.texts(room_id) for seat in seats]
        assert transcripts[0] == transcripts[1] == transcripts[2] == transcripts[3]
        assert sorted(transcripts[0]) == sorted(said)
        for seat in seats:
            own = [text for text in said if text.endswith(seat.name)]
            assert [text for text in transcripts[0] if text.endswith(seat.name)] == own
        assert len({room.group.epoch_authenticator for room in rooms if room.group}) == 1
        assert rooms[0].epoch > 3
    finally:
        for seat in seats:
            await seat.crash()
            seat.store.close()


async def _room_of(seats: list[Seat]) -> bytes:
    room = seats[0].rooms.create("Garden")
    await room.add(*NAMES[1:])
    rooms = [await seat.room(room.room_id) for seat in seats]
    await until(lambda: all(each.name == "Garden" for each in rooms))
    return room.room_id


async def _step(chance: random.Random, hub: Hub, seat: Seat, room_id: bytes, said: list[str], text: str) -> None:
    """One thing that may happen."""
    rooms: Rooms = seat.rooms
    room = rooms.get(room_id)
    assert room is not None
    what = chance.choices(
        ("say", "cut", "connect", "restart", "new keys", "hold", "release", "deaf", "fast"),
        (40, 4, 8, 4, 4, 5, 8, 4, 3),
    )[0]
    if what == "say":
        said.append(f"{text} {seat.name}")
        room.post(said[-1])
    elif what == "cut":
        seat.cut()
    elif what == "connect" and seat.wire is None:
        await seat.connect()
    elif what == "restart":
        await seat.restart()
    elif what == "new keys":
        room.home.spawn(room.update())
    elif what == "hold":
        hub.held.add(seat.device_id)
    elif what == "release":
        hub.held.discard(seat.device_id)
        hub.deliver()
    elif what == "deaf":
        hub.keeps_acks = not hub.keeps_acks
    elif what == "fast":
        hub.errors.append(ErrorBody(TooFast.number, "0 later"))
