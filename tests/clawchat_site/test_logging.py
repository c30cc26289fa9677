"""What gets into the log, and in which form."""

import json
import logging
import logging.config
import os
import subprocess
import sys

import pytest
from django.conf import settings

from chat.origin import begin, origin
from clawchat_site.logs import LINE_CHARACTERS, LINES_A_MINUTE, FewLinesFilter, JsonLines, OriginFilter

LEVELS = """
import json, logging
from clawchat_site import settings
import logging.config
logging.config.dictConfig(settings.LOGGING)
names = ["", "botocore.auth", "botocore.endpoint", "urllib3.connectionpool", "s3transfer.futures", "mega"]
print(json.dumps({name: logging.getLogger(name).getEffectiveLevel() for name in names}))
"""


@pytest.mark.parametrize(("level", "number"), [("DEBUG", 10), ("INFO", 20)])
def test_libraries_that_tell_requests_are_quiet_at_every_level(tmp_path, level, number):
    """A request to a mirror is signed, and its address may hold a key: neither belongs into a log."""
    surroundings = os.environ | {"CLAWCHAT_LOG_LEVEL": level, "CLAWCHAT_DATA_DIR": str(tmp_path / "data")}
    said = subprocess.run([sys.executable, "-c", LEVELS], env=surroundings, capture_output=True, text=True, check=True)
    levels = json.loads(said.stdout)

    assert levels.pop("") == number
    assert set(levels.values()) == {30}


@pytest.fixture
def record(request) -> logging.LogRecord:
    """A record of a library that hangs a whole request on to it."""
    token = origin.set(None)
    request.addfinalizer(lambda: origin.reset(token))
    try:
        raise ValueError("two\nlines")
    except ValueError:
        failed = sys.exc_info()
    made = logging.LogRecord("chat.hub", logging.WARNING, "hub.py", 7, "%d messages", (3,), failed)
    made.request = {"cookie": "of an operator"}
    return made


def as_json(record: logging.LogRecord) -> dict:
    """The record as a machine reads it."""
    assert OriginFilter().filter(record)
    line = JsonLines().format(record)
    assert "\n" not in line
    return json.loads(line)


def test_a_json_line_has_what_a_machine_looks_for_and_nothing_else(record):
    """One line, traceback and all; what libraries hang on to a record stays out."""
    told = as_json(record)

    assert set(told) == {"time", "level", "logger", "message", "process", "exception"}
    assert (told["level"], told["logger"], told["message"]) == ("WARNING", "chat.hub", "3 messages")
    assert told["time"].endswith("+00:00")
    assert "ValueError: two" in told["exception"]


@pytest.mark.parametrize("kind", ["connection", "request"])
def test_lines_of_one_caller_have_one_id(record, kind):
    """In both forms: 8 hex digits, and another one for the next caller."""
    first = begin(kind)
    told = as_json(record)
    line = logging.Formatter(settings.LOGGING["formatters"]["line"]["format"], style="{").format(record)

    assert told[kind] == first
    assert f": 3 messages ({kind} {first})" in line
    assert len(bytes.fromhex(first)) == 4
    assert begin(kind) != first


FORMAT = """
import json, logging, logging.config
from clawchat_site import settings
logging.config.dictConfig(settings.LOGGING)
logging.getLogger("chat").warning("well")
"""


@pytest.mark.parametrize(("form", "start"), [("json", '{"time": "'), ("line", "20"), ("xml", None)])
def test_the_form_is_a_setting(tmp_path, form, start):
    """Lines, JSON, and a sentence for anything else."""
    surroundings = os.environ | {"CLAWCHAT_LOG_FORMAT": form, "CLAWCHAT_DATA_DIR": str(tmp_path / "data")}
    said = subprocess.run([sys.executable, "-c", FORMAT], env=surroundings, capture_output=True, text=True, check=False)

    if start is None:
        assert "CLAWCHAT_LOG_FORMAT is 'xml'; write line or json, or nothing." in said.stderr
    else:
        assert said.stderr.startswith(start), said.stderr


def test_a_token_that_could_be_guessed_is_refused(tmp_path):
    """Before the server starts, and without telling it again."""
    surroundings = os.environ | {"CLAWCHAT_METRICS_TOKEN": "hunter2", "CLAWCHAT_DATA_DIR": str(tmp_path / "data")}
    said = subprocess.run([sys.executable, "-c", FORMAT], env=surroundings, capture_output=True, text=True, check=False)

    assert "CLAWCHAT_METRICS_TOKEN is too short" in said.stderr
    assert "hunter2" not in said.stderr


def said_by(name: str, filtered: FewLinesFilter, at: float = 0.0, level: int = logging.WARNING) -> str | None:
    """What becomes of a line of this logger that repeats a stranger's 5,000 characters; None when it does not pass."""
    made = logging.LogRecord(name, level, "x.py", 7, "Not Found: %s", ("/" + "a" * 5000,), None)
    made.created = at
    return made.getMessage() if filtered.filter(made) else None


@pytest.mark.parametrize("name", ["django.request", "django.security.csrf", "chat.handlers.error", "chat.reception"])
def test_nobody_fills_the_log(name):
    """Of what strangers and members bring about a few short lines a minute pass; our own errors all do."""
    filtered = FewLinesFilter()

    lines = [said_by(name, filtered) for _ in range(1000)]

    told = [line for line in lines if line is not None]
    assert len(told) == LINES_A_MINUTE
    assert max(map(len, told)) < LINE_CHARACTERS + 100
    assert "and more" in told[-1] and "and more" not in told[-2]
    assert said_by(name, filtered, at=60.0) is not None
    assert all(len(said_by(name, filtered, level=logging.ERROR)) > 5000 for _ in range(100))
    assert all(len(said_by("rotation.keeper", filtered)) > 5000 for _ in range(100))


def test_the_log_is_filtered():
    """The handler of all lines has the filter."""
    assert settings.LOGGING["handlers"]["stderr"]["filters"] == ["few", "origin"]
