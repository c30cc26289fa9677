"""How long keys serve, and for how much: from a soft limit on they are renewed, at a hard one they end."""

import pytest

from clawchat.protocol.errors import RekeyOverdue
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import KeyLimits, ServerParameters
from clawchat.protocol.limits import (
    HARD_LIMIT_BYTES,
    HARD_LIMIT_FRAMES,
    HARD_LIMIT_SECONDS,
    SOFT_LIMIT_BYTES,
    SOFT_LIMIT_FRAMES,
    SOFT_LIMIT_SECONDS,
)
from tests.protocol.pairs import MESSAGE_ID, NOW_MS, ends

LOW_LIMITS = KeyLimits(200, 10_000, 50)
COUNTERS = ["sent_frames", "received_frames", "sent_bytes", "received_bytes"]


def reach(limits, session, name, is_reached):
    """Count up to the limit: it is reached there, and not one before."""
    edge = limits.frames if "frames" in name else limits.volume_bytes
    setattr(session, name, edge - 1)
    assert not is_reached(100)
    setattr(session, name, edge)
    assert is_reached(100)


@pytest.mark.parametrize("name", COUNTERS)
@pytest.mark.parametrize("limits", [KeyLimits(SOFT_LIMIT_SECONDS, SOFT_LIMIT_BYTES, SOFT_LIMIT_FRAMES), LOW_LIMITS])
def test_soft_limits_start_a_rekey_at_their_edge(name, limits):
    """In each direction, by the protocol's numbers or lower announced ones."""
    both = ends(parameters=ServerParameters(soft_limits=limits))
    reach(limits, both.client, name, both.client_rekey.is_due)
    reach(limits, both.server, name, both.server_rekey.is_due)


@pytest.mark.parametrize("seconds", [20, SOFT_LIMIT_SECONDS])
def test_soft_limit_of_time_starts_a_rekey_at_its_edge(seconds):
    """Also of keys that nobody uses; each epoch has its own time."""
    both = ends(parameters=ServerParameters(soft_limits=KeyLimits(seconds, SOFT_LIMIT_BYTES, SOFT_LIMIT_FRAMES)))
    for machine in (both.client_rekey, both.server_rekey):
        assert not machine.is_due(seconds - 0.1)
        assert machine.is_due(seconds)
    both.rekey(seconds)

    assert not both.client_rekey.is_due(2 * seconds - 0.1)
    assert both.client_rekey.is_due(2 * seconds)


@pytest.mark.parametrize("name", COUNTERS)
@pytest.mark.parametrize("limits", [KeyLimits(HARD_LIMIT_SECONDS, HARD_LIMIT_BYTES, HARD_LIMIT_FRAMES), LOW_LIMITS])
def test_hard_limits_end_the_keys_at_their_edge(name, limits):
    """Nothing more is sealed or opened in that direction, and either end closes."""
    both = ends(parameters=ServerParameters(hard_limits=limits))
    for session, machine in ((both.client, both.client_rekey), (both.server, both.server_rekey)):
        reach(limits, session, name, machine.is_overdue)
        with pytest.raises(RekeyOverdue):
            if name.startswith("sent"):
                session.seal(MessageType.CHAT, b"one more", MESSAGE_ID, NOW_MS)
            else:
                session.open(b"whatever")


def test_hard_limit_of_time_ends_the_keys_at_its_edge():
    """A day, or what was announced below it."""
    for seconds in (60, HARD_LIMIT_SECONDS):
        limits = KeyLimits(seconds, HARD_LIMIT_BYTES, HARD_LIMIT_FRAMES)
        both = ends(parameters=ServerParameters(hard_limits=limits))
        for began in (0, 30):
            for machine in (both.client_rekey, both.server_rekey):
                assert [machine.is_overdue(began + seconds - early) for early in (0.1, 0)] == [False, True]
            both.rekey(began + 30)


def test_announced_limits_are_never_above_the_protocols():
    """A server that promises more is not believed."""
    more = KeyLimits(10 * HARD_LIMIT_SECONDS, 10 * HARD_LIMIT_BYTES, 10 * HARD_LIMIT_FRAMES)
    both = ends(parameters=ServerParameters(soft_limits=more, hard_limits=more))

    for session in (both.client, both.server):
        assert session.soft_limits == ServerParameters().soft_limits
        assert session.hard_limits == ServerParameters().hard_limits
