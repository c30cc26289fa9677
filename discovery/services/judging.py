"""What a mirror gives instead of what was put there, and what becomes of one that lies."""

import logging
from datetime import datetime

from django.db import transaction

from chat.models import DiscoverySecret as DiscoverySecretRow
from chat.services import audit
from chat.services.identity import every_identity
from chat.services.sealed import open_discovery_secret
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.errors import ClawChatError, Unauthentic, UnknownPeer
from clawchat.protocol.keys import DiscoverySecret
from clawchat.protocol.revocation_list import SealedRevocationList
from discovery.mirrors.base import FILE_NAME
from discovery.models import Mirror, Publication

logger = logging.getLogger(__name__)

# What a mirror can give instead, in the words that the audit log uses, and in a sentence.
NOISE, FOREIGN, OLDER, FORKED = "noise", "foreign", "older", "forked"
SENTENCES = {
    NOISE: "It gives something that is no {name}.",
    FOREIGN: "It gives a {name} that this server did not sign.",
    OLDER: "It gives an older {name} than was put there and read back.",
    FORKED: "It gives another {name} with this server's signature: does a copy of this server run somewhere?",
}


def judge(name: str, given: bytes, publication: Publication) -> str:
    """Why this is not what readers should get there."""
    is_file = name == FILE_NAME
    # A file that a former identity signed is an older one of ours, and nobody else's.
    pins = every_identity()
    try:
        sealed = (SealedConnectionFile if is_file else SealedRevocationList).parse(given)
        sealed.verify(pins)
        opened = sealed.open(_secrets(), pins)
    except Unauthentic:
        return FOREIGN
    except UnknownPeer:
        # Signed by us, under a secret that this database never had.
        return FORKED
    except ClawChatError:
        return NOISE
    put_there = publication.serial if is_file else publication.revocations.serial
    return OLDER if opened.serial < put_there else FORKED


def suspect(mirror: Mirror, finding: str, problem: str, at: datetime) -> None:
    """From now on a mirror that gave what it should not; the audit log says so once."""
    with transaction.atomic():
        others = Mirror.objects.filter(pk=mirror.pk).exclude(state=Mirror.State.SUSPECT)
        if others.update(state=Mirror.State.SUSPECT, last_error=problem[:300], visited_at=at):
            audit.record("mirror_suspect", subject=mirror.name, finding=finding)
            logger.warning("mirror %s: %s", mirror.name, problem)


def _secrets() -> dict[bytes, DiscoverySecret]:
    """Every discovery secret this server ever had, by its kid: an old file opens under an old one."""
    return {bytes(row.kid): open_discovery_secret(row) for row in DiscoverySecretRow.objects.all()}
