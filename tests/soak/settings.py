"""Production's settings, with short epochs and a recorder of every seal."""

from clawchat_site.settings import *  # noqa: F403
from clawchat_site.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.soak.scaled.ScaledConfig"]
