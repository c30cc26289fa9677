"""What stops readers from finding this server, said before it starts."""

from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import DatabaseError

from .mirrors import DRIVERS
from .models import Mirror


@register(Tags.urls)
def check_front_url(**_: object) -> list[CheckMessage]:
    """The address of the front door must be one that stands in an invitation as it is."""
    url = settings.CLAWCHAT_FRONT_URL
    if not url:
        return []
    parts = urlsplit(url)
    plain = not (parts.username or parts.query or parts.fragment)
    if parts.scheme in {"http", "https"} and parts.hostname and plain:
        return []
    return [
        Error(
            f"CLAWCHAT_FRONT_URL is {url!r}, which is no web address.",
            hint="Write it as https://chat.example.org, without user, query or fragment.",
            id="clawchat.E201",
        )
    ]


@register(Tags.database)
def check_mirrors(databases: list[str] | None = None, **_: object) -> list[CheckMessage]:
    """There must be a mirror, of a kind that this version knows, and configured so that it can work."""
    if not databases:
        return []
    try:
        mirrors = list(Mirror.objects.all())
    except DatabaseError:
        # The tables are not there before the first migration.
        return []
    unknown = [
        Error(
            f"The mirror {mirror.name} is of the kind {mirror.kind!r}, which this version does not know.",
            hint="Disable it, or install the version that made it.",
            id="clawchat.E202",
        )
        for mirror in mirrors
        if mirror.enabled and mirror.kind not in DRIVERS
    ]
    if mirrors and not any(mirror.enabled for mirror in mirrors):
        hint = "Enable one in the admin under Mirrors."
        unknown.append(Error("No mirror is enabled, so the port cannot move.", hint=hint, id="clawchat.E203"))
    return [*unknown, *_stopped(mirrors)]


def _stopped(mirrors: list[Mirror]) -> list[CheckMessage]:
    """Mirrors that their own configuration stops, as far as that shows without asking the network."""
    found: list[CheckMessage] = []
    for mirror in mirrors:
        problem = DRIVERS[mirror.kind](mirror).check() if mirror.enabled and mirror.kind in DRIVERS else ""
        if problem:
            hint = f"In the admin under Mirrors, {mirror.name}; manage.py checkmirrors proves it."
            found.append(Warning(f"The mirror {mirror.name} takes no file: {problem}", hint=hint, id="clawchat.W204"))
    return found
