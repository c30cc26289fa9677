"""A look at a mirror as a reader takes it: does it still give what was put there, or something that we never said?"""

from discovery.mirrors.base import MirrorDriver, MirrorError
from discovery.models import Mirror, Publication, PublicationResult

from .instants import instant
from .judging import SENTENCES, judge, suspect
from .mirrors import driver_of, published_objects


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
        suspect(mirror, finding, problem, at)
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
            finding = judge(name, given, publication)
            return finding, SENTENCES[finding].format(name=name)
    return "", ""
