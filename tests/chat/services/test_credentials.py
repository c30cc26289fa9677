"""Who has a PSK id, and that finding nobody looks and costs like finding somebody."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from chat.models import Device, Invite
from chat.services import devices, sealed
from chat.services.credentials import Credential, find_credential
from chat.services.invites import create_invite
from clawchat.protocol.keys import DeviceKey, PreSharedKey
from clawchat.protocol.primitives import random_bytes

SEAT = devices.Seat("127.0.0.1", 1, "process")


@pytest.fixture
def pending(server):
    """The PSK id and secret of a device that has enrolled and not come back yet."""
    psk_id, psk = random_bytes(16), PreSharedKey.generate()
    _enrol(create_invite().invite_id, psk_id, psk)
    return psk_id, psk


@pytest.fixture
def ids(alice, bob, pending):
    """An id of each kind that somebody has or had, and one that nobody has."""
    devices.revoke(bob.id, "lost", "operator")
    devices.renew_pair(alice.pk, random_bytes(32))
    bound, expired = create_invite(), create_invite()
    _enrol(bound.invite_id, random_bytes(16), PreSharedKey.generate())
    Invite.objects.filter(invite_id=expired.invite_id).update(expires_at=timezone.now() - timedelta(seconds=1))
    return {
        "device": bytes(alice.device.psk_id),
        "renewed": bytes(Device.objects.get(pk=alice.pk).pending_psk_id),
        "pending": pending[0],
        "invite": create_invite().invite_id,
        "bound": bound.invite_id,
        "expired": expired.invite_id,
        "revoked": bytes(bob.device.psk_id),
        "nobody": random_bytes(16),
        # The last ones of all places.
        "nobody, at the end": bytes([255] * 16),
        "nobody, at the beginning": bytes(16),
    }


def _enrol(invite_id: bytes, psk_id: bytes, psk: PreSharedKey) -> None:
    devices.enrol(find_credential(invite_id).invite_pk, DeviceKey.generate().public, psk_id, psk, SEAT)


def _questions(psk_id: bytes) -> list[tuple[str, dict]]:
    """What the database is asked for this id."""
    asked: list[tuple[str, dict]] = []
    with connection.execute_wrapper(
        lambda run, sql, given, *rest: asked.append((sql, given)) or run(sql, given, *rest)
    ):
        find_credential(psk_id)
    return asked


def test_an_unknown_id_gets_a_secret_and_a_key_nobody_has(alice, pending):
    """And no row, whatever other row was read for it."""
    for psk_id in (bytes(16), random_bytes(16), bytes([255] * 16)):
        found = find_credential(psk_id)
        assert found.psk not in (alice.psk, pending[1])
        assert not Device.objects.filter(public=bytes(found.device_public)).exists()
        assert (found.device_pk, found.invite_pk) == (None, None)


def test_an_unknown_id_is_nobodys_on_an_empty_server(server):
    """No table has a row to read then."""
    found = find_credential(random_bytes(16))

    assert (found.device_pk, found.invite_pk) == (None, None)
    assert found.device_public is not None


def test_an_id_finds_its_secret_and_its_row(alice, pending):
    """A device's, one that is not active yet, and an invite's."""
    invite = create_invite()

    found = find_credential(bytes(alice.device.psk_id))
    assert found == Credential(alice.psk, alice.key.public, device_pk=alice.pk)
    assert find_credential(pending[0]).psk == pending[1]
    assert (found.invite_pk, find_credential(invite.invite_id).device_pk) == (None, None)
    assert find_credential(invite.invite_id).invite_pk is not None


def test_only_who_can_connect_is_found(ids, alice):
    """The question's conditions are those that everything else asks by."""
    found = {name: find_credential(psk_id) for name, psk_id in ids.items()}

    can = {*Device.objects.current().values_list("pk", flat=True)}
    assert {found[name].device_pk for name in ("device", "renewed", "pending")} <= can
    assert found["device"].device_pk == found["renewed"].device_pk == alice.pk
    invites = Invite.objects.open(timezone.now())
    for name in ("invite", "bound"):
        assert found[name].invite_pk == invites.get(invite_id=ids[name]).pk
    assert found["invite"].device_public is None
    assert bytes(found["bound"].device_public) == bytes(Invite.objects.get(invite_id=ids["bound"]).bound_to)
    for name in ("expired", "revoked", "nobody"):
        assert (found[name].device_pk, found[name].invite_pk) == (None, None)
        assert found[name].device_public is not None


@pytest.mark.parametrize(
    "over", [{"spent_at": timezone.now()}, {"cancelled_at": timezone.now()}, {"expires_at": timezone.now()}]
)
def test_an_invite_that_is_over_is_not_found(server, over):
    """Though its secret is still there; nor one without a secret."""
    invite = create_invite()
    Invite.objects.filter(invite_id=invite.invite_id).update(**over)
    assert find_credential(invite.invite_id).invite_pk is None

    other = create_invite()
    Invite.objects.filter(invite_id=other.invite_id).update(psk_sealed=None)
    assert find_credential(other.invite_id).invite_pk is None


def test_a_revoked_device_is_not_found_by_any_pair(alice):
    """Though its pairs were still there."""
    devices.renew_pair(alice.pk, random_bytes(32))
    Device.objects.filter(pk=alice.pk).update(revoked_at=timezone.now())
    row = Device.objects.get(pk=alice.pk)

    for psk_id in (row.psk_id, row.pending_psk_id):
        assert find_credential(bytes(psk_id)).device_pk is None


def test_looking_for_nobody_is_the_same_work(ids, monkeypatch):
    """One question, one row of each table, one secret unsealed, or the time would tell which ids exist."""
    # What stands for nobody's is sealed at the first question under this test's master key.
    find_credential(random_bytes(16))
    opened, open_secret, work = [], sealed.open_secret, {}
    monkeypatch.setattr(sealed, "open_secret", lambda *given: opened.append([*map(len, given)]) or open_secret(*given))
    for name, psk_id in ids.items():
        opened.clear()
        [(sql, given)] = _questions(psk_id)
        with connection.cursor() as cursor:
            cursor.execute(sql, given)
            [row] = cursor.fetchall()
        # The ids and the key of a device and the id of an invite, whether they were asked for or not.
        work[name] = (sql, [*given], [len(row[at]) for at in (3, 4, 7)], list(opened))

    assert work["nobody"][2:] == ([16, 32, 16], [[10, 69, 16]])
    assert work == dict.fromkeys(work, work["nobody"])


def test_a_search_does_not_grow_with_the_tables(ids):
    """Every search is by an index, for somebody and for nobody."""
    for name in ("device", "pending", "invite", "nobody"):
        [(sql, given)] = _questions(ids[name])
        with transaction.atomic(), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # So few rows are read whole otherwise; what no index helps with is read whole even so.
                cursor.execute("SET LOCAL enable_seqscan = off")
                cursor.execute(f"EXPLAIN {sql}", given)
            else:
                cursor.execute(f"EXPLAIN QUERY PLAN {sql}", given)
            plan = [" ".join(map(str, row)) for row in cursor.fetchall()]
        scans = [line for line in plan if "Seq Scan" in line or ("SCAN" in line and "chat_" in line)]
        assert not scans
        assert sum("SEARCH" in line or "Index" in line for line in plan) >= 7


def test_nobodys_secret_survives_a_change_of_the_master_key(server, tmp_path, settings):
    """What it was sealed under may be gone."""
    find_credential(bytes(16))
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "another.key"

    assert find_credential(bytes(16)).device_pk is None
