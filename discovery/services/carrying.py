"""From a publication to the mirrors: the list first, then the file; put, read back, compare, try again."""

import logging
import threading
from datetime import datetime, timedelta
from functools import partial

from celery import current_app
from django.db.models import QuerySet
from kombu.exceptions import OperationalError

from discovery.mirrors.base import LIST_NAME, MirrorDriver, MirrorError
from discovery.models import Mirror, Publication, PublicationResult

from .instants import instant
from .judging import FOREIGN, FORKED, SENTENCES, judge, suspect
from .mirrors import driver_of, published_objects
from .side_by_side import run_all, start_aside
from .watching import watch

logger = logging.getLogger(__name__)

State = PublicationResult.State
# Whoever was handed a visit has it alone for as long as it may take, and so much more to begin with it.
QUEUEING = timedelta(seconds=20)
# After failures.
LONGEST_PAUSE = timedelta(minutes=5)
# Put and read back, of the file and of the list.
CALLS_OF_A_VISIT = 4
# The mirrors that this process is visiting: one visit at a time, so that no older file comes after a newer one.
_visiting: set[int] = set()
_visiting_lock = threading.Lock()
# By their names, because a service does not import a door.
CARRY_TASK = "discovery.tasks.carry_to_mirror"
WATCH_TASK = "discovery.tasks.watch_mirror"
# How often a mirror that has the file is read as a reader would; one that gave something else is on probation.
WATCH_EVERY, WATCH_SUSPECT_EVERY = timedelta(minutes=10), timedelta(minutes=1)


def carry(now: int, patience: float | None = None) -> None:
    """Bring the newest publication to every mirror whose turn has come; call it again and failures are retried.

    Local mirrors are visited at once; each other one is handed to a task of its own, so a slow mirror holds up nobody
    and the process that serves the front door never waits for it. With `patience`, for where no worker runs tasks, the
    others are visited here, side by side: after so many seconds nobody waits for them, and they go on aside. So do the
    looks at mirrors that have the file, and nobody waits for those at all.
    """
    newest = Publication.objects.newest()
    if newest is None:
        return
    at = instant(now)
    outdated = PublicationResult.objects.unsettled().filter(publication__serial__lt=newest.serial)
    if outdated.exists():
        outdated.update(state=State.SUPERSEDED, at=at)
    _look_at_settled(newest, at, aside=patience is not None)
    visits = []
    for result in newest.results.unsettled().due(at).select_related("mirror"):
        driver = driver_of(result.mirror)
        if result.claim(at + _longest_visit(driver)):
            if driver.is_local:
                carry_one(result.pk, now)
            elif patience is None:
                _hand_over(result.pk)
            else:
                visits.append(partial(carry_one, result.pk, now))
    run_all(visits, patience)


def carry_everywhere(publication: Publication, now: int) -> list[PublicationResult]:
    """Visit every mirror that lacks the publication, here and side by side, and return how each fares.

    For a command: whoever's turn it is, and it waits for the slowest mirror.
    """
    results = list(publication.results.unsettled().select_related("mirror"))
    remote = [result.pk for result in results if not driver_of(result.mirror).is_local]
    for result in results:
        if result.pk not in remote:
            carry_one(result.pk, now)
    run_all(partial(carry_one, pk, now) for pk in remote)
    return list(publication.results.select_related("mirror").order_by("mirror_id"))


def carry_one(result_id: int, now: int) -> str:
    """Put a publication on its mirror, read it back, compare, and return the result's state.

    Nothing happens to a result that is settled, nor at a mirror that is turned off or that this process is visiting
    already. A newer one takes its place, so that whoever begins late does not come in vain each time; what was
    published meanwhile follows at once: ours may have covered it. No transaction is open while the mirror is visited.
    """
    at = instant(now)
    result = _newest_for(PublicationResult.objects.select_related("mirror", "publication__revocations"), result_id, at)
    if result.state not in PublicationResult.UNSETTLED or not result.mirror.enabled:
        return result.state
    state = _carry(result, _objects(result), at)
    if state is None:
        return result.state
    while (newer := _uncovered(result, at)) and _carry(newer, published_objects(newer.publication), at):
        result = newer
    return state


def _carry(result: PublicationResult, objects: dict[str, bytes], at: datetime) -> str | None:
    """Visit the mirror and write down how it went; None when this process is there already."""
    with _visiting_lock:
        if result.mirror_id in _visiting:
            return None
        _visiting.add(result.mirror_id)
    try:
        problem = _visit(driver_of(result.mirror), objects, result)
    except _Unwanted:
        return result.state
    finally:
        with _visiting_lock:
            _visiting.discard(result.mirror_id)
    state = State.FAILED if problem else State.SAFE
    if _settle(result, state, problem, at):
        if isinstance(problem, _Lie):
            suspect(result.mirror, problem.finding, str(problem), at)
        _note(result.mirror, problem, result.publication.serial, at)
    return state


def _settle(result: PublicationResult, state: str, problem: MirrorError | None, at: datetime) -> bool:
    """Write down how a visit ended; False when somebody else has moved the row, or nothing came of it."""
    outcome = {"detail": str(problem or ""), "at": at, "next_attempt_at": at + _pause(result, problem)}
    if result.move(state, **outcome):
        return True
    # A newer file was published meanwhile; the mirror gave this one back all the same, and readers find it until then.
    result.refresh_from_db(fields=["state"])
    return state == State.SAFE and result.state == State.SUPERSEDED and result.move(state, **outcome)


class _Unwanted(Exception):
    """Something newer is to be put there, or nothing any more."""


def _is_wanted(result: PublicationResult) -> bool:
    here = PublicationResult.objects.unsettled().filter(pk=result.pk)
    return here.exists() and _newer_than(result.publication) is None


def _look_at_settled(newest: Publication, at: datetime, *, aside: bool) -> None:
    """See to mirrors that have the file. A look at a local one costs nothing: if it lost the file, it is visited again.

    The others are read now and then, by a task, or aside where there are none.
    """
    for result in newest.results.filter(state=State.SAFE, mirror__enabled=True).select_related("mirror"):
        driver = driver_of(result.mirror)
        if not driver.is_local:
            if _claim_watch(result.mirror, at):
                if aside:
                    start_aside(partial(watch, result.mirror_id, int(at.timestamp())))
                else:
                    _hand_over_watch(result.mirror_id)
        elif not _holds(driver, newest):
            result.move(State.FAILED, detail="It has lost the file.", at=at, next_attempt_at=at)


def _claim_watch(mirror: Mirror, at: datetime) -> bool:
    """Whether it is time to read this mirror, and nobody else does."""
    every = WATCH_SUSPECT_EVERY if mirror.state == Mirror.State.SUSPECT else WATCH_EVERY
    last = mirror.watched_at
    # A time to come was written before the clock was set back.
    if last is not None and last <= at < last + every:
        return False
    return Mirror.objects.filter(pk=mirror.pk, watched_at=last).update(watched_at=at) == 1


def _holds(driver: MirrorDriver, publication: Publication) -> bool:
    try:
        return all(driver.get(name) == data for name, data in published_objects(publication).items())
    except MirrorError:
        return False


def _objects(result: PublicationResult) -> dict[str, bytes]:
    """What is to be put on the mirror: without the list when it lies there already, as far as we know."""
    objects = published_objects(result.publication)
    same_list = PublicationResult.objects.filter(
        mirror=result.mirror, state=State.SAFE, publication__revocations=result.publication.revocations_id
    )
    if result.attempts == 0 and result.mirror.state == Mirror.State.WELL and same_list.exists():
        objects.pop(LIST_NAME, None)
    return objects


class _Lie(MirrorError):
    """The mirror gave another file of this kind than was put there a moment ago; `finding` as in judging.py."""

    def __init__(self, text: str, finding: str) -> None:
        super().__init__(text)
        self.finding = finding


def _visit(driver: MirrorDriver, objects: dict[str, bytes], result: PublicationResult) -> MirrorError | None:
    """What went wrong; None when the mirror has the bytes and gives them back.

    Raises: _Unwanted, before a put that would be one too many.
    """
    problem = driver.check()
    if problem:
        return MirrorError(problem, needs_operator=True)
    try:
        for name, data in objects.items():
            if not _is_wanted(result):
                raise _Unwanted
            driver.put(name, data)
            given = driver.get(name)
            if given != data:
                return _why_other(name, given, result.publication)
    except MirrorError as error:
        return error
    return None


def _why_other(name: str, given: bytes, publication: Publication) -> MirrorError:
    """What to say of a mirror that gives other bytes than it was given. An older file may only be a cache's."""
    finding = judge(name, given, publication)
    if finding == FOREIGN or (finding == FORKED and _newer_than(publication) is None):
        return _Lie(SENTENCES[finding].format(name=name), finding)
    return MirrorError("It gave back other bytes than were put there.")


def _pause(result: PublicationResult, problem: MirrorError | None) -> timedelta:
    """Until the next attempt: twice as long each time, and far longer where only the operator can help."""
    if problem is not None and problem.needs_operator:
        return PublicationResult.LONGEST_WAIT
    return min(LONGEST_PAUSE, timedelta(seconds=2 ** min(result.attempts, 10)))


def _longest_visit(driver: MirrorDriver) -> timedelta:
    longest = CALLS_OF_A_VISIT * timedelta(seconds=driver.seconds) + QUEUEING
    return min(longest, PublicationResult.LONGEST_VISIT)


def _uncovered(covering: PublicationResult, at: datetime) -> PublicationResult | None:
    """What was published during this visit, to be put there now whether or not it was before; None if nothing was."""
    newer = _newer_than(covering.publication)
    results = PublicationResult.objects.filter(publication=newer, mirror=covering.mirror_id, mirror__enabled=True)
    if newer is None or (result := results.select_related("mirror", "publication__revocations").first()) is None:
        return None
    if result.state == State.SAFE:
        result.move(State.FAILED, detail="An older file may lie over it.", at=at, next_attempt_at=at)
        result.refresh_from_db(fields=["state", "attempts"])
    return result if result.state in PublicationResult.UNSETTLED else None


def _newest_for(results: QuerySet[PublicationResult], result_id: int, at: datetime) -> PublicationResult:
    """This result, or what waits for its mirror in its place since something newer was published."""
    result = results.get(pk=result_id)
    newer = _newer_than(result.publication)
    if newer is None:
        return result
    if result.state in PublicationResult.UNSETTLED:
        result.move(State.SUPERSEDED, detail="", at=at, next_attempt_at=at)
        result.state = State.SUPERSEDED
    return results.filter(publication=newer, mirror=result.mirror_id, state=State.WAITING).first() or result


def _newer_than(publication: Publication) -> Publication | None:
    return Publication.objects.filter(serial__gt=publication.serial).order_by("-serial").first()


def _note(mirror: Mirror, problem: MirrorError | None, serial: int, at: datetime) -> None:
    """Write down how the mirror fares; a change is logged, a repetition is not."""
    if problem is None:
        state = Mirror.State.WELL
    else:
        state = Mirror.State.ATTENTION if problem.needs_operator else Mirror.State.FAILING
    if state != mirror.state:
        level = logging.WARNING if problem else logging.INFO
        logger.log(level, "mirror %s: %s", mirror.name, problem or state.label)
    row = Mirror.objects.filter(pk=mirror.pk)
    row.update(visited_at=at, **({} if problem else {"last_serial": serial}))
    # To take a file clears nobody who gave readers another one: the next look at it does (watching.py).
    row.exclude(state=Mirror.State.SUSPECT).update(state=state, last_error=str(problem or "")[:300])


def _hand_over(result_id: int) -> None:
    """Give one visit to the task queue; without a queue it is due again once the claim has run out."""
    _send(CARRY_TASK, result_id)


def _hand_over_watch(mirror_id: int) -> None:
    """Give one look to the task queue; without a queue there is none before the next is due."""
    _send(WATCH_TASK, mirror_id)


def _send(task: str, row_id: int) -> None:
    try:
        # Whoever takes it later would visit beside the next one that is sent.
        expires = QUEUEING.total_seconds()
        current_app.send_task(task, args=[row_id], retry=False, ignore_result=True, expires=expires)
    except (OperationalError, OSError) as error:
        logger.warning("no task queue for a mirror: %s", error)
