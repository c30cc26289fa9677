"""The check at every start: it finds nothing today, and finds what would break the silence."""

import pytest

from rotation import pins
from rotation.probes import Probe, proper_request
from rotation.silent import SilentReader
from rotation.websocket import SilentWebSocket
from tests.rotation.doors import Doors, run


@pytest.fixture
def problems(doors: Doors):
    """What the check says, asked on the loop that the server will run on."""

    async def ask() -> list[str]:
        return pins.problems(doors.server)

    return lambda: run(ask())


def test_this_installation_is_silent(problems):
    """No other version, no missing name, no byte to a stranger."""
    assert problems() == []


def test_the_pinned_versions_are_those_that_are_installed(pytestconfig):
    """requirements.txt and the pins are changed together."""
    lines = (pytestconfig.rootpath / "requirements.txt").read_text().splitlines()
    required = dict(line.split("==") for line in lines if "==" in line)

    assert {name: required[name] for name in pins.VERSIONS} == pins.VERSIONS


def test_another_version_is_named(problems, monkeypatch):
    """Its silence was never proven."""
    monkeypatch.setitem(pins.VERSIONS, "daphne", "4.2.2")

    assert problems() == ["daphne is 4.2.3, and the chat ports' silence was proven with 4.2.2."]


def test_a_name_that_is_gone_is_named(problems, monkeypatch):
    """An override of a method that nobody calls any more protects nothing."""
    monkeypatch.setitem(pins.NAMES, pins.ProtocolWrapper, "makeConnection receiveData")

    assert problems() == ["ProtocolWrapper.receiveData is gone."]


@pytest.mark.parametrize("name", ["succeedHandshake", "sendHttpErrorResponse", "sendHtml"])
def test_an_override_that_is_missing_is_named(problems, monkeypatch, name):
    """Whatever sends on Autobahn's server side has to be replaced."""
    monkeypatch.delattr(SilentWebSocket, name)

    assert f"WebSocketServerProtocol.{name} sends, and nothing replaces it." in problems()


def test_a_websocket_that_answers_is_found(problems, monkeypatch):
    """One byte before the reset is enough."""

    def answer(websocket, reason, code=400, responseHeaders=None):
        websocket.transport.write(b"H")
        websocket.dropConnection(abort=True)

    monkeypatch.setattr(SilentWebSocket, "failHandshake", answer)

    assert "A WebSocket would answer a stranger (no key)." in problems()
    assert "A chat port would answer a stranger (a second request)." in problems()


def test_a_reader_that_only_closes_is_found(problems, monkeypatch):
    """A soft close differs with what was sent; only a reset says nothing."""
    monkeypatch.setattr(SilentReader, "_drop", lambda reader: reader.transport.loseConnection())
    monkeypatch.setattr(pins, "probes", lambda: [Probe("wrong path", proper_request("/" + "B" * 22))])

    assert problems() == ["A chat port would answer a stranger (wrong path)."] * 2
