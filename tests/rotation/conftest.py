"""What the tests of rotation share."""

from collections.abc import Iterator

import pytest

from chat.services.identity import ensure_server
from discovery import mirrors, services
from discovery.models import Mirror
from tests.rotation.doors import Doors, run
from tests.rotation.keeping import Home
from tests.rotation.rows import GRACE, INTERVAL, LEAD, House, Shelf


@pytest.fixture
def doors() -> Iterator[Doors]:
    """Open doors, closed again after the test."""
    opened = Doors()
    yield opened
    run(opened.close())


@pytest.fixture
def shelf(db, tmp_path, settings, monkeypatch) -> type[Shelf]:
    """A database with the server's keys, ports that move every ten minutes, and one mirror."""
    settings.CLAWCHAT_DATA_DIR = tmp_path
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "secrets" / "master.key"
    settings.CLAWCHAT_ROTATION = {"interval": float(INTERVAL), "lead": float(LEAD), "grace": float(GRACE)}
    # Tests that are about them ask for them.
    settings.CLAWCHAT_DECOYS, settings.CLAWCHAT_TRIPWIRE_SECONDS = 0, 0.0
    ensure_server()
    monkeypatch.setitem(mirrors.DRIVERS, "shelf", Shelf)
    monkeypatch.setattr(Shelf, "is_down", False)
    monkeypatch.setattr(Shelf, "held", {})
    services.ensure_mirrors()
    Mirror.objects.update(enabled=False)
    Mirror.objects.create(kind="shelf", name="shelf")
    return Shelf


@pytest.fixture
def house(shelf) -> House:
    """A node that has just started, at the begin of a period."""
    return House()


@pytest.fixture
def home(house, monkeypatch) -> Home:
    """A keeper that has just started."""
    return Home(house, monkeypatch)


@pytest.fixture
def tripwires(shelf, settings) -> None:
    """Retired ports stay for an hour."""
    settings.CLAWCHAT_TRIPWIRE_SECONDS = 3600.0
