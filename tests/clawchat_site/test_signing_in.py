"""Passwords cannot be guessed at the admin's door."""

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client

NAME, PASSWORD = "operator", "watchword-7"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def operator(settings):
    """An account, and a server that answers to strangers at the admin's door."""
    settings.CLAWCHAT_ADMIN_HOST = "admin.example.org"
    settings.ALLOWED_HOSTS = ["admin.example.org"]
    return User.objects.create_superuser(NAME, password=PASSWORD)


def sign_in(password: str, address: str, name: str = NAME) -> int:
    """The status of an attempt: 302 leads inside, 200 shows the form again."""
    form = {"username": name, "password": password, "next": "/admin/"}
    host = {"host": "admin.example.org"}
    return Client().post("/admin/login/", form, headers=host, REMOTE_ADDR=address).status_code


def test_guessing_ends_after_five(settings):
    """The right password does not help either, from that address; from another it does."""
    assert [sign_in(f"guess {number}", "192.0.2.7") for number in range(4)] == [200] * 4
    assert sign_in("guess 5", "192.0.2.7") == 429
    assert sign_in(PASSWORD, "192.0.2.7") == 429
    assert sign_in(PASSWORD, "192.0.2.8") == 302


def test_who_is_locked_out_fills_nothing():
    """What is tried meanwhile is not kept: not a row more, and none that grows."""
    for number in range(5):
        sign_in(f"guess {number}", "192.0.2.7")
    kept = list(AccessAttempt.objects.values())

    assert [sign_in("x", "192.0.2.7") for _ in range(3)] == [429] * 3
    assert list(AccessAttempt.objects.values()) == kept


def test_no_log_tells_where_a_wrong_password_came_from(caplog):
    """Addresses stand in the audit log alone, which erases them."""
    for number in range(6):
        sign_in(f"guess {number}", "192.0.2.7")

    assert "192.0.2.7" not in caplog.text


def test_other_names_and_neighbouring_addresses_do_not_help():
    """One password tried on many names counts, and so does each address of one IPv6 network."""
    answers = [sign_in("winter", f"2001:db8::{number}", name=f"name{number}") for number in range(1, 6)]

    assert answers == [200, 200, 200, 200, 429]
    assert sign_in(PASSWORD, "2001:db8::ffff") == 429
    assert sign_in(PASSWORD, "2001:db8:0:1::1") == 302


def test_the_page_says_what_helps(client):
    """How long, and what to do who has forgotten it; nothing that was typed."""
    form = {"username": "somebody", "password": "hunter2"}
    for _ in range(4):
        client.post("/admin/login/", form, headers={"host": "admin.example.org"})
    page = client.post("/admin/login/", form, headers={"host": "admin.example.org"}).content.decode()

    assert "Try again in fifteen minutes" in page and "changepassword" in page
    assert "hunter2" not in page


@pytest.mark.parametrize("name", ["my other password", "x\0y", "long" * 100])
def test_a_name_that_no_account_has_is_not_kept(name):
    """It may be a password in the wrong field; and one that no column can hold is a wrong one like any other."""
    assert sign_in("guess", "192.0.2.9", name=name) == 200

    assert set(AccessAttempt.objects.values_list("username", flat=True)) <= {""}
    assert name not in str(list(AccessAttempt.objects.values()))


def test_wrong_passwords_are_kept_with_the_account():
    """An owner should see whose is guessed at."""
    sign_in("guess", "192.0.2.9")

    assert AccessAttempt.objects.get().username == NAME
