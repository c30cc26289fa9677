"""`createinvite`: an invite for one device; its secret is printed here and nowhere else."""

import json

from django.core.management.base import BaseCommand, CommandError

from chat.services.identity import ensure_server
from chat.services.invites import IssuedInvite, create_invite
from chat.services.secrets import MasterKeyError
from clawchat.protocol.errors import PeerError
from clawchat.protocol.limits import INVITE_DEFAULT_SECONDS


class Command(BaseCommand):
    """Makes an invite on behalf of the operator."""

    help = "Make an invite for one device and print it."

    def add_arguments(self, parser):
        """Whom it is for, how long it holds, and whether it makes an owner."""
        parser.add_argument("--label", default="", help="who it is for; shown in the admin")
        parser.add_argument(
            "--lifetime",
            type=int,
            default=INVITE_DEFAULT_SECONDS,
            metavar="SECONDS",
            help="60 to 604800, default a day",
        )
        parser.add_argument("--owner", action="store_true", help="the member who enrols with it becomes an owner")
        parser.add_argument("--json", action="store_true", help='print {"invite": ..., "url": ..., "expires": ...}')

    def handle(self, *, label: str, lifetime: int, owner: bool, json: bool, **options):
        """Make and print it."""
        try:
            ensure_server()
            issued = create_invite(label, lifetime, makes_owner=owner)
        except PeerError as error:
            raise CommandError(f"No invite was made: {error.text}.") from error
        except MasterKeyError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(as_json(issued) if json else as_text(issued))


def as_json(issued: IssuedInvite) -> str:
    """The invite for programs."""
    return json.dumps({"invite": issued.text, "url": issued.url, "expires": int(issued.expires_at.timestamp())})


def as_text(issued: IssuedInvite) -> str:
    """The invite for people."""
    until = issued.expires_at.strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{issued.url}\n\nIt enrols one device and holds until {until}. It is not shown again.\n\n"
        f"The same to paste where a link is of no use:\n{issued.text}"
    )
