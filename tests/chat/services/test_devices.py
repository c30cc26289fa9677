"""Revocation, rights over devices, and what a revoked device leaves behind."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chat.models import AuditEvent, Device, Invite, KeyPackage, News, Revocation
from chat.services import devices, key_packages
from chat.services.credentials import find_credential
from chat.services.invites import create_invite
from clawchat.protocol.errors import Limit, NotMember, Unauthentic
from clawchat.protocol.keys import DeviceKey, PreSharedKey
from clawchat.protocol.primitives import random_bytes


def test_revocation_is_one_transaction_over_everything(alice, bob):
    """Secret, packages and invites gone; revocation, audit event and news written; once."""
    key_packages.put(bob.pk, [b"package"], b"last resort")
    invite = create_invite(made_by=bob.device)

    first, second = [devices.revoke(bob.id, "stolen", "operator") for _ in range(2)]

    assert (first, second) == (True, False)
    bob.device.refresh_from_db()
    assert bob.device.revoked_at is not None
    assert bob.device.psk_id is None and bob.device.psk_sealed is None
    assert not KeyPackage.objects.exists()
    assert Invite.objects.get(invite_id=invite.invite_id).psk_sealed is None
    assert bytes(Revocation.objects.get(kind="device").subject) == bytes(bob.key.public)
    assert AuditEvent.objects.get(code="device_revoked").actor == "operator"
    assert set(News.objects.values_list("kind", "subject")) >= {("revoked", bob.id.hex())}


def test_a_cancelled_invite_opens_nothing(alice, bob):
    """What a revoked device handed out before is worth nothing."""
    invite = create_invite(made_by=bob.device)
    devices.revoke(bob.id, "stolen", "operator")

    found = find_credential(invite.invite_id)

    assert (found.device_pk, found.invite_pk) == (None, None)


def test_a_revoked_key_cannot_enrol_again(alice):
    """Not even with a fresh invite."""
    devices.revoke(alice.id, "lost", "operator")
    invite = Invite.objects.get(invite_id=create_invite().invite_id)

    with pytest.raises(Unauthentic):
        devices.enrol(
            invite.pk,
            alice.key.public,
            random_bytes(16),
            PreSharedKey.generate(),
            devices.Seat("127.0.0.1", 1, "process"),
        )


def test_an_invite_is_the_first_keys_that_comes(server):
    """Of two that passed a handshake under it at once, the second is refused as if it had come later."""
    invite, seat = Invite.objects.get(invite_id=create_invite().invite_id), devices.Seat("127.0.0.1", 1, "process")
    alice, mallory = DeviceKey.generate().public, DeviceKey.generate().public
    devices.enrol(invite.pk, alice, random_bytes(16), PreSharedKey.generate(), seat)

    with pytest.raises(Unauthentic):
        devices.enrol(invite.pk, mallory, random_bytes(16), PreSharedKey.generate(), seat)
    devices.enrol(invite.pk, alice, random_bytes(16), PreSharedKey.generate(), seat)
    assert [bytes(device.public) for device in Device.objects.all()] == [bytes(alice)]


def test_who_enrols_waits_for_whoever_revokes_before_it_locks_a_row(server):
    """The secret's lock comes first everywhere, or two of them would wait for each other for ever."""
    invite = Invite.objects.get(invite_id=create_invite().invite_id)
    seat = devices.Seat("127.0.0.1", 1, "process")

    with CaptureQueriesContext(connection) as asked:
        devices.enrol(invite.pk, DeviceKey.generate().public, random_bytes(16), PreSharedKey.generate(), seat)

    tables = ["chat_serveridentity", "chat_invite", "chat_device"]
    selects = [query["sql"] for query in asked if query["sql"].startswith("SELECT")]
    first = [next(at for at, sql in enumerate(selects) if f'FROM "{table}"' in sql) for table in tables]
    assert first == sorted(first)


def test_who_may_revoke(alice, bob, charlie):
    """The own member's devices; an owner anybody's; nobody else's, and unknown ones fail alike."""
    for target in (bob.id, random_bytes(16)):
        with pytest.raises(NotMember, match="not a device of yours"):
            devices.revoke_for(charlie.pk, target)
    alice.member.is_owner = True
    alice.member.save()

    assert devices.revoke_for(alice.pk, bob.id)
    assert devices.revoke_for(charlie.pk, charlie.id)


def own_devices(person, count):
    """Further devices of a person's, by id."""
    ids = [random_bytes(16) for _ in range(count)]
    Device.objects.bulk_create(
        Device(device_id=each, public=each * 2, psk_id=each, psk_sealed=each, member=person.member) for each in ids
    )
    return ids


def test_a_member_revokes_twenty_devices_within_an_hour(alice, bob):
    """Each renews the secret for everybody. One that is revoked already costs nothing, and an owner is not held up."""
    *first, last, one_more = own_devices(bob, devices.REVOCATIONS_PER_MEMBER + 2)
    Device.objects.filter(device_id__in=first).update(revoked_at=timezone.now() - timedelta(minutes=59))
    with pytest.raises(Limit, match="20 devices"):
        devices.revoke_for(bob.pk, last)
    assert not devices.revoke_for(bob.pk, first[0])
    alice.member.is_owner = True
    alice.member.save()
    assert devices.revoke_for(alice.pk, last)

    Device.objects.filter(device_id__in=first[:2]).update(revoked_at=timezone.now() - timedelta(minutes=61))
    assert devices.revoke_for(bob.pk, one_more)
