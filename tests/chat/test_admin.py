"""The admin: looks at everything, shows no key and no message, and does two things through services."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone

from chat.models import (
    AlertChannel,
    AuditEvent,
    Ban,
    Connection,
    ConnectionPolicy,
    Device,
    File,
    Invite,
    Member,
    News,
    Revocation,
    Room,
)
from chat.services import audit, files, key_packages, staging, wraps
from chat.services.bans import ban
from chat.services.delivery import Append, store
from chat.services.identity import ensure_server, server_keys
from chat.services.invites import create_invite
from clawchat.protocol.bodies import FileChunk
from clawchat.protocol.invite import Invite as Invitation
from clawchat.protocol.primitives import random_bytes, sha256

MODELS = list(apps.get_app_config("chat").get_models())
SECRET = b"\xaa\xbb\xccsecret bytes\xdd"


@pytest.fixture
def rows(db) -> Device:
    """One row of most kinds, all byte columns filled with something recognisable."""
    ensure_server()
    member = Member.objects.create(user_id=bytes(16), root_public=random_bytes(32), name="Bob", root_blob=SECRET)
    device = Device.objects.create(
        device_id=random_bytes(16),
        public=random_bytes(32),
        member=member,
        identity=SECRET,
        psk_id=random_bytes(16),
        psk_sealed=SECRET,
    )
    create_invite("for Dora", made_by=device)
    room = Room.objects.create(room_id=random_bytes(16), scheme=0xF04E, epoch_since_ms=0, made_by=device)
    room.memberships.create(device=device, joined_seq=0)
    key_packages.put(device.pk, [SECRET], SECRET * 2)
    staging.stage(device.pk, sha256(SECRET), len(SECRET), 0, SECRET)
    file_id = random_bytes(16)
    sealed = SECRET.ljust(files.SMALLEST, b"\0")
    files.create(device.pk, file_id, bytes(room.room_id), len(sealed))
    files.store_chunks(device.pk, [FileChunk(file_id, 0, True, sealed)])
    store([Append(device.pk, bytes(device.device_id), bytes(room.room_id), random_bytes(16), 1, 0, SECRET)])
    audit.record("something", address="192.0.2.1")
    audit.seal_batch()
    return device


@pytest.fixture
def alice(admin_client):
    """Alice, who runs the server, signed in."""
    return admin_client


@pytest.fixture
def charlie(client, db):
    """Charlie, who is staff and may look at nothing."""
    client.force_login(User.objects.create_user("charlie", is_staff=True))
    return client


def pages(model) -> list[str]:
    """The list of a model's rows and the page of each."""
    name = f"admin:chat_{model._meta.model_name}"
    rows = [reverse(f"{name}_change", args=[row.pk]) for row in model.objects.all()]
    return [reverse(f"{name}_changelist"), *rows]


def test_every_model_is_there():
    """What the server keeps, its operator can look at."""
    assert all(admin.site.is_registered(model) for model in MODELS)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_pages_show_no_key_and_no_message(alice, rows, model):
    """Neither as text, nor in hex, nor as Python writes bytes; the server's keys least of all."""
    keys = server_keys()
    hidden = [bytes(keys.identity), bytes(keys.discovery_secret), SECRET]
    for page in pages(model):
        answer = alice.get(page)

        assert answer.status_code == 200
        text = answer.content.decode()
        assert "secret bytes" not in text
        assert not any(value.hex() in text or repr(value)[2:-1] in text for value in hidden)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_charlie_sees_nothing(charlie, rows, model):
    """Staff without permissions is not an operator."""
    for page in pages(model):
        assert charlie.get(page).status_code == 403


@pytest.mark.parametrize(
    "model",
    [model for model in MODELS if model not in (AlertChannel, Ban, ConnectionPolicy, Invite, Revocation)],
    ids=lambda model: model.__name__,
)
def test_rows_cannot_be_changed(alice, rows, model):
    """The server writes them; the admin adds, changes and deletes none."""
    name = f"admin:chat_{model._meta.model_name}"

    assert alice.get(reverse(f"{name}_add")).status_code == 403
    for row in model.objects.all():
        assert alice.post(reverse(f"{name}_change", args=[row.pk]), {}).status_code == 403
        assert alice.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403


def test_rooms_and_files_say_how_much_they_take(alice, rows):
    """In the list of rooms, beside the other figures, and for each file by itself."""
    File.objects.update(size=3 * 2**20)

    for model in ("room", "file"):
        assert "3.0\xa0MB" in alice.get(reverse(f"admin:chat_{model}_changelist")).content.decode()


def test_an_invite_is_made_and_shown_once(alice, db):
    """In that one answer, which nothing keeps; no other page has it."""
    page = reverse("admin:chat_invite_add")
    assert alice.get(page).status_code == 200

    answer = alice.post(page, {"label": "for Dora", "lifetime": 3600, "makes_owner": "on"})

    text = answer.content.decode()
    link = text[text.index("http") :].partition("</textarea>")[0]
    assert "no-store" in answer["Cache-Control"]
    invitation = Invitation.parse(link)
    row = Invite.objects.get()
    assert bytes(row.invite_id) == invitation.invite_id
    assert (row.label, row.makes_owner) == ("for Dora", True)
    assert AuditEvent.objects.get(code="invite_made").actor == "admin"
    secret = link.partition("#")[2]
    assert all(secret not in alice.get(page).content.decode() for page in pages(Invite))


def test_charlie_makes_no_invite(charlie, db):
    """Nor does he see the form."""
    page = reverse("admin:chat_invite_add")

    assert charlie.get(page).status_code == 403
    assert charlie.post(page, {"label": "me", "lifetime": 3600}).status_code == 403
    assert not Invite.objects.exists()


def test_a_bad_form_makes_no_invite(alice, db):
    """A lifetime that is not offered is not taken."""
    alice.post(reverse("admin:chat_invite_add"), {"label": "x", "lifetime": 10**9})

    assert not Invite.objects.exists()


def test_an_invite_that_cannot_be_made_is_refused_with_a_sentence(alice, db, monkeypatch):
    """A label with something invisible in it; no room for one more."""
    form = {"label": "for\u200bDora", "lifetime": 3600}
    assert "control characters" in alice.post(reverse("admin:chat_invite_add"), form).text

    monkeypatch.setattr(wraps, "MAX_WRAPS", 0)
    assert "devices and open invites" in alice.post(reverse("admin:chat_invite_add"), {**form, "label": "Dora"}).text
    assert not Invite.objects.exists()


def test_an_invite_is_cancelled(alice, rows):
    """It opens nothing any more, and the audit log says who did it."""
    invite = Invite.objects.get()

    alice.post(reverse("admin:chat_invite_changelist"), {"action": "cancel", "_selected_action": [invite.pk]})

    invite.refresh_from_db()
    assert invite.cancelled_at is not None
    assert invite.psk_sealed is None
    assert AuditEvent.objects.get(code="invite_cancelled").actor == "admin"


@pytest.mark.parametrize("owners", [1, 2])
def test_the_last_owners_last_device_is_asked_about(alice, rows, owners):
    """It may be lost like any other, so it can be revoked; before that the page says what is lost with it."""
    Member.objects.update(is_owner=True)
    if owners == 2:
        other = Member.objects.create(user_id=random_bytes(16), root_public=random_bytes(32), is_owner=True)
        Device.objects.create(device_id=random_bytes(16), public=random_bytes(32), member=other)

    chosen = {"action": "revoke_devices", "_selected_action": [rows.pk]}
    page = alice.post("/admin/chat/device/", chosen).content.decode()

    assert ("no owner has a device" in page and "createinvite --owner" in page) == (owners == 1)


def test_a_device_is_revoked_after_asking_once_more(alice, rows):
    """The first post asks, the second does it, through the service that closes its connections."""
    chosen = {"action": "revoke_devices", "_selected_action": [rows.pk]}
    page = reverse("admin:chat_device_changelist")

    asked = alice.post(page, chosen)
    rows.refresh_from_db()
    assert asked.status_code == 200
    assert rows.revoked_at is None
    alice.post(page, {**chosen, "confirmed": "Revoke"})

    rows.refresh_from_db()
    assert rows.revoked_at is not None
    assert News.objects.filter(kind="revoked").exists()
    assert AuditEvent.objects.get(code="device_revoked").actor == "admin"


def test_charlie_revokes_nobody(charlie, rows):
    """Looking at devices is not yet revoking them."""
    User.objects.get(username="charlie").user_permissions.add(Permission.objects.get(codename="view_device"))

    charlie.post(
        reverse("admin:chat_device_changelist"),
        {"action": "revoke_devices", "_selected_action": [rows.pk], "confirmed": "Revoke"},
    )

    rows.refresh_from_db()
    assert rows.revoked_at is None


def test_suites_are_shown_of_connections_and_devices(alice, rows):
    """Of each connection, of each device by its newest one, and how many devices have which now."""
    now = timezone.now()
    open_one = {"device": rows, "process": "p", "port": 1, "opened_at": now, "seen_at": now}
    page = reverse("admin:chat_connection_changelist")
    devices = reverse("admin:chat_device_changelist")
    assert "would shut out" not in alice.get(page).text and "X25519" not in alice.get(devices).text

    Connection.objects.create(**open_one, suite=2, closed_at=now)
    Connection.objects.create(**open_one, suite=1)

    shown = alice.get(page).text
    assert "0 by X25519 with ML-KEM-768, 1 by X25519 alone." in " ".join(shown.split())
    assert "would shut out" in shown
    hybrid = alice.get(page, {"suite__exact": 2}).context["cl"].result_list
    assert [row.suite for row in hybrid] == [2]
    assert "X25519 alone" in alice.get(devices).text and "ML-KEM" not in alice.get(devices).text
    assert "X25519 alone" in alice.get(reverse("admin:chat_device_change", args=[rows.pk])).text


def test_limits_are_changed_through_the_service(alice, rows):
    """The servers hear of it, and the audit log says who changed what."""
    page = reverse("admin:chat_connectionpolicy_change", args=[1])
    form = {
        name: getattr(ConnectionPolicy.objects.get(), name) for name in alice.get(page).context["adminform"].form.fields
    }

    alice.post(page, {**form, "max_devices": 7})

    assert ConnectionPolicy.objects.get().max_devices == 7
    assert News.objects.filter(kind="policy").exists()
    event = AuditEvent.objects.get(code="policy_changed")
    assert (event.actor, event.details) == ("admin", {"max_devices": 7})


def test_an_address_is_banned_and_let_off_again(alice, rows):
    """Through the service: servers hear of it, and the audit log says who."""
    page = reverse("admin:chat_ban_add")
    assert alice.get(page).status_code == 200

    made = alice.post(page, {"network": "2001:db8:0:6::1", "minutes": 5, "reason": "seen often"})

    row = Ban.objects.get()
    assert made.status_code == 302
    assert (row.network, row.made_by, row.reason) == ("2001:db8:0:6::/64", "admin", "seen often")
    assert AuditEvent.objects.get(code="banned").actor == "admin"
    lifting = {"action": "lift", "_selected_action": [row.pk]}
    alice.post(reverse("admin:chat_ban_changelist"), lifting)
    assert not Ban.objects.exists()
    assert AuditEvent.objects.get(code="ban_lifted").actor == "admin"
    assert News.objects.filter(kind="bans").count() == 2


@pytest.mark.parametrize("network", ["127.0.0.1", "10.0.0.0/8", "mallory", ""])
def test_what_cannot_be_banned_is_said_beside_the_field(alice, rows, network):
    """Loopback, whole networks, and what is no address."""
    answer = alice.post(reverse("admin:chat_ban_add"), {"network": network, "minutes": 5, "reason": "as you wish"})

    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors["network"]
    assert not Ban.objects.exists()


def test_charlie_bans_nobody(charlie, rows):
    """Nor does he lift a ban, even one that he may look at."""
    ban("192.0.2.66", 60, "seen", "admin")
    User.objects.get(username="charlie").user_permissions.add(Permission.objects.get(codename="view_ban"))

    page = reverse("admin:chat_ban_add")
    assert charlie.post(page, {"network": "192.0.2.1", "minutes": 5, "reason": ""}).status_code == 403
    charlie.post(reverse("admin:chat_ban_changelist"), {"action": "lift", "_selected_action": [Ban.objects.get().pk]})

    assert Ban.objects.get().network == "192.0.2.66"


def test_everybody_gets_new_session_keys_on_one_click(alice, charlie, rows):
    """Whoever may change the limits may ask; the servers hear of it, and the audit log says who."""
    page = reverse("admin:chat_connectionpolicy_changelist")
    chosen = {"action": "make_new_session_keys", "_selected_action": [1]}
    User.objects.get(username="charlie").user_permissions.add(Permission.objects.get(codename="view_connectionpolicy"))
    charlie.post(page, chosen)
    assert not News.objects.filter(kind="rekey").exists()
    alice.post(page, chosen)

    assert News.objects.filter(kind="rekey").count() == 1
    assert AuditEvent.objects.get(code="rekey_asked").actor == "admin"


@pytest.mark.parametrize("value", [0, -1, "many"])
def test_limits_have_limits(alice, rows, value):
    """A server that lets nobody in is no policy."""
    page = reverse("admin:chat_connectionpolicy_change", args=[1])
    form = {
        name: getattr(ConnectionPolicy.objects.get(), name) for name in alice.get(page).context["adminform"].form.fields
    }

    alice.post(page, {**form, "max_devices": value})

    assert ConnectionPolicy.objects.get().max_devices == 100
