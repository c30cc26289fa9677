"""Production's settings, and two looks a second at what is due, as with a port that moves every ten seconds."""

from clawchat_site.settings import *  # noqa: F403
from clawchat_site.settings import CELERY_BEAT_SCHEDULE

CLAWCHAT_TICK_SECONDS = 0.5
_tick = CELERY_BEAT_SCHEDULE["tick"]
CELERY_BEAT_SCHEDULE = {
    **CELERY_BEAT_SCHEDULE,
    "tick": {**_tick, "schedule": CLAWCHAT_TICK_SECONDS, "options": {"expires": 2 * CLAWCHAT_TICK_SECONDS}},
}
