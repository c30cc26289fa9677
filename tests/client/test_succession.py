"""A server's identity hands over: who is told goes on without noticing, and nobody else's word counts."""

import time

import pytest

from clawchat.client import Client, entrance
from clawchat.client.device import Device
from clawchat.client.discovery import AWAY_SECONDS, Finder
from clawchat.client.errors import IdentityReplaced, Unreachable
from clawchat.protocol.bodies import Response
from clawchat.protocol.connection_file import seal_connection_file
from clawchat.protocol.errors import Expired, Malformed, NotYetValid, Revoked, Unauthentic, UnknownPeer
from clawchat.protocol.invite import Invite
from clawchat.protocol.keys import IdentityKey
from clawchat.protocol.revocation_list import RevocationKind, revoked_id, sign_identity_revocation
from clawchat.protocol.revocation_list import Revoked as Entry
from clawchat.protocol.succession import sign_succession
from tests.client.conftest import ROOM, message
from tests.client.tiny_server import until

SUCCESSION = 17
DAY = 86_400


@pytest.fixture
def device(server, store):
    """A device that has begun to enrol."""
    return Device.begin(store, Invite.parse(server.invite()), "Bob", 0)


def now() -> int:
    return int(time.time())


def ends(identity: IdentityKey) -> Entry:
    """An identity's own word that it counts no more."""
    public = bytes(identity.public)
    return Entry(RevocationKind.IDENTITY, revoked_id(public), 1, "handed over", sign_identity_revocation(identity))


# In session


async def test_who_comes_is_told_and_comes_by_the_new_identity_next_time(server, tmp_path):
    """AUTH_OK brings the statement; it is kept over a restart, and the person notices nothing."""
    old = server.identity.public
    alice = await Client.enrol(server.invite(), tmp_path / "alice", name="Alice")
    await alice.close()
    server.finished_tlvs = {SUCCESSION: server.hand_over()}
    async with Client.open(tmp_path / "alice") as alice:
        assert server.came_by[-1] == old
        assert alice.server_fingerprint == old.fingerprint
    server.finished_tlvs = {}
    async with Client.open(tmp_path / "alice") as alice:
        assert server.came_by[-1] == server.successor.public
        assert alice._device.pins == [server.successor.public, old]
        assert alice._inbox._events.empty()


async def test_who_is_here_is_told_and_answers_once_it_is_kept(server, alice):
    """The session goes on; the connection after it is made by the new identity. Told again, the answer is the same."""
    statement, kept_at_answer = server.hand_over(), []

    class Answers(list):
        def append(self, answer) -> None:
            kept_at_answer.append(Device.load(alice._store).pins)
            super().append(answer)

    server.answers = Answers()
    await server.tell("successor", statement=statement)
    await server.tell("successor", statement=statement)
    await until(lambda: len(server.answers) == 2)

    pins = [server.successor.public, server.identity.public]
    assert kept_at_answer == [pins, pins]
    assert [type(answer) for answer in server.answers] == [Response, Response]
    assert len(server.seats) == 1
    assert await alice.send(ROOM, message("still here")[1]) == 1
    server.cut()
    await until(lambda: server.came_by[-1] == server.successor.public)


@pytest.mark.parametrize("statement", [b"", bytes(208), bytes(207)], ids=["empty", "zeros", "short"])
async def test_statement_that_is_none_keeps_nobody_out(server, alice, statement):
    """A server that sends it is still our server; what was believed stays."""
    server.finished_tlvs = {SUCCESSION: statement}
    server.cut()
    await until(lambda: len(server.seats) == 1 and alice.status == "connected")
    await alice.send(ROOM, message("still here")[1])
    assert alice._device.pins == [server.identity.public]


@pytest.mark.parametrize("cuts", [True, False], ids=["cut", "closed"])
async def test_restored_server_is_found_by_the_identity_before(server, alice, cuts):
    """It knows nothing of the one that follows: every port keeps its gate closed, and the old identity opens it."""
    server.cuts_strangers = cuts
    await server.tell("successor", statement=server.hand_over())
    await until(lambda: len(alice._device.pins) == 2)
    server.successor = None
    server.publish(*server.ports)
    server.cut()
    await until(lambda: len(server.came_by) > 2)
    await alice.send(ROOM, message("back again")[1])

    assert server.came_by[-1] == server.identity.public


async def test_closed_gate_alone_does_not_bring_the_old_identity_back(server, alice):
    """When the handover is over there is no way back."""
    await server.tell("successor", statement=server.hand_over())
    await until(lambda: len(alice._device.pins) == 2)
    alice._device.end_succession(now() + DAY)
    server.successor = None
    before = server.hellos
    server.cut()
    await until(lambda: server.hellos > before + 3)

    assert server.came_by[-1] == server.identity.public
    assert len(server.came_by) == 2, "the old identity was tried again"


async def test_nobody_asks_by_the_old_identity_where_nobody_is(server, alice, monkeypatch):
    """A network that is down says nothing about who the server is."""
    await server.tell("successor", statement=server.hand_over())
    await until(lambda: len(alice._device.pins) == 2)
    asked = []

    async def nobody_there(http, endpoint, credentials, **how):
        asked.append(credentials.server_public)
        raise Unreachable("no answer")

    monkeypatch.setattr(entrance, "dial", nobody_there)
    server.cut()
    await until(lambda: len(asked) >= 4)

    assert set(asked) == {server.successor.public}


async def test_who_was_away_for_all_of_it_needs_an_invitation_and_says_so(server, tmp_path, monkeypatch):
    """Nobody it knows signs any more. On the very day that says nothing yet: somebody may be in the way."""
    alice = await Client.enrol(server.invite(), tmp_path / "alice", name="Alice")
    await alice.close()
    server.hand_over()
    server.end_handover()
    server.publish(*server.ports)
    for later, kind in ((0, Unauthentic), (AWAY_SECONDS + 60, IdentityReplaced)):
        alice = Client.open(tmp_path / "alice")
        monkeypatch.setattr(alice._finder, "now", lambda later=later: now() + later)
        with pytest.raises((Unauthentic, UnknownPeer)):
            await alice.connect(0.5)
        with pytest.raises(kind) as refusal:
            await alice._finder.fetch(alice._http)
        await alice.close()
    assert "invitation" in str(refusal.value)


# Whose word counts


@pytest.mark.parametrize(
    ("begins", "seconds", "at", "error"),
    [
        (0, DAY, DAY, Expired),
        (301, DAY, 0, NotYetValid),
        (0, DAY, -301, NotYetValid),
    ],
    ids=["over", "early", "clock_behind"],
)
def test_handover_out_of_its_time_is_refused(server, device, begins, seconds, at, error):
    """By the server's clock as the client knows it."""
    statement = server.hand_over(seconds, now() + begins)
    with pytest.raises(error):
        device.learn_succession(statement, now() + at)
    assert device.pins == [server.identity.public]


def test_only_a_pinned_identity_hands_over(server, device, store):
    """Not another server, and nobody in its name."""
    mallory, times = IdentityKey.generate(), (now(), now() + DAY)
    with pytest.raises(UnknownPeer):
        device.learn_succession(sign_succession(mallory, IdentityKey.generate(), *times).encode(), now())
    good = sign_succession(server.identity, IdentityKey.generate(), *times).encode()
    for at in (70, 100, 200):
        with pytest.raises(Unauthentic):
            device.learn_succession(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :], now())
    with pytest.raises(Malformed):
        device.learn_succession(good[:-1], now())
    assert Device.load(store).pins == [server.identity.public]


def test_next_handover_may_follow(server, device):
    """Who follows hands over in turn; of the first one nothing is left."""
    first = server.identity.public
    device.learn_succession(server.hand_over(DAY), now())
    server.end_handover()
    device.learn_succession(server.hand_over(DAY), now())
    assert device.pins == [server.successor.public, server.identity.public]
    # The first is no pin, and opens what was kept from its time.
    assert device.server_public == server.identity.public
    assert device.kept_by == [*device.pins, first]


def test_file_and_list_of_either_are_believed(server, device, store):
    """And of nobody else; a file alone tells nobody of a successor."""
    finder, old = Finder(store, device), server.identity
    device.learn_succession(server.hand_over(DAY), now())
    finder.take(server.publish(*server.ports))
    old_alone = seal_connection_file(server.info(*server.ports), server.secret, old, now(), wraps=server.wraps())
    finder.take(old_alone)
    assert device.pins == [server.successor.public, old.public]

    server.identity = IdentityKey.generate()
    server.successor = None
    with pytest.raises(Unauthentic):
        finder.take(server.publish(*server.ports))


def test_file_brings_no_successor(server, device, store):
    """Signed by both, it is believed for the pin's signature, and the other one is not pinned."""
    finder = Finder(store, device)
    server.hand_over(DAY)
    finder.take(server.publish(*server.ports))
    assert device.pins == [server.identity.public]


# The end of a handover


def test_when_its_time_is_over_the_old_identity_counts_no_more(server, device, store):
    """The clock is the server's; what was kept from before still opens, and nothing that comes."""
    finder, old = Finder(store, device), server.identity
    device.learn_succession(server.hand_over(DAY), now())
    former = server.seal(server.info(*server.ports))
    finder.take(seal_connection_file(server.info(*server.ports), server.secret, old, now(), wraps=server.wraps()))
    device.end_succession(now() + DAY - 1)
    assert len(device.pins) == 2
    device.end_succession(now() + DAY)

    again = Device.load(store)
    assert again.pins == [server.successor.public]
    assert again.server_public == server.successor.public
    assert Finder(store, again).known is not None
    with pytest.raises(Unauthentic):
        Finder(store, again).take(former)


def test_a_list_from_before_its_end_still_holds(server, device, store):
    """Signed by the old identity alone, and believed when it came."""
    finder = Finder(store, device)
    server.list_revoked(Entry(RevocationKind.DEVICE, revoked_id(bytes(device.key.public)), 1, "lost"), serial=5)
    info = finder.take(server.publish(*server.ports))
    finder.revocations.take(server.other_files["revocations.json"], info)
    device.learn_succession(server.hand_over(DAY), now())
    device.end_succession(now() + DAY)

    with pytest.raises(Revoked):
        Finder(store, Device.load(store)).check()


def test_only_the_server_tells_that_the_time_is_over(server, device, store, monkeypatch):
    """A clock that runs ahead costs nobody the server: until a handshake told the time, both are believed."""
    finder = Finder(store, device)
    device.learn_succession(server.hand_over(DAY), now())
    ahead = time.time() + 2 * DAY
    monkeypatch.setattr("clawchat.client.discovery.time.time", lambda: ahead)
    finder.check()
    assert len(device.pins) == 2
    finder.authenticated(-2 * DAY * 1000)
    finder.check()
    assert len(device.pins) == 2
    finder.authenticated(0)
    finder.check()
    assert device.pins == [server.successor.public]


def test_when_the_file_in_force_names_the_new_identity_the_old_one_is_dropped(server, device, store):
    """That is how the server says that the handover is over."""
    finder = Finder(store, device)
    device.learn_succession(server.hand_over(DAY), now())
    server.end_handover()
    finder.take(server.publish(*server.ports))
    assert Device.load(store).pins == [server.identity.public]


@pytest.mark.parametrize("ended", ["old", "new", "both"])
def test_identity_that_ends_itself_leaves_the_other(server, device, store, ended):
    """Without a new invitation; only when none is left there is no server any more."""
    finder, old = Finder(store, device), server.identity
    device.learn_succession(server.hand_over(DAY), now())
    new = server.successor
    entries = {"old": [ends(old)], "new": [ends(new)], "both": [ends(old), ends(new)]}[ended]
    head = server.list_revoked(*sorted(entries, key=lambda each: each.id), serial=5)
    info = finder.take(server.publish(*server.ports))
    finder.revocations.take(server.other_files["revocations.json"], info)

    assert head == info.revocations
    left = {"old": [new.public], "new": [old.public], "both": []}[ended]
    assert Device.load(store).pins == left
    if not left:
        with pytest.raises(Revoked):
            finder.check()
