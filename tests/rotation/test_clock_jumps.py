"""A clock that jumps, any way and any far: there is always a port, and readers are told of it."""

import random

import pytest

from chat.services.identity import current_discovery_secret, current_identity
from clawchat.protocol.connection_file import ConnectionInfo, SealedConnectionFile
from clawchat.protocol.schedule import LeaseState
from rotation.models import PortLease
from rotation.services import work_of
from tests.rotation.rows import GRACE, INTERVAL, LEAD, T

JUMPS = [-86_400, -3 * INTERVAL, -INTERVAL, -GRACE, -5, 1, 5, 30, GRACE, INTERVAL, 3 * INTERVAL, 86_400]


def published(shelf) -> ConnectionInfo:
    """What readers find."""
    sealed = SealedConnectionFile.parse(shelf.held)
    return sealed.open(current_discovery_secret(), [current_identity().public])


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_clock_does_a_port_is_open_and_published(house, shelf, seed):
    """One current port, listed in the file, and never more than a handful that listen."""
    steps = random.Random(seed)
    house.settle(T)
    for _ in range(60):
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
