"""A lock-out as readers of the mirrors see it: the file, its wraps, and the list beside it."""

import hashlib
from datetime import UTC, datetime

import pytest
from django.db import transaction

from chat.models import Device, Revocation, ServerIdentity
from chat.services import audit, devices, wraps
from chat.services.identity import (
    IDENTITY_PURPOSE,
    current_discovery_secret,
    current_identity,
    renew_discovery_secret,
)
from chat.services.invites import cancel_invite, create_invite
from chat.services.sealed import seal_device_psk
from chat.services.secrets import seal_secret
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.credential import device_id
from clawchat.protocol.errors import UnknownPeer
from clawchat.protocol.invite import Invite as Invitation
from clawchat.protocol.key_schedule import key_id
from clawchat.protocol.keys import DeviceKey, IdentityKey, PreSharedKey
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from clawchat.protocol.revocation_list import RevocationKind, SealedRevocationList, revoked_id
from discovery import services
from discovery.models import Publication, RevocationList
from discovery.services.revocations import delete_unused
from tests.discovery.conftest import NOW, compose, endpoint


class Member:
    """A device that may be away, with all it can open files by: its PSK and the secrets it was ever told."""

    def __init__(self) -> None:
        self.psk, key = PreSharedKey.generate(), DeviceKey.generate().public
        self.id, self.public = device_id(key), bytes(key)
        Device.objects.create(
            device_id=self.id, public=self.public, psk_id=self.id, psk_sealed=seal_device_psk(self.id, self.psk)
        )
        self.secrets = {key_id(secret): secret for secret in [current_discovery_secret()]}

    def opens(self, *files: bytes) -> bool:
        """Whether it can open the last of these files, having seen the others before it."""
        pins = [current_identity().public]
        for data in files:
            sealed = SealedConnectionFile.parse(data)
            try:
                self.secrets[sealed.kid] = sealed.unwrap([self.psk], pins)
            except UnknownPeer:
                continue
        try:
            SealedConnectionFile.parse(files[-1]).open(self.secrets, pins)
        except UnknownPeer:
            return False
        return True


def publish(after: int = 0) -> bytes:
    """The file that readers find then."""
    return bytes(services.publish(compose(NOW + after), NOW + after).body)


def open_info(data: bytes):
    """What a file says to who holds the secret in force."""
    return SealedConnectionFile.parse(data).open(current_discovery_secret(), [current_identity().public])


def open_list(data: bytes):
    """What a list says to the same."""
    return SealedRevocationList.parse(data).open(current_discovery_secret(), [current_identity().public])


def revoke(member: Member) -> None:
    """Shut it out."""
    assert devices.revoke(member.id, "stolen", "operator")


def test_four_devices_one_revoked_one_away_through_three_lock_outs_one_invite_unused(memory):
    """All but the revoked are back by what is published; the revoked one, given every object and secret, is not."""
    alice, bob, charlie, dora = (Member() for _ in range(4))
    published = [publish()]
    invitation = Invitation.parse(create_invite().text)
    published.append(publish(1))
    for number, other in enumerate([charlie, Member(), Member()], start=2):
        revoke(other)
        published.append(publish(number))

    pins = [current_identity().public]
    last = SealedConnectionFile.parse(published[-1])
    assert alice.opens(*published) and bob.opens(published[-1]) and dora.opens(published[-1])
    assert bytes(last.unwrap([invitation.invite_psk], pins)) == bytes(current_discovery_secret())
    assert charlie.opens(*published[:2])
    assert not any(charlie.opens(*published[: count + 1]) for count in range(2, len(published)))


def test_a_new_invite_is_published_at_once(memory):
    """Its entry is something to say; so is that it was taken back, and one entry differs each time."""
    files = [publish()]
    issued = create_invite()
    assert services.is_due(compose(NOW + 1), NOW + 1)
    files.append(publish(1))
    cancel_invite(issued.invite_id, "operator")
    files.append(publish(2))

    found = [SealedConnectionFile.parse(data).wraps for data in files]
    entries = [{wrapped[at : at + 56] for at in range(0, len(wrapped), 56)} for wrapped in found]
    assert [len(each) for each in entries] == [16, 16, 16]
    assert len(entries[0] & entries[1]) == len(entries[1] & entries[2]) == 15
    assert not services.is_due(compose(NOW + 3), NOW + 3)


def test_the_same_wraps_are_repeated_byte_for_byte(memory):
    """Or a mirror could tell padding from devices."""
    first = SealedConnectionFile.parse(publish())
    second = SealedConnectionFile.parse(bytes(services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5).body))

    assert first.wraps == second.wraps == wraps.current_wraps()


def test_the_list_lies_beside_the_file_that_names_it(memory):
    """Its digest and serial stand in the file, whose readers can open it."""
    info = open_info(publish())
    data = memory.lists["alpha"]

    assert info.revocations.matches(data)
    assert info.revocations.sha256 == hashlib.sha256(data).digest()
    assert (open_list(data).serial, info.revocations.serial, open_list(data).entries) == (NOW, NOW, ())


def test_a_lock_out_brings_a_new_list(memory):
    """With the device and the former secret, sealed under the new one."""
    member, former = Member(), key_id(current_discovery_secret())
    first = open_info(publish()).revocations.serial
    revoke(member)
    info = open_info(publish(5))
    found = open_list(memory.lists["alpha"])

    assert info.revocations.serial == found.serial == NOW + 5 > first
    assert found.find(RevocationKind.DEVICE, revoked_id(member.public)).reason == "stolen"
    assert found.find(RevocationKind.DISCOVERY, revoked_id(former))


def test_the_same_list_is_sealed_once(memory):
    """A port that moves is nothing new about it."""
    publish()
    services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5)

    assert RevocationList.objects.count() == 1
    assert Publication.objects.count() == 2


def test_the_same_list_is_sealed_anew_under_a_new_secret(memory, monkeypatch):
    """Also when it says no more than before: a full one leaves old secrets out."""
    monkeypatch.setattr("discovery.services.revocations.current_entries", lambda: [])
    publish()
    with transaction.atomic():
        renew_discovery_secret("a test", "operator")
    info = open_info(publish(1))

    assert open_list(memory.lists["alpha"]).serial == info.revocations.serial == NOW + 1


def test_the_newest_list_stays_though_no_file_names_it(memory):
    """The next one's serial follows it."""
    publish()
    Publication.objects.all().delete()
    delete_unused()

    assert RevocationList.objects.count() == 1


def test_a_list_that_is_full_is_published_all_the_same(memory):
    """However much was revoked, with the longest reasons: at most 64 KiB, and what came last is on it."""
    member, former = Member(), key_id(current_discovery_secret())
    Revocation.objects.bulk_create(
        Revocation(kind=kind, subject=number.to_bytes(32, "big"), why="\u00df" * 128)
        for kind in ("discovery", "device")
        for number in range(500)
    )
    Revocation.objects.update(since=datetime(2020, 1, 1, tzinfo=UTC))
    Revocation.objects.create(kind="certificate", subject=bytes(16), why="lost")
    revoke(member)
    info, data = open_info(publish()), memory.lists["alpha"]
    found = open_list(data)

    assert info.revocations.matches(data)
    assert len(data) <= CONNECTION_FILE_MAX_BYTES
    assert found.find(RevocationKind.DEVICE, revoked_id(member.public)).reason == "stolen"
    assert found.find(RevocationKind.CERTIFICATE, bytes(16))
    # Old secrets go first, the one of this very lock-out among them.
    assert found.find(RevocationKind.DISCOVERY, revoked_id(former)) is None
    assert {entry.kind for entry in found.entries} == {RevocationKind.DEVICE, RevocationKind.CERTIFICATE}
    assert not member.opens(memory.held["alpha"])
    assert Revocation.objects.count() == 1003


def test_a_handover_is_published_at_once_and_signed_by_both(memory):
    """File and list: whoever pins the successor alone, later, has to open the same list."""
    publish()
    key = IdentityKey.generate()
    public = bytes(key.public)
    sealed = seal_secret(IDENTITY_PURPOSE, bytes(key), public)
    ServerIdentity.objects.create(public=public, private_sealed=sealed, state=ServerIdentity.State.SUCCESSOR)

    data = publish(1)

    for pin in (current_identity().public, key.public):
        SealedConnectionFile.parse(data).verify([pin])
        SealedRevocationList.parse(memory.lists["alpha"]).verify([pin])
    assert open_info(data).revocations.matches(memory.lists["alpha"])


def test_the_lists_serial_never_falls(memory):
    """Though the clock was set back."""
    publish()
    Revocation.objects.create(kind="certificate", subject=b"id" * 8, why="lost")
    services.publish(compose(NOW - 500), NOW - 500)

    assert list(RevocationList.objects.order_by("serial").values_list("serial", flat=True)) == [NOW, NOW + 1]


def test_lists_that_no_file_names_are_deleted(memory, monkeypatch):
    """With the publications that named them."""
    monkeypatch.setattr(services.publications, "KEPT", 1)
    for number in range(4):
        Revocation.objects.create(kind="certificate", subject=bytes([number]) * 16)
        publish(number)

    kept = set(Publication.objects.values_list("revocations", flat=True))
    assert set(RevocationList.objects.values_list("pk", flat=True)) == kept


def test_the_file_says_where_the_audit_log_stands(memory):
    """And is not published anew for each event."""
    audit.seal_batch()
    info = open_info(publish())
    audit.record("something")
    audit.seal_batch()

    assert info.audit_head.number == 2 and len(info.audit_head.hash) == 32
    assert not services.is_due(compose(NOW + 1), NOW + 1)


def test_nothing_is_sealed_under_a_secret_that_is_being_renewed(memory, monkeypatch):
    """Who publishes waits for a lock-out that is under way, and then seals under what it left."""
    member = Member()
    publish()
    real, asked = wraps.lock_secret, []

    def after_a_lock_out():
        asked.append(True)
        if len(asked) == 1:
            with transaction.atomic():
                revoke(member)
        return real()

    info = compose(NOW + 5, endpoint(50_001))
    monkeypatch.setattr(wraps, "lock_secret", after_a_lock_out)
    data = bytes(services.publish(info, NOW + 5).body)

    assert not member.opens(data)


@pytest.mark.parametrize("members", [100])
def test_the_file_for_a_hundred_devices_is_small(memory, members):
    """At most 16 KiB, whatever the ports."""
    for _ in range(members):
        Member()
    revoke(Member())
    info = compose(NOW, *(endpoint(50_000 + number) for number in range(16)))

    assert len(services.publish(info, NOW).body) <= 16_384
