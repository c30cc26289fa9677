"""How ports move here, and instants as rows hold them."""

import secrets
from datetime import UTC, datetime

from django.conf import settings

from clawchat.protocol.schedule import RotationPlan

# Fine enough for any jitter.
_SHARES = 1 << 32


def rotation_plan() -> RotationPlan:
    """The configured interval, lead, grace and jitter, in whole seconds."""
    return RotationPlan(**{name: int(seconds) for name, seconds in settings.CLAWCHAT_ROTATION.items()})


def endpoints_speak_tls() -> bool:
    """Whether clients reach the chat ports of this process by TLS."""
    return settings.CLAWCHAT_ENDPOINT_TLS


def draw_share() -> float:
    """A random number from 0 up, below 1, that nobody can guess."""
    return secrets.randbelow(_SHARES) / _SHARES


def instant(seconds: float) -> datetime:
    """This number of seconds since 1970 as rows hold it."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds(at: datetime) -> int:
    """The whole second since 1970 that this instant is in."""
    return int(at.timestamp())
