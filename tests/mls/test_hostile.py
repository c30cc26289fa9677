"""Hostile commits, external commits, messages, proposals, Welcomes, GroupInfos and key packages: one file of cases.

tests/js/mls/hostile.test.js runs the same file. Honest ones stand between them, so that nothing is refused for a reason
beside the one it is there for.
"""

import base64
import json
from functools import cache

import pytest

from clawchat.mls.codec import Reader
from clawchat.mls.group import Group
from clawchat.mls.key_package import KeyPackage, KeyPackageSecrets
from clawchat.mls.member import Member
from clawchat.mls.suite import ROOM_SUITE
from clawchat.mls.validity import RoomRules
from clawchat.protocol.errors import PeerError
from clawchat.protocol.keys import DeviceKey
from tests.mls.hostile.file import blobs, read_pool
from tests.mls.hostile.generate import FILE, all_cases
from tests.mls.members import NOW, dice

CONTENT = json.loads(FILE.read_text("utf-8"))
POOL = read_pool(CONTENT["pool"])
CASES = CONTENT["cases"]
RULES = RoomRules()


@cache
def member(name):
    """The device that judges."""
    device = {part: base64.b64decode(text) for part, text in CONTENT["devices"][name].items()}
    key = DeviceKey(device["seed"])
    return Member(ROOM_SUITE, device["identity"], bytes(key.public), key.sign)


@cache
def group(name):
    """The state that a case is judged in."""
    state = CONTENT["states"][name]
    return Group.load(member(state["device"]), blobs(POOL, state["rows"]), rules=RULES)


def judge(case):
    """What becomes of the case's bytes."""
    parts, own = blobs(POOL, case["parts"]), member(case["device"])
    if case["does"] == "open":
        return group(case["state"]).open(parts["message"]).kind
    if case["does"] == "join":
        secrets = KeyPackageSecrets.parse(parts["package"])
        Group.join(own, secrets, parts["welcome"], parts.get("group_info"), rules=RULES)
        return "joined"
    if case["does"] == "join_externally":
        data, random = parts["data"], dice("joining")
        Group.join_externally(own, parts["group_info"], authenticated_data=data, random=random, now=NOW, rules=RULES)
        return "joined"
    reader = Reader(parts["package"])
    package = KeyPackage.read(reader)
    reader.end()
    package.verify(ROOM_SUITE)
    RULES.check_key_package(package)
    return "good"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_hostile(case):
    """It is refused by the code and for the reason that the file says, and the state is byte for byte what it was."""
    try:
        verdict, reason = judge(case), None
    except PeerError as error:
        verdict, reason = error.code, getattr(error, "reason", None)

    assert (verdict, reason) == (case["expect"], case.get("reason"))
    if "state" in case:
        assert group(case["state"]).rows() == blobs(POOL, CONTENT["states"][case["state"]]["rows"])


def test_the_file_has_the_cases_of_its_generator():
    """Their names, and what is expected of them; the bytes differ, sealing draws its own randomness."""
    made = [(case.name, case.does, case.device, case.state, case.expect, case.reason) for case in all_cases()]
    held = [tuple(case.get(part) for part in ("name", "does", "device", "state", "expect", "reason")) for case in CASES]

    assert made == held


def test_there_are_enough_of_them():
    """Of every kind: what is refused, and by each code."""
    hostile = [
        case for case in CASES if case["expect"] in ("invalid", "malformed", "unauthentic", "key_used", "epoch_gone")
    ]

    assert len(hostile) >= 300
    assert len({case["expect"] for case in hostile}) == 5
    assert len({case.get("reason") for case in hostile}) >= 40
