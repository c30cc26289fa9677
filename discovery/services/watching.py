"""A look at a mirror as a reader takes it: does it still give what was put there, or something that we never said?"""

import logging
from datetime import datetime

from django.db import transaction

from chat.models import DiscoverySecret as DiscoverySecretRow
from chat.services import audit
from chat.services.identity import current_identity, successor_identity
from chat.services.sealed import open_discovery_secret
from clawchat.protocol.connection_file import SealedConnectionFile
from clawchat.protocol.errors import ClawChatError, Malformed, TooLarge, Unauthentic, UnknownPeer, UnsupportedVersion
from clawchat.protocol.keys import DiscoverySecret
from clawchat.protocol.revocation_list import SealedRevocationList
from discovery.mirrors.base import FILE_NAME, MirrorDriver, MirrorError
from discovery.models import Mirror, Publication, PublicationResult

from .instants import instant
from .mirrors import driver_of, published_objects

logger = logging.getLogger(__name__)

# What a mirror can give instead, in the words that the audit log uses, and in a sentence.
NOISE, FOREIGN, OLDER, FORKED = "noise", "foreign", "older", "forked"
SENTENCES = {
    NOISE: "It gives something that is no {name}.",
    FOREIGN: "It gives a {name} that this server did not sign.",
    OLDER: "It gives an older {name} than was put there and read back.",
    FORKED: "It gives another {name} with this server's signature: does a copy of this server run somewhere?",
}
_NOISE_ERRORS = (Malformed, TooLarge, UnsupportedVersion)


def watch(mirror_id: int, now: int) -> str:
    """Read one mirror as a reader would, and return what is wrong with it in a sentence; empty when nothing is.

    A mirror that gives what is not ours, or is older, becomes suspect: the audit log says so once, it is given the
    newest file anew, and stays suspect until a later look finds it good. One that the newest file has not reached yet
    is left to those who carry. No transaction is open while the mirror is read.
    """
    # It may have been turned off, or deleted, since the look was handed over.
    mirror = Mirror.objects.enabled().filter(pk=mirror_id).first()
    result = mirror and _settled(mirror)
    if mirror is None or result is None:
        return ""
    at, finding, problem = instant(now), "", ""
    try:
        finding, problem = _look(driver_of(mirror), result.publication)
    except MirrorError as error:
        problem = str(error)
    if _settled(mirror) != result:
        # Something newer is on its way: what was read is not what should be there any more.
        return ""
    if finding:
        _suspect(mirror, finding, problem, at)
    else:
        news = {"state": Mirror.State.FAILING if problem else Mirror.State.WELL, "last_error": problem[:300]}
        kept = Mirror.objects.filter(pk=mirror.pk)
        # To fall silent does not clear anybody.
        (kept.exclude(state=Mirror.State.SUSPECT) if problem else kept).update(**news)
    if problem:
        # It is put there anew at the next look at what is due.
        result.move(PublicationResult.State.FAILED, detail=problem, at=at, next_attempt_at=at)
    return problem


def _settled(mirror: Mirror) -> PublicationResult | None:
    """How the newest publication fares there, once it was put there and read back."""
    newest = Publication.objects.newest()
    results = PublicationResult.objects.select_related("publication__revocations")
    return results.filter(publication=newest, mirror=mirror, state=PublicationResult.State.SAFE).first()


def _look(driver: MirrorDriver, publication: Publication) -> tuple[str, str]:
    """What is found there, as a word and as a sentence; both empty when it is what was put there.

    Raises: MirrorError when nothing can be read.
    """
    for name, data in published_objects(publication).items():
        given = driver.get(name)
        if given != data:
            finding = _judge(name, given, publication)
            return finding, SENTENCES[finding].format(name=name)
    return "", ""


def _judge(name: str, given: bytes, publication: Publication) -> str:
    """Why this is not what readers should get there."""
    is_file = name == FILE_NAME
    try:
        sealed = (SealedConnectionFile if is_file else SealedRevocationList).parse(given)
        identities = [current_identity(), successor_identity()]
        opened = sealed.open(_secrets(), [identity.public for identity in identities if identity])
    except _NOISE_ERRORS:
        return NOISE
    except (Unauthentic, UnknownPeer):
        return FOREIGN
    except ClawChatError:
        return NOISE
    put_there = publication.serial if is_file else publication.revocations.serial
    return OLDER if opened.serial < put_there else FORKED


def _secrets() -> dict[bytes, DiscoverySecret]:
    """Every discovery secret this server ever had, by its kid: an old file opens under an old one."""
    return {bytes(row.kid): open_discovery_secret(row) for row in DiscoverySecretRow.objects.all()}


def _suspect(mirror: Mirror, finding: str, problem: str, at: datetime) -> None:
    with transaction.atomic():
        others = Mirror.objects.filter(pk=mirror.pk).exclude(state=Mirror.State.SUSPECT)
        if others.update(state=Mirror.State.SUSPECT, last_error=problem[:300], visited_at=at):
            audit.record("mirror_suspect", subject=mirror.name, finding=finding)
            logger.warning("mirror %s: %s", mirror.name, problem)
