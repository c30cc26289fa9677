"""The count of connected devices, over processes that live and processes that died."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from django.utils import timezone

from chat.models import AuditEvent, Connection, News
from chat.models.connection import SILENT_AFTER
from chat.services import connections
from chat.services.connections import Ending
from chat.services.devices import Seat
from chat.services.policy import change_policy
from clawchat.protocol.errors import Limit
from clawchat.protocol.retry import retry_seconds


def arrive(person, process: str = "here", address: str = "127.0.0.1", suite: int | None = None):
    """Somebody's device arrives."""
    seat = Seat.of(address, 1, process, "tests", suite=suite)
    return connections.arrive(person.pk, bytes(person.device.psk_id), seat)


def test_devices_are_counted_once_over_all_processes(alice, bob):
    """Two sessions of one device are one device."""
    arrive(alice), arrive(alice, "there"), arrive(bob, "there")

    assert connections.connected_count() == 2
    assert News.objects.filter(kind="second").count() == 1


def test_devices_are_counted_by_the_suite_of_their_sessions(alice, bob, charlie):
    """So that an operator sees who would be shut out by a floor; rows from before are told apart."""
    assert connections.connected_by_suite() == {"hybrid": 0, "classic": 0, "unknown": 0}
    arrive(alice, suite=2), arrive(alice, "there", suite=2), arrive(bob, suite=1), arrive(charlie)

    assert connections.connected_by_suite() == {"hybrid": 1, "classic": 1, "unknown": 1}

    Connection.objects.filter(device=bob.device).update(closed_at=timezone.now())
    assert connections.connected_by_suite()["classic"] == 0


def test_the_last_place_is_given_once(alice, bob):
    """The next device is refused with when to try again; a device that is in may come twice."""
    change_policy("operator", max_devices=1)
    arrive(alice)

    refused, again = arrive(bob), arrive(alice)

    assert isinstance(refused, Limit)
    assert int(refused.text.split()[0]) == connections.RETRY_SECONDS
    assert not isinstance(again, Limit)


def test_connections_of_a_dead_process_free_their_places(alice, bob):
    """Nobody speaks for them any more: they count no longer, and their rows are closed."""
    arrive(alice, "dead")
    bobs = arrive(bob, "alive")
    Connection.objects.filter(process="dead").update(seen_at=timezone.now() - SILENT_AFTER - timedelta(seconds=1))

    assert connections.connected_count() == 1
    connections.keep_alive([bobs.connection_pk])

    dead = Connection.objects.get(process="dead")
    assert dead.why == "lost"
    assert dead.closed_at == dead.seen_at
    assert Connection.objects.get(process="alive").closed_at is None


def test_a_row_is_closed_once(alice):
    """The first reason stays."""
    arrival = arrive(alice)

    connections.depart(arrival.connection_pk, Ending("silence", 1, 2))
    connections.depart(arrival.connection_pk, Ending("connection lost", 3, 4))

    row = Connection.objects.get()
    assert (row.why, row.bytes_in, row.bytes_out) == ("silence", 1, 2)


def test_the_audit_log_has_a_connection_from_its_proof_to_its_end(alice):
    """Who came from where, and once how it ended: how long it lasted and what it carried."""
    arrival = arrive(alice)
    ending = Ending("closed by client", 10, 20, 3, 2, {"too_fast": 2})

    connections.depart(arrival.connection_pk, ending)
    connections.depart(arrival.connection_pk, Ending("connection lost"))

    came, closed, refused = AuditEvent.objects.filter(subject=alice.id.hex()).order_by("id")
    assert {came.code, closed.code, refused.code} == {"authenticated", "connection_closed", "frames_refused"}
    assert {event.subject for event in (came, closed, refused)} == {alice.id.hex()}
    assert {event.address for event in (came, closed, refused)} == {"127.0.0.1"}
    assert closed.details == {
        "port": 1,
        "seconds": 0,
        "why": "closed by client",
        "bytes_in": 10,
        "bytes_out": 20,
        "messages_in": 3,
        "frames_refused": 2,
    }
    assert refused.details == {"too_fast": 2}
    row = Connection.objects.get()
    assert (row.messages_in, row.frames_refused) == (3, 2)


def test_the_end_of_a_lost_connection_is_in_the_audit_log(alice):
    """Its process told nobody; the time of its last sign of life is its end."""
    arrive(alice)
    gone = timezone.now() - SILENT_AFTER - timedelta(seconds=1)
    Connection.objects.update(seen_at=gone, opened_at=gone - timedelta(seconds=30))

    connections.keep_alive([])

    event = AuditEvent.objects.get(code="connection_closed")
    assert (event.details["why"], event.details["seconds"]) == ("lost", 30)


def test_a_connection_that_was_taken_for_lost_counts_again_once_its_process_speaks(alice, bob):
    """It could not for a minute, and another one could; what has ended stays so."""
    alices, bobs = arrive(alice, "cut off"), arrive(bob, "cut off")
    Connection.objects.update(seen_at=timezone.now() - SILENT_AFTER - timedelta(seconds=1))
    connections.keep_alive([])
    Connection.objects.filter(pk=bobs.connection_pk).update(why="closed")
    assert connections.connected_count() == 0

    connections.keep_alive([alices.connection_pk, bobs.connection_pk])

    live = Connection.objects.live(timezone.now()).get()
    assert (live.pk, live.why) == (alices.connection_pk, "")


@pytest.mark.parametrize(
    ("bits", "first", "second", "is_one_caller"),
    [
        (64, "192.0.2.1", "192.0.2.1", True),
        (64, "192.0.2.1", "::ffff:192.0.2.1", True),
        (64, "192.0.2.1", "192.0.2.2", False),
        (64, "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        (64, "2001:db8:0:1::1", "2001:db8:0:2::1", False),
        (48, "2001:db8:0:1::1", "2001:db8:0:2::1", True),
        (128, "2001:db8:0:1::1", "2001:db8:0:1::2", False),
        (64, "127.0.0.1", "127.0.0.1", False),
        (64, "10.1.2.3", "10.1.2.3", False),
    ],
)
def test_devices_behind_one_address_are_counted_by_its_network(
    alice, bob, settings, bits, first, second, is_one_caller
):
    """Of this machine and of trusted proxies everybody may come."""
    settings.CLAWCHAT_TRUSTED_PROXIES = (ip_network("10.1.0.0/16"),)
    change_policy("operator", max_sessions_per_address=1, ipv6_prefix_bits=bits)
    arrive(alice, address=first)

    came = arrive(bob, address=second)

    assert isinstance(came, Limit) == is_one_caller
    if is_one_caller:
        assert retry_seconds(came.text) == connections.RETRY_SECONDS
        assert AuditEvent.objects.get(code="limit_reached").details["why"].endswith("from this address")


def test_a_device_may_move_although_its_address_is_full(alice, bob):
    """Its second session is no second device."""
    change_policy("operator", max_sessions_per_address=2)
    arrive(alice, address="192.0.2.1"), arrive(bob, address="192.0.2.1")

    assert not isinstance(arrive(alice, "there", "192.0.2.1"), Limit)


def test_the_oldest_sessions_of_a_device_are_one_too_many(alice, bob):
    """On whatever process they are: the news names the newest that has to go."""
    change_policy("operator", max_sessions_per_device=2)
    arrive(bob)
    came = [arrive(alice, f"process {number}").connection_pk for number in range(4)]

    subjects = News.objects.filter(kind="second").order_by("id").values_list("subject", flat=True)

    assert [subject.split(":")[1:] for subject in subjects] == [
        [str(came[1]), "0"],
        [str(came[2]), str(came[0])],
        [str(came[3]), str(came[1])],
    ]
