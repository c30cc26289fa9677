"""The count of connected devices, over processes that live and processes that died."""

from datetime import timedelta

from django.utils import timezone

from chat.models import AuditEvent, Connection, News
from chat.models.connection import SILENT_AFTER
from chat.services import connections
from chat.services.connections import Ending
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
