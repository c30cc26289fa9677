"""Three readers who know nothing of each other read the same: our own, the unmodified mega.py, and megajs."""

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


@pytest.fixture
def read_with_megajs():
    """Reads files of a link with megajs."""
    if shutil.which("node") is None or not (ROOT / "node_modules/megajs").is_dir():
        pytest.skip("no Node with megajs")

    def read(link: str, *names: str) -> list[bytes]:
        script = Path(__file__).with_name("megajs_reader.mjs")
        command = ["node", script, link, *names]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return [bytes.fromhex(line) for line in done.stdout.split()]

    return read


def test_all_readers_agree_after_twenty_publications(
    mega, link, account, mega_mirror, unmodified, read_with_megajs, tmp_path
):
    """Through one link, after each of 20 publications, every reader has the newest file and list, byte for byte."""
    driver = driver_of(mega_mirror(account, link))

    for number in range(PUBLICATIONS):
        data, list_data = os.urandom(SIZES[number % len(SIZES)]), os.urandom(4096)
        driver.put(LIST_NAME, list_data)
        driver.put(FILE_NAME, data)

        assert (driver.get(FILE_NAME), driver.get(LIST_NAME)) == (data, list_data)
        assert read_with_mega_py(unmodified, FILE_NAME, tmp_path) == data
        if number % 5 == 4:
            assert read_with_megajs(link, FILE_NAME, LIST_NAME) == [data, list_data]

    assert driver.public_locations() == (link,)
    assert len(account.files(mega.shared(link)[1])) == 2


def read_with_mega_py(library, name: str, folder: Path) -> bytes:
    """What the library downloads as the owner of the account; it reads no shared folder."""
    found = library.find(name)
    assert found is not None
    return Path(library.download(found, str(folder), "read")).read_bytes()
