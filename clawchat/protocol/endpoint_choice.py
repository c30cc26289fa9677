"""Which of a file's ports to dial and in which order, when to leave one, and how quick each was. Chance is an argument.

Spec: 3.15
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from clawchat.protocol.connection_info import ConnectionInfo, Endpoint
from clawchat.protocol.errors import UsageError

# Clients of one server do not all move at the same instant, and none waits until its port is about to close.
LONGEST_MOVE_PAUSE_SECONDS = 4
# A server as full as it lets itself be is still asked now and then: its file may be an hour old.
_LEAST_WEIGHT = 0.05
# A handshake that took so much longer than the quickest one: a host to be left alone.
SLOW_FACTOR = 2
SLOW_MARGIN_MS = 50
# How long, and of how many places, handshake times are remembered.
TIMES_KEPT_SECONDS = 3600
MAX_TIMES = 64

# Milliseconds of a handshake and when it was, by place; the newest last.
_Times = Mapping[str, tuple[int, int]]


def order_endpoints(
    endpoints: Iterable[Endpoint],
    *,
    now: int,
    draws: Sequence[float],
    slow: Collection[str] = (),
    region: str = "",
) -> list[Endpoint]:
    """The endpoints in the order in which to dial them, without those that may not be dialled.

    Those whose time is not over come first, then those that move, that stay, that are not slow, that are in our region.
    Equals are drawn by lot, without putting back, each with a weight that falls with its load; draws[k] fills place k.
    Units: seconds since 1970; a draw is from 0 up to 1.
    Raises: usage (fewer draws than endpoints, or one that is none).
    Spec: 3.15
    """
    candidates = _dialable(endpoints)
    if len(draws) < len(candidates) or not all(0 <= draw < 1 for draw in draws):
        raise UsageError("a draw from 0 up to 1 is needed for each endpoint")

    def rank(endpoint: Endpoint) -> tuple[bool, ...]:
        is_away = region not in ("", endpoint.region)
        is_over = endpoint.valid_until < now
        return is_over, endpoint.fixed, endpoint.retiring, place_of(endpoint) in slow, is_away

    ordered: list[Endpoint] = []
    for wanted in sorted({rank(endpoint) for endpoint in candidates}):
        equals = [endpoint for endpoint in candidates if rank(endpoint) == wanted]
        while equals:
            ordered.append(equals.pop(_draw(equals, draws[len(ordered)])))
    return ordered


def is_content(url: str, info: ConnectionInfo) -> bool:
    """Whether who is on this endpoint stays: it is listed and not retiring, and not fixed while others can be had."""
    own = _listed(url, info)
    if own is None or own.retiring:
        return False
    return not own.fixed or not better_endpoints(url, info)


def better_endpoints(url: str, info: ConnectionInfo) -> list[Endpoint]:
    """Where who is on this endpoint goes instead, in the file's order; none when it stays.

    From a fixed port only to one that moves; to one that retires only when our own is not listed at all.
    """
    own = _listed(url, info)
    others = [endpoint for endpoint in _dialable(info.endpoints) if endpoint.url != url]
    lasting = [endpoint for endpoint in others if not endpoint.retiring]
    if own is None:
        return lasting or others
    if own.fixed:
        return [endpoint for endpoint in lasting if not endpoint.fixed]
    return lasting if own.retiring else []


def move_pause(left: float, draw: float) -> float:
    """Seconds to wait before a move, when the old port serves for so many more.

    Units: seconds; a draw is from 0 up to 1.
    """
    return draw * min(LONGEST_MOVE_PAUSE_SECONDS, max(0.0, left) / 3)


def look_at(endpoint: Endpoint, grace: int, draw: float) -> float:
    """When to ask the mirrors for a newer file, if none came that says that this endpoint is retiring.

    That is in the third quarter of its grace: by then it should have been told. Units: seconds since 1970.
    """
    return endpoint.valid_until - grace / 2 + draw * grace / 4


def place_of(endpoint: Endpoint) -> str:
    """`host:port`, under which its handshake times are remembered."""
    return f"{endpoint.host}:{endpoint.port}"


def remember_time(times: _Times, endpoint: Endpoint, milliseconds: int, now: int) -> dict[str, tuple[int, int]]:
    """The times with one more: the mean of it and what was known of that place. What is old or too much is dropped.

    Units: `now` in seconds since 1970.
    """
    kept = _recent(times, now)
    former, _ = kept.pop(place_of(endpoint), (milliseconds, now))
    kept[place_of(endpoint)] = ((former + milliseconds) // 2, now)
    return dict(list(kept.items())[-MAX_TIMES:])


def slow_places(endpoints: Iterable[Endpoint], times: _Times, now: int) -> set[str]:
    """The places that took more than twice as long as the quickest of these, and more than 50 ms longer.

    A port that was never dialled counts as the last one of its host: a busy host is busy on its next port too.
    Units: `now` in seconds since 1970.
    """
    recent = _recent(times, now)
    of_host = {place.rpartition(":")[0]: known for place, (known, _) in recent.items()}
    took: dict[str, int] = {}
    for endpoint in endpoints:
        known, _ = recent.get(place_of(endpoint), (of_host.get(endpoint.host), now))
        if known is not None:
            took[place_of(endpoint)] = known
    best = min(took.values(), default=0)
    return {place for place, known in took.items() if known > max(SLOW_FACTOR * best, best + SLOW_MARGIN_MS)}


def _dialable(endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    unique: dict[str, Endpoint] = {}
    for endpoint in endpoints:
        if endpoint.is_dialable:
            unique.setdefault(endpoint.url, endpoint)
    return list(unique.values())


def _draw(equals: Sequence[Endpoint], draw: float) -> int:
    """The index that a draw hits; sums and products only, so that both languages hit the same one."""
    weights = [max(_LEAST_WEIGHT, 1 - endpoint.load) for endpoint in equals]
    total = 0.0
    for weight in weights:
        total += weight
    reached, target = 0.0, draw * total
    for index, weight in enumerate(weights):
        reached += weight
        if target < reached:
            return index
    return len(equals) - 1


def _listed(url: str, info: ConnectionInfo) -> Endpoint | None:
    return next((endpoint for endpoint in info.endpoints if endpoint.url == url), None)


def _recent(times: _Times, now: int) -> dict[str, tuple[int, int]]:
    return {place: known for place, known in times.items() if abs(now - known[1]) <= TIMES_KEPT_SECONDS}
