"""A pass with nothing to do costs a few queries, however many ports and nodes there are."""

from django.db import connection
from django.test.utils import CaptureQueriesContext

from discovery.models import Publication
from rotation import services
from rotation.models import PortLease
from tests.rotation.rows import House, T

MOST_QUERIES = 30


def queries_of_a_pass(now: int) -> int:
    """How many queries a pass at that instant asks."""
    with CaptureQueriesContext(connection) as asked:
        services.tick(now)
    return len(asked)


def test_an_idle_pass_asks_little(shelf, settings):
    """The same for one node with one port, and for four nodes with eight ports each, decoys and tripwires."""
    house = House()
    house.settle()
    house.settle(T + 1)
    alone = queries_of_a_pass(T + 2)

    settings.CLAWCHAT_PORTS, settings.CLAWCHAT_DECOYS, settings.CLAWCHAT_FIXED_PORT = 8, 3, 443
    houses = [House(name, now=T + 3) for name in ("alpha", "beta", "gamma", "delta")]
    for _ in range(3):
        for each in houses:
            each.settle(T + 3)
    leases, files = PortLease.objects.count(), Publication.objects.count()

    assert leases == 4 * (8 + 3 + 1)
    assert queries_of_a_pass(T + 4) == alone <= MOST_QUERIES
    assert (PortLease.objects.count(), Publication.objects.count()) == (leases, files)
