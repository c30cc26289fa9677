"""Settings of the test run: a data directory of its own, everything else as in production."""

import os
import tempfile

os.environ["CLAWCHAT_DATA_DIR"] = tempfile.mkdtemp(prefix="clawchat-test-")

from clawchat_site.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# A file as in production: SQLite in memory knows neither WAL nor the waiting of one thread for another.
if "sqlite3" in DATABASES["default"]["ENGINE"]:  # noqa: F405
    DATABASES["default"]["TEST"] = {"NAME": CLAWCHAT_DATA_DIR / "test.sqlite3"}  # noqa: F405
