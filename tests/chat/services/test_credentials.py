"""Who has a PSK id, and that finding nobody looks and costs like finding somebody."""

import pytest
from django.db import connection

from chat.services import devices, sealed
from chat.services.credentials import Credential, find_credential
from chat.services.invites import create_invite
from clawchat.protocol.keys import DeviceKey, PreSharedKey
from clawchat.protocol.primitives import random_bytes


@pytest.fixture
def pending(server):
    """The PSK id and secret of a device that has enrolled and not come back yet."""
    credential = find_credential(create_invite().invite_id)
    psk_id, psk = random_bytes(16), PreSharedKey.generate()
    seat = devices.Seat("127.0.0.1", 1, "process")
    devices.enrol(credential.invite_pk, DeviceKey.generate().public, psk_id, psk, seat)
    return psk_id, psk


def test_an_unknown_id_gets_a_secret_nobody_has(server):
    """Another one each time."""
    first, second = find_credential(bytes(16)), find_credential(bytes(16))

    assert first.psk != second.psk
    assert (first.device_pk, first.invite_pk) == (None, None)


def test_an_id_finds_its_secret_and_its_row(alice, pending):
    """A device's, one that is not active yet, and an invite's."""
    invite = create_invite()

    found = find_credential(bytes(alice.device.psk_id))
    assert found == Credential(alice.psk, alice.key.public, device_pk=alice.pk)
    assert find_credential(pending[0]).psk == pending[1]
    assert (found.invite_pk, find_credential(invite.invite_id).device_pk) == (None, None)
    assert find_credential(invite.invite_id).invite_pk is not None


def test_looking_for_nobody_is_the_same_work(alice, bob, pending, monkeypatch):
    """The same two questions and one secret unsealed, or the time would tell which ids exist."""
    devices.revoke(bob.id, "lost", "operator")
    ids = {
        "device": bytes(alice.device.psk_id),
        "pending": pending[0],
        "invite": create_invite().invite_id,
        "revoked": bytes(bob.device.psk_id),
        "nobody": random_bytes(16),
    }
    # What stands for nobody's may be sealed under another test's master key, and is made anew at the first question.
    find_credential(random_bytes(16))
    opened, open_secret = [], sealed.open_secret
    monkeypatch.setattr(sealed, "open_secret", lambda *given: opened.append(len(given[1])) or open_secret(*given))
    work = {}
    for name, psk_id in ids.items():
        opened.clear()
        asked: list[str] = []
        with connection.execute_wrapper(lambda run, sql, *given, asked=asked: asked.append(sql) or run(sql, *given)):
            find_credential(psk_id)
        work[name] = (asked, tuple(opened))

    assert len(work["nobody"][0]) == 2 and len(work["nobody"][1]) == 1
    assert work == dict.fromkeys(work, work["nobody"])


def test_nobodys_secret_survives_a_change_of_the_master_key(server, tmp_path, settings):
    """What it was sealed under may be gone."""
    find_credential(bytes(16))
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "another.key"

    assert find_credential(bytes(16)).device_pk is None
