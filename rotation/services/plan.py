"""When ports move here, and instants as rows hold them."""

from datetime import UTC, datetime

from django.conf import settings

from clawchat.protocol.schedule import RotationPlan


def rotation_plan() -> RotationPlan:
    """The configured interval, lead and grace, in whole seconds."""
    return RotationPlan(**{name: int(seconds) for name, seconds in settings.CLAWCHAT_ROTATION.items()})


def instant(seconds: float) -> datetime:
    """This number of seconds since 1970 as rows hold it."""
    return datetime.fromtimestamp(seconds, UTC)


def endpoints_speak_tls() -> bool:
    """Whether clients dial our chat ports with TLS: the ports speak it, or a proxy before them does."""
    return settings.CLAWCHAT_ENDPOINT_TLS
