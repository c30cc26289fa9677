"""Servers that disagree: while settings or clocks differ, each would publish what it thinks, at every tick."""

import logging

from chat.services.identity import current_discovery_secret, every_identity
from clawchat.protocol.connection_file import ConnectionInfo, SealedConnectionFile
from clawchat.protocol.errors import ClawChatError
from discovery.models import Publication

from .instants import instant

logger = logging.getLogger(__name__)

# Whoever says the same for the third time within so many seconds does not learn: the others say something else.
WINDOW_SECONDS, MOST_TIMES = 60, 2
# What was logged already, by digest.
_told: set[str] = set()
_MOST_TOLD = 100


def may_wait(newest: Publication, info: ConnectionInfo, digest: str, now: int) -> bool:
    """Whether `info`, which says something else than the newest publication, need not be published yet.

    So it is when it was published again and again of late, and the newest one names no port that `info` does not name:
    a port that is gone is never kept in the file for the sake of peace.
    """
    recent = Publication.objects.filter(digest=digest, created_at__gt=instant(now - WINDOW_SECONDS))
    if recent.count() < MOST_TIMES or not _names_no_other(newest, info):
        return False
    if digest not in _told:
        logger.warning(
            "Servers disagree on what the connection file should say, so one of them waits. "
            "Give all the same settings (rotation, server name, mirrors), and see that their clocks agree."
        )
        if len(_told) >= _MOST_TOLD:
            _told.clear()
        _told.add(digest)
    return True


def _names_no_other(newest: Publication, info: ConnectionInfo) -> bool:
    try:
        sealed = SealedConnectionFile.parse(bytes(newest.body))
        there = sealed.open(current_discovery_secret(), every_identity())
    except ClawChatError:
        return False
    return {endpoint.url for endpoint in there.endpoints} <= {endpoint.url for endpoint in info.endpoints}
