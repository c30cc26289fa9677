"""What people may do in the admin: owners everything, operators all but accounts, auditors look.

A role is a group of Django's with the permissions of this project's models, made anew after every migration.
"""

from enum import StrEnum

from django.contrib.auth.models import AbstractUser, Group, Permission, User
from django.db import transaction

from chat.services import audit

# Django's own and the libraries': who has an account, and what libraries keep beside it, is the owners' business.
NOT_OURS = ("admin", "auth", "axes", "contenttypes", "sessions")


class Role(StrEnum):
    """Who somebody is in the admin."""

    OWNER = "owner"
    OPERATOR = "operator"
    AUDITOR = "auditor"


EXPLAINED = {
    Role.OWNER: "may do everything, also make and remove the accounts of others",
    Role.OPERATOR: "runs the server: limits, bans, revocations, invites, mirrors, ports, keys",
    Role.AUDITOR: "sees every page and changes nothing",
}


class LastOwner(Exception):
    """Nobody would be left who can make accounts."""

    def __init__(self) -> None:
        super().__init__("This is the last owner's account. Make another owner first: manage.py createoperator NAME.")


@transaction.atomic
def write_roles() -> None:
    """Give each role's group its permissions; what somebody changed in them by hand is set back."""
    ours = Permission.objects.exclude(content_type__app_label__in=NOT_OURS)
    permissions = {
        Role.OWNER: Permission.objects.exclude(content_type__app_label="contenttypes"),
        Role.OPERATOR: ours,
        Role.AUDITOR: ours.filter(codename__startswith="view_"),
    }
    for role, allowed in permissions.items():
        Group.objects.get_or_create(name=role)[0].permissions.set(allowed)


@transaction.atomic
def give_role(user: AbstractUser, role: Role, actor: str) -> None:
    """Let this account be what the role says, and nothing else.

    Raises: LastOwner.
    """
    if role != Role.OWNER:
        refuse_last_owner(user)
    user.is_staff, user.is_superuser = True, role == Role.OWNER
    user.save()
    user.user_permissions.clear()
    user.groups.set([Group.objects.get_or_create(name=role)[0]])
    audit.record("role_given", actor=actor, subject=user.get_username(), role=str(role))


def role_of(user: AbstractUser) -> Role | None:
    """The account's role; a superuser that Django's own command made is an owner. None for one that has none."""
    if user.is_superuser:
        return Role.OWNER
    names = set(user.groups.values_list("name", flat=True)) if user.pk else set()
    return next((role for role in Role if role in names), None)


def refuse_last_owner(user: AbstractUser) -> None:
    """Nothing, unless this account is the last one that can make accounts; in the caller's transaction.

    Raises: LastOwner.
    """
    owners = User.objects.select_for_update().filter(is_superuser=True, is_active=True).values_list("pk", flat=True)
    if list(owners) == [user.pk]:
        raise LastOwner
