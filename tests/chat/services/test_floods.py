"""Floods: told once with how much, and not what the limits hold without anybody noticing."""

import pytest

from chat import strangers
from chat.models import Alert
from chat.services import connections
from chat.services.alerts import MOST_ALIKE, raise_alert
from chat.services.devices import Seat
from chat.services.floods import MOST_FRAMES, MOST_STRANGERS

pytestmark = pytest.mark.django_db
MALLORY = "192.0.2.66"


def test_an_address_that_comes_again_and_again_is_told_with_where_it_was_stopped() -> None:
    for _ in range(3):
        strangers.write([((MALLORY, "admission"), 1900), ((MALLORY, "gate"), 100), (("198.51.100.7", "gate"), 3)])
    row = Alert.objects.get()
    assert (row.kind, row.subject, row.count) == ("flood", MALLORY, 3)
    assert row.text == (
        "192.0.2.66 came 2,000 times in a minute and was not let in (stopped at: admission 1,900, gate 100)."
    )


def test_a_few_strangers_are_nothing() -> None:
    strangers.write([((MALLORY, "gate"), MOST_STRANGERS - 1)])
    assert not Alert.objects.exists()


def test_addresses_of_one_network_are_one_flood() -> None:
    strangers.write([((f"2001:db8:0:6::{number:x}", "gate"), 10) for number in range(10)])
    assert Alert.objects.get().subject == "2001:db8:0:6::/64"


def test_who_scans_is_not_told_of_twice() -> None:
    raise_alert("scan", MALLORY, "warning", "A scan.", "")
    strangers.write([((MALLORY, "connect"), 500)])
    assert not Alert.objects.filter(kind="flood").exists()


def test_a_crowd_is_one_alert_more() -> None:
    strangers.write([((f"192.0.2.{number}", "gate"), 500) for number in range(60)])
    assert Alert.objects.count() == MOST_ALIKE + 1


def test_a_device_that_does_not_wait_is_told_of(alice) -> None:
    seat = Seat.of("198.51.100.7", 1, "here", "tests")
    pk = connections.arrive(alice.pk, bytes(alice.device.psk_id), seat).connection_pk
    connections.note_refused([(pk, {"too_fast": MOST_FRAMES - 1, "too_large": 500})])
    assert not Alert.objects.exists()
    connections.note_refused([(pk, {"too_fast": 4100})])
    row = Alert.objects.get()
    assert (row.kind, row.subject) == ("flood", alice.id.hex())
    assert row.text.startswith(f"Device {alice.id.hex()[:8]} was held back 4,100 times in a minute")
