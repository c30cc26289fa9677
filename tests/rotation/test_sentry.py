"""The sentry: touches go into rows within a second, limits go to the guard, and no touch is lost."""

from types import SimpleNamespace

import pytest

from chat.admission import Admission
from chat.models import ConnectionPolicy
from chat.rates import Rates
from chat.strangers import Strangers, Touch
from rotation import sentry as standing
from rotation.sentry import PRUNE_SECONDS, Sentry
from tests.fakes import Clock
from tests.rotation.keeping import Here, run_now
from tests.rotation.rows import T

MALLORY, ALICE = "192.0.2.66", "198.51.100.7"


class Post:
    """A sentry with all that surrounds it; what it writes is noted."""

    def __init__(self, monkeypatch) -> None:
        self.policy = ConnectionPolicy()
        self.clock, self.monotonic = Clock(0), Clock(0)
        self.admission = Admission(self.policy, Rates(self.policy, 0), 0)
        self.hub = SimpleNamespace(
            strangers=Strangers(),
            admission=self.admission,
            policy=self.policy,
            clock=self.clock,
            tell_news=lambda: self.news.append(True),
        )
        self.news: list[bool] = []
        self.limits: list[ConnectionPolicy] = []
        self.written: list[tuple[dict, set[str]]] = []
        self.pruned = 0
        self.database = Here()
        monkeypatch.setattr(standing, "note_touches", self._write)
        monkeypatch.setattr(standing, "prune_scans", self._prune)
        ports = SimpleNamespace(limit=self.limits.append)
        self.sentry = Sentry(1, ports, self.hub, self.database, lambda: T, self.monotonic)

    def look(self) -> None:
        """One look."""
        run_now(self.sentry.look_once())

    def _write(self, node_pk: int, touches, known, now: float) -> bool:
        self.written.append((dict(touches), set(known)))
        return touches.total() >= 10

    def _prune(self, now: float) -> None:
        self.pruned += 1


@pytest.fixture
def post(monkeypatch) -> Post:
    """A sentry that has just come."""
    return Post(monkeypatch)


def test_touches_are_written_once(post):
    """At the next look; then there is nothing to write."""
    post.hub.strangers.count(MALLORY, "connect", 50001, True)

    post.look(), post.look()

    assert post.written == [({Touch(MALLORY, 50001, True, "connect"): 1}, set())]
    assert not post.news


def test_a_ban_is_news_at_once(post):
    """This process and the others read it without waiting for their next look."""
    for _ in range(10):
        post.hub.strangers.count(MALLORY, "connect", 50001, True)

    post.look()

    assert post.news == [True]


def test_members_of_this_process_are_named(post):
    """Whoever has completed a handshake here within a day, also as an enrolment."""
    post.admission.enter(ALICE, bytes(16), 0).give_back(True, 0)
    for address in (ALICE, MALLORY):
        post.hub.strangers.count(address, "connect", 50001, True)

    post.look()

    assert post.written[0][1] == {ALICE}


def test_without_a_database_touches_wait(post):
    """None is lost, none is written twice."""
    post.hub.strangers.count(MALLORY, "connect", 50001, True)
    post.database.is_away = True
    with pytest.raises(standing.Unavailable):
        post.look()
    post.hub.strangers.count(MALLORY, "connect", 50001, True)

    post.database.is_away = False
    post.look()

    assert post.written == [({Touch(MALLORY, 50001, True, "connect"): 2}, set())]


def test_a_database_that_stays_away_is_said_once(post, caplog):
    """And once more when it goes again."""
    for is_away in (True, True, False, True):
        post.hub.strangers.count(MALLORY, "connect", 50001, True)
        post.database.is_away = is_away
        run_now(post.sentry._try_to_look())

    assert caplog.text.count("are written down later") == 2


def test_limits_go_to_the_guard_at_each_look(post):
    """So a change of the policy is in force within a second."""
    post.look()
    post.hub.policy = ConnectionPolicy(max_sockets=5)
    post.look()

    assert [policy.max_sockets for policy in post.limits] == [4000, 5]


def test_old_rows_are_removed_once_an_hour(post):
    """And at the start."""
    for _ in range(3):
        post.look()
    assert post.pruned == 1

    post.monotonic.forward(PRUNE_SECONDS)
    post.look()
    assert post.pruned == 2


async def test_a_sentry_that_ends_writes_what_it_saw_last(post):
    """Even what came in the moment of its end."""
    post.sentry.start()
    post.hub.strangers.count(MALLORY, "connect", 50001, True)
    await post.sentry.stop()

    assert [dict(touches) for touches, _ in post.written] == [{Touch(MALLORY, 50001, True, "connect"): 1}]
