"""The count of connected devices, over processes that live and processes that died."""

from datetime import timedelta

from django.utils import timezone

from chat.models import Connection, News
from chat.models.connection import SILENT_AFTER
from chat.services import connections
from chat.services.devices import Seat
from chat.services.policy import change_policy
from clawchat.protocol.errors import Limit


def arrive(person, process: str = "here"):
    """Somebody's device arrives."""
    return connections.arrive(person.pk, bytes(person.device.psk_id), Seat.of("127.0.0.1", 1, process, "tests"))


def test_devices_are_counted_once_over_all_processes(alice, bob):
    """Two sessions of one device are one device."""
    arrive(alice), arrive(alice, "there"), arrive(bob, "there")

    assert connections.connected_count() == 2
    assert News.objects.filter(kind="second").count() == 1


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

    connections.depart(arrival.connection_pk, "silence", 1, 2)
    connections.depart(arrival.connection_pk, "connection lost", 3, 4)

    row = Connection.objects.get()
    assert (row.why, row.bytes_in, row.bytes_out) == ("silence", 1, 2)
