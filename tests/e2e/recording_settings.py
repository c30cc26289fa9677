"""Production's settings, and a recorder of what the handlers get once layer A is opened."""

from clawchat_site.settings import *  # noqa: F403
from clawchat_site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.e2e.recorder.RecorderConfig"]
