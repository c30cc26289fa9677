"""What the tests of discovery share: a server with keys, mirrors of ours, and a clock that stands still."""

import pytest

from chat.services.identity import ensure_server
from clawchat.protocol.connection_file import Endpoint
from discovery import mirrors, services
from discovery.mirrors.base import FILE_NAME, LIST_NAME, MirrorDriver, MirrorError
from discovery.models import Mirror

NOW = 1_900_000_000
NEXT_ROTATION = NOW + 600
GRACE = 300


class MemoryMirror(MirrorDriver):
    """A mirror in memory that can be down, forgetful or lying."""

    is_local = True
    # By the mirror's name: the connection files, the lists, and probes.
    held: dict[str, bytes] = {}
    lists: dict[str, bytes] = {}
    probes: dict[str, bytes] = {}
    problem = ""
    needs_operator = False
    lies = False
    # What readers are given in place of the connection file.
    instead = b""

    def put(self, name: str, data: bytes) -> None:
        if self.problem:
            raise MirrorError(self.problem, needs_operator=self.needs_operator)
        self._shelf(name)[self.mirror.name] = data

    def get(self, name: str) -> bytes:
        held = self._shelf(name).get(self.mirror.name)
        if held is None:
            raise MirrorError("There is nothing.")
        if name == FILE_NAME and self.instead:
            return self.instead
        return held[::-1] if self.lies else held

    def _shelf(self, name: str) -> dict[str, bytes]:
        return {FILE_NAME: self.held, LIST_NAME: self.lists}.get(name, self.probes)

    def public_locations(self) -> tuple[str, ...]:
        return (f"https://{self.mirror.name}.example.org/connection.json",)

    def check(self) -> str:
        return ""


@pytest.fixture
def server(db, tmp_path, settings) -> None:
    """A database with the server's keys, a data directory of its own, and no task queue but the list `handed_over`."""
    settings.CLAWCHAT_DATA_DIR = tmp_path
    # WhiteNoise warns when the folder is not there.
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATIC_ROOT.mkdir()
    settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "secrets" / "master.key"
    ensure_server()


@pytest.fixture
def handed_over(monkeypatch) -> list[int]:
    """The results that were given to the task queue."""
    handed: list[int] = []
    monkeypatch.setattr(services.carrying, "_hand_over", handed.append)
    monkeypatch.setattr(services.carrying, "_hand_over_watch", lambda _: None)
    return handed


@pytest.fixture
def in_turn(monkeypatch) -> None:
    """What would go on beside the worker's thread is done on the test's own, in its transaction."""
    monkeypatch.setattr(services, "start_aside", lambda call: call())


@pytest.fixture
def memory(server, handed_over, monkeypatch) -> type[MemoryMirror]:
    """One mirror in memory, called alpha, in place of the default ones."""
    monkeypatch.setitem(mirrors.DRIVERS, "memory", MemoryMirror)
    monkeypatch.setattr(MemoryMirror, "held", {})
    monkeypatch.setattr(MemoryMirror, "lists", {})
    monkeypatch.setattr(MemoryMirror, "probes", {})
    services.ensure_mirrors()
    Mirror.objects.update(enabled=False)
    Mirror.objects.create(kind="memory", name="alpha")
    return MemoryMirror


def endpoint(port: int = 50_000, load: float = 0.0) -> Endpoint:
    """A chat port of this server."""
    return Endpoint("localhost", port, "/" + "A" * 22, False, NOW, NOW + 900, load)


def compose(now: int = NOW, *endpoints: Endpoint):
    """What the server would say at `now`."""
    return services.compose(endpoints or (endpoint(),), now, NEXT_ROTATION, GRACE)
