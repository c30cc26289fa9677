"""Roles: what owners, operators and auditors may do, and that an owner always remains."""

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command

from chat.models import AuditEvent
from chat.services.roles import LastOwner, Role, give_role, refuse_last_owner, role_of, write_roles

pytestmark = pytest.mark.django_db


def account(role: Role, name: str = "somebody") -> User:
    """An account in that role, as the next request would see it."""
    user = User(username=name)
    give_role(user, role, "test")
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.OWNER, {"look": True, "change": True, "accounts": True}),
        (Role.OPERATOR, {"look": True, "change": True, "accounts": False}),
        (Role.AUDITOR, {"look": True, "change": False, "accounts": False}),
    ],
)
def test_each_role_may_what_it_is_for(role, may):
    """Looking at everything, changing what is the server's, and giving accounts to others."""
    user = account(role)

    found = {
        "look": user.has_perms(["chat.view_auditevent", "discovery.view_mirror", "rotation.view_node"]),
        "change": user.has_perms(["chat.change_connectionpolicy", "chat.add_ban", "discovery.change_mirror"]),
        "accounts": user.has_perm("auth.add_user") or user.has_perm("auth.change_user"),
    }
    assert found == may
    assert user.is_staff and role_of(user) == role


def test_an_auditor_has_nothing_but_views():
    """Not one permission of another kind, of whatever app."""
    permissions = account(Role.AUDITOR).get_all_permissions()

    assert permissions and all(".view_" in permission for permission in permissions)
    assert not any(permission.startswith(("auth.", "axes.", "sessions.")) for permission in permissions)


def test_a_role_replaces_the_one_before():
    """Who becomes an auditor is nothing else any more, whatever he was given by hand."""
    account(Role.OWNER, "first")
    user = account(Role.OWNER, "second")

    give_role(user, Role.AUDITOR, "first")

    assert [group.name for group in user.groups.all()] == ["auditor"] and not user.is_superuser
    event = AuditEvent.objects.filter(code="role_given").latest("pk")
    assert (event.actor, event.subject, event.details) == ("first", "second", {"role": "auditor"})


def test_the_last_owner_stays():
    """He cannot become less; as soon as there is another one, he can. One who may not sign in is none."""
    first = account(Role.OWNER, "first")
    User.objects.create_superuser("gone", is_active=False)

    with pytest.raises(LastOwner, match="createoperator"):
        give_role(first, Role.AUDITOR, "first")
    assert role_of(User.objects.get(pk=first.pk)) == Role.OWNER

    second = account(Role.OWNER, "second")
    give_role(first, Role.AUDITOR, "second")
    with pytest.raises(LastOwner):
        refuse_last_owner(second)


def test_roles_are_set_back():
    """What somebody changed in a group by hand does not outlive a migration."""
    auditors = Group.objects.get(name="auditor")
    auditors.permissions.set(Group.objects.get(name="operator").permissions.all())

    write_roles()

    assert not auditors.permissions.exclude(codename__startswith="view_").exists()


def test_createoperator(capsys, client):
    """It prints a password that opens the admin; a name that is taken is refused with the remedy."""
    call_command("createoperator", "anna", "--role", "auditor")
    password = capsys.readouterr().out.split("password ")[1].split(" ")[0]

    answer = client.post("/admin/login/", {"username": "anna", "password": password, "next": "/admin/"})
    assert answer.status_code == 302
    with pytest.raises(CommandError, match="changepassword anna"):
        call_command("createoperator", "anna")
    with pytest.raises(CommandError, match="valid username"):
        call_command("createoperator", "no spaces please")
