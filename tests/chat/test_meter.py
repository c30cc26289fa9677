"""The meter: a row a minute, at work while the minute runs, and nothing lost while the database is away."""

from datetime import UTC, datetime

import pytest

from chat.meter import Meter
from chat.models import Tally
from clawchat.protocol.errors import Unavailable
from clawchat.protocol.frame import MessageType
from clawchat.protocol.primitives import random_bytes
from tests.fakes import Clock

NOON = 1_700_000_040  # a whole minute


@pytest.fixture
def wall() -> Clock:
    """The clock on the wall."""
    return Clock(NOON)


@pytest.fixture
async def meter(hub, wall) -> Meter:
    """A meter of the test's own, which looks when it is told."""
    await hub.meter.stop()
    await hub.database.run(lambda: Tally.objects.all().delete())
    hub.node = "attic"
    return Meter(hub, wall)


async def rows(hub) -> list[Tally]:
    """All tallies, the oldest first."""
    return await hub.database.run(lambda: list(Tally.objects.order_by("minute")))


async def talk(alice, bob) -> bytes:
    """A room in which both listen."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    await alice.commit(room, 0, added=[bob.id])
    for phone in (alice, bob):
        await phone.request("room.resume", rooms=[{"room": room, "cursor": 1}])
    return room


async def test_the_running_minute_is_there_at_once(hub, meter, alice, bob):
    """People, sessions, messages, rows, bytes and delays; one row, however often it is looked."""
    room = await talk(alice, bob)
    for number in range(3):
        await alice.post(room, b"%d" % number, epoch=1)
        await alice.frame(MessageType.ACK)
        await alice.delivery()
        await bob.delivery()
    await meter.look()
    await meter.look()

    (tally,) = await rows(hub)

    assert (tally.node, tally.process, tally.minutes) == ("attic", hub.process, 1)
    assert tally.minute == datetime.fromtimestamp(NOON, UTC)
    assert (tally.people, tally.sessions) == (2, 2)
    # The commit that made the room is a row of its log as well.
    assert (tally.messages, tally.deliveries) == (4, 6)
    assert tally.bytes_in > 2000
    assert tally.bytes_out > 2000
    # The hub's clock stands still: less than anything that is told apart.
    assert 0 < tally.delay_median_ms <= tally.delay_p99_ms < 1
    assert tally.memory_bytes > 1 << 20
    assert 0 < tally.disk_free_bytes < tally.disk_total_bytes


async def test_each_minute_has_its_own(hub, meter, wall, alice, bob):
    """What came before the border is in the minute before it, and who sent what goes to whoever judges."""
    room = await talk(alice, bob)
    await meter.look()
    wall.forward(60)
    for number in range(3):
        await alice.post(room, b"%d" % number, epoch=1)
        await alice.frame(MessageType.ACK)
    await meter.look()
    wall.forward(60)
    await bob.post(room, b"so late", epoch=1)
    await bob.frame(MessageType.ACK)
    await meter.look()

    first, second = await rows(hub)

    # A look at the border still belongs to the minute that it ends; the next one has its row with the next look.
    assert [tally.messages for tally in (first, second)] == [4, 1]
    assert meter.last[0].devices[bob.id].messages == 1
    assert alice.id not in meter.last[0].devices
    assert (second.minute - first.minute).total_seconds() == 60


async def test_a_minute_that_could_not_be_written_is_written_later(hub, meter, wall, monkeypatch):
    """While the database is away nothing is lost."""
    hub.counts.handshakes += 5
    run = hub.database.run

    async def away(*_arguments):
        raise Unavailable("the database does not answer")

    monkeypatch.setattr(hub.database, "run", away)
    for _ in range(3):
        with pytest.raises(Unavailable):
            await meter.look()
        wall.forward(60)
        hub.counts.handshakes += 1
    monkeypatch.setattr(hub.database, "run", run)
    await meter.look()

    # Each look but the first ends a minute.
    assert [tally.handshakes for tally in await rows(hub)] == [6, 1, 1]


async def test_who_left_within_the_minute_is_counted(hub, meter, join):
    """The row has the bytes of a session that no look ever saw."""
    before = hub.counts.bytes_in
    phone = await join("Dora")
    await phone.hang_up()
    await hub.settle()
    await meter.look()

    (tally,) = await rows(hub)

    assert tally.handshakes == 2  # by the invite, and as a device
    assert tally.bytes_in == hub.counts.bytes_in - before > 0


async def test_who_is_refused_at_accept_is_counted(hub, meter):
    """A ban keeps somebody out before anything else of him is counted; others are no refusal."""
    hub.banned.replace({"203.0.113.0/24": 2 * NOON})

    assert [hub.is_refused(address) for address in ("203.0.113.9", "203.0.113.10", "198.51.100.1")] == [
        True,
        True,
        False,
    ]
    await meter.look()
    (tally,) = await rows(hub)

    assert tally.refused == {"banned": 2}


async def test_refusals_are_counted_by_their_reason(hub, meter):
    """Strangers at live ports by where they were stopped; touches of tripwires apart."""
    hub.strangers.count("203.0.113.9", "gate")
    hub.strangers.count("203.0.113.9", "gate")
    hub.strangers.count("203.0.113.9", "connect", 50001, tripwire=True)
    await meter.look()

    (tally,) = await rows(hub)

    assert (tally.refused, tally.scans) == ({"gate": 2}, 1)
