"""mega.py is made importable, and a server without it loses this kind of mirror and nothing else."""

import asyncio
import os
import subprocess
import sys

import pytest

from discovery.mirrors import MirrorError
from discovery.mirrors.mega import library
from discovery.services.mirrors import driver_of
from tests.house.source import ROOT


def test_nothing_is_left_of_what_was_lent():
    """The name that was taken out of asyncio is there for the import alone."""
    library.import_mega()

    assert not hasattr(asyncio, "coroutine") or sys.version_info < (3, 11)


def test_it_is_imported_when_it_is_needed(tmp_path):
    """A server without a mirror at MEGA never loads it."""
    script = "import django, sys; django.setup(); import discovery.mirrors; sys.exit('mega' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "clawchat_site.settings", "CLAWCHAT_DATA_DIR": str(tmp_path)},
        check=False,
    )

    assert done.returncode == 0


@pytest.mark.django_db
def test_a_server_without_it_says_so(mega_mirror, account, link, monkeypatch):
    """Whoever does not take its licence removes it: the mirror says what is missing, and nothing else fails."""

    def missing(name):
        raise ImportError(name)

    row = mega_mirror(account, link)
    monkeypatch.setattr(library.importlib, "import_module", missing)

    assert "mega.py cannot be imported" in driver_of(row).check()
    with pytest.raises(MirrorError, match=r"mega\.py") as caught:
        driver_of(row).put("connection.json", b"data")
    assert caught.value.needs_operator
    assert driver_of(row).public_locations() == (link,)
