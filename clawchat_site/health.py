"""How the server is, for monitors: does it live, can it work. `/healthz` is for everybody and says least."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse

from chat.hub import get_hub
from clawchat.protocol.schedule import LeaseState
from rotation.models import LeaseKind, PortLease

from .monitors import for_monitors

DATABASE_AWAY = "The database does not answer."
STARTS_OR_ENDS = "The server starts or ends; it takes nobody in now."
NO_PORT = "No chat port is open: manage.py clawchatstatus says why."
NO_WRITER = "Nothing is stored any more: the thread that writes has ended. Start the server again."


def healthz(request: HttpRequest) -> HttpResponse:
    """200 `ok` when the database answers, 503 with a plain sentence when it does not."""
    return _answer([] if _database_answers() else [DATABASE_AWAY])


@for_monitors
def livez(request: HttpRequest) -> HttpResponse:
    """200 `ok` while the process works; 503 when only a new start helps. A database that is away is no such case."""
    return _answer([] if get_hub().can_store else [NO_WRITER])


@for_monitors
def readyz(request: HttpRequest) -> HttpResponse:
    """200 `ok` when clients can be let in here; 503 with a sentence for each reason why not."""
    return _answer(_obstacles())


def _obstacles() -> list[str]:
    hub = get_hub()
    obstacles = [] if hub.is_up else [STARTS_OR_ENDS]
    try:
        if hub.is_up and not _has_an_open_port(hub.node):
            obstacles.append(NO_PORT)
        elif not _database_answers():
            obstacles.append(DATABASE_AWAY)
    except DatabaseError:
        obstacles.append(DATABASE_AWAY)
    return obstacles


def _has_an_open_port(node: str) -> bool:
    serving = PortLease.objects.filter(node__name=node, state__in=(LeaseState.OPEN, LeaseState.DRAINING))
    return serving.exclude(kind=LeaseKind.DECOY).exists()


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _answer(obstacles: list[str]) -> HttpResponse:
    text = "".join(f"{sentence}\n" for sentence in obstacles or ["ok"])
    return HttpResponse(text, status=503 if obstacles else 200, content_type="text/plain")
