"""Settings of the test run: a data directory of its own, everything else as in production."""

import os
import tempfile

os.environ["CLAWCHAT_DATA_DIR"] = tempfile.mkdtemp(prefix="clawchat-test-")

from clawchat_site.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
