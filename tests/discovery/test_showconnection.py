"""`showconnection --from`: a file from anywhere, judged as a client would, and explained."""

import json
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from chat.services.identity import current_discovery_secret, current_identity, renew_discovery_secret
from clawchat.protocol.connection_file import seal_connection_file
from clawchat.protocol.keys import DiscoverySecret, IdentityKey
from discovery import services
from tests.discovery.conftest import compose


def explain(source, *more: str) -> str:
    """What the command says of it."""
    out = StringIO()
    call_command("showconnection", "--from", str(source), *more, stdout=out)
    return out.getvalue()


@pytest.fixture
def published(memory, tmp_path):
    """The newest file and the list beside it, as somebody copied them."""
    now = int(time.time())
    publication = services.publish(compose(now), now)
    folder = tmp_path / "copied"
    folder.mkdir()
    (folder / "connection.json").write_bytes(bytes(publication.body))
    if publication.revocations:
        (folder / "revocations.json").write_bytes(bytes(publication.revocations.body))
    return folder / "connection.json"


def test_a_good_file_is_opened_and_explained(published):
    """Where the server is, who signed, under which secret, for how many it is wrapped, and what clients make of it."""
    text = explain(published)

    assert "signed by    this server" in text
    assert "the present one" in text
    assert "wraps        16 entries: 0 devices, 0 invitations, the others are padding" in text
    assert "Your server signed it." in text
    assert "localhost:50000" in text
    assert json.loads(explain(published, "--json"))["server_id"]


def test_the_list_beside_it_must_be_the_one_it_names(published):
    """Another list, or none, is said; clients would not use it."""
    beside = published.with_name("revocations.json")

    assert "revocations  list" in explain(published)
    beside.write_bytes(beside.read_bytes() + b"\n")
    assert "another one is there" in explain(published)
    beside.unlink()
    assert "is not there" in explain(published)


def test_a_file_under_a_former_secret_is_named(published):
    """After a device was revoked the old file still opens here, and it is said that it is old."""
    with transaction.atomic():
        renew_discovery_secret("test", "alice")

    assert "a former one, out of use since" in explain(published)


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("noise", "is no address of any server"),
        ("foreign", "was not signed by your server"),
        ("sealed", "a key that this device does not have"),
        ("older", "older address than is known"),
    ],
)
def test_a_file_that_clients_refuse_is_refused_by_name(published, kind, sentence):
    """Noise, another server's, under an unknown secret, and one from before: status 1, and why."""
    now = int(time.time())
    info, secret, identity = compose(now), current_discovery_secret(), current_identity()
    stranger = IdentityKey.generate()
    data = {
        "noise": b"<!doctype html>",
        "foreign": seal_connection_file(replace(info, server_public=stranger.public), secret, stranger, now),
        "sealed": seal_connection_file(info, DiscoverySecret.generate(), identity, now),
        "older": seal_connection_file(replace(info, serial=5), secret, identity, now),
    }[kind]
    published.write_bytes(data)

    with pytest.raises(CommandError, match=sentence):
        explain(published)


def test_what_is_neither_a_place_nor_a_file_is_named(memory, tmp_path):
    """A path that does not exist; a place that is down."""
    with pytest.raises(CommandError, match="no file that can be read"):
        explain(tmp_path / "nowhere.json")
    with pytest.raises(CommandError, match="turns connections away"):
        explain("http://127.0.0.1:1/connection.json")


def test_a_link_of_a_folder_is_never_printed_whole(memory):
    """What opens the folder stays in the shell's history alone."""
    key = "A" * 22
    with pytest.raises(CommandError) as refused:
        explain(f"http://127.0.0.1:1/folder/AbCdEfGh#{key}")

    assert key not in str(refused.value)


def test_a_place_is_asked_without_cookies(published):
    """What it sets it does not get back with the question for the list."""
    heard = []

    class Place(BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append((self.path, self.headers["Cookie"]))
            data = published.with_name(self.path[1:]).read_bytes()
            self.send_response(200)
            self.send_header("Set-Cookie", "who=you")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Place) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        explain(f"http://localhost:{server.server_port}/connection.json")
        server.shutdown()

    assert heard == [("/connection.json", None), ("/revocations.json", None)]
