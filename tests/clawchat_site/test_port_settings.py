"""Settings of the moving port: what cannot work is refused with a sentence when the server starts."""

import json
import os
import subprocess
import sys

import pytest

from tests.house.source import ROOT

ASK = "import json; from clawchat_site import settings as s; print(json.dumps([s.CLAWCHAT_ROTATION, s.CLAWCHAT_PORTS]))"


def start(tmp_path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The settings as a process of its own reads them."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CLAWCHAT_")}
    return subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=ROOT,
        env={**plain, "CLAWCHAT_DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("environment", "jitter"),
    [
        ({}, 360),
        ({"CLAWCHAT_ROTATION_INTERVAL": "60", "CLAWCHAT_ROTATION_LEAD": "10", "CLAWCHAT_ROTATION_GRACE": "10"}, 6),
        ({"CLAWCHAT_ROTATION_INTERVAL": "6", "CLAWCHAT_ROTATION_LEAD": "2", "CLAWCHAT_ROTATION_GRACE": "3"}, 0),
        ({"CLAWCHAT_ROTATION_INTERVAL": "400", "CLAWCHAT_ROTATION_GRACE": "390"}, 9),
        ({"CLAWCHAT_ROTATION_JITTER": "0"}, 0),
        ({"CLAWCHAT_ROTATION_JITTER": "3299"}, 3299),
    ],
)
def test_the_jitter_is_a_tenth_of_the_interval_where_there_is_room(tmp_path, environment, jitter):
    """Less where lead and grace leave less; any other that leaves them room can be chosen."""
    rotation, ports = json.loads(start(tmp_path, **environment).stdout)

    assert (int(rotation["jitter"]), ports) == (jitter, 1)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CLAWCHAT_ROTATION_JITTER", "3300", "is above 3299"),
        ("CLAWCHAT_PORTS", "9", "a whole number from 1 to 8"),
        ("CLAWCHAT_PORTS", "0", "a whole number from 1 to 8"),
        ("CLAWCHAT_DECOYS", "-1", "a whole number from 0 to 16"),
        ("CLAWCHAT_FIXED_PORT", "https", "a whole number from 0 to 65535"),
        ("CLAWCHAT_TRIPWIRE_SECONDS", "long", "a number of seconds"),
    ],
)
def test_what_cannot_work_is_named(tmp_path, name, value, sentence):
    """With the setting and what may stand there."""
    said = start(tmp_path, **{name: value}).stderr

    assert "ImproperlyConfigured" in said
    assert name in said and sentence in said


def test_parts_of_a_second_do_not_count(tmp_path):
    """Ports move by whole seconds: a lead that is shorter by a part of one is none."""
    said = start(tmp_path, CLAWCHAT_ROTATION_INTERVAL="400.9", CLAWCHAT_ROTATION_LEAD="400.1").stderr

    assert "must both be shorter" in said
