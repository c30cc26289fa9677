"""A lock-out as ports see it: those that the revoked device may know give way at once, the others stay."""

from datetime import timedelta

from django.db import transaction

from chat.services.identity import current_discovery_secret, current_identity, current_kid, renew_discovery_secret
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.schedule import LeaseState
from discovery.models import Publication
from discovery.services import latest_publication, published_info
from rotation.models import LeaseKind, PortLease
from rotation.services.plan import instant
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, T


def renew() -> None:
    """What a revocation does to the secret."""
    with transaction.atomic():
        renew_discovery_secret("a test", "operator")


def listed_ports() -> list[int]:
    """The ports in the published file, in its order."""
    return [endpoint.port for endpoint in published_info().endpoints]


def test_an_open_port_is_replaced_at_once(house):
    """The old one drains for its grace, the new one has another path, and the file lists it alone."""
    house.settle()
    renew()
    house.settle(T + 10)
    house.tick(T + 10)

    former, present = house.leases()
    assert (former.state, present.state) == ("draining", "open")
    assert former.closes_at == instant(T + 10 + GRACE)
    assert former.path != present.path
    assert listed_ports() == [present.port]
    assert present.moves_at == instant(T + 10 + INTERVAL)


def test_a_replaced_port_is_replaced_once(house):
    """From then on ports move as they always do."""
    house.settle()
    renew()
    for second in range(10, 20):
        house.settle(T + second)

    assert house.states() == ["draining", "open"]
    assert {lease.kid for lease in house.leases(LeaseState.OPEN)} == {current_kid().hex()}


def test_nothing_moves_without_a_renewal(house):
    """An hour of ticks plans what it always planned."""
    house.settle()
    house.settle(T + 10)

    assert house.states() == ["open"]


def test_the_file_is_published_anew_before_the_next_port_listens(house):
    """Devices that are away find the new secret in it; the former one does not open it."""
    house.settle()
    former, before = current_discovery_secret(), latest_publication().serial
    renew()
    house.tick(T + 10)

    publication = latest_publication()
    assert publication.serial > before
    assert publication.kid == current_kid().hex()
    assert SealedConnectionFile.parse(bytes(publication.body)).open(
        current_discovery_secret(), [current_identity().public]
    )
    assert publication.kid != SealedConnectionFile.parse(bytes(Publication.objects.first().body)).kid.hex()
    assert bytes(former) != bytes(current_discovery_secret())


def test_a_port_that_was_announced_is_not_opened(house):
    """The revoked device has read of it: it is closed, and another one takes its place at once."""
    house.settle()
    house.settle(T + INTERVAL - LEAD)
    renew()
    house.settle(T + INTERVAL - LEAD + 1)
    house.tick()

    assert house.states() == ["draining", "closed", "open"]
    assert len(listed_ports()) == 1


def test_a_port_that_is_only_planned_stays(house):
    """Nobody was told of it."""
    house.settle()
    house.tick(T + INTERVAL - LEAD)
    renew()
    house.settle(T + INTERVAL - LEAD + 1)

    assert house.states() == ["draining", "open"]


def test_a_bound_port_of_a_start_is_closed_and_another_opened(house):
    """Before any port served: no file has to name the closed one."""
    house.tick()
    house.bind()
    renew()
    house.settle(T + 1)

    assert house.states() == ["closed", "open"]


def test_the_fixed_port_stays(house, settings):
    """Its number is no secret, and the gate is."""
    settings.CLAWCHAT_FIXED_PORT = 443
    House()
    house.settle()
    (before,) = PortLease.objects.filter(kind=LeaseKind.FIXED)
    renew()
    house.settle(T + 10)

    (after,) = PortLease.objects.filter(kind=LeaseKind.FIXED)
    assert (after.pk, after.state, after.path) == (before.pk, "open", before.path)


def test_all_slots_of_all_nodes_are_replaced(shelf, settings):
    """And move one after the other the next time, as slots do."""
    settings.CLAWCHAT_PORTS = 3
    houses = [House(name) for name in ("alpha", "beta")]
    for _ in range(2):
        for each in houses:
            each.settle()
    renew()
    for _ in range(3):
        for each in houses:
            each.settle(T + 10)

    for each in houses:
        serving = each.leases(LeaseState.OPEN)
        assert {lease.kid for lease in serving} == {current_kid().hex()}
        assert len({lease.moves_at for lease in serving}) == len(serving) == 3
        assert len(each.leases(LeaseState.DRAINING)) == 3


def test_lock_outs_in_quick_succession_leave_one_port(house):
    """Each renewal while the next port is on its way: the old one serves until one under the last secret opens."""
    house.settle()
    for second in range(1, 15):
        renew()
        house.tick(T + second)
        house.bind()
    assert house.leases(LeaseState.OPEN)
    house.settle(T + 20)

    assert [lease.kid for lease in house.leases(LeaseState.OPEN)] == [current_kid().hex()]
    assert len(house.leases(LeaseState.PLANNED, LeaseState.BOUND, LeaseState.ANNOUNCED)) == 0


def test_while_no_mirror_takes_the_file_the_old_port_serves_on(house, shelf, monkeypatch):
    """Nobody could find another one."""
    house.settle()
    monkeypatch.setattr(shelf, "is_down", True)
    renew()
    house.settle(T + 10)
    waiting = house.states()
    monkeypatch.setattr(shelf, "is_down", False)
    house.settle(T + 30)

    assert waiting == ["open", "bound"]
    assert house.states() == ["draining", "open"]


def test_the_lease_of_a_node_that_was_down_is_replaced_when_it_comes_back(house):
    """Its row says under which secret it was planned."""
    house.settle()
    renew()
    later = T + int(timedelta(minutes=2).total_seconds())
    House(now=later)
    house.settle(later)

    assert house.leases(LeaseState.OPEN)[0].kid == current_kid().hex()
