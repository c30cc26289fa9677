"""What the tests of MEGA share: the emulator, an account with a shared folder, and the unmodified library."""

import socket

import pytest

from discovery.mirrors.mega import MegaMirror
from discovery.mirrors.mega.gateway import Patience
from discovery.mirrors.mega.library import import_mega
from discovery.models import Mirror
from discovery.services.mirror_secrets import write_secrets
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
def mega_mirror(db, monkeypatch):
    """Makes a mirror row for an account and its folder; waits are short."""
    monkeypatch.setattr(MegaMirror, "seconds", 4.0)
    monkeypatch.setattr(MegaMirror, "patience", Patience(exchange=1.0, call=2.0, first_pause=0.05, longest_pause=0.2))

    def make(account, link, name=None):
        row = Mirror.objects.create(kind="mega", name=name or account.email, options={"email": account.email})
        write_secrets(row, {"password": account.password, "link": link})
        return row

    return make


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
