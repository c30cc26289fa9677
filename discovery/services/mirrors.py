"""The rows of the mirrors and what drives them."""

from django.db.models import QuerySet

# The table of kinds as a module: drivers keep their secrets through a service, and so are loaded by and after us.
from discovery import mirrors as kinds
from discovery.mirrors.base import FILE_NAME, LIST_NAME, MirrorDriver, Reach
from discovery.models import Mirror, Publication, PublicationResult, ServedFile

from .instants import instant

# The mirrors every server has, in the order in which they are tried.
DEFAULT_MIRRORS = {"local_file": "Local file", "https_endpoint": "Front door"}


def ensure_mirrors() -> None:
    """Make the rows of the mirrors that every server has; those that exist stay as the operator left them."""
    present = set(Mirror.objects.values_list("kind", flat=True))
    for kind, name in DEFAULT_MIRRORS.items():
        if kind not in present:
            Mirror.objects.get_or_create(name=name, defaults={"kind": kind})


def driver_of(mirror: Mirror) -> MirrorDriver:
    """What puts files on this mirror.

    Raises: KeyError for a kind that this version does not know.
    """
    return kinds.DRIVERS[mirror.kind](mirror)


def public_locations() -> tuple[str, ...]:
    """The URLs of all enabled mirrors, in the mirrors' order."""
    ensure_mirrors()
    return tuple(url for mirror in Mirror.objects.enabled() for url in driver_of(mirror).public_locations())


def mirrors_that_count() -> list[int]:
    """The enabled mirrors, by their keys, of which one must have given a file back before it counts as published.

    They are those that most readers find: while one of them can be asked from anywhere, a file that only this machine
    or nobody can read helps no member who is away.
    """
    reach = {mirror.pk: driver_of(mirror).reach() for mirror in Mirror.objects.enabled()}
    widest = max(reach.values(), default=Reach.NOBODY)
    return [pk for pk, each in reach.items() if each == widest]


def published_objects(publication: Publication) -> dict[str, bytes]:
    """What every mirror should hold of this publication, by name, in the order in which it is put there.

    The list comes first: whoever reads a file finds the list that it names. Spec: 3.12
    """
    revocations = publication.revocations
    lists = {} if revocations is None else {LIST_NAME: bytes(revocations.body)}
    return {**lists, FILE_NAME: bytes(publication.body)}


def served_file(name: str = FILE_NAME) -> ServedFile | None:
    """What the front door hands out under this name, as last put there; None before that, or with its mirror off."""
    return ServedFile.objects.filter(name=name, mirror__enabled=True).order_by("-put_at").first()


def retry_now(mirrors: QuerySet[Mirror], now: int) -> int:
    """Make the newest file's next attempt at these mirrors due at once, and return how many will be tried."""
    newest = Publication.objects.newest()
    if newest is None:
        return 0
    failed = newest.results.filter(mirror__in=mirrors, state=PublicationResult.State.FAILED)
    return failed.update(next_attempt_at=instant(now))
