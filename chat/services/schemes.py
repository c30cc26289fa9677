"""Schemes of rooms: which kinds of MLS this server takes. A room of another is only read.

Spec: 3.13
"""

from django.conf import settings

from clawchat.protocol.errors import UnsupportedVersion


def check(scheme: int) -> None:
    """Nothing, when rooms of this scheme take something.

    Raises: unsupported_version.
    """
    if scheme not in settings.CLAWCHAT_SCHEMES:
        raise UnsupportedVersion(f"rooms of scheme {scheme} are not taken here")
