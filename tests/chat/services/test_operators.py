"""What the audit log has of operators: each coming, going, failing and changing, and nothing secret."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from chat.models import AuditEvent, Ban
from chat.services.bans import ban
from chat.services.identity import ensure_server
from chat.services.operators import FAILED, MOST_ADDRESSES, FailedLogins

PASSWORD = "correct horse battery"
WRONG = "my other password"


@pytest.fixture
def olga(db) -> User:
    """The operator."""
    ensure_server()
    AuditEvent.objects.all().delete()
    FAILED._counts.clear()
    return User.objects.create_superuser("olga", password=PASSWORD)


def codes() -> list[str]:
    """What was written, in its order."""
    return list(AuditEvent.objects.order_by("id").values_list("code", flat=True))


def sign_in(client: Client, name: str, password: str):
    """The admin's own page."""
    return client.post("/admin/login/", {"username": name, "password": password, "next": "/admin/"})


def test_coming_and_going_are_written_down(olga, client):
    """Who, and from where."""
    sign_in(client, "olga", PASSWORD)
    client.post("/admin/logout/")

    came, went = AuditEvent.objects.order_by("id")
    assert (came.code, went.code) == ("admin_login", "admin_logout")
    assert {(event.actor, event.address) for event in (came, went)} == {("olga", "127.0.0.1")}


def test_a_wrong_password_is_written_down_without_it(olga, client):
    """For whom, from where."""
    sign_in(client, "olga", WRONG)

    event = AuditEvent.objects.get()
    assert (event.code, event.actor, event.address) == ("admin_login_failed", "olga", "127.0.0.1")
    assert WRONG not in str(vars(event))


def test_a_flood_of_wrong_passwords_is_counted_together(olga, client):
    """The first ten are rows of their own; nobody fills the log with them, and each of them counts."""
    failed = FailedLogins()
    written = [count for _ in range(350) if (count := failed.to_write("203.0.113.9", 1))]

    assert written == [1] * 10 + [10] * 9 + [100, 100]
    assert failed.to_write("203.0.113.10", 1) == 1
    assert failed.to_write("203.0.113.9", 2) == 51
    for number in range(MOST_ADDRESSES + 10):
        assert failed.to_write(f"2001:db8::{number:x}", 2) == 1
    assert len(failed._counts) <= MOST_ADDRESSES


def test_a_flood_from_a_network_of_ipv6_is_one_flood(olga, client, settings):
    """Its owner has a new address for each attempt, and is locked out for all of them together."""
    settings.CLAWCHAT_ADMIN_HOST, settings.ALLOWED_HOSTS = "admin.example.org", ["admin.example.org"]
    for number in range(30):
        wrong = {"username": "olga", "password": f"wrong {number}"}
        client.post("/admin/login/", wrong, REMOTE_ADDR=f"2001:db8::{number:x}", HTTP_HOST="admin.example.org")

    rows = AuditEvent.objects.filter(code="admin_login_failed")
    assert rows.first().details["count"] == 1
    # Fewer than one each, also when another minute begins meanwhile.
    assert 10 < rows.count() < 25


@pytest.mark.parametrize("name", [PASSWORD, "", "nobody", "x\0y", "long" * 100])
def test_a_name_that_nobody_has_is_not_kept(olga, client, name):
    """It may be the password, in the wrong field."""
    sign_in(client, name, WRONG)

    events = AuditEvent.objects.filter(code="admin_login_failed")
    assert {event.actor for event in events} <= {""}
    assert PASSWORD not in "".join(str(vars(event)) for event in events)


def test_what_was_saved_is_written_down_by_its_fields(olga, client):
    """The row and the labels of the fields; the values have no place there."""
    client.force_login(olga)
    page = "/admin/chat/connectionpolicy/1/change/"
    form = client.get(page).context["adminform"].form
    data = {name: form[name].value() if form[name].value() is not None else "" for name in form.fields}
    data = {name: value for name, value in data.items() if value is not False}

    answer = client.post(page, {**data, "max_devices": 7})

    assert answer.status_code == 302, answer.context["adminform"].form.errors
    event = AuditEvent.objects.get(code="admin_action")
    assert (event.actor, event.subject) == ("olga", "chat.connectionpolicy 1")
    assert event.details == {"action": "changed", "fields": ["Max devices"]}


def test_each_row_that_is_deleted_is_written_down(olga, client):
    """One by one: there is no button that deletes many."""
    client.force_login(olga)
    users = [User.objects.create_user(name) for name in ("anna", "bert")]
    page = client.get("/admin/auth/user/").content.decode()
    client.post(f"/admin/auth/user/{users[0].pk}/delete/", {"post": "yes"})

    assert "delete_selected" not in page
    event = AuditEvent.objects.get(code="admin_action")
    assert (event.actor, event.subject) == ("olga", f"auth.user {users[0].pk}")
    assert event.details["action"] == "deleted"


def test_a_service_that_an_operator_uses_is_written_down_beside_it(olga, client):
    """What was done has its own event, with the operator as its actor."""
    client.force_login(olga)
    ban("203.0.113.9", 5, "noise", actor="olga")

    assert Ban.objects.exists()
    assert AuditEvent.objects.get(code="banned").actor == "olga"
