"""Two objects to several mirrors: in which order, how often, and side by side."""

import threading
import time

import pytest

from discovery import services, tasks
from discovery.mirrors import FILE_NAME, LIST_NAME
from discovery.mirrors.base import MirrorError
from discovery.models import Mirror, PublicationResult
from discovery.services import side_by_side
from tests.discovery.conftest import NOW, MemoryMirror, compose, endpoint

State = PublicationResult.State


@pytest.fixture
def puts(memory, monkeypatch) -> list[tuple[str, str]]:
    """Every put: which mirror, which name."""
    made: list[tuple[str, str]] = []
    put = memory.put

    def write_down(self, name, data):
        made.append((self.mirror.name, name))
        put(self, name, data)

    monkeypatch.setattr(memory, "put", write_down)
    return made


def test_list_is_put_before_the_file_that_names_it(puts, memory):
    """A reader of the new file finds the list that it names, byte for byte."""
    publication = services.publish(compose(), NOW)

    assert puts == [("alpha", LIST_NAME), ("alpha", FILE_NAME)]
    assert memory.lists["alpha"] == bytes(publication.revocations.body)


def test_list_that_lies_there_is_not_put_again(puts):
    """The next file of a mirror that is well goes alone."""
    services.publish(compose(), NOW)
    puts.clear()
    services.publish(compose(NOW + 1, endpoint(50_001)), NOW + 1)

    assert puts == [("alpha", FILE_NAME)]


def test_list_is_put_again_after_a_failure(puts, memory, monkeypatch):
    """A mirror that was down may have lost everything."""
    services.publish(compose(), NOW)
    puts.clear()
    monkeypatch.setattr(memory, "lies", True)
    services.publish(compose(NOW + 1, endpoint(50_001)), NOW + 1)
    monkeypatch.setattr(memory, "lies", False)
    puts.clear()
    services.carry(NOW + 5)

    assert puts == [("alpha", LIST_NAME), ("alpha", FILE_NAME)]


def test_local_mirror_that_lost_the_list_gets_it_again(memory):
    """The file alone is not what readers need."""
    publication = services.publish(compose(), NOW)
    memory.lists.clear()
    services.carry(NOW + 1)

    assert memory.lists["alpha"] == bytes(publication.revocations.body)


def test_mirror_that_needs_its_operator_is_not_tried_in_haste(memory, monkeypatch):
    """A wrong password does not mend itself in two seconds."""
    monkeypatch.setattr(memory, "problem", "The password is wrong.")
    monkeypatch.setattr(memory, "needs_operator", True)
    result = services.publish(compose(), NOW).results.get()
    alpha = Mirror.objects.get(name="alpha")

    assert (alpha.state, alpha.last_error) == (Mirror.State.ATTENTION, "The password is wrong.")
    assert (result.next_attempt_at.timestamp(), result.state) == (NOW + 3600, State.FAILED)


def test_mirror_that_needs_its_operator_is_tried_once_an_hour(memory, monkeypatch):
    """Where no worker is, each pass visits by itself: not one of them goes to a mirror before its turn."""
    monkeypatch.setattr(memory, "is_local", False)
    # On the test's own thread, in its transaction.
    monkeypatch.setattr(services.carrying, "run_all", lambda calls, _: [call() for call in calls])
    monkeypatch.setattr(memory, "problem", "The password is wrong.")
    monkeypatch.setattr(memory, "needs_operator", True)
    services.publish(compose(), NOW, patience=1)
    attempts = []
    for now in range(NOW, NOW + 3610, 10):
        services.carry(now, 1)
        attempts.append(PublicationResult.objects.get().attempts)

    assert attempts == [1] * 360 + [2]
    services.retry_now(Mirror.objects.all(), NOW + 3630)
    monkeypatch.setattr(memory, "problem", "")
    services.carry(NOW + 3630, 1)
    assert PublicationResult.objects.get().state == State.SAFE


def test_a_visit_that_somebody_has_is_left_to_them(memory, handed_over, monkeypatch):
    """What the server began the worker does not begin as well, nor the other way round."""
    monkeypatch.setattr(memory, "is_local", False)
    begun = []
    monkeypatch.setattr(services.carrying, "run_all", lambda calls, _: begun.extend(calls))
    services.publish(compose(), NOW)
    services.carry(NOW + 1, 1)
    services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5, patience=1)
    services.carry(NOW + 6)

    assert (len(handed_over), len(begun)) == (1, 1)


def test_wait_written_before_the_clock_was_set_back_is_no_wait(memory, monkeypatch):
    """An hour's wait is not lengthened by the half hour that the clock was ahead."""
    monkeypatch.setattr(memory, "problem", "The password is wrong.")
    monkeypatch.setattr(memory, "needs_operator", True)
    services.publish(compose(NOW + 1800), NOW + 1800)
    services.carry(NOW)

    assert PublicationResult.objects.get().attempts == 2


@pytest.mark.parametrize("alone", [True, False], ids=["decider without a worker", "command"])
def test_one_slow_mirror_does_not_hold_up_the_others(transactional_db, request, monkeypatch, alone):
    """All mirrors together take as long as the slowest, not their sum: none ends before all have begun."""
    memory = request.getfixturevalue("memory")
    monkeypatch.setattr(memory, "is_local", False)
    for name in ("beta", "gamma", "delta"):
        Mirror.objects.create(kind="memory", name=name)
    together = threading.Barrier(4, timeout=20)
    put = memory.put

    def slow_put(self, name, data):
        if name == FILE_NAME:
            together.wait()
        put(self, name, data)

    monkeypatch.setattr(memory, "put", slow_put)
    if alone:
        results = services.publish(compose(), NOW, patience=20).results.all()
    else:
        results = services.publish_everywhere(compose(), NOW)

    assert [result.state for result in results] == [State.SAFE] * 4


def test_a_mirror_that_hangs_holds_up_nobody_for_long(transactional_db, request, monkeypatch):
    """With a limit the others are settled and the slow one goes on aside; it is not begun a second time meanwhile."""
    memory = request.getfixturevalue("memory")
    monkeypatch.setattr(memory, "is_local", False)
    Mirror.objects.create(kind="memory", name="beta")
    goes_on, begun, put = threading.Event(), [], memory.put

    def hang(self, name, data):
        if self.mirror.name == "alpha" and name == FILE_NAME:
            begun.append(self.mirror.name)
            goes_on.wait(60)
        put(self, name, data)

    monkeypatch.setattr(memory, "put", hang)
    publication = services.publish(compose(), NOW, patience=0.5)
    services.carry(NOW + 700, 0.5)
    ends = time.monotonic() + 20
    while publication.results.get(mirror__name="beta").state != State.SAFE and time.monotonic() < ends:
        time.sleep(0.05)
    held_up = [result.state for result in publication.results.order_by("mirror_id")]
    goes_on.set()
    ends = time.monotonic() + 20
    while publication.results.unsettled().exists() and time.monotonic() < ends:
        time.sleep(0.05)

    assert held_up == [State.WAITING, State.SAFE]
    assert begun == ["alpha"]
    assert [result.state for result in publication.results.all()] == [State.SAFE] * 2


@pytest.fixture
def overtaken(memory, monkeypatch):
    """While the first file is being put, a second one is published, which another process puts there at once."""
    put, newer = memory.put, []

    def meanwhile(self, name, data):
        if name == FILE_NAME and not newer:
            newer.append(services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5))
            memory.held["alpha"] = bytes(newer[0].body)
            newer[0].results.update(state=State.SAFE, attempts=1)
            memory.lists["alpha"] = b"the list of the first file"
        put(self, name, data)

    monkeypatch.setattr(memory, "put", meanwhile)
    return newer


def test_an_older_file_does_not_stay_over_a_newer_one(overtaken, memory):
    """Both objects of the newer one are put there again, and the mirror's row says so."""
    services.publish(compose(), NOW)
    newer = overtaken[0]

    assert memory.held["alpha"] == bytes(newer.body)
    assert memory.lists["alpha"] == bytes(newer.revocations.body)
    assert newer.results.get().state == State.SAFE
    assert Mirror.objects.get(name="alpha").last_serial == newer.serial


def test_newer_file_that_was_covered_is_not_called_safe(overtaken, memory, monkeypatch):
    """When it cannot be put there again at once, it is due again soon."""
    get = memory.get

    def break_down(self, name):
        if name == FILE_NAME:
            monkeypatch.setattr(memory, "problem", "It broke.")
        return get(self, name)

    monkeypatch.setattr(memory, "get", break_down)
    services.publish(compose(), NOW)
    result = overtaken[0].results.get()

    assert (result.state, result.detail) == (State.FAILED, "It broke.")
    assert result.next_attempt_at.timestamp() <= NOW + 10
    assert not services.publication_is_safe(overtaken[0])


def test_a_mirror_has_one_visit_at_a_time(memory, puts, monkeypatch):
    """A newer file waits for the visit with the older one, and is then put without being asked for again."""
    put, begun = memory.put, []

    def meanwhile(self, name, data):
        put(self, name, data)
        if name == FILE_NAME and not begun:
            begun.append(services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5))
            puts.append(("alpha", "end of the first visit"))

    monkeypatch.setattr(memory, "put", meanwhile)
    services.publish(compose(), NOW)

    assert [name for _, name in puts] == [LIST_NAME, FILE_NAME, "end of the first visit", LIST_NAME, FILE_NAME]
    assert services.publication_is_safe(begun[0])


def test_a_file_that_was_overtaken_is_not_put_any_more(memory, puts, monkeypatch):
    """Before each put is looked whether it is still the newest."""
    newer = []

    def meanwhile(_):
        if not newer:
            newer.append(None)
            newer[0] = services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5)
        return ""

    monkeypatch.setattr(memory, "check", meanwhile)
    older = services.publish(compose(), NOW)
    services.carry(NOW + 6)

    assert [name for _, name in puts] == [LIST_NAME, FILE_NAME]
    assert memory.held["alpha"] == bytes(newer[0].body)
    assert older.results.get().state == State.SUPERSEDED


def test_a_file_that_was_overtaken_while_it_was_read_back_is_safe(memory, monkeypatch):
    """Readers find it until the newer one comes, and where files follow fast that may never be before the next."""
    get, newer = memory.get, []

    def meanwhile(self, name):
        if name == FILE_NAME and not newer:
            newer.append(None)
            newer[0] = services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5)
        return get(self, name)

    monkeypatch.setattr(memory, "get", meanwhile)
    older = services.publish(compose(), NOW)

    assert [each.results.get().state for each in (older, newer[0])] == [State.SAFE, State.SAFE]
    assert memory.held["alpha"] == bytes(newer[0].body)
    assert Mirror.objects.get(name="alpha").last_serial == newer[0].serial


def test_a_visit_that_failed_after_it_was_overtaken_changes_nothing(memory, monkeypatch):
    """What is superseded is not tried again."""
    newer = []

    def meanwhile(self, name, data):
        if not newer:
            newer.append(None)
            newer[0] = services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5)
        raise MirrorError("It broke.")

    monkeypatch.setattr(memory, "put", meanwhile)
    older = services.publish(compose(), NOW)

    assert older.results.get().state == State.SUPERSEDED
    assert newer[0].results.get().state == State.FAILED


def test_a_task_that_comes_late_takes_the_newest_file(memory, handed_over, puts, monkeypatch):
    """Tasks that wait in the queue for longer than a file stays the newest would all come in vain."""
    monkeypatch.setattr(memory, "is_local", False)
    older = services.publish(compose(), NOW)
    newer = services.publish(compose(NOW + 5, endpoint(50_001)), NOW + 5)
    state = services.carry_one(handed_over[0], NOW + 6)

    assert (state, older.results.get().state) == (State.SAFE, State.SUPERSEDED)
    assert memory.held["alpha"] == bytes(newer.body)
    puts.clear()
    assert services.carry_one(handed_over[1], NOW + 7) == State.SAFE
    assert puts == []


def test_a_mirror_that_was_turned_off_gets_nothing_more(memory, handed_over, puts, monkeypatch):
    """Neither a visit that had begun nor one that was handed over goes on."""
    mirror = Mirror.objects.filter(name="alpha")
    monkeypatch.setattr(memory, "check", lambda _: mirror.update(enabled=False) and "")
    publication = services.publish(compose(), NOW)
    result = publication.results.get()

    assert services.carry_one(result.pk, NOW + 1) == State.WAITING
    assert puts == []
    publication.results.update(state=State.SAFE)
    assert services.watch(mirror.get().pk, NOW + 2) == ""
    mirror.delete()
    assert services.watch(-1, NOW + 2) == ""


def test_tasks_leave_the_worker_free(transactional_db, request, monkeypatch):
    """Whatever a mirror does, the thread that runs ticks goes on at once."""
    memory = request.getfixturevalue("memory")
    handed_over = request.getfixturevalue("handed_over")
    monkeypatch.setattr(memory, "is_local", False)
    goes_on = threading.Event()
    monkeypatch.setattr(memory, "check", lambda _: goes_on.wait(20) and "")
    publication = services.publish(compose(), NOW)
    thread = services.start_aside(lambda: services.carry_one(handed_over[0], NOW))
    before = services.publication_is_safe(publication)
    goes_on.set()
    thread.join(20)

    assert not before
    assert services.publication_is_safe(publication)


def test_visits_are_bounded(monkeypatch):
    """Beyond as many as run already nothing is begun, and who waits comes again."""
    monkeypatch.setattr(side_by_side, "_running", threading.BoundedSemaphore(1))
    ends = threading.Event()
    first = side_by_side.start_aside(ends.wait)
    second = side_by_side.start_aside(ends.wait)
    ends.set()
    first.join(5)

    assert second is None
    assert side_by_side.start_aside(lambda: None) is not None


def test_run_all_waits_for_all(monkeypatch):
    """What finds no free thread is done in turn; nothing is left out."""
    monkeypatch.setattr(side_by_side, "_running", threading.BoundedSemaphore(1))
    done = []
    side_by_side.run_all([lambda number=number: (time.sleep(0.05), done.append(number)) for number in range(4)])

    assert sorted(done) == [0, 1, 2, 3]


def test_a_task_goes_aside(memory, handed_over, monkeypatch):
    """The tasks of discovery begin a visit and return."""
    begun = []
    monkeypatch.setattr(MemoryMirror, "is_local", False)
    monkeypatch.setattr(services, "start_aside", begun.append)
    publication = services.publish(compose(), NOW)
    tasks.carry_to_mirror(handed_over[0])
    tasks.watch_mirror(Mirror.objects.get(name="alpha").pk)

    assert len(begun) == 2
    assert not services.publication_is_safe(publication)
