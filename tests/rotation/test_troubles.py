"""Nodes that fell silent, ports that wait, certificates near their end: told, and over when they are."""

import pytest

from chat.models import Alert
from clawchat.protocol.schedule import LeaseState
from rotation.models import Node
from rotation.services import troubles
from tests.rotation.certificates import sign, write_pair
from tests.rotation.rows import INTERVAL, LEAD, House, T


def opened(now: float, kind: str) -> dict[str, Alert]:
    """What is open of a kind, by its subject."""
    troubles.look(now)
    return {row.subject: row for row in Alert.objects.filter(kind=kind, closed_at=None)}


def test_a_node_that_fell_silent_is_urgent_and_one_that_stopped_is_not(shelf):
    """Until it is back, or was stopped, or has been gone for a week."""
    alpha, beta = House("alpha"), House("beta")
    troubles.look(T + 30)
    assert opened(T + 30, "node") == {}
    Node.objects.filter(name="beta").update(stopped_at=Node.objects.get(name="beta").seen_at)

    found = opened(T + 90, "node")
    assert (list(found), found["alpha"].severity) == (["alpha"], "urgent")
    assert "alpha.example.org" in found["alpha"].text

    alpha.tick(T + 100)
    assert opened(T + 101, "node") == {}
    assert beta.node_pk
    assert opened(T + 9 * 86_400, "node") == {}


def test_a_port_that_no_mirror_announces_is_urgent_until_one_does(shelf):
    """The same row as long as it waits."""
    house = House()
    house.settle()
    shelf.is_down = True
    for now in range(T + INTERVAL - LEAD, T + INTERVAL + 90, 10):
        house.settle(now)

    found = opened(T + INTERVAL + 90, "port")
    assert list(found) == ["alpha"]
    assert "no mirror that members can reach" in found["alpha"].text

    shelf.is_down = False
    house.settle(T + INTERVAL + 400)
    assert house.leases(LeaseState.OPEN)
    assert opened(T + INTERVAL + 401, "port") == {}


@pytest.mark.parametrize(("days", "severity"), [(90, None), (10, "warning"), (2, "urgent"), (-1, "urgent")])
def test_a_certificate_is_told_of_before_its_end(db, tmp_path, settings, days, severity):
    """Two weeks ahead, and three days ahead once more; one that is no good any more says why."""
    settings.CLAWCHAT_TLS = "files"
    settings.CLAWCHAT_TLS_FILES = (write_pair(tmp_path, "site", sign("site", days=(-30, days))),)

    troubles.look()

    rows = list(Alert.objects.filter(kind="certificate"))
    assert [row.severity for row in rows] == ([severity] if severity else [])


def test_certificates_of_the_local_authority_renew_themselves(db, settings):
    """Nothing to look after."""
    settings.CLAWCHAT_TLS = "local"

    troubles.look()

    assert not Alert.objects.exists()
