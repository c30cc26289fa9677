"""New keys inside a session, as the server does it: it answers, asks, watches and closes."""

import pytest

from chat.models import AuditEvent, Connection
from chat.services.policy import change_policy, key_limits
from chat.services.rekey import ask_everybody
from chat.services.succession import begin_handover
from clawchat.protocol.bodies import Ack
from clawchat.protocol.frame import Frame, MessageType
from clawchat.protocol.handshake import KeyLimits
from clawchat.protocol.keys import DeviceKey, IdentityPublic
from clawchat.protocol.limits import FRAME_CEILING_BYTES
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.rekey import ClientRekey
from tests.people import Phone

REQUEST = b"\0"


class Keys:
    """A phone's half of its rekeys, on the hub's clock."""

    def __init__(self, phone: Phone, clock, sign=None) -> None:
        self.phone, self.clock = phone, clock
        self.machine = ClientRekey(phone.session, phone.server_public, sign or phone.key.sign, clock())

    async def begin(self) -> None:
        """Send INIT."""
        await self.phone.put_frame(MessageType.KEY_ROTATION, self.machine.init(self.clock()))

    async def finish(self) -> list[Frame]:
        """Take RESP, send DONE; the frames that came before RESP."""
        before = []
        while True:
            frame = await self.phone.frame()
            if frame.type == MessageType.KEY_ROTATION:
                done = self.machine.receive(frame.payload, self.clock())
                if done is not None:
                    await self.phone.put_frame(MessageType.KEY_ROTATION, done)
                    return before
            else:
                before.append(frame)

    async def rekey(self) -> None:
        """A whole one, as soon as it may be."""
        self.clock.forward(10)
        await self.begin()
        await self.finish()


@pytest.fixture
async def keys(hub, alice, clock) -> Keys:
    """Alice's."""
    return Keys(alice, clock)


@pytest.fixture
async def room(alice, bob) -> bytes:
    """A room of alice and bob in epoch 1, its log at 1; both listen."""
    room = random_bytes(16)
    await alice.request("room.create", room=room, scheme=0xF04E)
    await alice.commit(room, 0, added=[bob.id])
    for phone in (alice, bob):
        assert not (await phone.request("room.resume", rooms=[{"room": room, "cursor": 1}]))["gone"]
    return room


def live(hub, phone: Phone):
    """The server's side of a phone's session."""
    return next(session for session in hub.all_sessions() if session.arrival and session.device_id == phone.id)


async def test_session_goes_on_under_new_keys(hub, alice, keys):
    """Requests are answered after one rekey and after many."""
    for number in range(1, 6):
        await keys.rekey()
        await alice.request("directory")
        assert live(hub, alice).epoch == alice.session.epoch == number


async def test_messages_under_way_in_both_directions_are_neither_lost_nor_doubled(alice, bob, room, clock):
    """Sent before INIT, between INIT and RESP, and after DONE, by both members, while both rekey."""
    both = [Keys(alice, clock), Keys(bob, clock)]
    sent = []
    for turn in range(4):
        clock.forward(10)
        for each in both:
            sent.append(await each.phone.post(room, b"before %d" % turn, epoch=1))
            await each.begin()
            sent.append(await each.phone.post(room, b"between %d" % turn, epoch=1))
        for each in both:
            each.phone._kept[:0] = await each.finish()
            sent.append(await each.phone.post(room, b"after %d" % turn, epoch=1))

    rows = {phone: [await phone.delivery() for _ in sent] for phone in (alice, bob)}
    acks = [Ack.parse((await phone.frame(MessageType.ACK)).payload) for phone in (alice, bob) for _ in range(12)]

    assert rows[alice] == rows[bob]
    assert [row.seq for row in rows[bob]] == list(range(2, 2 + len(sent)))
    assert sorted(ack.message_id for ack in acks) == sorted(sent)
    assert alice.session.epoch == bob.session.epoch == 4


async def test_bytes_of_a_connection_are_counted_over_all_epochs(hub, alice, keys):
    """Its row shows what went over it, whatever keys it was under."""
    before = live(hub, alice)
    counted = before.bytes_in, before.bytes_out
    await keys.rekey()
    await alice.request("directory")
    await alice.hang_up()
    await hub.settle()

    row = await hub.database.run(lambda: Connection.objects.order_by("-id").first())
    assert row.bytes_in > counted[0] + 1287
    assert row.bytes_out > counted[1] + 1191


# Who breaks the rules


async def test_init_too_soon_closes(keys, alice, clock):
    """Less than ten seconds after the session began."""
    clock.forward(10)
    init = keys.machine.init(clock())
    clock.forward(-0.1)
    await alice.put_frame(MessageType.KEY_ROTATION, init)

    assert await alice.ended() == 4407


@pytest.mark.parametrize("by_the_new_one", [True, False])
async def test_in_a_handover_new_keys_are_signed_by_the_identity_that_the_client_came_by(
    hub, alice, clock, by_the_new_one
):
    """It believes another one no more, or not yet."""
    row = await hub.database.run(begin_handover, "operator")
    await hub.rounds.read_news()
    await alice.hang_up()
    if by_the_new_one:
        alice.server_public = IdentityPublic(bytes(row.public))
    await alice.connect()

    await Keys(alice, clock).rekey()
    await alice.request("directory")

    assert not alice.link.ended.is_set()


async def test_init_too_soon_after_a_rekey_closes(keys, alice, clock):
    """The same for every later epoch."""
    await keys.rekey()
    clock.forward(9.9)
    keys.machine._began_at = 0
    await keys.begin()

    assert await alice.ended() == 4407


async def test_second_init_closes(keys, alice, clock):
    """One at a time."""
    clock.forward(10)
    init = keys.machine.init(clock())
    await alice.put_frame(MessageType.KEY_ROTATION, init)
    await alice.put_frame(MessageType.KEY_ROTATION, init)

    assert await alice.ended() == 4404


async def test_mallorys_signature_closes(hub, alice, clock):
    """Who has the traffic keys alone gets no new ones."""
    keys = Keys(alice, clock, DeviceKey.generate().sign)
    clock.forward(10)
    await keys.begin()

    assert await alice.ended() == 4403


async def test_wrong_done_closes(keys, alice, clock):
    """A client that came to other keys."""
    clock.forward(10)
    await keys.begin()
    await alice.frame(MessageType.KEY_ROTATION)
    await alice.put_frame(MessageType.KEY_ROTATION, b"\3" + bytes(32))

    # The goodbye is under keys that this client does not have; the close code tells.
    assert await alice.ended() == 4403


@pytest.mark.parametrize(
    ("payload", "code"), [(b"", 4401), (b"\x09", 4401), (REQUEST, 4404), (b"\3" + bytes(32), 4404), (b"\3", 4401)]
)
async def test_other_payloads_close(keys, alice, clock, payload, code):
    """No message of ours, one that is the server's, or one that is not due."""
    clock.forward(10)
    await alice.put_frame(MessageType.KEY_ROTATION, payload)

    assert await alice.ended() == code


async def test_enrolment_has_nothing_to_rekey(hub, invite, clock):
    """A session under an invite may only be closed."""
    phone = Phone(await invite())
    await phone.shake_hands()
    keys = Keys(phone, clock)
    clock.forward(10)
    await phone.put_frame(MessageType.KEY_ROTATION, keys.machine.init(clock()))

    assert await phone.ended() == 4403


async def test_missing_done_closes(hub, keys, alice, clock):
    """Thirty seconds after RESP."""
    clock.forward(10)
    await keys.begin()
    await alice.frame(MessageType.KEY_ROTATION)
    clock.forward(29.9)
    await hub.rounds.look_at_sessions()
    assert not alice.link.ended.is_set()
    clock.forward(0.1)
    await hub.rounds.look_at_sessions()

    assert await alice.ended() == 4408


# The server asks


async def asked(phone: Phone) -> bool:
    """Whether REQUEST comes."""
    return not await phone.nothing_comes(MessageType.KEY_ROTATION, patience=0.3)


async def test_everybody_is_asked_on_an_operators_word(hub, alice, bob, invite):
    """By the news, so in every server process; an enrolment under way is left alone; the audit log tells who."""
    newcomer = Phone(await invite())
    await newcomer.shake_hands()
    await hub.database.run(ask_everybody, "root")
    await hub.rounds.read_news()

    assert await asked(alice)
    assert await asked(bob)
    assert not await asked(newcomer)
    assert await hub.database.run(lambda: AuditEvent.objects.get(code="rekey_asked").actor) == "root"
    await newcomer.hang_up()


async def test_who_does_not_renew_on_an_operators_word_is_closed(hub, alice, bob, keys, clock):
    """After 45 s; who did stays, and a session that came meanwhile has new keys already."""
    await hub.database.run(ask_everybody, "operator")
    await hub.rounds.read_news()
    for phone in (alice, bob):
        assert (await phone.frame(MessageType.KEY_ROTATION)).payload == REQUEST
    await keys.rekey()
    await alice.put_frame(MessageType.PING, b"")
    await alice.frame(MessageType.PONG)

    clock.forward(34)
    await hub.rounds.look_at_sessions()
    assert not bob.link.ended.is_set()
    clock.forward(2)
    for phone in (alice, bob):
        await phone.put_frame(MessageType.PING, b"")
        await phone.frame(MessageType.PONG)
    await hub.rounds.look_at_sessions()

    assert await bob.ended() == 4408
    assert not alice.link.ended.is_set()


async def test_the_row_tells_since_when_the_keys_are_in_use(hub, alice, keys):
    """From the handshake on, then from each rekey on; whoever burns everything waits for it."""
    row = Connection.objects.filter(device__device_id=alice.id)
    first = await hub.database.run(row.get)
    assert first.keys_since == first.opened_at
    await keys.rekey()
    await alice.put_frame(MessageType.PING, b"")
    await alice.frame(MessageType.PONG)

    await hub.rounds.look_at_sessions()
    second = (await hub.database.run(row.get)).keys_since
    assert second > first.keys_since
    await hub.rounds.look_at_sessions()
    assert (await hub.database.run(row.get)).keys_since == second


async def test_request_is_followed(hub, alice, keys, clock):
    """The client begins, and is not asked again."""
    clock.forward(11)
    hub.request_rekey()
    frame = await alice.frame(MessageType.KEY_ROTATION)
    assert keys.machine.receive(frame.payload, clock()) is None
    assert keys.machine.is_due(clock())
    await keys.begin()
    await keys.finish()
    await alice.request("directory")

    assert live(hub, alice).epoch == 1
    assert not await asked(alice)


async def test_client_is_not_asked_while_its_rekey_is_under_way(hub, alice, keys, clock):
    """RESP was sent: the server's direction is in the new epoch by then."""
    # What alice's arrival was told comes under the old keys.
    await hub.rounds.read_news()
    clock.forward(10)
    await keys.begin()
    await alice.frame(MessageType.KEY_ROTATION)
    hub.request_rekey()

    assert not await asked(alice)


@pytest.fixture
async def limits(hub):
    """Sets limits of the policy, read by the hub."""

    async def change(**wanted: int) -> None:
        await hub.database.run(lambda: change_policy("operator", **wanted))
        await hub.rounds.read_news()

    return change


async def again(phone: Phone):
    """A new session of the phone, and what the server announced to it."""
    await phone.hang_up()
    return (await phone.shake_hands()).server_parameters


async def test_limits_of_the_policy_are_announced_to_new_sessions(alice, bob, limits):
    """Within a second of the change; a running session keeps its own."""
    before = alice.session.soft_limits
    await limits(
        rekey_after_seconds=100,
        rekey_after_bytes=8192,
        rekey_after_frames=32,
        keys_end_after_seconds=1000,
        keys_end_after_bytes=1 << 21,
        keys_end_after_frames=640,
    )
    announced = await again(bob)

    assert announced.soft_limits == KeyLimits(100, 8192, 32)
    assert announced.hard_limits == KeyLimits(1000, 1 << 21, 640)
    assert announced.max_frame_bytes == FRAME_CEILING_BYTES
    assert alice.session.soft_limits == before


async def test_soft_limits_leave_room_below_the_hard_ones(hub, limits):
    """Whatever the rows say, at most half: a rekey needs time before the keys end."""
    await limits(keys_end_after_seconds=60, keys_end_after_bytes=1 << 20, keys_end_after_frames=64)

    assert key_limits(hub.policy) == (KeyLimits(30, 1 << 19, 32), KeyLimits(60, 1 << 20, 64))


async def test_client_that_forgets_its_soft_limit_is_asked_once(hub, alice, limits, clock):
    """By frames here; the next epoch counts anew."""
    await limits(rekey_after_frames=16)
    await again(alice)
    keys = Keys(alice, clock)
    for _ in range(16):
        await alice.put_frame(MessageType.PING, b"")
    await alice.request("directory")
    clock.forward(9.9)
    await hub.rounds.look_at_sessions()
    assert not await asked(alice)
    clock.forward(1.1)
    await hub.rounds.look_at_sessions()
    assert await asked(alice)
    await hub.rounds.look_at_sessions()
    assert not await asked(alice)
    await keys.begin()
    await keys.finish()
    await alice.request("directory")
    clock.forward(11)
    await hub.rounds.look_at_sessions()

    assert not await asked(alice)


async def test_hard_limit_of_frames_closes(hub, alice, limits):
    """At the very frame, with its own close code."""
    await limits(keys_end_after_frames=64)
    await again(alice)
    for _ in range(64):
        await alice.put(alice.session.seal(MessageType.PONG, b"", bytes(16), 0))
    await hub.rounds.look_at_sessions()

    assert await alice.ended() == 4408


async def test_hard_limit_of_time_closes_and_a_rekey_moves_it(hub, alice, limits, clock):
    """Each epoch has its own."""
    await limits(keys_end_after_seconds=60)
    await again(alice)
    keys = Keys(alice, clock)
    clock.forward(40)
    await keys.rekey()
    await alice.request("directory")
    for seconds in (30, 29.9):
        clock.forward(seconds)
        await alice.request("directory")
        await hub.rounds.look_at_sessions()
    assert not alice.link.ended.is_set()
    clock.forward(0.1)
    await hub.rounds.look_at_sessions()

    assert await alice.ended() == 4408
