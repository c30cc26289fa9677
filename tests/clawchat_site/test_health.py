"""Health tells whether the server can work, to everybody or to monitors."""

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from chat.hub import get_hub
from chat.services.writer import Writer
from clawchat.protocol.schedule import LeaseState
from rotation.models import Node, PortLease

AWAY = b"The database does not answer.\n"


@pytest.fixture
def away(monkeypatch):
    """A database that does not answer."""

    def refuse(*_args, **_kwargs):
        raise DatabaseError("secret host name")

    return lambda: monkeypatch.setattr(connection, "cursor", refuse)


@pytest.fixture
def hub(monkeypatch):
    """The process's hub, as if it were up."""
    get_hub.cache_clear()
    hub = get_hub()
    hub.node, hub.is_up = "attic", True
    yield hub
    get_hub.cache_clear()


def lease(state: LeaseState, name: str = "attic", port: int = 50_000) -> None:
    """A port of a node."""
    now = timezone.now()
    node, _ = Node.objects.get_or_create(name=name, defaults={"host": "localhost", "started_at": now, "seen_at": now})
    instants = dict.fromkeys(("planned_at", "opens_at", "moves_at", "closes_at", "moved_at"), now)
    PortLease.objects.create(node=node, period=port, port=port, path="/x", state=state, **instants)


@pytest.mark.django_db
def test_healthz_is_well_while_the_database_answers(client):
    """200 and one word."""
    response = client.get("/healthz", REMOTE_ADDR="203.0.113.9")

    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db
def test_healthz_says_when_the_database_is_away(client, away):
    """503 and a sentence, without the database's own words."""
    away()

    response = client.get("/healthz")

    assert (response.status_code, response.content) == (503, AWAY)


@pytest.mark.django_db
def test_a_process_lives_while_its_database_is_away(client, away, hub, monkeypatch):
    """A new start would not bring the database back, and would close what is open."""
    monkeypatch.setattr(type(hub), "can_store", True)
    away()

    assert client.get("/livez").content == b"ok\n"


@pytest.mark.django_db
def test_a_process_that_stores_nothing_any_more_does_not_live(client, hub, monkeypatch):
    """The thread that writes has ended, by a bug: only a new start helps."""
    hub.writer = Writer(lambda finished: None, 1 << 30)
    hub.writer.start()
    assert client.get("/livez").status_code == 200

    hub.writer.stop()

    assert client.get("/livez").status_code == 503


@pytest.mark.django_db
def test_ready_is_who_has_an_open_port(client, hub):
    """Of its own node, and none that only waits for scanners."""
    lease(LeaseState.OPEN, "cellar", 50_001)
    lease(LeaseState.PLANNED, port=50_002)
    waiting = client.get("/readyz")
    lease(LeaseState.OPEN, port=50_003)

    assert (waiting.status_code, waiting.content) == (
        503,
        b"No chat port is open: manage.py clawchatstatus says why.\n",
    )
    assert (client.get("/readyz").status_code, client.get("/readyz").content) == (200, b"ok\n")


@pytest.mark.django_db
def test_who_starts_or_ends_is_not_ready(client, hub):
    """Whatever its rows say."""
    lease(LeaseState.OPEN)
    hub.is_up = False

    assert client.get("/readyz").content == b"The server starts or ends; it takes nobody in now.\n"


@pytest.mark.django_db
def test_not_ready_while_the_database_is_away(client, hub, away):
    """Nobody can be let in."""
    away()

    assert (client.get("/readyz").status_code, client.get("/readyz").content) == (503, AWAY)
