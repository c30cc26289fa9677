"""A rekey whose frames have to wait: nothing of it comes twice or out of turn."""

import pytest

from clawchat.protocol.errors import UsageError
from clawchat.protocol.frame import MessageType
from clawchat.protocol.handshake import KeyLimits, ServerParameters
from tests.protocol.pairs import ends


def test_the_next_one_waits_until_done_has_gone():
    """Under load DONE waits behind other frames, whose number and size are those of the old epoch still."""
    both = ends(parameters=ServerParameters(soft_limits=KeyLimits(3600, 1 << 20, 2)))
    both.carry(both.client, b"1", MessageType.CHAT), both.carry(both.client, b"2", MessageType.CHAT)
    answer = both.server_rekey.receive(both.carry(both.client, both.client_rekey.init(100)), 100)
    done = both.client_rekey.receive(both.carry(both.server, answer), 100)

    assert not both.client_rekey.is_due(120)
    with pytest.raises(UsageError):
        both.client_rekey.init(120)
    both.server_rekey.receive(both.carry(both.client, done), 120)

    assert both.client.epoch == both.server.epoch == 1
    assert not both.client_rekey.is_due(120)
