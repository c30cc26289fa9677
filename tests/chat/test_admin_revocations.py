"""The revocation list in the admin: certificates and former identities are added, certificates taken back."""

import pytest
from django.contrib.auth.models import Permission, User
from django.urls import reverse

from chat.models import AuditEvent, Device, DiscoverySecret, Revocation, ServerIdentity
from chat.services.identity import ensure_server
from clawchat.protocol.revocation_list import revoked_id
from tests.chat.services.test_revocations import certificate, former_identity

ADD = "admin:chat_revocation_add"
LIST = "admin:chat_revocation_changelist"


@pytest.fixture
def alice(admin_client):
    """Alice, who runs the server, signed in."""
    ensure_server()
    return admin_client


@pytest.fixture
def charlie(client, db):
    """Charlie, who is staff and may look at the list."""
    user = User.objects.create_user("charlie", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_revocation"))
    client.force_login(user)
    return client


def test_a_certificate_is_listed_and_taken_back(alice):
    """Through the service: the audit log says who."""
    pem, spki = certificate()
    assert alice.get(reverse(ADD)).status_code == 200

    made = alice.post(reverse(ADD), {"certificate": pem, "identity": "", "reason": "in a backup"})

    row = Revocation.objects.get()
    assert made.status_code == 302
    assert (row.kind, row.why, bytes(row.subject)) == ("certificate", "in a backup", revoked_id(spki))
    assert AuditEvent.objects.get(code="revocation_made").actor == "admin"
    assert revoked_id(spki).hex() in alice.get(reverse(LIST)).content.decode()
    alice.post(reverse(LIST), {"action": "withdraw", "_selected_action": [row.pk]})
    assert not Revocation.objects.exists()
    assert AuditEvent.objects.get(code="revocation_withdrawn").actor == "admin"


def test_a_former_identity_is_listed(alice):
    """With its own signature."""
    row, _ = former_identity()

    alice.post(reverse(ADD), {"certificate": "", "identity": row.pk, "reason": "stolen"})

    assert len(bytes(Revocation.objects.get(kind="identity").statement)) == 64


@pytest.mark.parametrize("chosen", ["nothing", "both", "no certificate", "no reason", "identity in use"])
def test_what_cannot_be_listed_is_said_in_the_form(alice, chosen):
    """And nothing is written."""
    pem, _ = certificate()
    row, _ = former_identity()
    form = {"certificate": "", "identity": "", "reason": "stolen"}
    form |= {
        "nothing": {},
        "both": {"certificate": pem, "identity": row.pk},
        "no certificate": {"certificate": "hello"},
        "no reason": {"certificate": pem, "reason": ""},
        "identity in use": {"identity": ServerIdentity.objects.get(state="active").pk},
    }[chosen]

    answer = alice.post(reverse(ADD), form)

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors
    assert not Revocation.objects.exists()


def test_charlie_lists_nothing_and_takes_nothing_back(charlie):
    """Though he may look at it."""
    row = Revocation.objects.create(kind="certificate", subject=bytes(16))

    assert charlie.post(reverse(ADD), {"certificate": certificate()[0], "reason": "as I wish"}).status_code == 403
    charlie.post(reverse(LIST), {"action": "withdraw", "_selected_action": [row.pk]})

    assert Revocation.objects.get() == row


def test_a_device_is_not_taken_off_the_list(alice):
    """A revoked device stays revoked."""
    row = Revocation.objects.create(kind="device", subject=bytes(32))

    alice.post(reverse(LIST), {"action": "withdraw", "_selected_action": [row.pk]})

    assert Revocation.objects.get() == row


def test_a_device_that_is_revoked_in_the_admin_is_locked_out(alice):
    """The same as any other lock-out: the secret it knows is renewed."""
    device = Device.objects.create(device_id=bytes(16), public=bytes(32), psk_id=bytes(16), psk_sealed=b"x")

    alice.post(
        reverse("admin:chat_device_changelist"),
        {"action": "revoke_devices", "_selected_action": [device.pk], "confirmed": "Revoke"},
    )

    assert DiscoverySecret.objects.filter(current=False).count() == 1
    assert AuditEvent.objects.get(code="discovery_secret_renewed").actor == "admin"
