"""What a mirror's kind must keep to itself: passwords, keys and sessions, sealed under the master key in its row."""

import json
from typing import Any

from chat.services.secrets import open_secret, seal_secret
from clawchat.protocol.errors import Unauthentic
from discovery.mirrors.base import MirrorError
from discovery.models import Mirror

PURPOSE = "mirror"


def read_secrets(mirror: Mirror) -> dict[str, Any]:
    """The secrets that lie in this row; none at all is an empty map.

    Raises: MirrorError (needs_operator) when they were sealed under another master key, or for another row.
    """
    if mirror.secrets_sealed is None:
        return {}
    try:
        return json.loads(open_secret(PURPOSE, bytes(mirror.secrets_sealed), context_of(mirror)))
    except Unauthentic as error:
        raise MirrorError(
            "Its password does not open with this server's master key; enter it again in the admin.",
            needs_operator=True,
        ) from error


def write_secrets(mirror: Mirror, secrets: dict[str, Any]) -> None:
    """Seal these in place of all that were there; the row has to be stored already."""
    mirror.secrets_sealed = seal_secret(PURPOSE, json.dumps(secrets).encode(), context_of(mirror)) if secrets else None
    Mirror.objects.filter(pk=mirror.pk).update(secrets_sealed=mirror.secrets_sealed)


def context_of(mirror: Mirror) -> bytes:
    """Which row a mirror's secrets belong to, as they are sealed."""
    return f"mirror {mirror.pk}".encode()
