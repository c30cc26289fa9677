"""The mapper: what the router lets in is what is open here, whatever happens on either side."""

import asyncio

import pytest

from clawchat.protocol.schedule import LeaseState
from rotation.models import LeaseKind, PortLease
from rotation.reach.mapper import REFUSED_SECONDS, SHORTEST_SEARCH_SECONDS, Mapper
from rotation.reach.router import NoAnswer, Refused, Taken
from tests.fakes import Clock

SECONDS = 600
WATCH = SECONDS / 20
OPEN, OTHER, TRIPWIRE, DECOY = 50_000, 50_001, 50_002, 50_003


class FakeRouter:
    """A router's table. It can be away, forget, refuse ports that are `denied`, and have a neighbour in it."""

    name = "UPnP"

    def __init__(self) -> None:
        self.table: dict[int, int] = {}
        self.ours_before: set[int] = set()
        self.denied: set[int] = set()
        self.taken: set[int] = set()
        self.asked: list[int] = []
        self.is_away = self.is_for_good = False
        self.room = 100
        self.address = "128.66.0.1"

    def _answer(self) -> None:
        if self.is_away:
            raise NoAnswer("No router answers to UPnP.")

    async def external_address(self) -> str:
        self._answer()
        return self.address

    async def map(self, port: int, seconds: int) -> int:
        self._answer()
        self.asked.append(port)
        if port in self.taken:
            raise Taken(f"The router lets somebody else in by port {port}.")
        if port in self.denied or (port not in self.table and len(self.table) >= self.room):
            raise Refused("The router refuses: no (606).")
        self.table[port] = seconds
        return 0 if self.is_for_good else seconds

    async def unmap(self, port: int) -> None:
        self._answer()
        self.table.pop(port, None)

    async def has_forgotten(self, port: int) -> bool:
        self._answer()
        return port not in self.table

    async def leftovers(self) -> set[int]:
        self._answer()
        return self.ours_before


class FakeNotes:
    """What would be written down."""

    def __init__(self) -> None:
        self.until: dict[int, float | None] = {}
        self.problems: dict[int, str] = {}
        self.given_up: list[int] = []
        self.left: list[int] = []
        self.seen_address = ""

    async def mapped(self, lease_pk, how, until) -> None:
        self.until[lease_pk] = until

    async def unmapped(self, ports) -> None:
        for port in ports:
            self.until.pop(port, None)

    async def refused(self, lease_pk, problem) -> None:
        self.problems[lease_pk] = problem

    async def taken(self, lease_pk, problem) -> None:
        self.given_up.append(lease_pk)

    async def leftovers(self) -> list[int]:
        return self.left

    async def address(self, address) -> None:
        self.seen_address = address


class Scene:
    """A mapper, its router, and two clocks of which the test turns the hands. A lease's key is its port."""

    def __init__(self) -> None:
        self.router, self.notes = FakeRouter(), FakeNotes()
        self.clock, self.monotonic = Clock(1_900_000_000), Clock(0)
        self.searches = 0
        self.mapper = Mapper(self._find, self.notes, SECONDS, self.clock, self.monotonic)

    async def _find(self) -> list[FakeRouter]:
        self.searches += 1
        self.router._answer()
        return [self.router]

    def open(self, *leases: PortLease) -> None:
        """These ports listen now."""
        self.mapper.want(leases)

    def work(self, after: float = 0.0) -> float:
        """One pass, so many seconds later; returns the pause until the next."""
        self.monotonic.now += after
        self.clock.now += after
        return asyncio.run(self.mapper.work_once())

    @property
    def let_in(self) -> list[int]:
        return sorted(self.router.table)


def lease(port: int, state: LeaseState = LeaseState.OPEN, kind: LeaseKind = LeaseKind.MOVING) -> PortLease:
    """A lease whose row's key is its port."""
    return PortLease(pk=port, port=port, state=state, kind=kind)


@pytest.fixture
def scene() -> Scene:
    """A router that answers, and no port open."""
    return Scene()


def test_what_is_open_is_let_in_and_what_is_closed_is_not(scene):
    """With the time until when, which is written down."""
    scene.open(lease(OPEN), lease(OTHER))
    scene.work()
    assert scene.let_in == [OPEN, OTHER]
    assert scene.notes.until == {OPEN: scene.clock.now + SECONDS, OTHER: scene.clock.now + SECONDS}
    assert scene.notes.seen_address == "128.66.0.1"

    scene.open(lease(OTHER))
    scene.work()

    assert scene.let_in == [OTHER]
    assert list(scene.notes.until) == [OTHER]


def test_nothing_is_done_before_the_keeper_has_spoken(scene):
    """Or ports that are about to be opened again would be ended first."""
    scene.router.ours_before = {OPEN}

    scene.work()

    assert scene.searches == 0


def test_a_port_is_renewed_at_half_of_its_time(scene):
    """And not asked for before."""
    scene.open(lease(OPEN))
    scene.work()
    pause = scene.work(after=SECONDS / 2 - 1)
    assert scene.router.asked == [OPEN]
    assert pause == 1

    scene.work(after=1)

    assert scene.router.asked == [OPEN, OPEN]
    assert scene.notes.until == {OPEN: scene.clock.now + SECONDS}


def test_a_router_that_knows_no_time_is_asked_as_often(scene):
    """Its entries have no end, and are written down so."""
    scene.router.is_for_good = True
    scene.open(lease(OPEN))
    scene.work()
    assert scene.notes.until == {OPEN: None}

    scene.work(after=SECONDS / 2)

    assert scene.router.asked == [OPEN, OPEN]


def test_ports_that_serve_come_first(scene):
    """However they are told."""
    scene.open(
        lease(DECOY, LeaseState.TRIPWIRE, LeaseKind.DECOY),
        lease(TRIPWIRE, LeaseState.TRIPWIRE),
        lease(OTHER, LeaseState.BOUND),
        lease(OPEN),
    )

    scene.work()

    assert scene.router.asked == [OPEN, OTHER, TRIPWIRE, DECOY]


def test_a_port_that_serves_takes_the_place_of_a_tripwire(scene):
    """When the router's table is full."""
    scene.router.room = 2
    scene.open(lease(OPEN), lease(TRIPWIRE, LeaseState.TRIPWIRE))
    scene.work()
    assert scene.let_in == [OPEN, TRIPWIRE]

    scene.open(lease(OPEN), lease(OTHER, LeaseState.BOUND), lease(TRIPWIRE, LeaseState.TRIPWIRE))
    scene.work()

    assert scene.let_in == [OPEN, OTHER]
    assert scene.notes.problems == {}
    assert TRIPWIRE not in scene.notes.until


def test_a_router_that_has_forgotten_is_asked_for_everything_anew(scene):
    """It was restarted: found out by the next look, not by the next renewal."""
    scene.open(lease(OPEN), lease(OTHER))
    scene.work()
    scene.router.table.clear()
    scene.router.address = "128.66.0.2"

    scene.work(after=WATCH)

    assert scene.let_in == [OPEN, OTHER]
    assert scene.notes.seen_address == "128.66.0.2"


def test_a_router_that_was_away_is_asked_for_everything_anew(scene):
    """What it still lets in is known for as long as it was granted."""
    scene.open(lease(OPEN))
    scene.work()
    scene.router.is_away = True
    scene.work(after=WATCH)
    assert scene.mapper.problem == "No router answers to UPnP."
    assert list(scene.notes.until) == [OPEN]

    scene.router.is_away = False
    scene.router.table.clear()
    scene.work(after=SHORTEST_SEARCH_SECONDS)

    assert scene.let_in == [OPEN]
    assert scene.mapper.problem == ""


def test_what_a_lost_router_granted_ends_in_time(scene):
    """Then nobody says any more that the port is let in."""
    scene.open(lease(OPEN))
    scene.work()
    scene.router.is_away = True

    scene.work(after=SECONDS)

    assert scene.notes.until == {}


def test_a_router_that_does_not_answer_is_searched_for_less_and_less_often(scene):
    """And not at all in between."""
    scene.router.is_away = True
    scene.open(lease(OPEN))
    pauses = [scene.work()]
    assert scene.work() == pauses[0]
    assert scene.searches == 1

    while len(pauses) < 10:
        pauses.append(scene.work(after=pauses[-1]))

    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300, 300]


def test_a_port_that_somebody_else_has_is_given_up(scene):
    """The row says so, and another one can be planned."""
    scene.router.taken = {OTHER}
    scene.open(lease(OPEN), lease(OTHER, LeaseState.BOUND))

    scene.work()

    assert scene.notes.given_up == [OTHER]
    assert scene.let_in == [OPEN]


def test_a_port_that_is_refused_is_asked_for_again_later(scene):
    """The operator reads why; when the router has changed its mind, it is let in."""
    scene.router.denied = {OPEN}
    scene.open(lease(OPEN))
    scene.work()
    scene.work(after=REFUSED_SECONDS - 1)
    assert scene.notes.problems == {OPEN: "The router refuses: no (606)."}
    assert scene.router.asked == [OPEN]

    scene.router.denied = set()
    scene.work(after=1)

    assert scene.let_in == [OPEN]


def test_a_tripwire_that_is_not_let_in_troubles_nobody(scene):
    """No problem, no other port."""
    scene.router.denied, scene.router.taken = {TRIPWIRE}, {DECOY}
    scene.open(lease(TRIPWIRE, LeaseState.TRIPWIRE), lease(DECOY, LeaseState.TRIPWIRE, LeaseKind.DECOY))

    scene.work()

    assert (scene.notes.problems, scene.notes.given_up) == ({}, [])


def test_what_a_killed_process_left_behind_is_ended(scene):
    """As rows tell, and as the router's own table does; what is open again stays."""
    scene.notes.left, scene.router.ours_before = [OTHER], {OPEN, TRIPWIRE}
    scene.router.table = {OPEN: 1, OTHER: 1, TRIPWIRE: 1, 7: 1}
    scene.open(lease(OPEN))

    scene.work()

    assert scene.router.table == {OPEN: SECONDS, 7: 1}


def test_the_end_lets_nothing_in(scene):
    """Neither what is let in, nor what was being asked for."""
    scene.open(lease(OPEN), lease(TRIPWIRE, LeaseState.TRIPWIRE))
    scene.work()

    asyncio.run(scene.mapper.stop())

    assert scene.let_in == []
    assert scene.notes.until == {}


def test_a_request_under_way_at_the_end_is_ended_too(scene):
    """The router may have heard it although nobody has heard the answer."""

    async def end_in_the_middle() -> None:
        asked = asyncio.Event()
        let_in = scene.router.map

        async def slow_map(port: int, seconds: int) -> int:
            await let_in(port, seconds)
            asked.set()
            return await asyncio.get_running_loop().create_future()

        scene.router.map = slow_map
        scene.open(lease(OPEN))
        scene.mapper.start()
        await asked.wait()
        assert scene.let_in == [OPEN]
        await scene.mapper.stop()

    asyncio.run(end_in_the_middle())

    assert scene.let_in == []
