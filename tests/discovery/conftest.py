"""What the tests of discovery share: a server with keys, mirrors of ours, and a clock that stands still."""

import pytest

from chat.services.identity import ensure_server
from clawchat.protocol.connection_file import Endpoint
from discovery import mirrors, services
from discovery.mirrors import MirrorDriver, MirrorError
from discovery.models import Mirror

NOW = 1_900_000_000
NEXT_ROTATION = NOW + 600
GRACE = 300


class MemoryMirror(MirrorDriver):
    """A mirror in memory that can be down, forgetful or lying."""

    is_local = True
    held: dict[str, bytes] = {}
    problem = ""
    lies = False

    def put(self, data: bytes) -> None:
        if self.problem:
            raise MirrorError(self.problem)
        self.held[self.mirror.name] = data

    def get(self) -> bytes:
        return self.held[self.mirror.name][::-1] if self.lies else self.held[self.mirror.name]

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
    return handed


@pytest.fixture
def memory(server, handed_over, monkeypatch) -> type[MemoryMirror]:
    """One mirror in memory, called alpha, in place of the default ones."""
    monkeypatch.setitem(mirrors.DRIVERS, "memory", MemoryMirror)
    monkeypatch.setattr(MemoryMirror, "held", {})
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
