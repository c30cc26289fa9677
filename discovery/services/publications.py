"""Publications: sealed once, kept as rows, carried to the mirrors."""

from dataclasses import replace

from django.db import transaction

from chat.models import DiscoverySecret
from chat.services import wraps
from chat.services.identity import current_discovery_secret, current_identity, every_identity, successor_identity
from chat.services.sealed import open_discovery_secret
from clawchat.protocol.connection_file import ConnectionInfo, Endpoint, SealedConnectionFile, seal_connection_file
from discovery.models import Mirror, Publication, PublicationResult

from .carrying import carry, carry_everywhere
from .contents import audit_head, content_digest, current_kid, next_serial
from .disagreement import may_wait
from .instants import instant
from .mirrors import ensure_mirrors, mirrors_that_count
from .revocations import delete_unused, head_of, list_for

# Older ones are deleted: three weeks of hourly moves, for whoever asks what was published when.
KEPT = 500


def is_due(info: ConnectionInfo, now: int) -> bool:
    """Whether `info` should be published: it says something new, or the validity of the last file is half over."""
    return _still_good(info, now) is None


def publish(info: ConnectionInfo, now: int, *, anew: bool = False, patience: float | None = None) -> Publication:
    """The publication that says what `info` says: a new one, carried to the mirrors, or the last one while it will do,
    or has to, because other servers insist on it (`says` tells).

    Local mirrors have it when this returns, the others are left to tasks, or with `patience` visited here for so many
    seconds; `carry` retries what failed. With `anew` there is always a new one. Two callers at once make one
    publication between them. Not for use in a transaction.
    """
    publication = _settle(info, now, anew)
    carry(now, patience)
    return publication


def publish_everywhere(info: ConnectionInfo, now: int) -> list[PublicationResult]:
    """How a new publication of `info` fares at each mirror, all of them visited here and in turn.

    For a command: it waits for the slowest mirror and needs no task queue.
    """
    return carry_everywhere(_settle(info, now, anew=True), now)


def latest_publication() -> Publication | None:
    """The newest publication, safe or not; None before the first."""
    return Publication.objects.newest()


def publication_is_safe(publication: Publication) -> bool:
    """Whether a mirror that counts gave it back unchanged, so that readers can find it."""
    safe = publication.results.filter(state=PublicationResult.State.SAFE)
    return safe.filter(mirror__in=mirrors_that_count()).exists()


def says(publication: Publication, info: ConnectionInfo) -> bool:
    """Whether a reader of this publication learns what `info` says; times and load aside."""
    return publication.digest == content_digest(info)


def published_bytes() -> bytes | None:
    """The newest file that is safe, as readers get it; None before the first."""
    newest = Publication.objects.newest_safe(mirrors_that_count())
    return bytes(newest.body) if newest else None


def published_serial() -> int | None:
    """The serial of the newest file that is safe; None before the first."""
    safe = Publication.objects.safe(mirrors_that_count())
    return safe.order_by("-serial").values_list("serial", flat=True).first()


def published_info() -> ConnectionInfo | None:
    """What the newest publication says; None before the first.

    Raises: unknown_peer (it is sealed under a former discovery secret).
    """
    newest = Publication.objects.newest()
    if newest is None:
        return None
    sealed = SealedConnectionFile.parse(bytes(newest.body))
    return sealed.open(current_discovery_secret(), every_identity())


def readers_find(now: int) -> tuple[Endpoint, ...]:
    """The endpoints in the newest file that is safe and still valid: where readers who look now can go."""
    newest = Publication.objects.newest_safe(mirrors_that_count())
    if newest is None or newest.kid != current_kid() or instant(now) >= newest.valid_until:
        return ()
    sealed = SealedConnectionFile.parse(bytes(newest.body))
    return sealed.open(current_discovery_secret(), every_identity()).endpoints


def _still_good(info: ConnectionInfo, now: int) -> Publication | None:
    """The newest publication, when it says the same and its validity is not half over; or what others insist on."""
    newest = Publication.objects.newest()
    if newest is None or newest.kid != current_kid():
        return None
    half = newest.valid_from + (newest.valid_until - newest.valid_from) / 2
    if instant(now) >= half:
        return None
    return newest if says(newest, info) or may_wait(newest, info, content_digest(info), now) else None


def _settle(info: ConnectionInfo, now: int, anew: bool) -> Publication:
    ensure_mirrors()
    # Asked at every tick, and mostly there is nothing to do: no transaction is begun for that.
    if not anew and (good := _still_good(info, now)) is not None:
        return good
    with transaction.atomic():
        # The mirrors' rows are the lock: unlike publications they are there from the first time on, and stay the same.
        list(Mirror.objects.select_for_update().order_by("pk"))
        # Nothing is sealed under a secret that is being renewed at this moment.
        secret = wraps.lock_secret()
        # Somebody else may have published while we waited for it.
        if not anew and (good := _still_good(info, now)) is not None:
            return good
        serial = max(info.serial, next_serial(Publication.objects.newest(), now))
        publication = _store(replace(info, serial=serial), secret, now)
        Publication.objects.outdated(KEPT, mirrors_that_count()).delete()
        delete_unused()
    return publication


def _store(info: ConnectionInfo, row: DiscoverySecret, now: int) -> Publication:
    at, kid, secret = instant(now), bytes(row.kid).hex(), open_discovery_secret(row)
    identity, successor = current_identity(), successor_identity()
    revocations = list_for(kid, secret, identity, now, successor=successor)
    info = replace(info, audit_head=audit_head(), revocations=head_of(revocations))
    body = seal_connection_file(info, secret, identity, now, wraps=wraps.wraps_of(row), successor=successor)
    publication = Publication.objects.create(
        serial=info.serial,
        kid=kid,
        body=body,
        revocations=revocations,
        digest=content_digest(info),
        valid_from=instant(info.valid_from),
        valid_until=instant(info.valid_until),
        created_at=at,
    )
    PublicationResult.objects.bulk_create(
        PublicationResult(publication=publication, mirror=mirror, at=at, next_attempt_at=at)
        for mirror in Mirror.objects.enabled()
    )
    return publication
