"""The data directory and Django's secret: made whole or refused in a sentence."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from clawchat_site.folders import make_data_dir, secret_of

ROOT = Path(__file__).resolve().parents[2]


def test_a_data_directory_is_its_owners_alone(tmp_path):
    """Made with everything above it, and taken as it is when it is there."""
    path = tmp_path / "var" / "lib"

    make_data_dir(path)
    make_data_dir(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path):
    """With the setting that changes it."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ImproperlyConfigured, match=r"file/var cannot be made.*CLAWCHAT_DATA_DIR"):
        make_data_dir(tmp_path / "file" / "var")


def test_a_data_directory_that_cannot_be_written_to_is_named(tmp_path, monkeypatch):
    """Root may write everywhere, so the answer is given here."""
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    with pytest.raises(ImproperlyConfigured, match="cannot be written to"):
        make_data_dir(tmp_path)


def test_a_secret_is_made_once(tmp_path):
    """Many processes that start at once read one secret, which nobody else may read; nothing is left beside it."""
    path = tmp_path / "secrets" / "django.key"
    path.parent.mkdir()

    with ThreadPoolExecutor(8) as threads:
        found = set(threads.map(lambda _: secret_of(path), range(32)))

    assert len(found) == 1 and len(found.pop()) >= 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "value"),
    [("CLAWCHAT_DATA_DIR", "/dev/null/var"), ("CLAWCHAT_FRONT", "nonsense"), ("DATABASE_URL", "my-password@host")],
)
def test_a_setting_that_cannot_be_used_is_one_sentence(tmp_path, name, value):
    """No traceback, which would hide it, and no password."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "clawchat_site.settings", "CLAWCHAT_DATA_DIR": str(tmp_path)}

    done = subprocess.run(
        [sys.executable, "manage.py", "runclawchat"],
        cwd=ROOT,
        env={**environment, name: value},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("Configuration: ") and name in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "my-password" not in done.stderr
