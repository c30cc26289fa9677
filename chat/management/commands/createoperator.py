"""`createoperator`: an account for the admin; its password is printed here and nowhere else."""

import secrets

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from chat.services.roles import EXPLAINED, Role, give_role

PASSWORD_BYTES = 12


class Command(BaseCommand):
    """Makes an account for somebody who runs or watches this server."""

    help = "Make an account for the admin and print its password."

    def add_arguments(self, parser):
        """Whose account it is, and what it may do."""
        parser.add_argument("name", help="what they sign in as")
        parser.add_argument(
            "--role",
            choices=[str(role) for role in Role],
            default=str(Role.OWNER),
            help="; ".join(f"{role}: {text}" for role, text in EXPLAINED.items()),
        )

    def handle(self, *, name: str, role: str, **options):
        """Make and print it."""
        users = get_user_model()
        if not name:
            raise CommandError("Say the name that the account is to have: manage.py createoperator NAME")
        if users.objects.filter(username=name).exists():
            raise CommandError(f"{name} has an account already. A new password: manage.py changepassword {name}")
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        user = users(username=name)
        user.set_password(password)
        try:
            user.full_clean()
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        give_role(user, Role(role), actor="operator")
        self.stdout.write(
            f"{name} signs in with the password {password} (shown this once). Role {role}: {EXPLAINED[Role(role)]}."
        )
