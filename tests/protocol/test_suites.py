"""The two suites: who gets which, what a downgrade comes to, and that a session keeps its own."""

import pytest

from clawchat.protocol.encoding import u16
from clawchat.protocol.errors import Malformed, OutOfOrder, PeerError, Unauthentic, UnsupportedVersion, UsageError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.gate import close_hello
from clawchat.protocol.handshake_messages import ClientHello, ServerHello
from clawchat.protocol.keys import DecapsulationKey, ExchangeSecret
from clawchat.protocol.rekey import RekeyInit, RekeyResponse, parse_rekey
from clawchat.protocol.server_handshake import ServerHandshake
from clawchat.protocol.suites import (
    SUITE_X25519,
    SUITE_X25519_MLKEM768,
    allowed_suites,
    choose_suite,
    suites_to_offer,
)
from tests.protocol.pairs import changed_bytes, ends, pair, sessions

CLASSIC, HYBRID = SUITE_X25519, SUITE_X25519_MLKEM768
SERVER_ID = "cc-550e8400-e29b-81d4-a716-446655440000"
# A server without floor, and the client that offers it suite 1 alone.
ONE = {"suites": (CLASSIC,), "pq_required": False}
BOTH = {"suites": (HYBRID, CLASSIC), "pq_required": False}


# Policy


@pytest.mark.parametrize(
    ("pq_required", "listed", "offered"),
    [
        (True, (2,), (2,)),
        (True, (2, 1), (2,)),
        (True, (1, 9, 2), (2,)),
        (False, (2, 1), (2, 1)),
        (False, (1, 2), (2, 1)),
        (False, (2,), (2,)),
        (False, (1,), (1,)),
        (False, (9, 1), (1,)),
    ],
)
def test_a_file_raises_the_floor_and_never_lowers_it(pq_required, listed, offered):
    """What is offered is allowed here and listed there, the better one first."""
    assert suites_to_offer(pq_required, listed) == offered


@pytest.mark.parametrize(
    ("pq_required", "listed"), [(True, (1,)), (True, ()), (True, (9,)), (False, (9,)), (False, ())]
)
def test_a_file_without_a_suite_of_ours_has_one_remedy(pq_required, listed):
    """Named, with what each side wants, and what is to be done."""
    with pytest.raises(UnsupportedVersion, match=r"takes (0x000[19]|no suite), .* operator has to update it"):
        suites_to_offer(pq_required, listed)


@pytest.mark.parametrize(
    ("pq_required", "offered", "chosen"),
    [(True, (2, 1), 2), (True, (1, 2), 2), (False, (1, 2), 2), (False, (1,), 1), (False, (9, 1), 1), (False, (2,), 2)],
)
def test_a_server_takes_the_best_that_is_offered_and_allowed(pq_required, offered, chosen):
    """The client's order does not matter."""
    assert choose_suite(pq_required, offered) == chosen


@pytest.mark.parametrize(("pq_required", "offered"), [(True, (1,)), (True, (9, 1)), (False, (9,)), (True, (3,))])
def test_a_server_refuses_what_is_below_its_floor(pq_required, offered):
    """And what it does not know."""
    with pytest.raises(UnsupportedVersion):
        choose_suite(pq_required, offered)


def test_the_floor_is_on_by_default():
    """At both ends; who offers nothing, or what does not exist, is at fault."""
    assert (allowed_suites(True), allowed_suites(False)) == ((2,), (2, 1))
    with pytest.raises(UnsupportedVersion):
        sessions(suites=(CLASSIC,))
    assert [end.suite for end in sessions()] == [HYBRID, HYBRID]
    for suites in ((), (3,), (2, 3)):
        with pytest.raises(UsageError):
            pair(suites=suites)


def test_a_server_that_was_told_nothing_keeps_its_floor():
    """Whoever forgets the setting gets the hybrid alone."""
    offer = pair(**ONE)
    with pytest.raises(UnsupportedVersion):
        ServerHandshake(offer.gate, SERVER_ID).receive_hello(offer.hello(), 0)


# Handshake


@pytest.mark.parametrize(
    ("suites", "pq_required", "taken"),
    [((1,), False, 1), ((2, 1), False, 2), ((1, 2), False, 2), ((2, 1), True, 2), ((2,), False, 2)],
)
def test_both_ends_agree_on_the_suite(suites, pq_required, taken):
    """And talk."""
    client, server = sessions(suites=suites, pq_required=pq_required)

    assert client.suite == server.suite == taken
    assert client.exporter == server.exporter
    assert server.open(client.seal(MessageType.CHAT, b"up", bytes(16), 1)).payload == b"up"
    assert client.open(server.seal(MessageType.CHAT, b"down", bytes(16), 1)).payload == b"down"


@pytest.mark.parametrize(
    ("suites", "sizes"), [((1,), (95, 255, 174)), ((2,), (1279, 1343, 174)), ((2, 1), (1281, 1343, 174))]
)
def test_message_sizes_are_those_of_the_document(suites, sizes):
    """3.3, to the byte."""
    both = pair(suites=suites, pq_required=False)
    both.server._server_id = SERVER_ID
    first = both.hello()
    second = both.answer(first)

    assert (len(first), len(second), len(both.authenticate(second))) == sizes


def resealed(both, hello, **changed):
    """H1 with something changed, by mallory who has the discovery secret and so can close the gate again."""
    parts = {name: getattr(hello, name) for name in ClientHello.__slots__} | changed
    return close_hello(both.gate.gate_key, both.gate.server_public, ClientHello(**parts).encode())


@pytest.mark.parametrize(
    "changed",
    [
        {"suites": (CLASSIC,), "encapsulation": None},
        {"suites": (HYBRID,)},
        {"suites": (CLASSIC, HYBRID)},
        {"suites": (HYBRID, CLASSIC, 9)},
        {"encapsulation": DecapsulationKey.generate().public},
        {"extensions": {1: b"by mallory"}},
        {"max_version": 0x0200},
    ],
    ids=["stripped", "raised", "reordered", "added", "other key", "extension", "version"],
)
def test_a_changed_offer_ends_the_handshake_at_both_ends(changed):
    """The client does not believe the answer, and the server does not take what the client says to its own answer."""
    both = pair(**BOTH)
    first = both.hello()
    true_answer = pair_of_the_same(both).answer(first)
    answer = both.answer(resealed(both, ClientHello.parse(first), **changed))

    with pytest.raises(Unauthentic):
        both.authenticate(answer)
    third = both.authenticate(true_answer)
    with pytest.raises(Unauthentic):
        both.server.receive_client_auth(third)


def pair_of_the_same(both):
    """The same server once more, for the answer that mallory keeps back."""
    again = pair(**BOTH)
    again.server._gate = both.gate
    return again


@pytest.mark.parametrize("suites", [(HYBRID, CLASSIC), (HYBRID,), (CLASSIC,)])
def test_a_changed_suite_in_the_answer_ends_the_handshake(suites):
    """Its number alone, and its number with the ciphertext taken out or put in."""
    both = pair(suites=suites, pq_required=False)
    second = both.answer(both.hello())
    hello = ServerHello.parse(second, suites)
    other = CLASSIC if hello.suite == HYBRID else HYBRID
    parts = (hello.random, hello.session_id, hello.exchange, bytes(1088 if other == HYBRID else 0), len(hello.sealed))
    rebuilt = ServerHello.encode(ServerHello.encode_clear(other, *parts), hello.sealed)
    for wrong in (second[:6] + u16(other) + second[8:], rebuilt, second[:6] + u16(9) + second[8:]):
        with pytest.raises(PeerError) as caught:
            both.authenticate(wrong)
        assert caught.value.code in ("unsupported_version", "malformed", "unauthentic")
    assert both.authenticate(second)


def test_the_suite_is_judged_before_anything_is_opened():
    """3.3's order: a suite that was not offered, before whatever else is wrong with H2."""
    both = pair(**ONE)
    second = both.answer(both.hello())

    with pytest.raises(UnsupportedVersion):
        both.authenticate(second[:6] + u16(HYBRID) + bytes(len(second) - 8))
    with pytest.raises(UnsupportedVersion):
        # One that does not exist is none, whoever says to have offered it.
        ServerHello.parse(second[:6] + u16(9) + second[8:], (9,))
    with pytest.raises(Malformed):
        both.authenticate(second[:8] + bytes(len(second) - 8))


def test_every_changed_byte_of_suite_1_is_refused():
    """Nothing of the shorter records is left out of the transcript."""
    both = pair(**ONE)
    first = both.hello()
    for _, wrong in changed_bytes(first):
        with pytest.raises(PeerError):
            # What the gate's value would not have kept out, the client does not believe.
            both.authenticate(pair_of_the_same(both).answer(wrong))
    second = both.answer(first)
    for _, wrong in changed_bytes(second):
        with pytest.raises(PeerError):
            both.authenticate(wrong)
    third = both.authenticate(second)
    for _, wrong in changed_bytes(third):
        with pytest.raises(PeerError):
            both.server.receive_client_auth(wrong)

    assert both.finish(third)


def test_a_wrong_psk_opens_no_session_of_suite_1():
    """The PSK is mixed in as in the other suite."""
    both = pair(**ONE, psk=pair().psk)
    third = both.authenticate(both.answer(both.hello()))
    with pytest.raises(Unauthentic):
        both.finish(third)


def test_unknown_extensions_are_parsed_and_passed_over():
    """They are in the transcript like everything else of H1."""
    both = pair(**ONE)
    hello = ClientHello.parse(both.hello())
    extended = resealed(both, hello, extensions={3: b"", 0xFFFF: b"of the future"})

    assert ClientHello.parse(extended).extensions == {3: b"", 0xFFFF: b"of the future"}
    assert both.answer(extended)


# Rekey


def test_a_rekey_keeps_the_session_in_suite_1():
    """Again and again; INIT and RESP carry nothing of ML-KEM, and both directions get new keys."""
    both = ends(**ONE)
    exporters = {both.client.exporter}
    for now in (100, 200, 300):
        init = both.client_rekey.init(now)
        response = both.server_rekey.receive(both.carry(both.client, init), now)
        done = both.client_rekey.receive(both.carry(both.server, response), now)
        both.server_rekey.receive(both.carry(both.client, done), now)
        assert (len(init), len(response), len(done)) == (103, 103, 33)
        assert init[37:39] == response[37:39] == u16(0)
        assert both.client.exporter == both.server.exporter
        exporters.add(both.client.exporter)

    assert len(exporters) == 4
    assert both.client.epoch == both.server.epoch == 3
    assert both.carry(both.client, b"up", MessageType.CHAT) == b"up"
    assert both.carry(both.server, b"down", MessageType.CHAT) == b"down"


@pytest.mark.parametrize("session", [ONE, BOTH], ids=["suite 1", "suite 2"])
def test_a_rekey_of_the_other_suite_is_refused(session):
    """Well signed, and malformed all the same; nothing has changed then, and the right one still goes through."""
    both = ends(**session)
    is_hybrid = both.client.suite == HYBRID
    mlkem = None if is_hybrid else DecapsulationKey.generate().public
    init = RekeyInit(1, ExchangeSecret.generate().public, mlkem)
    with pytest.raises(Malformed):
        both.server_rekey.receive(init.encode() + both.device.sign(init.signed(both.client.session_id)), 100)
    sent = both.client_rekey.init(100)
    response = RekeyResponse(1, ExchangeSecret.generate().public, b"" if is_hybrid else bytes(1088))
    signature = both.identity.sign(response.signed(both.client.session_id, sent))
    with pytest.raises(Malformed):
        both.client_rekey.receive(response.encode() + signature, 100)

    answer = both.server_rekey.receive(sent, 100)
    assert both.client_rekey.receive(answer, 100)


def test_a_message_of_the_other_suite_does_not_parse():
    """The sizes are those of the session's suite, before anything else is looked at."""
    one, two = ends(**ONE), ends(**BOTH)
    for both, other in ((one, HYBRID), (two, CLASSIC)):
        init = both.client_rekey.init(100)
        response = both.server_rekey.receive(init, 100)
        for payload in (init, response):
            parse_rekey(payload, both.client.suite)
            with pytest.raises(Malformed):
                parse_rekey(payload, other)
        # Those without keys are the same in both.
        parse_rekey(b"\0", other)
        with pytest.raises(OutOfOrder):
            both.server_rekey.receive(init, 100)
