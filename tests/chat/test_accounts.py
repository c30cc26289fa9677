"""Accounts in the admin: a role for each, and an owner always remains."""

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User

from chat.models import ConnectionPolicy
from chat.services.roles import Role, give_role, role_of

NEW = {"username": "anna", "password1": "walnut-shell-7", "password2": "walnut-shell-7", "usable_password": "true"}

pytestmark = pytest.mark.django_db


def account(role: Role, name: str) -> User:
    """An account in a role."""
    user = User(username=name)
    give_role(user, role, "test")
    return user


@pytest.fixture
def owner(client) -> User:
    """The owner, signed in."""
    user = account(Role.OWNER, "owner")
    client.force_login(user)
    return user


def page_of(user: User) -> str:
    """Where an account is changed."""
    return f"/admin/auth/user/{user.pk}/change/"


def test_an_owner_makes_an_auditor(client, owner):
    """Name, role and password; the new account is what it was said to be."""
    answer = client.post("/admin/auth/user/add/", {**NEW, "role": "auditor"})

    assert answer.status_code == 302
    made = User.objects.get(username="anna")
    assert role_of(made) == Role.AUDITOR and made.is_staff and made.check_password(NEW["password1"])


def test_a_role_is_changed(client, owner):
    """And shown as it is in the form and in the list; no password hash is."""
    anna = account(Role.AUDITOR, "anna")
    page = client.get(page_of(anna)).content.decode()
    assert 'value="auditor"' in page and "md5$" not in page and "salt" not in page

    client.post(page_of(anna), {"username": "anna", "role": "operator", "is_active": "on"})

    assert role_of(User.objects.get(pk=anna.pk)) == Role.OPERATOR
    assert "operator" in client.get("/admin/auth/user/").content.decode()


@pytest.mark.parametrize("form", [{"role": "auditor", "is_active": "on"}, {"role": "owner"}])
def test_the_last_owner_is_not_lost(client, owner, form):
    """Neither by another role nor by an account that is switched off; the sentence says what to do first."""
    answer = client.post(page_of(owner), {"username": "owner", **form})

    assert "Make another owner first" in answer.content.decode()
    assert role_of(User.objects.get(pk=owner.pk)) == Role.OWNER and User.objects.get(pk=owner.pk).is_active


def test_who_can_be_removed(client, owner):
    """Others; not oneself, and not the last owner."""
    anna = account(Role.OPERATOR, "anna")

    assert client.post(f"/admin/auth/user/{owner.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/auth/user/{anna.pk}/delete/", {"post": "yes"}).status_code == 302
    assert list(User.objects.values_list("username", flat=True)) == ["owner"]


def every_list() -> list[str]:
    """The path of each model's list in the admin."""
    return [f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry]


def test_an_auditor_opens_every_page_and_changes_nothing(client):
    """Lists and rows are there; every form, button and action is refused, and nothing is different afterwards."""
    ConnectionPolicy.objects.get_or_create(pk=1)
    client.force_login(account(Role.AUDITOR, "auditor"))
    ours = [path for path in every_list() if "/auth/" not in path]
    before = {model: list(model.objects.values()) for model in apps.get_app_config("chat").get_models()}

    assert {path: client.get(path).status_code for path in ours} == dict.fromkeys(ours, 200)
    refused = {path: client.post(f"{path}add/", {}).status_code for path in ours}
    assert refused == dict.fromkeys(ours, 403)
    answer = client.post("/admin/chat/connectionpolicy/1/change/", {"max_devices": "1"})
    assert answer.status_code == 403
    for path in ours:
        for action in ("delete_selected", "revoke_devices", "make_new_session_keys", "try_again", "move_now"):
            client.post(path, {"action": action, "_selected_action": ["1"], "post": "yes", "confirmed": "yes"})
    assert {model: list(model.objects.values()) for model in before} == before


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_accounts_are_the_owners_business(client, role):
    """Nobody else sees or makes any."""
    client.force_login(account(role, "somebody"))

    refusal = client.get("/admin/auth/user/")
    assert refusal.status_code == 403 and "Your role does not have it" in refusal.content.decode()
    assert client.post("/admin/auth/user/add/", {**NEW, "role": "owner"}).status_code == 403
    assert not User.objects.filter(username="anna").exists()
