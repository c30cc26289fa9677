"""Two servers whose settings or clocks differ: the file comes to rest, and names no port that is gone."""

import logging

from clawchat.protocol.schedule import LeaseState
from discovery.models import Publication
from discovery.services import published_info
from rotation import services
from tests.rotation.rows import GRACE, LEAD, House, T

AHEAD = 14
FEW = 8


def count() -> int:
    """How many publications there were."""
    return Publication.objects.count()


def test_other_settings_do_not_publish_at_every_tick(house, settings, caplog):
    """One says that a grace is a second longer; each of them ticks once a second."""
    house.settle()
    before = count()

    with caplog.at_level(logging.WARNING):
        for second in range(60):
            settings.CLAWCHAT_ROTATION = {**settings.CLAWCHAT_ROTATION, "grace": GRACE + second % 2}
            house.tick(T + second)

    assert count() - before <= FEW
    assert "disagree" in caplog.text


def test_a_clock_that_is_ahead_does_not_publish_at_every_tick(shelf):
    """One node takes the other for gone, which sees it well: who is doubted is left out of the file for a while."""
    alpha, beta = House("alpha"), House("beta")
    for house in (alpha, beta, alpha, beta):
        house.settle()
    before = count()

    for second in range(60):
        for at in (T + second, T + second + AHEAD):
            services.nodes.keep_alive(alpha.node_pk, 0, T + second)
            services.nodes.keep_alive(beta.node_pk, 0, T + second + AHEAD)
            services.tick(at)

    assert count() - before <= FEW
    assert beta.leases(LeaseState.OPEN)[0].port in {endpoint.port for endpoint in published_info().endpoints}


def test_a_port_that_is_gone_leaves_the_file_however_often(shelf):
    """A node that dies and comes back, again and again, is out of the file with the tick that finds it dead."""
    alpha, beta = House("alpha"), House("beta")
    for house in (alpha, beta, alpha, beta):
        house.settle()
    (port,) = (lease.port for lease in beta.leases(LeaseState.OPEN))

    for turn in range(4):
        beta.tick(T + 5 * turn)
        alpha.tick(T + 5 * turn)
        services.nodes.depart(beta.node_pk, T + 5 * turn + 1)
        alpha.tick(T + 5 * turn + 1)
        assert port not in {endpoint.port for endpoint in published_info().endpoints}

    beta.tick(T + 90)
    assert port in {endpoint.port for endpoint in published_info().endpoints}


def test_ports_move_while_servers_disagree(house, settings):
    """A file that says something new does not wait, and no port is announced by one that does not name it."""
    house.settle()
    (head,) = house.leases(LeaseState.OPEN)
    moves_at = int(head.moves_at.timestamp())

    for second in range(moves_at - LEAD - 5, moves_at + 1):
        settings.CLAWCHAT_ROTATION = {**settings.CLAWCHAT_ROTATION, "grace": GRACE + second % 2}
        house.settle(second)
        listed = {endpoint.port for endpoint in published_info().endpoints}
        assert {lease.port for lease in house.leases(LeaseState.ANNOUNCED)} <= listed

    assert house.states() == ["draining", "open"]
