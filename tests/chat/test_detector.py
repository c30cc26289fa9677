"""The detector: a minute that is over is judged, on a hub that runs."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from chat.detection import LEAST_LEARNT
from chat.detector import OTHERS_SECONDS, TALLIES_AFTER_SECONDS, Detector
from chat.meter import Meter
from chat.models import Alert, AlertChannel, AlertTelling, Habit
from chat.services import habits
from chat.services.alerts import raise_alert
from chat.services.channels import write_secrets
from clawchat.protocol.errors import Unavailable
from tests.chat.listening import WebServer, running
from tests.fakes import Clock

NOON = 1_700_000_040  # a whole minute


@pytest.fixture
def wall() -> Clock:
    """The clock on the wall."""
    return Clock(NOON)


@pytest.fixture
async def detector(hub, wall, monkeypatch) -> Detector:
    """A detector of the test's own, with a meter of the same clock; 5 requests in a minute may be unusual."""
    await hub.detector.stop()
    await hub.meter.stop()
    hub.meter = Meter(hub, wall)
    monkeypatch.setitem(habits.DEVICE_METRICS, "requests", 5)
    return Detector(hub, wall)


async def ask(phone, times: int) -> None:
    """Let somebody make so many requests."""
    for _ in range(times):
        await phone.request("directory")


async def pass_minute(hub, detector, wall) -> None:
    """Let the minute be over and everything of it be judged."""
    wall.now = (wall.now // 60 + 1) * 60
    await hub.meter.look()
    await detector.look()
    wall.now += TALLIES_AFTER_SECONDS
    await detector.look()


async def opened(hub) -> list[tuple[str, str]]:
    """Kind and text of what is open."""
    return await hub.database.run(
        lambda: list(Alert.objects.filter(closed_at=None, kind="unusual").values_list("subject", "text"))
    )


async def test_a_device_that_asks_far_more_than_usual_is_told_of(hub, detector, wall, alice, bob) -> None:
    await pass_minute(hub, detector, wall)
    for _ in range(LEAST_LEARNT):
        await ask(alice, 1)
        await ask(bob, 1)
        await pass_minute(hub, detector, wall)
    await ask(alice, 30)
    await ask(bob, 2)
    await pass_minute(hub, detector, wall)

    ((subject, text),) = await opened(hub)

    assert subject == alice.id.hex()
    assert text == f"Device {alice.id.hex()[:8]} sent 30 requests in a minute; usually it sends 1."
    server = await hub.database.run(lambda: Habit.objects.filter(subject="", metric="bytes").get())
    assert server.learnt >= LEAST_LEARNT


async def test_a_minute_that_could_not_be_judged_is_judged_later(hub, detector, wall, alice, monkeypatch) -> None:
    await pass_minute(hub, detector, wall)
    await ask(alice, 3)
    wall.now += 60
    await hub.meter.look()

    def away(*_):
        raise Unavailable("the database does not answer")

    with monkeypatch.context() as patch:
        patch.setattr(habits, "judge_devices", away)
        with pytest.raises(Unavailable):
            await detector.look()
    await detector.look()

    rows = await hub.database.run(lambda: list(Habit.objects.filter(subject=alice.id.hex(), metric="requests")))
    assert [row.samples[-1] for row in rows] == [3]


async def test_each_minute_is_judged_once(hub, detector, wall, alice) -> None:
    await pass_minute(hub, detector, wall)
    await ask(alice, 3)
    await pass_minute(hub, detector, wall)
    for _ in range(3):
        await detector.look()
    row = await hub.database.run(lambda: Habit.objects.get(subject=alice.id.hex(), metric="requests"))
    assert row.samples[-1:] == [3]
    assert row.updated_at < datetime.fromtimestamp(wall.now, UTC)


async def test_others_look_too_and_one_that_fails_holds_up_nobody(hub, detector, wall) -> None:
    seen = []

    def broken() -> None:
        raise RuntimeError("a bug")

    detector.watch_also(broken)
    detector.watch_also(lambda: seen.append(Alert.objects.count()))
    for _ in range(3):
        await detector.look()
    assert seen == [0]
    wall.now += OTHERS_SECONDS
    await detector.look()
    assert seen == [0, 0]


async def test_where_no_worker_tells_anybody_the_server_does(hub, detector, wall, transactional_db) -> None:
    with running(WebServer()) as web:

        def raise_and_wait() -> None:
            channel = AlertChannel.objects.create(name="slack", kind="slack")
            write_secrets(channel, {"url": web.url})
            raise_alert("node", "attic", "urgent", "Gone.", "Look.")
            AlertTelling.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=2))

        await hub.database.run(raise_and_wait)
        await pass_minute(hub, detector, wall)
        async with asyncio.timeout(10):
            while not await hub.database.run(lambda: AlertTelling.objects.filter(state="told").exists()):
                await asyncio.sleep(0.05)
        assert len(web.posts) == 1
