"""Two Python clients at a real server with small limits on keys: new ones again and again, while the port moves.

Each of them has another cipher suite.
"""

import asyncio
from typing import Any

import pytest

from clawchat.client import Client
from clawchat.protocol.suites import SUITE_X25519, SUITE_X25519_MLKEM768, SUITES
from tests.e2e.pairs import Watchful, converse, two_members, until
from tests.e2e.server import ServerProcess

# An epoch lasts ten seconds at least, and a client waits one more: so many rekeys take a while.
REKEYS_OF_EACH = 3
LONGEST_SECONDS = 120
SMALL_LIMITS = "from chat.services.policy import change_policy; change_policy('test', rekey_after_frames=16)"
ASK = "from chat.services.rekey import ask_everybody; ask_everybody('test')"


class WithoutMlkem(Client):
    """A client that cannot do ML-KEM, and knows it."""

    def __init__(self, *parts: Any, **options: Any) -> None:
        super().__init__(*parts, pq_required=False, **options)
        self._finder.suites = lambda: (SUITE_X25519,)


class Rekeyer(Watchful):
    """One member: sends all the time without waiting, and writes down what keys it had."""

    @property
    def suites(self) -> set[int]:
        """Those of its sessions."""
        return {connection._session.suite for connection in self.epochs}

    @property
    def rekeys(self) -> int:
        """How often its keys were made anew inside a session."""
        return sum(self.epochs.values())


@pytest.mark.e2e
async def test_steady_talk_survives_rekeys_moves_and_a_request(tmp_path, caplog):
    """Keys change at small limits and on an operator's word, the port moves: nothing lost, doubled or reordered.

    The server's floor is off, and bob's client does without ML-KEM; alice's does not.
    """
    caplog.set_level("INFO", "clawchat.client")
    environment = {"CLAWCHAT_PQ_REQUIRED": "0"}
    server = ServerProcess(tmp_path / "data", interval=20, lead=4, grace=4, environment=environment)
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(server.run, "shell", "-c", SMALL_LIMITS)
        async with two_members(server, tmp_path, WithoutMlkem) as clients:
            talkers, log = await converse(clients, Rekeyer, lambda talkers: _ask_for_keys(server, talkers))
            assert clients[0]._finder.known.suites == SUITES
    finally:
        await asyncio.to_thread(server.stop)

    assert [talker.suites for talker in talkers] == [{SUITE_X25519_MLKEM768}, {SUITE_X25519}]
    for talker in talkers:
        talker.check(log)
        assert talker.rekeys >= REKEYS_OF_EACH
        assert len(talker.epochs) > 1
    assert [row["seq"] for row in log] == list(range(log[0]["seq"], log[0]["seq"] + len(log)))
    ends = [one.getMessage() for one in caplog.records if "connection ended" in one.getMessage()]
    assert all("rediscover" in end for end in ends)


async def _ask_for_keys(server: ServerProcess, talkers: list[Rekeyer]) -> None:
    """Wait for what limits bring, have the operator ask for more, and for a move of the port."""
    await until(lambda: all(talker.rekeys for talker in talkers), LONGEST_SECONDS)
    await asyncio.to_thread(server.run, "shell", "-c", ASK)
    await until(lambda: all(talker.rekeys >= REKEYS_OF_EACH for talker in talkers), LONGEST_SECONDS)
    await until(lambda: all(len(talker.epochs) > 1 for talker in talkers), LONGEST_SECONDS)
