"""Whatever goes wrong at MEGA, the browser's reader ends in time and gives out nothing that was changed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clawchat.protocol.places import FILE_NAME
from tests.house.source import ROOT

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="no Node")

TIMEOUT_MS = 1000
# What a busy machine may add to it.
LEEWAY_MS = 20_000


def outcome(link: str) -> str | None:
    """The code the reader ends with, None when it read the file; it is in time whatever the code."""
    command = ["node", str(Path(__file__).with_name("browser_faults.mjs")), link, FILE_NAME, str(TIMEOUT_MS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    result = json.loads(done.stdout)
    assert result["milliseconds"] < TIMEOUT_MS + LEEWAY_MS
    return result["code"]


@pytest.fixture
def filled(mega, link):
    """The link to a folder with the file in it."""
    mega.put_file(link, FILE_NAME, os.urandom(4096))
    return link


def test_the_file_is_read_after_a_stumble(mega, filled):
    """What MEGA calls "again" twice is asked again."""
    mega.fault("f", "code", -3)
    mega.fault("g", "batch_code", -3)

    assert outcome(filled) is None


@pytest.mark.parametrize("place", ["f", "g"])
@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("code", -3, "unavailable"),
        ("code", -9, "not_there"),
        ("batch_code", -15, "unavailable"),
        ("code", -16, "not_there"),
        ("code", -17, "unavailable"),
        ("http", 402, "unavailable"),
        ("http", 500, "unavailable"),
        ("html", None, "malformed"),
        ("redirect", "http://127.0.0.1:9/", "unavailable"),
        ("silence", None, "unavailable"),
        ("drop", None, "unavailable"),
        ("drip", None, "unavailable"),
        ("flood", None, "too_large"),
    ],
)
def test_a_broken_interface_costs_no_more_than_its_time(mega, filled, place, kind, value, code):
    """For ever, at either question."""
    mega.fault(place, kind, value, times=-1)

    assert outcome(filled) == code


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [
        ("http", 404, "not_there"),
        ("http", 509, "unavailable"),
        ("truncate", None, "unavailable"),
        ("corrupt", None, "malformed"),
        ("html", None, "unavailable"),
        ("silence", None, "unavailable"),
        ("drop", None, "unavailable"),
        ("drip", None, "unavailable"),
        ("flood", None, "too_large"),
    ],
)
def test_a_broken_download_costs_no_more_than_its_time(mega, filled, kind, value, code):
    """And of what was changed nothing is given out."""
    mega.fault("download", kind, value, times=-1)

    assert outcome(filled) == code


def test_of_two_of_one_name_the_newer_is_read(mega, link):
    """A run that died between putting and removing leaves two."""
    mega.put_file(link, FILE_NAME, os.urandom(70_000), at=100)
    mega.put_file(link, FILE_NAME, os.urandom(4096), at=200)

    assert outcome(link) is None
