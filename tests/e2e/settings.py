"""Production's settings, with the writer's fault hook set; nothing but this module can set it."""

from clawchat_site.settings import *  # noqa: F403

CLAWCHAT_AFTER_COMMIT = "tests.e2e.faults.after_commit"
