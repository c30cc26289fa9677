"""What libraries may put into the log."""

import json
import os
import subprocess
import sys

import pytest

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
