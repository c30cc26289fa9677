"""The tables of docs/protocol.md against the code: limits, error codes."""

import re
from pathlib import Path

import pytest

from clawchat.protocol import limits
from clawchat.protocol.errors import PeerError
from clawchat.protocol.key_schedule import PREFIXES
from tests.house.source import ROOT

PAGE = (Path(ROOT) / "docs/protocol.md").read_text("utf-8")
SECTION = PAGE.partition("\n### 3.19 ")[2].partition("\n## ")[0]
# Names in limits.py, in the order of each row.
ROWS = {
    "H1, H2, H3 without their head of 4": ["H1_MAX_BYTES", "H2_MAX_BYTES", "H3_MAX_BYTES"],
    "first message of a stranger": ["FIRST_MESSAGE_MAX_BYTES"],
    "whole handshake": ["HANDSHAKE_SECONDS"],
    "suites offered": ["MAX_SUITES"],
    "client's name and version": ["CLIENT_NAME_MAX_BYTES"],
    "frame, least and most; when H2 names none": ["FRAME_MIN_BYTES", "FRAME_CEILING_BYTES", "DEFAULT_MAX_FRAME_BYTES"],
    "keys of one epoch, soft (a rekey starts)": ["SOFT_LIMIT_SECONDS", "SOFT_LIMIT_BYTES", "SOFT_LIMIT_FRAMES"],
    "keys of one epoch, hard (the session ends)": ["HARD_LIMIT_SECONDS", "HARD_LIMIT_BYTES", "HARD_LIMIT_FRAMES"],
    "least life of an epoch; wait for RESP or DONE": ["REKEY_INTERVAL_SECONDS", "REKEY_ANSWER_SECONDS"],
    "ping after, close after silence of; a ping's bytes": ["PING_AFTER_SECONDS", "SILENCE_SECONDS", "PING_MAX_BYTES"],
    "integers of JSON and CBOR, u64 values": ["INTEGER_MAX"],
    "depth of maps and lists": ["MAX_DEPTH"],
    "connection file and revocation list as published": ["CONNECTION_FILE_MAX_BYTES", "CONNECTION_FILE_STEP_BYTES"],
    "clock, file and statement may differ by": ["CLOCK_SKEW_SECONDS"],
    "invite's text; its life": ["INVITE_TEXT_MAX_BYTES", "INVITE_MIN_SECONDS", "INVITE_MAX_SECONDS"],
    "overlap of two identities": ["SUCCESSION_MAX_SECONDS"],
    "request's map; values in it": ["REQUEST_MAX_BYTES", "REQUEST_MAX_ITEMS"],
    "staged blob; its chunk": ["STAGE_MAX_BYTES", "STAGE_CHUNK_BYTES"],
    "sealed signal; the map in it; padded to a multiple of": [
        "SIGNAL_MAX_BYTES",
        "SIGNAL_MAP_MAX_BYTES",
        "SIGNAL_STEP_BYTES",
    ],
}


def numbers(row: str) -> list[int]:
    """Every number of a row's second cell."""
    cell = re.search(rf"^\| {re.escape(row)} \| (.*?) \|", SECTION, re.MULTILINE)
    assert cell, f"no row {row!r} in 3.19"
    return [int(found.replace(",", "")) for found in re.findall(r"\d[\d,]*\d|\d", cell[1])]


@pytest.mark.parametrize("row", ROWS)
def test_the_page_has_the_limits_of_the_code(row):
    """A row of 3.19 has the numbers of limits.py."""
    assert numbers(row) == [getattr(limits, name) for name in ROWS[row]]


def test_every_code_has_one_row_and_nothing_else_has():
    """The error table is the tree of errors.py, whole."""
    table = PAGE.partition("**Errors.**")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d*)", table, re.MULTILINE)
    mine = {kind for kind in PeerError.__subclasses__() if kind.__module__ == "clawchat.protocol.errors"}

    assert sorted(rows) == sorted((kind.code, str(kind.number or "")) for kind in mine)


def test_the_page_has_the_prefixes_of_the_code():
    """What a signed, hashed or associated string begins with stands on the page, and nothing else of that form does."""
    shown = set(re.findall(r'"(clawchat/1 [a-z ]+)\\0"', PAGE))
    # Verification, device lists (4.4) and the log chain (4.5) are normative once built.
    shown -= {"clawchat/1 safety", "clawchat/1 device list", "clawchat/1 log"}

    assert shown == {prefix.decode().removesuffix("\0") for prefix in PREFIXES.values()}
