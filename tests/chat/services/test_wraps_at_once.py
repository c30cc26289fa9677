"""Lock-outs, invites and arrivals at the same instant, each in a thread with a database connection of its own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from chat.models import Device, DiscoverySecret, DiscoveryWrap, Invite, ServerIdentity
from chat.services import connections, devices, invites, wraps
from chat.services.identity import ensure_server, successor_row
from chat.services.invites import cancel_invite, create_for, create_invite
from chat.services.succession import begin_handover
from clawchat.protocol.errors import PeerError
from clawchat.protocol.keys import DeviceKey, PreSharedKey
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.wraps import WRAP_BYTES, WRAPS_STEP
from tests.chat.services.conftest import Person

SEAT = devices.Seat("127.0.0.1", 1, "process")
ROUNDS = 3


@pytest.fixture
def server(transactional_db) -> None:
    """A server whose database waits for no one thread."""
    ensure_server()


def at_once(*works: Callable[[], object]) -> None:
    """Run each of these in a thread of its own, all starting together; a refusal is a fair outcome."""
    start = threading.Barrier(len(works))

    def run(work: Callable[[], object]) -> None:
        try:
            start.wait(30)
            work()
        except PeerError:
            pass
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        for done in [threads.submit(run, work) for work in works]:
            done.result()


def enrolled() -> Device:
    """A device that is about to come with its own pair for the first time."""
    made = Invite.objects.get(invite_id=create_invite().invite_id)
    key = DeviceKey.generate()
    devices.enrol(made.pk, key.public, random_bytes(16), PreSharedKey.generate(), SEAT)
    return Device.objects.get(public=bytes(key.public))


def test_whatever_happens_at_once_the_set_fits_who_is_there(server):
    """One secret, an entry for each device and each open invite and for nobody else, in steps of 16."""
    alice = Person("Alice")
    for number in range(ROUNDS):
        leaving, coming = [Person(f"Bob {number}"), Person(f"Charlie {number}")], enrolled()
        inviting = Person(f"Dora {number}")
        unwanted = create_invite()

        at_once(
            *[lambda person=person: devices.revoke(person.id, "stolen", "operator") for person in leaving],
            lambda device=coming: connections.arrive(device.pk, bytes(device.pending_psk_id), SEAT),
            lambda issued=unwanted: cancel_invite(issued.invite_id, "operator"),
            lambda person=leaving[0]: create_for(person.pk, "", 3600),
            lambda person=inviting: create_for(person.pk, "", 3600),
            create_invite,
        )

        current = DiscoverySecret.objects.get(current=True)
        held = DiscoveryWrap.objects.filter(secret=current)
        open_invites = set(Invite.objects.open(timezone.now()).values_list("pk", flat=True))
        there = set(Device.objects.enrolled().exclude(psk_id=None).values_list("pk", flat=True))
        assert set(held.exclude(invite=None).values_list("invite", flat=True)) == open_invites
        assert set(held.exclude(device=None).values_list("device", flat=True)) == there
        assert alice.pk in there and coming.pk in there
        assert not there & {person.pk for person in leaving}
        assert not Invite.objects.open(timezone.now()).filter(made_by__revoked_at__isnull=False).exists()
        assert len(wraps.current_wraps()) % (WRAP_BYTES * WRAPS_STEP) == 0
        assert not DiscoveryWrap.objects.exclude(secret=current).exists()
    assert DiscoverySecret.objects.count() == 2 * ROUNDS + 1


def test_no_invite_outlives_a_handover_that_began_while_it_was_made(server, monkeypatch):
    """Whoever makes it has looked whether there is one before the other begins it."""
    look = invites.successor_row

    def look_slowly() -> ServerIdentity | None:
        row = look()
        time.sleep(0.5)
        return row

    def hand_over() -> None:
        time.sleep(0.2)
        begin_handover("operator", timedelta(hours=1))

    monkeypatch.setattr(invites, "successor_row", look_slowly)
    at_once(create_invite, hand_over)

    assert Invite.objects.get().expires_at <= successor_row().handover_until
