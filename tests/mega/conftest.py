"""What the tests of MEGA share: the emulator, an account with a shared folder, and the unmodified library."""

import socket

import pytest

from discovery.mirrors.mega.library import import_mega
from tests.mega.emulator import PASSWORD, MegaEmulator

FAKE_DOMAIN = "mega.test"


@pytest.fixture
def mega():
    """An emulated service."""
    with MegaEmulator() as emulator:
        yield emulator


@pytest.fixture
def account(mega):
    """The owner's account."""
    return mega.make_account()


@pytest.fixture
def link(mega, account):
    """A folder that the owner shared in the web client."""
    return mega.export_folder(account)


@pytest.fixture
def unmodified(mega, account, monkeypatch):
    """mega.py as it is, logged in; it builds its address by itself, so its name is looked up here."""
    look_up = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *rest, **more: look_up("127.0.0.1" if str(host).endswith(FAKE_DOMAIN) else host, *rest, **more),
    )
    library = import_mega().Mega()
    library.schema, library.domain = "http", f"{FAKE_DOMAIN}:{mega.service.origin.rpartition(':')[2]}"
    return library.login(account.email, PASSWORD)
