"""`manage.py runclawchat`: the server, in one command."""

import errno
import logging
import resource
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from daphne.server import Server  # noqa: F401  (installs the asyncio reactor, so before any other part of Twisted)
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, OperationalError, connection
from twisted.internet.error import CannotListenError

from chat.services.identity import ensure_server
from chat.services.invites import create_invite, owner_exists
from chat.services.secrets import MasterKeyError
from rotation.claim import DataDirTaken, claim_node
from rotation.models import PortLease
from rotation.node import NodeProcess, NotSilent
from rotation.services import arrive, rotation_plan
from rotation.services.clock import REMEDY, clock_problems
from rotation.tls import TlsProblem

logger = logging.getLogger(__name__)

OPERATOR = "operator"
PASSWORD_BYTES = 12
# Any number that nobody else locks with: one server at a time migrates a shared database.
MIGRATION_LOCK = 0x636C6177
MOST_OPEN_FILES = 65_536


class Command(BaseCommand):
    """Run a ClawChat server until Ctrl-C."""

    help = "Run a ClawChat server: front door, chat ports and worker. Ctrl-C stops it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --welcome and --worker."""
        parser.add_argument(
            "--welcome",
            action="store_true",
            help="while there is no owner or no operator, make the link and the account that let you in, and show them",
        )
        parser.add_argument(
            "--worker", action="store_true", help="run Celery as a child also when REDIS_URL is set; once per database"
        )

    def handle(self, **options: bool) -> None:
        """Run until stopped."""
        _allow_many_sockets()
        try:
            with claim_node(settings.CLAWCHAT_DATA_DIR, may_share=bool(settings.REDIS_URL)) as name:
                _prepare_database()
                _warn_of_the_clock()
                self._welcome = _welcome() if options["welcome"] else _how_to_get_in()
                node_pk = arrive(name, settings.CLAWCHAT_HOST, time.time())
                with_worker = options["worker"] or not settings.REDIS_URL
                NodeProcess(node_pk, self._greet, with_worker).run()
        except (DataDirTaken, MasterKeyError, NotSilent, TlsProblem) as error:
            raise CommandError(str(error)) from None
        except CannotListenError as error:
            raise CommandError(_front_sentence(error)) from None
        except OperationalError as error:
            raise CommandError(f"The database does not answer: {str(error).strip()}") from None
        except DatabaseError as error:
            raise CommandError(f"The database cannot be used: {str(error).strip()}") from error

    def _greet(self, lease: PortLease | None) -> None:
        self.stdout.write(
            "\n".join(["", "ClawChat is running. Ctrl-C stops it.", "", *_doors(lease), *self._welcome, ""])
        )
        self.stdout.flush()


def _allow_many_sockets() -> None:
    """Raise this process's limit on open files as far as it may; a thousand sockets would be all of the usual one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MOST_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _prepare_database() -> None:
    with _one_at_a_time():
        call_command("migrate", verbosity=0, interactive=False)
    ensure_server()


def _warn_of_the_clock() -> None:
    """Say in the log that a clock is wrong; the server starts all the same, and the status keeps saying it."""
    for problem in clock_problems():
        logger.warning("%s %s", problem, REMEDY)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    if connection.vendor != "postgresql":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [MIGRATION_LOCK])


# What it says


def _doors(lease: PortLease | None) -> list[str]:
    front = settings.CLAWCHAT_FRONT_URL if settings.CLAWCHAT_FRONT else "off"
    fixed = [f"  Fixed port   {settings.CLAWCHAT_FIXED_PORT}"] if settings.CLAWCHAT_FIXED_PORT else []
    trust = "of this server's own authority; on each device, once: manage.py trustca"
    own = [f"  Certificate  {trust}"] if settings.CLAWCHAT_TLS == "local" else []
    return [f"  Front door   {front}", f"  Chat port    {_port(lease)}", *fixed, *own]


def _port(lease: PortLease | None) -> str:
    if lease is None:
        return "not open yet; the log says why"
    others = f" and {settings.CLAWCHAT_PORTS - 1} more" if settings.CLAWCHAT_PORTS > 1 else ""
    plan = rotation_plan()
    sooner = " or a little sooner" if plan.jitter else ""
    moves_at = time.strftime("%H:%M:%S", time.localtime(lease.moves_at.timestamp()))
    return f"{lease.port}{others}, moves at {moves_at}, then {_every(plan.interval)}{sooner}"


def _every(seconds: int) -> str:
    return f"every {seconds} seconds" if seconds < 120 else f"every {seconds / 60:g} minutes"


def _admin() -> list[str]:
    if not settings.CLAWCHAT_ADMIN_URL:
        return []
    elsewhere = settings.CLAWCHAT_ADMIN_HOST or settings.CLAWCHAT_ADMIN_URL.startswith(settings.CLAWCHAT_FRONT_URL)
    return [f"  Admin        {settings.CLAWCHAT_ADMIN_URL}{'' if elsewhere else '   (from this machine only)'}"]


def _how_to_get_in() -> list[str]:
    return [
        *_admin(),
        "",
        "  To invite the first person, who will own the server:  manage.py createinvite --owner",
        "  To make an account for the admin:                      manage.py createoperator NAME",
    ]


def _welcome() -> list[str]:
    """What lets the first person in: an invitation for the owner, an account for the operator; each shown once."""
    lines = _admin()
    users = get_user_model().objects
    if not users.filter(is_superuser=True).exists():
        name, password = _free_name(), secrets.token_urlsafe(PASSWORD_BYTES)
        users.create_superuser(name, password=password)
        lines.append(f"               user {name}, password {password}   (shown this once)")
    if not owner_exists():
        invite = create_invite(label="owner", makes_owner=True)
        lines += ["", "  Open this link once, within a day; who opens it owns the server:", f"  {invite.url}"]
    return lines


def _free_name() -> str:
    taken = get_user_model().objects.filter(username=OPERATOR).exists()
    return f"{OPERATOR}-{secrets.token_hex(2)}" if taken else OPERATOR


def _front_sentence(error: CannotListenError) -> str:
    address = "{}:{}".format(*settings.CLAWCHAT_FRONT)
    if getattr(error.socketError, "errno", None) == errno.EADDRINUSE:
        return (
            f"Another program uses {address}, the address of the front door. "
            "Stop it, or set CLAWCHAT_FRONT to another address, such as 127.0.0.1:8001."
        )
    return f"The front door cannot be opened at {address}: {error.socketError}. Set CLAWCHAT_FRONT to another address."
