"""The checks refuse settings under which the server would not be safe."""

import pytest

from chat import checks


def ids(found) -> list[str]:
    """The check ids."""
    return [message.id for message in found]


@pytest.mark.parametrize(
    ("content", "mode", "expected"),
    [
        (None, None, []),
        (bytes(32), 0o600, []),
        (bytes(31), 0o600, ["clawchat.E101"]),
        (bytes(32), 0o640, ["clawchat.E102"]),
    ],
)
def test_the_master_key_is_looked_at(tmp_path, settings, content, mode, expected):
    """Missing is fine, it is made on first use; cut off or open to others is not."""
    path = settings.CLAWCHAT_MASTER_KEY_FILE = tmp_path / "master.key"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)

    assert ids(checks.check_master_key(None)) == expected


@pytest.mark.parametrize(
    ("schemes", "expected"), [([1], []), ([], ["clawchat.E103"]), (["1"], ["clawchat.E103"]), ([0], ["clawchat.E103"])]
)
def test_schemes_are_numbers(settings, schemes, expected):
    """At least one."""
    settings.CLAWCHAT_SCHEMES = schemes

    assert ids(checks.check_schemes(None)) == expected


def test_the_hook_can_be_imported(settings):
    """A writer that cannot start is found out before anything runs."""
    assert ids(checks.check_after_commit(None)) == []
    settings.CLAWCHAT_AFTER_COMMIT = "no.such.hook"

    assert ids(checks.check_after_commit(None)) == ["clawchat.E104"]


@pytest.mark.parametrize(
    ("database", "expected"),
    [
        ({"ENGINE": "django.db.backends.postgresql"}, []),
        ({"ENGINE": "django.db.backends.sqlite3"}, ["clawchat.E105"]),
        (
            {
                "ENGINE": "django.db.backends.sqlite3",
                "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA synchronous=FULL;"},
            },
            [],
        ),
    ],
)
def test_sqlite_keeps_what_was_acknowledged(monkeypatch, settings, database, expected):
    """synchronous=FULL and IMMEDIATE, or it is refused."""
    monkeypatch.setitem(settings.DATABASES, "default", database)

    assert ids(checks.check_sqlite(None)) == expected


def test_turning_the_floor_of_the_suite_off_is_said_plainly(settings):
    """On by default, without a word; off, the operator reads what is given up and what to do."""
    assert ids(checks.check_suites(None)) == []
    settings.CLAWCHAT_PQ_REQUIRED = False
    (warning,) = checks.check_suites(None)

    assert warning.id == "clawchat.W107"
    assert "without ML-KEM" in warning.msg
    assert "Leave CLAWCHAT_PQ_REQUIRED out" in warning.hint
