"""Buckets that server processes share in Redis: what they hold together, and what happens while Redis is away."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable

import pytest

from chat.models import ConnectionPolicy
from chat.rates import Rates
from chat.shared_buckets import LEAST_CREDIT, SharedBuckets

ALICE, HOME = 1, "192.0.2.1"


def node_of(shared: SharedBuckets, **limits: int) -> Rates:
    """The rates of a server process, beside others."""
    return Rates(ConnectionPolicy(**limits), time.monotonic(), shared)


async def flood(*nodes: Rates, seconds: float) -> int:
    """How many messages of one device all nodes together take in so long."""
    taken, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        taken += sum(not node.take_message(ALICE, HOME, 1, time.monotonic()) for node in nodes for _ in range(5))
        await asyncio.sleep(0.001)
    return taken


@pytest.fixture
async def shared(redis_server) -> AsyncIterator[Callable[..., SharedBuckets]]:
    """Makes the buckets of one more server process."""
    made = []

    def make(url: str = redis_server, server_id: str = f"test {time.monotonic_ns()}") -> SharedBuckets:
        buckets = SharedBuckets(url, server_id, time.monotonic)
        buckets.start()
        made.append(buckets)
        return buckets

    yield make
    for buckets in made:
        await buckets.stop()


@pytest.mark.e2e
async def test_a_device_has_one_bucket_on_all_nodes(shared):
    """Three nodes together let it send its burst and its rate, and no more than a credit each besides."""
    nodes = [node_of(shared(), messages_per_second=100, message_burst=400) for _ in range(3)]

    taken = await flood(*nodes, seconds=2.0)

    assert 550 <= taken <= 400 + 200 + 3 * 100 + 50
    assert max(node.take_message(ALICE, HOME, 1, time.monotonic()) for node in nodes) > 0


@pytest.mark.e2e
async def test_who_keeps_to_his_rate_is_never_refused(shared):
    """However the slices fall."""
    nodes = [node_of(shared(), messages_per_second=400, message_burst=400) for _ in range(2)]
    refused, began = 0, time.monotonic()

    for number in range(600):
        await asyncio.sleep(max(0.0, began + number / 350 - time.monotonic()))
        refused += nodes[number % 2].take_message(ALICE, HOME, 1, time.monotonic()) > 0

    assert refused == 0


@pytest.mark.e2e
async def test_who_waits_as_long_as_he_is_told_is_let_in(shared):
    """At the first try after it, on the node that told him, although the bucket was empty for all."""
    nodes = [node_of(shared(), messages_per_second=2, message_burst=100) for _ in range(2)]
    await flood(*nodes, seconds=0.8)
    shorter = node_of(shared(), messages_per_second=2, message_burst=100)

    while not (wait := shorter.take_message(ALICE, HOME, 1, time.monotonic())):
        await asyncio.sleep(0.01)
    for _ in range(3):
        await asyncio.sleep(math.ceil(wait))
        wait = shorter.take_message(ALICE, HOME, 1, time.monotonic())
        if not wait:
            break

    assert wait == 0


@pytest.mark.e2e
async def test_servers_that_use_one_redis_are_apart(shared):
    """And so are devices."""
    ours = node_of(shared(server_id="ours"), messages_per_second=1, message_burst=100)
    theirs = node_of(shared(server_id="theirs"), messages_per_second=1, message_burst=100)
    assert await flood(ours, seconds=2) >= 100

    assert [theirs.take_message(ALICE, HOME, 1, time.monotonic()) for _ in range(LEAST_CREDIT)] == [0] * LEAST_CREDIT
    assert ours.take_message(ALICE + 1, "", 1, time.monotonic()) == 0


@pytest.mark.e2e
async def test_a_changed_limit_refills_no_shared_bucket(shared):
    """Nor does it while another node has it still."""
    node = node_of(shared(), messages_per_second=1, message_burst=100)
    assert await flood(node, seconds=2) in range(100, 104)

    node.limit(ConnectionPolicy(messages_per_second=1, message_burst=100, max_devices=7), time.monotonic())

    assert await flood(node, seconds=0.3) <= 1


async def test_while_redis_is_away_each_process_limits_by_itself(shared, unused_tcp_port, caplog):
    """Nobody is refused for it, nobody begins anew, and it is said once."""
    buckets = shared(f"redis://127.0.0.1:{unused_tcp_port}/0")
    node = node_of(buckets, messages_per_second=1, message_burst=100)

    taken = await flood(node, seconds=1.5)

    assert taken in range(100, 103)
    assert buckets.is_away
    assert caplog.text.count("limits by itself") == 1
