"""Scans: touches become rows, rows become bans, and nothing is counted twice."""

from collections import Counter

import pytest

from chat.models import AuditEvent, Ban
from chat.strangers import Touch
from rotation import services
from rotation.models import Scan
from rotation.services import scans
from tests.rotation.rows import T

MALLORY = "192.0.2.66"


@pytest.fixture
def node_pk(shelf) -> int:
    """A node that has just started."""
    return services.arrive("alpha", "alpha.example.org", T)


def tripwire(port: int = 50001, where: str = "connect", address: str = MALLORY) -> Touch:
    """A touch of a tripwire."""
    return Touch(address, port, True, where)


def rows() -> list[tuple[str, int, int]]:
    """Address, port and count of each row."""
    return list(Scan.objects.order_by("pk").values_list("address", "port", "count"))


def test_touches_within_ten_minutes_are_one_row(node_pk):
    """Where and when the last one was is kept; after ten minutes another row begins."""
    scans.note_touches(node_pk, {tripwire(): 2}, (), T)
    scans.note_touches(node_pk, {tripwire(where="request"): 1}, (), T + 599)
    assert rows() == [(MALLORY, 50001, 3)]
    row = Scan.objects.get()
    assert (row.where, row.first_at.timestamp(), row.last_at.timestamp()) == ("request", T, T + 599)

    scans.note_touches(node_pk, {tripwire(): 1}, (), T + 601)
    assert rows() == [(MALLORY, 50001, 3), (MALLORY, 50001, 1)]


def test_live_ports_and_tripwires_are_told_apart(node_pk):
    """Only tripwires are scans in the audit log; strangers at live ports have their row of the minute."""
    touches = {tripwire(50001): 1, tripwire(50002): 2, Touch(MALLORY, 50003, False, "gate"): 3}

    scans.note_touches(node_pk, touches, (), T)

    assert sorted(rows()) == [(MALLORY, 50001, 1), (MALLORY, 50002, 2), (MALLORY, 50003, 3)]
    event = AuditEvent.objects.get(code="scan")
    assert (event.address, event.details) == (MALLORY, {"ports": [50001, 50002], "count": 3})


def test_every_touch_is_in_the_audit_log(node_pk):
    """However they came, the counts sum up."""
    for second in range(5):
        touches = {tripwire(50001 + second, address=f"192.0.2.{number}"): number for number in range(1, 4)}
        scans.note_touches(node_pk, touches, (), T + second)

    assert sum(event.details["count"] for event in AuditEvent.objects.filter(code="scan")) == 5 * 6


def test_a_crowd_fills_no_audit_log(node_pk, monkeypatch):
    """It never forgets, so of many at once only the busiest have an event of their own; the count is right."""
    monkeypatch.setattr(scans, "MOST_NAMED", 3)
    touches = {tripwire(50001 + number % 2, address=f"192.0.2.{number}"): number for number in range(1, 11)}

    scans.note_touches(node_pk, touches, (), T)

    events = {event.address: event.details for event in AuditEvent.objects.filter(code="scan")}
    assert {address: event["count"] for address, event in events.items()} == {
        "192.0.2.10": 10,
        "192.0.2.9": 9,
        "192.0.2.8": 8,
        "": 28,
    }
    assert events[""]["ports"] == [50001, 50002]


def test_a_scanner_is_banned_over_all_ports_and_nodes(node_pk):
    """Nine touches here, one there."""
    beta = services.arrive("beta", "beta.example.org", T)
    assert not scans.note_touches(node_pk, {tripwire(50000 + number): 1 for number in range(9)}, (), T)

    assert scans.note_touches(beta, {tripwire(): 1}, (), T + 5)

    assert Ban.objects.get().network == MALLORY


def test_a_network_of_ipv6_is_one_scanner(node_pk):
    """Ten addresses of one network, a touch each."""
    touches = {tripwire(address=f"2001:db8:0:6::{number:x}"): 1 for number in range(1, 11)}

    assert scans.note_touches(node_pk, touches, (), T)

    assert Ban.objects.get().network == "2001:db8:0:6::/64"


def test_old_touches_do_not_ban(node_pk):
    """Who errs once in ten minutes is no scanner."""
    for turn in range(30):
        assert not scans.note_touches(node_pk, {tripwire(): 1}, (), T + turn * 400)


def test_who_is_known_is_not_banned(node_pk):
    """This process has let somebody in from there: it is written down, once."""
    assert not scans.note_touches(node_pk, {tripwire(): 15}, {MALLORY}, T)

    assert AuditEvent.objects.filter(code="scan_by_member").count() == 1


def test_a_crowd_fills_no_database(node_pk, monkeypatch):
    """Beyond so many rows its touches are counted without their addresses."""
    monkeypatch.setattr(scans, "MOST_ROWS", 3)

    scans.note_touches(node_pk, {tripwire(address=f"192.0.2.{number}"): 1 for number in range(1, 11)}, (), T)

    assert [row for row in rows() if not row[0]] == [("", 50001, 7)]
    assert Scan.objects.count() == 4


def test_a_crowd_without_addresses_bans_nobody(node_pk):
    """There is nobody to ban."""
    assert not scans.note_touches(node_pk, {tripwire(address=""): 1000}, (), T)


def test_rows_go_after_a_week(node_pk):
    """And not before."""
    scans.note_touches(node_pk, {tripwire(): 1}, (), T)

    assert scans.prune_scans(T + 7 * 86_400 - 1) == 0
    assert scans.prune_scans(T + 7 * 86_400 + 1) == 1


def test_nothing_is_half_written(node_pk, monkeypatch):
    """Rows, audit events and bans are one transaction, so that touches may be handed in again after a failure."""

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(scans.bans, "judge", broken)
    with pytest.raises(RuntimeError):
        scans.note_touches(node_pk, Counter({tripwire(): 3}), (), T)

    assert not Scan.objects.exists() and not AuditEvent.objects.filter(code="scan").exists()
