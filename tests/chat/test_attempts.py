"""What the audit log has of authentication and of frames, from real handshakes and sessions."""

from chat.attempts import MOST, Attempt, Attempts
from chat.models import AuditEvent
from chat.services import connections, devices
from clawchat.protocol.errors import Unavailable
from clawchat.protocol.frame import MessageType
from tests.people import Phone

MALLORY = "203.0.113.66"


async def events(hub, code: str) -> list[AuditEvent]:
    """All of this code, the oldest first."""
    return await hub.database.run(lambda: list(AuditEvent.objects.filter(code=code).order_by("id")))


async def test_who_proved_himself_is_in_the_audit_log(hub, alice):
    """Who, from where, on which port; and the end of it."""
    await alice.hang_up()
    await hub.settle()

    came, closed = await events(hub, "authenticated"), await events(hub, "connection_closed")

    assert came[-1].subject == closed[-1].subject == alice.id.hex()
    assert came[-1].address == closed[-1].address == alice.link.address
    assert closed[-1].details["bytes_in"] > 0
    assert closed[-1].details["messages_in"] >= 1


async def test_who_could_not_prove_himself_is_in_the_audit_log(hub, alice, bob):
    """A revoked device knocks three times: it is named, with its address, once with the count."""
    await bob.hang_up()
    await hub.database.run(devices.revoke, bob.id, "lost", "operator")
    await hub.rounds.read_news()
    bob.discovery_secret = hub.keys.discovery_secret
    before = len(await events(hub, "authentication_failed"))
    for _ in range(3):
        try:
            await bob.connect()
        except Exception:
            await bob.hang_up()
    await hub.rounds.write_attempts()

    found = (await events(hub, "authentication_failed"))[before:]

    assert sum(event.details["count"] for event in found) == 3
    assert {(event.subject, event.address, event.details["why"]) for event in found} == {
        (bob.id.hex(), bob.link.address, "unauthentic")
    }


async def test_who_came_past_the_gate_and_no_further_is_in_the_audit_log(hub, invite):
    """He did not come so far as to say who he is."""
    mallory = Phone(await invite())
    handshake = mallory.handshake()
    await mallory.open()
    await mallory.put(handshake.hello())
    await mallory.take()
    await mallory.put(b"noise")
    await mallory.ended()
    await hub.rounds.write_attempts()

    (event,) = await events(hub, "authentication_failed")

    assert (event.subject, event.address) == ("", mallory.link.address)
    await mallory.hang_up()


async def test_attempts_wait_for_a_database_that_is_away(hub, alice, monkeypatch):
    """Nothing is forgotten."""

    def away(counts):
        raise Unavailable("away")

    hub.attempts.count(MALLORY, "", "unauthentic")
    with monkeypatch.context() as patch:
        patch.setattr("chat.attempts.write", away)
        await hub.rounds._guard(hub.rounds.write_attempts)
    await hub.rounds.write_attempts()

    assert [event.address for event in await events(hub, "authentication_failed")] == [MALLORY]


async def test_strangers_wait_for_a_database_that_is_away(hub, alice, monkeypatch):
    """Nor are they."""

    def away(counts):
        raise Unavailable("away")

    hub.strangers.count(MALLORY, "gate")
    with monkeypatch.context() as patch:
        patch.setattr("chat.strangers.write", away)
        await hub.rounds._guard(hub.rounds.write_strangers)
    hub.strangers.count(MALLORY, "gate")
    await hub.rounds.write_strangers()

    assert [event.details["count"] for event in await events(hub, "strangers")] == [2]


async def test_refused_frames_wait_for_a_database_that_is_away(hub, alice, monkeypatch):
    """Nor are these."""

    def away(counts):
        raise Unavailable("away")

    before = len(await events(hub, "frames_refused"))
    for lost in (True, False):
        await alice.put_frame(MessageType.CHAT, b"no message")
        await alice.frame(MessageType.ERROR)
        with monkeypatch.context() as patch:
            if lost:
                patch.setattr("chat.services.connections.note_refused", away)
            await hub.rounds._guard(hub.rounds.write_refused)

    assert [event.details for event in (await events(hub, "frames_refused"))[before:]] == [{"malformed": 2}]


async def test_frames_that_were_refused_are_in_the_audit_log_once_a_minute(hub, alice):
    """Not a row for each of them: how many for which error, and the rest when the session ends."""
    before = len(await events(hub, "frames_refused"))
    for _ in range(5):
        await alice.put_frame(MessageType.CHAT, b"no message")
        await alice.frame(MessageType.ERROR)
    await hub.rounds.write_refused()
    await hub.rounds.write_refused()
    (event,) = (await events(hub, "frames_refused"))[before:]
    assert (event.subject, event.details) == (alice.id.hex(), {"malformed": 5})

    await alice.put_frame(MessageType.CHAT, b"no message")
    await alice.frame(MessageType.ERROR)
    await alice.hang_up()
    await hub.settle()

    assert (await events(hub, "frames_refused"))[-1].details == {"malformed": 1}
    assert (await events(hub, "connection_closed"))[-1].details["frames_refused"] == 6


async def test_a_frame_that_does_not_open_is_in_the_audit_log(hub, alice):
    """A forged one ends the session, and is counted."""
    await alice.put(bytes(64))
    await alice.ended()
    await alice.hang_up()
    await hub.settle()

    refused, closed = await events(hub, "frames_refused"), await events(hub, "connection_closed")

    assert sum(refused[-1].details.values()) == 1
    assert closed[-1].details["why"] in refused[-1].details


async def test_new_session_keys_are_in_the_audit_log(hub, alice):
    """Whose session, not which keys."""
    pk = hub.sessions[next(iter(hub.sessions))][0].arrival.connection_pk
    for _ in range(2):
        await hub.database.run(connections.note_new_keys, {pk: 1_900_000_000.5})

    assert [event.subject for event in await events(hub, "session_rekeyed")] == [alice.id.hex()]


def test_a_crowd_of_attempts_is_counted_together():
    """No more rows a second than that, and no memory beyond."""
    attempts = Attempts()
    for number in range(MOST + 50):
        attempts.count(f"203.0.113.{number}", "", "unauthentic")
    counts = attempts.take()

    assert len(counts) == MOST + 1
    assert counts[Attempt("", "", "unauthentic")] == 50

    attempts.count(MALLORY, "", "malformed")
    attempts.give_back(counts)
    assert attempts.take().total() == MOST + 51
