"""Who finds the discovery secret in what is published: devices and open invites, after any number of lock-outs."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from chat.models import AuditEvent, Device, DiscoverySecret, DiscoveryWrap, Invite, News, Revocation
from chat.services import connections, devices, identity, wraps
from chat.services.credentials import find_credential
from chat.services.invites import cancel_invite, create_for, create_invite
from chat.services.pruning import prune_leftovers
from chat.services.sealed import open_device_psk, seal_device_psk
from clawchat.protocol.credential import device_id
from clawchat.protocol.errors import Limit, Revoked, Unauthentic, UnknownPeer
from clawchat.protocol.invite import Invite as Invitation
from clawchat.protocol.keys import DeviceKey, PreSharedKey
from clawchat.protocol.primitives import random_bytes
from clawchat.protocol.wraps import MAX_WRAPS, WRAP_BYTES, WRAPS_STEP, open_wrap

SEAT = devices.Seat("127.0.0.1", 1, "process")


def opens(*psks: PreSharedKey) -> bool:
    """Whether one of these finds the secret in force."""
    try:
        found = open_wrap(wraps.current_wraps(), identity.current_kid(), psks)
    except UnknownPeer:
        return False
    assert bytes(found) == bytes(identity.current_discovery_secret())
    return True


def entries() -> set[bytes]:
    """What is published now."""
    published = wraps.current_wraps()
    return {published[at : at + WRAP_BYTES] for at in range(0, len(published), WRAP_BYTES)}


def renew() -> None:
    """A new secret, for no device's sake."""
    with transaction.atomic():
        identity.renew_discovery_secret("a test", "operator")


def invite(**options) -> tuple[Invite, Invitation]:
    """An invite's row, and the invite as it was handed over."""
    issued = create_invite(**options)
    return Invite.objects.get(invite_id=issued.invite_id), Invitation.parse(issued.text)


def enrol(made: Invite, key: DeviceKey | None = None) -> tuple[Device, PreSharedKey]:
    """A device that has come by this invite and not yet by its own pair."""
    key, psk = key or DeviceKey.generate(), PreSharedKey.generate()
    devices.enrol(made.pk, key.public, random_bytes(16), psk, SEAT)
    return Device.objects.get(device_id=device_id(key.public)), psk


def test_a_new_server_publishes_padding(server):
    """16 entries that open to nobody."""
    assert len(entries()) == WRAPS_STEP
    assert not opens(PreSharedKey.generate())


def test_a_database_from_before_gets_its_wraps(alice):
    """At the next start, for the devices that are there; the next but one changes nothing."""
    DiscoveryWrap.objects.all().delete()

    identity.ensure_server()
    before = wraps.current_wraps()
    identity.ensure_server()

    assert opens(alice.psk)
    assert wraps.current_wraps() == before


def test_an_invite_carries_no_secret_and_finds_it(server):
    """Whoever holds it finds the secret in the wraps, and there alone."""
    _, invitation = invite()

    assert invitation.discovery_secret is None
    assert opens(invitation.invite_psk)


def test_a_new_invite_changes_one_entry(alice):
    """In place of a padding one; the others are repeated byte for byte."""
    renew()
    before = entries()
    invite()

    assert len(entries() & before) == len(before) - 1 == len(entries()) - 1


def test_more_holders_than_entries_make_sixteen_more(server):
    """All of them find the secret."""
    invitations = [invite()[1] for _ in range(WRAPS_STEP + 1)]

    assert len(entries()) == 2 * WRAPS_STEP
    assert all(opens(invitation.invite_psk) for invitation in invitations)


def test_a_cancelled_invite_finds_nothing(server):
    """Its entry becomes padding; the others stay as they are."""
    made, invitation = invite()
    before = entries()
    cancel_invite(bytes(made.invite_id), "operator")

    assert not opens(invitation.invite_psk)
    assert len(entries() & before) == WRAPS_STEP - 1
    assert len(entries()) == WRAPS_STEP


@pytest.mark.parametrize("prune", [wraps.drop_expired, prune_leftovers])
def test_an_expired_invite_finds_nothing(server, prune):
    """From the next look on; an open one is left alone."""
    made, invitation = invite()
    _, other = invite()
    Invite.objects.filter(pk=made.pk).update(expires_at=timezone.now())
    prune()

    assert not opens(invitation.invite_psk)
    assert opens(other.invite_psk)
    assert Invite.objects.get(pk=made.pk).psk_sealed is None
    assert wraps.drop_expired() == 0


def test_an_invite_gives_its_entry_to_the_device_that_came_by_it(server):
    """With the device's first own handshake: a used link is worthless."""
    made, invitation = invite()
    device, psk = enrol(made)
    assert opens(invitation.invite_psk)
    before = entries()

    connections.arrive(device.pk, bytes(device.pending_psk_id), SEAT)

    assert opens(psk)
    assert not opens(invitation.invite_psk)
    assert len(entries() & before) == WRAPS_STEP - 1


def test_a_device_without_invite_takes_no_padding_of_others(alice, bob):
    """An operator's row, say: it gets an entry of its own."""
    renew()
    Device.objects.filter(pk=alice.pk).update(
        pending_psk_id=b"p" * 16, pending_psk_sealed=seal_device_psk(alice.id, other := PreSharedKey.generate())
    )
    connections.arrive(alice.pk, b"p" * 16, SEAT)

    assert opens(other) and opens(bob.psk)
    assert not opens(alice.psk)
    assert DiscoveryWrap.objects.filter(device=alice.pk).count() == 1


def test_revocation_locks_one_out_and_nobody_else(alice, bob):
    """The revoked device and those who would come by its invites find nothing; the other and another's invite do."""
    made, others = invite(made_by=bob.device)[1], invite(made_by=alice.device)[1]
    former = identity.current_kid()

    devices.revoke(bob.id, "stolen", "operator")

    assert identity.current_kid() != former
    assert opens(alice.psk) and opens(others.invite_psk)
    assert not opens(bob.psk, made.invite_psk)
    assert DiscoveryWrap.objects.filter(secret__current=False).count() == 0


def test_revocation_says_so_everywhere(alice, bob):
    """The former secret is on the list, the audit log has the new one, and processes hear of it after the lock-out."""
    former = identity.current_kid()
    devices.revoke(bob.id, "stolen", "operator")

    event = AuditEvent.objects.get(code="discovery_secret_renewed")
    assert (event.actor, event.subject) == ("operator", identity.current_kid().hex())
    assert bytes(Revocation.objects.get(kind="discovery").subject) == former
    assert DiscoverySecret.objects.get(current=False).until is not None
    assert list(News.objects.order_by("id").values_list("kind", flat=True)) == ["revoked", "directory", "secret"]


def test_a_revocation_that_fails_renews_nothing(alice, bob, monkeypatch):
    """All of it or nothing."""
    before = (identity.current_kid(), wraps.current_wraps())

    def fail(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(wraps, "make_for_secret", fail)
    with pytest.raises(RuntimeError):
        devices.revoke(bob.id, "stolen", "operator")

    bob.device.refresh_from_db()
    assert (identity.current_kid(), wraps.current_wraps()) == before
    assert bob.device.revoked_at is None


def test_who_was_away_for_three_lock_outs_finds_the_newest_secret(alice, bob, charlie):
    """Nothing between is needed; who was shut out on the way finds none of them."""
    _, unused = invite()
    found = []
    for person in (bob, charlie):
        devices.revoke(person.id, "stolen", "operator")
        found.append(opens(bob.psk, charlie.psk) if person is charlie else opens(bob.psk))
    renew()

    assert found == [False, False]
    assert opens(alice.psk) and opens(unused.invite_psk)
    assert not opens(bob.psk, charlie.psk)


def test_an_enrolling_device_has_its_invites_entry_and_no_other(server):
    """It still holds the invite's secret; once the invite has expired, its pending pair opens the next set."""
    made, invitation = invite()
    _, psk = enrol(made)
    renew()
    while_open = (opens(invitation.invite_psk), opens(psk))
    Invite.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    renew()

    assert while_open == (True, False)
    assert (opens(invitation.invite_psk), opens(psk)) == (False, True)


def test_a_device_cut_off_while_it_enrolled_keeps_its_invites_entry(server):
    """The invite expires between its two handshakes: the pending pair finds the secret, the invite does not."""
    made, invitation = invite()
    device, psk = enrol(made)
    before = entries()
    Invite.objects.filter(pk=made.pk).update(expires_at=timezone.now())
    wraps.drop_expired()

    assert opens(psk) and not opens(invitation.invite_psk)
    assert len(entries() & before) == len(entries()) - 1 == WRAPS_STEP - 1
    connections.arrive(device.pk, bytes(device.pending_psk_id), SEAT)
    assert opens(psk)
    assert DiscoveryWrap.objects.filter(device=device).count() == 1


def test_what_a_device_has_is_left_alone_when_its_invite_expires(server):
    """The next secret came before anybody looked at the invite, and has an entry for the device already."""
    made, _ = invite()
    enrol(made)
    Invite.objects.filter(pk=made.pk).update(expires_at=timezone.now())
    renew()
    before = entries()

    assert wraps.drop_expired() == 1
    assert entries() == before


def test_a_damaged_device_does_not_keep_its_invites_entry(server):
    """Nor does it keep the invite from losing what is published for it."""
    made, invitation = invite()
    device, _ = enrol(made)
    Device.objects.filter(pk=device.pk).update(pending_psk_sealed=b"damaged" * 8)
    Invite.objects.filter(pk=made.pk).update(expires_at=timezone.now())

    assert wraps.drop_expired() == 1
    assert not opens(invitation.invite_psk)


def test_who_enrols_by_an_invite_of_a_revoked_device_is_locked_out_with_it(alice, bob):
    """Though its pair was stored before."""
    made, invitation = invite(made_by=bob.device)
    device, psk = enrol(made)
    devices.revoke(bob.id, "stolen", "operator")

    assert not opens(invitation.invite_psk, psk)
    with pytest.raises(Unauthentic, match="cancelled"):
        connections.arrive(device.pk, bytes(device.pending_psk_id), SEAT)


def test_a_device_revoked_while_it_enrols_is_locked_out_with_its_invite(server):
    """Between its two handshakes it holds the invite's secret and a pending pair: neither finds the next secret."""
    made, invitation = invite()
    device, psk = enrol(made)
    devices.revoke(bytes(device.device_id), "stolen", "operator")

    assert not opens(invitation.invite_psk, psk)
    with pytest.raises(Unauthentic):
        enrol(made, DeviceKey.generate())


def test_a_damaged_row_keeps_nobody_from_being_shut_out(alice, bob, charlie, caplog):
    """The device it belongs to could not connect anyway."""
    Device.objects.filter(pk=alice.pk).update(psk_sealed=b"damaged" * 8)

    assert devices.revoke(bob.id, "stolen", "operator")

    assert opens(charlie.psk)
    assert "does not open" in caplog.text


def test_a_damaged_invite_keeps_nobody_from_being_shut_out(alice, bob, charlie, caplog):
    """Who has begun to enrol with it has a pair of its own, and an entry for that."""
    made, invitation = invite()
    _, psk = enrol(made)
    Invite.objects.filter(pk=made.pk).update(psk_sealed=b"damaged" * 8)

    assert devices.revoke(bob.id, "stolen", "operator")

    assert opens(charlie.psk) and opens(psk)
    assert not opens(invitation.invite_psk)
    assert "does not open" in caplog.text


def test_a_clock_that_was_set_back_opens_no_expired_invite(alice, bob):
    """It has lost its secret, and must not keep a device from being shut out."""
    made, invitation = invite()
    Invite.objects.filter(pk=made.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    wraps.drop_expired()
    Invite.objects.filter(pk=made.pk).update(expires_at=timezone.now() + timedelta(hours=1))

    assert devices.revoke(bob.id, "stolen", "operator")

    assert opens(alice.psk)
    assert not Invite.objects.open(timezone.now()).exists()
    assert not opens(invitation.invite_psk)
    find_credential(bytes(made.invite_id))


def test_a_device_that_is_being_revoked_makes_no_invite(alice, bob, monkeypatch):
    """Its revocation, which comes between the look at the device and the new row, cannot have seen that one."""
    real = wraps.add_invite

    def revoked_meanwhile(made: Invite) -> None:
        Device.objects.filter(pk=bob.pk).update(revoked_at=timezone.now())
        real(made)

    monkeypatch.setattr(wraps, "add_invite", revoked_meanwhile)
    with pytest.raises(Revoked):
        create_for(bob.pk, "", 3600)

    assert not Invite.objects.exists()


def test_devices_and_open_invites_are_at_most_608(server):
    """One more is refused until one has gone; whoever is there finds the secret in the next set."""
    many = [(device_id(key), bytes(key)) for key in (DeviceKey.generate().public for _ in range(MAX_WRAPS - 1))]
    Device.objects.bulk_create(
        Device(device_id=name, public=public, psk_id=name, psk_sealed=seal_device_psk(name, PreSharedKey.generate()))
        for name, public in many
    )
    renew()
    _, last = invite()

    with pytest.raises(Limit, match="608"):
        invite()
    cancel_invite(last.invite_id, "operator")
    _, next_one = invite()

    assert len(entries()) == MAX_WRAPS
    assert opens(next_one.invite_psk)


def test_more_devices_than_a_file_can_name_do_not_stop_a_lock_out(server):
    """A server from before there was a limit: those that were seen last are away the least."""
    keys = [PreSharedKey.generate() for _ in range(3)]
    now = timezone.now()
    Device.objects.bulk_create(
        Device(
            device_id=bytes([number]) * 16,
            public=bytes([number]) * 32,
            psk_id=bytes([number]) * 16,
            psk_sealed=seal_device_psk(bytes([number]) * 16, psk),
            last_seen_at=now - timedelta(days=number) if number else None,
        )
        for number, psk in enumerate(keys)
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wraps, "MAX_WRAPS", 2)
        renew()

    assert [opens(psk) for psk in keys] == [False, True, True]


def test_a_secret_opens_in_its_own_row_only(alice, bob):
    """What was moved to another device's row opens nothing there."""
    with pytest.raises(Unauthentic):
        open_device_psk(bob.device, alice.device.psk_sealed)
