"""The mirrors every server has: a file in the data directory, and the front door."""

import http.server
import os
import ssl
import threading
import time

import pytest

from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from discovery import services
from discovery.mirrors import FILE_NAME, MirrorError, https_endpoint
from discovery.models import Mirror, ServedFile
from tests.rotation.certificates import sign, write_pair

FILE = b'{"sealed":1}'


@pytest.fixture
def local_file(server):
    """The driver of the local file."""
    services.ensure_mirrors()
    return services.driver_of(Mirror.objects.get(kind="local_file"))


@pytest.fixture
def front_door(server, settings):
    """The driver of the front door."""
    # Nobody else answers on this machine.
    settings.CLAWCHAT_FRONT_URL = "http://localhost:1"
    services.ensure_mirrors()
    return services.driver_of(Mirror.objects.get(kind="https_endpoint"))


@pytest.fixture
def answering(settings):
    """Start an HTTP server that gives a fixed answer, as the front door's address; yields the requests it got."""
    servers = []

    def answer(
        body: bytes, status: int = 200, pause: float = 0.0, tls: ssl.SSLContext | None = None
    ) -> list[tuple[str, str]]:
        requests: list[tuple[str, str]] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                requests.append((self.path, self.headers["Host"]))
                self.send_response(status)
                self.end_headers()
                for byte in body if pause else [body]:
                    try:
                        self.wfile.write(bytes([byte]) if pause else byte)
                    except OSError:
                        return
                    time.sleep(pause)

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        settings.CLAWCHAT_FRONT = ("127.0.0.1", server.server_address[1])
        return requests

    yield answer
    for server in servers:
        server.shutdown()
        server.server_close()


def test_every_server_has_two_mirrors(server):
    """The default rows are made once, and stay as the operator left them."""
    services.ensure_mirrors()
    Mirror.objects.filter(kind="https_endpoint").update(enabled=False, name="Renamed")
    services.ensure_mirrors()

    assert list(Mirror.objects.order_by("pk").values_list("kind", "name", "enabled")) == [
        ("local_file", "Local file", True),
        ("https_endpoint", "Renamed", False),
    ]


def test_local_file_gives_back_what_was_put(local_file, tmp_path):
    """The file holds the bytes, is readable by others, and no other file is left beside it."""
    local_file.put(FILE_NAME, b"older")
    local_file.put(FILE_NAME, FILE)

    assert local_file.get(FILE_NAME) == FILE
    assert (tmp_path / "connection.json").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir() if "connection" in path.name] == ["connection.json"]
    assert local_file.public_locations() == ()


def test_local_file_survives_a_failed_write(local_file, tmp_path, monkeypatch):
    """When the disk refuses, the old file is whole and the reason is one sentence."""
    local_file.put(FILE_NAME, b"older")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MirrorError, match=r"cannot be written: No space left on device\."):
        local_file.put(FILE_NAME, FILE)

    assert local_file.get(FILE_NAME) == b"older"
    assert [path.name for path in tmp_path.iterdir() if "connection" in path.name] == ["connection.json"]


def test_local_file_refuses_what_is_missing_or_too_large(local_file, tmp_path):
    """Reading back fails when there is nothing, or more than a connection file may have."""
    with pytest.raises(MirrorError, match="cannot be read"):
        local_file.get(FILE_NAME)
    (tmp_path / "connection.json").write_bytes(b"x" * (CONNECTION_FILE_MAX_BYTES + 1))
    with pytest.raises(MirrorError, match="larger than"):
        local_file.get(FILE_NAME)


def test_front_door_stores_and_serves(front_door, settings, client):
    """What was put there is what the view hands out."""
    front_door.put(FILE_NAME, b"older")
    front_door.put(FILE_NAME, FILE)

    assert bytes(ServedFile.objects.get().body) == FILE
    assert client.get("/connection.json").content == FILE


def test_front_door_is_read_back_over_http(front_door, answering, settings):
    """`get` asks the bound address under the public name, as a reader would."""
    settings.CLAWCHAT_FRONT_URL = "https://chat.example.org"
    requests = answering(FILE)

    assert front_door.get(FILE_NAME) == FILE
    assert requests == [("/connection.json", "chat.example.org")]
    assert front_door.public_locations() == ("https://chat.example.org/connection.json",)


def test_front_door_of_another_node_serves_readers_too(front_door, answering, settings):
    """Ours is down, as in a worker whose node died: the public address is asked."""
    requests = answering(FILE)
    settings.CLAWCHAT_FRONT_URL = f"http://localhost:{settings.CLAWCHAT_FRONT[1]}"
    settings.CLAWCHAT_FRONT = ("127.0.0.1", 1)

    assert front_door.get(FILE_NAME) == FILE
    assert requests == [("/connection.json", settings.CLAWCHAT_FRONT_URL.removeprefix("http://"))]


def test_front_door_is_read_back_over_tls(front_door, answering, settings, tmp_path):
    """Whoever has issued its certificate: what it gives is compared with what was put there."""
    settings.CLAWCHAT_FRONT_TLS, settings.CLAWCHAT_FRONT_URL = True, "https://chat.example.org"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*write_pair(tmp_path, "server", sign("server", hosts=("chat.example.org",))))
    requests = answering(FILE, tls=context)

    assert front_door.get(FILE_NAME) == FILE
    assert requests == [("/connection.json", "chat.example.org")]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [(b"no", 404, "answered 404"), (b"x" * (CONNECTION_FILE_MAX_BYTES + 1), 200, "larger than")],
)
def test_front_door_refuses_wrong_answers(front_door, answering, body, status, words):
    """An error page and an endless answer are not the file."""
    answering(body, status)

    with pytest.raises(MirrorError, match=words):
        front_door.get(FILE_NAME)


def test_front_door_keeps_its_deadline(front_door, answering, monkeypatch):
    """An answer that drips byte by byte is given up."""
    monkeypatch.setattr(https_endpoint.HttpsEndpoint, "seconds", 0.3)
    answering(b"x" * 40, pause=0.05)

    with pytest.raises(MirrorError, match="too long"):
        front_door.get(FILE_NAME)


def test_front_door_that_does_not_listen_is_a_failure_at_once(front_door, settings):
    """Before the door listens, reading back fails without waiting."""
    settings.CLAWCHAT_FRONT = ("127.0.0.1", 1)

    with pytest.raises(MirrorError, match="does not answer"):
        front_door.get(FILE_NAME)


def test_front_door_that_is_off_says_so(front_door, settings):
    """Without a front door the mirror names the setting."""
    settings.CLAWCHAT_FRONT = None

    assert "CLAWCHAT_FRONT=off" in front_door.check()
    with pytest.raises(MirrorError, match="off"):
        front_door.get(FILE_NAME)
