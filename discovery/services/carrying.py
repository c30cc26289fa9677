"""From a publication to the mirrors: put, read back, compare, try again."""

import logging
from datetime import UTC, datetime, timedelta

from celery import current_app
from kombu.exceptions import OperationalError

from discovery.mirrors import MirrorDriver, MirrorError
from discovery.models import Mirror, Publication, PublicationResult

from .mirrors import driver_of

logger = logging.getLogger(__name__)

State = PublicationResult.State
# Whoever was handed a visit has it alone for so long; after that it is taken to be lost.
CLAIM = timedelta(seconds=30)
# By its name, because a service does not import a door.
CARRY_TASK = "discovery.tasks.carry_to_mirror"


def carry(now: int) -> None:
    """Bring the newest publication to every mirror whose turn has come; call it again and failures are retried.

    Local mirrors are visited at once; each other one is handed to a task of its own, so a slow mirror holds up nobody
    and the process that serves the front door never waits for it.
    """
    newest = Publication.objects.newest()
    if newest is None:
        return
    at = instant(now)
    outdated = PublicationResult.objects.unsettled().filter(publication__serial__lt=newest.serial)
    if outdated.exists():
        outdated.update(state=State.SUPERSEDED, at=at)
    _look_at_local(newest, at)
    for result in newest.results.unsettled().due(at).select_related("mirror"):
        if result.claim(at + CLAIM):
            if driver_of(result.mirror).is_local:
                carry_one(result.pk, now)
            else:
                _hand_over(result.pk)


def carry_everywhere(publication: Publication, now: int) -> list[PublicationResult]:
    """Visit every mirror that lacks the publication, here and in turn, and return how each fares.

    For a command: it waits for the slowest mirror.
    """
    for result in publication.results.unsettled():
        carry_one(result.pk, now)
    return list(publication.results.select_related("mirror").order_by("mirror_id"))


def carry_one(result_id: int, now: int) -> str:
    """Put a publication on its mirror, read it back, compare, and return the result's state.

    Nothing happens to a result that is settled. No transaction is open while the mirror is visited.
    """
    result = PublicationResult.objects.select_related("mirror", "publication").get(pk=result_id)
    if result.state not in PublicationResult.UNSETTLED:
        return result.state
    at = instant(now)
    if _newer_than(result.publication) is not None:
        result.move(State.SUPERSEDED, detail="", at=at, next_attempt_at=at)
        return State.SUPERSEDED
    driver = driver_of(result.mirror)
    problem = _visit(driver, bytes(result.publication.body))
    state = State.FAILED if problem else State.SAFE
    pause = min(PublicationResult.LONGEST_WAIT, timedelta(seconds=2 ** min(result.attempts, 10)))
    result.move(state, detail=problem, at=at, next_attempt_at=at + pause)
    _note(result.mirror, problem, result.publication.serial, at)
    _make_good(driver, result.publication)
    return state


def instant(seconds: float) -> datetime:
    """This number of seconds since 1970 as rows hold it."""
    return datetime.fromtimestamp(seconds, UTC)


def _look_at_local(newest: Publication, at: datetime) -> None:
    """A look at a local mirror costs nothing: one that has lost the file, whoever took it, is visited again."""
    for result in newest.results.filter(state=State.SAFE, mirror__enabled=True).select_related("mirror"):
        driver = driver_of(result.mirror)
        if driver.is_local and not _holds(driver, bytes(newest.body)):
            result.move(State.FAILED, detail="It has lost the file.", at=at, next_attempt_at=at)


def _holds(driver: MirrorDriver, data: bytes) -> bool:
    try:
        return driver.get() == data
    except MirrorError:
        return False


def _visit(driver: MirrorDriver, data: bytes) -> str:
    """What went wrong, in one sentence; empty when the mirror has the bytes and gives them back."""
    problem = driver.check()
    if problem:
        return problem
    try:
        driver.put(data)
        given_back = driver.get()
    except MirrorError as error:
        return str(error)
    return "" if given_back == data else "It gave back other bytes than were put there."


def _make_good(driver: MirrorDriver, publication: Publication) -> None:
    """Put a newer file once more when it was published during a slow visit: ours may have covered it."""
    newer = _newer_than(publication)
    if newer is not None and newer.results.filter(mirror=driver.mirror, state=State.SAFE).exists():
        try:
            driver.put(bytes(newer.body))
        except MirrorError as error:
            logger.warning("mirror %s may hold an older file: %s", driver.mirror.name, error)


def _newer_than(publication: Publication) -> Publication | None:
    return Publication.objects.filter(serial__gt=publication.serial).order_by("-serial").first()


def _note(mirror: Mirror, problem: str, serial: int, at: datetime) -> None:
    """Write down how the mirror fares; a change is logged, a repetition is not."""
    state = Mirror.State.FAILING if problem else Mirror.State.WELL
    if state != mirror.state:
        level = logging.WARNING if problem else logging.INFO
        logger.log(level, "mirror %s: %s", mirror.name, problem or state.label)
    news = {"state": state, "last_error": problem[:300], "visited_at": at}
    Mirror.objects.filter(pk=mirror.pk).update(**news, **({} if problem else {"last_serial": serial}))


def _hand_over(result_id: int) -> None:
    """Give one visit to the task queue; without a queue it is due again once the claim has run out."""
    try:
        current_app.send_task(CARRY_TASK, args=[result_id], retry=False, ignore_result=True)
    except (OperationalError, OSError) as error:
        logger.warning("no task queue for a mirror: %s", error)
