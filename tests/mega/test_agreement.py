"""Readers who know nothing of each other read the same: both of ours, the unmodified mega.py, and megajs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clawchat.protocol.places import FILE_NAME, LIST_NAME
from discovery.services.mirrors import driver_of
from tests.house.source import ROOT

pytestmark = pytest.mark.django_db

PUBLICATIONS = 20
# Between the sizes that a published object has: whole multiples of 4 KiB, up to the largest.
SIZES = [4096, 8192, 16_384, 65_536]


def read_in_node(script: str, link: str, *names: str) -> list[bytes]:
    """What a script beside this file reads from the link."""
    command = ["node", Path(__file__).with_name(script), link, *names]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [bytes.fromhex(line) for line in done.stdout.split()]


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node")
def test_all_readers_agree_after_twenty_publications(mega, link, account, mega_mirror, unmodified, tmp_path):
    """Through one link, after each of 20 publications, every reader has the newest file and list, byte for byte."""
    driver = driver_of(mega_mirror(account, link))

    for number in range(PUBLICATIONS):
        data, list_data = os.urandom(SIZES[number % len(SIZES)]), os.urandom(4096)
        driver.put(LIST_NAME, list_data)
        driver.put(FILE_NAME, data)

        assert (driver.get(FILE_NAME), driver.get(LIST_NAME)) == (data, list_data)
        assert read_with_mega_py(unmodified, FILE_NAME, tmp_path) == data
        if number % 5 == 4:
            assert read_in_node("megajs_reader.mjs", link, FILE_NAME, LIST_NAME) == [data, list_data]
            assert read_in_node("browser_reader.mjs", link, FILE_NAME, LIST_NAME) == [data, list_data]

    assert driver.public_locations() == (link,)
    assert len(account.files(mega.shared(link)[1])) == 2


def read_with_mega_py(library, name: str, folder: Path) -> bytes:
    """What the library downloads as the owner of the account; it reads no shared folder."""
    found = library.find(name)
    assert found is not None
    return Path(library.download(found, str(folder), "read")).read_bytes()
