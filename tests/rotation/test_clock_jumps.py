"""A clock that jumps, any way and any far: there is always a port, and readers are told of it."""

import random

import pytest

from chat.services.identity import current_discovery_secret, current_identity
from clawchat.protocol.connection_file import ConnectionInfo, SealedConnectionFile
from clawchat.protocol.places import FILE_NAME
from clawchat.protocol.schedule import LeaseState
from rotation.models import LeaseKind, PortLease
from rotation.services import work_of
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T

JUMPS = [-86_400, -3 * INTERVAL, -INTERVAL, -GRACE, -5, 1, 5, 30, GRACE, INTERVAL, 3 * INTERVAL, 86_400]


def published(shelf) -> ConnectionInfo:
    """What readers find."""
    sealed = SealedConnectionFile.parse(shelf.held[FILE_NAME])
    return sealed.open(current_discovery_secret(), [current_identity().public])


@pytest.mark.parametrize("seed", range(3))
def test_whatever_the_clock_does_each_slot_has_its_port(shelf, settings, seed):
    """With jitter, slots, a fixed port, decoys and tripwires: one that serves in each, and the file has them all."""
    settings.CLAWCHAT_ROTATION = {**settings.CLAWCHAT_ROTATION, "jitter": 60.0}
    settings.CLAWCHAT_PORTS, settings.CLAWCHAT_DECOYS, settings.CLAWCHAT_FIXED_PORT = 2, 2, 443
    settings.CLAWCHAT_TRIPWIRE_SECONDS = 300.0
    steps = random.Random(seed)
    house = House()
    for _ in range(30):
        now = house.now + steps.choice(JUMPS)
        house.settle(now)
        house.settle(now + 1)
        leases = work_of(house.node_pk).leases
        serving = [lease for lease in leases if lease.state == LeaseState.OPEN]
        info = published(shelf)

        assert sorted((lease.kind, lease.slot) for lease in serving) == [("fixed", 0), ("moving", 0), ("moving", 1)]
        assert {lease.port for lease in serving} <= {endpoint.port for endpoint in info.endpoints}
        decoys = [lease for lease in leases if lease.kind == LeaseKind.DECOY]
        assert sorted((lease.slot, lease.state) for lease in decoys) == [(0, "tripwire"), (1, "tripwire")]
        assert not {lease.port for lease in decoys} & {endpoint.port for endpoint in info.endpoints}
        assert all(lease.moves_at.timestamp() <= house.now + INTERVAL for lease in serving if lease.moves_at)
        assert len(leases) <= 3 + 2 + 2 * 2 + 8


@pytest.mark.parametrize("seed", range(4))
def test_whatever_the_clock_does_a_port_is_open_and_published(house, shelf, seed):
    """One current port, listed in the file, and never more than a handful that listen."""
    steps = random.Random(seed)
    house.settle(T)
    for _ in range(40):
        now = house.now + steps.choice(JUMPS)
        house.settle(now)
        house.settle(now + 1)
        leases = work_of(house.node_pk).leases
        current = [lease for lease in leases if lease.state == LeaseState.OPEN]
        info = published(shelf)

        assert len(current) == 1
        assert current[0].port in {endpoint.port for endpoint in info.endpoints}
        assert len(leases) <= 8
        assert len({endpoint.port for endpoint in info.endpoints}) <= 4
    assert not PortLease.objects.filter(state=LeaseState.FAILED).exclude(problem__contains="newer").exists()


def test_a_port_that_drains_when_the_clock_is_set_back_closes_all_the_same(house):
    """A grace after the jump, not a day and a grace."""
    house.settle(T)
    house.settle(T + INTERVAL - LEAD)
    house.settle(T + INTERVAL)
    [draining] = house.leases(LeaseState.DRAINING)

    house.settle(T + INTERVAL - 86_400)
    house.settle(house.now + GRACE)

    draining.refresh_from_db()
    assert draining.state == LeaseState.CLOSED
