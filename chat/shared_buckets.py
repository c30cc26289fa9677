"""Token buckets that all server processes share, in Redis.

No frame waits for Redis. A process draws a slice of a bucket, spends it as frames come, and draws on before it has run
out. What comes while an answer is under way is taken on credit and paid from the next slice, so each process lets
through at most one credit beyond what the bucket holds. While Redis is away the process's own buckets hold alone.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chat.buckets import Buckets
from clawchat.ending import end_tasks

logger = logging.getLogger(__name__)

# Parts of a burst: what is drawn at once, and what may be spent before the answer is there; never less than what one
# session may have under way (3.13), or an honest one would be refused while an answer is waited for.
SLICE, CREDIT = 1 / 16, 1 / 4
LEAST_CREDIT = 64
# A slice that nobody spends goes back to nobody: the bucket has long filled up again without it.
STALE_SECONDS = 10.0
# How long one call may take, and how long Redis is left alone after one failed.
CALL_SECONDS = 0.5
AWAY_SECONDS = 1.0
# What is owed is not asked for more often.
LEAST_PAUSE_SECONDS = 0.02
NOTHING = 1e-4
# Draws in one call.
MOST_DRAWS = 256

# For each bucket: refill it by Redis's own clock, take as much of what is wanted as there is, say how much that was.
DRAW = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local granted = {}
for number, key in ipairs(KEYS) do
  local rate = tonumber(ARGV[3 * number - 2])
  local burst = tonumber(ARGV[3 * number - 1])
  local wanted = tonumber(ARGV[3 * number])
  local row = redis.call('HMGET', key, 'left', 'at')
  local left = tonumber(row[1]) or burst
  local at = tonumber(row[2]) or now
  left = math.min(burst, left + math.max(0, now - at) * rate)
  local grant = math.min(wanted, left)
  redis.call('HSET', key, 'left', string.format('%.6f', left - grant), 'at', string.format('%.6f', now))
  redis.call('PEXPIRE', key, math.ceil(burst / rate * 1000) + 1000)
  granted[number] = string.format('%.6f', grant)
end
return granted
"""

Name = tuple[str, Hashable]


class Holding:
    """What this process has drawn of one bucket and not spent, and what it has spent and not drawn."""

    __slots__ = ("allowance", "is_drawing", "limits", "owed", "refused_until", "used_at")

    def __init__(self, limits: Buckets, now: float) -> None:
        self.limits = limits
        self.allowance = self.owed = 0.0
        self.refused_until, self.used_at = 0.0, now
        self.is_drawing = False

    def spare(self) -> float:
        """How much may be spent at once."""
        return self.allowance + max(0.0, credit_of(self.limits) - self.owed)

    def spend(self, count: float) -> None:
        """Spend, on credit what is beyond the allowance."""
        drawn = min(self.allowance, count)
        self.allowance -= drawn
        self.owed += count - drawn

    def wanted(self) -> float:
        """How much to draw: what is owed, and a slice."""
        return self.owed + max(1.0, self.limits.burst * SLICE)

    def grant(self, granted: float, wanted: float, now: float) -> float:
        """An answer: debts first. In how many seconds the rest of them is to be asked for, 0 when there is none.

        Until then nothing is spent, when the bucket had less than was wanted.
        """
        paid = min(self.owed, granted)
        self.owed -= paid
        self.allowance += granted - paid
        # Redis writes six digits.
        if self.owed < NOTHING:
            self.owed = 0.0
            return 0.0
        if granted >= wanted - NOTHING:
            # Spent since the question was asked.
            return LEAST_PAUSE_SECONDS
        pause = max(LEAST_PAUSE_SECONDS, self.owed / self.limits.rate)
        self.refused_until = now + pause
        return pause


class SharedBuckets:
    """This process's share of the buckets. Used on the event loop's thread only; `clock` is the one of the callers.

    `server_id` keeps servers apart that use one Redis.
    """

    def __init__(self, url: str, server_id: str, clock: Callable[[], float], most: int = 20_000) -> None:
        self._url, self._prefix = url, f"clawchat:{server_id}:rate:"
        self._clock, self._most = clock, most
        self._holdings: OrderedDict[Name, Holding] = OrderedDict()
        self._due: dict[Name, Holding] = {}
        self._something = asyncio.Event()
        self._away_until = float("-inf")
        self._tasks: list[asyncio.Task[None]] = []
        self.is_away = False

    def start(self) -> None:
        """Begin to draw."""
        self._redis = Redis.from_url(self._url, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS)
        self._draw = self._redis.register_script(DRAW)
        self._tasks = [asyncio.create_task(self._keep_drawing())]

    async def stop(self) -> None:
        """Draw no more."""
        await end_tasks(self._tasks)
        await self._redis.aclose()

    def wait(self, name: str, limits: Buckets, key: Hashable, now: float, count: float) -> float:
        """Seconds until there is enough, 0 when there is, or while Redis is away. `limits` has rate and burst."""
        if self.is_away and now < self._away_until:
            return 0.0
        holding = self._of(name, limits, key, now)
        if now < holding.refused_until:
            return holding.refused_until - now
        if holding.spare() >= count:
            return 0.0
        # On its way, or to be: the answer takes milliseconds.
        self._ask_for(name, key, holding)
        return (count - holding.spare()) / limits.rate

    def take(self, name: str, limits: Buckets, key: Hashable, now: float, count: float) -> None:
        """Spend so much, after `wait` said 0."""
        if self.is_away and now < self._away_until:
            return
        holding = self._of(name, limits, key, now)
        holding.spend(count)
        if holding.owed or holding.allowance < limits.burst * SLICE / 2:
            self._ask_for(name, key, holding)

    def _of(self, name: str, limits: Buckets, key: Hashable, now: float) -> Holding:
        holding = self._holdings.get((name, key))
        if holding is None:
            holding = self._holdings[name, key] = Holding(limits, now)
            if len(self._holdings) > self._most:
                self._holdings.popitem(last=False)
        else:
            self._holdings.move_to_end((name, key))
        if now - holding.used_at > STALE_SECONDS:
            holding.allowance = 0.0
        holding.used_at = now
        return holding

    def _ask_for(self, name: str, key: Hashable, holding: Holding) -> None:
        if not holding.is_drawing:
            holding.is_drawing = True
            self._due[name, key] = holding
            self._something.set()

    async def _keep_drawing(self) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            while self._due:
                names = list(self._due)[:MOST_DRAWS]
                await self._draw_for({name: self._due.pop(name) for name in names})

    async def _draw_for(self, due: dict[Name, Holding]) -> None:
        wanted = {name: holding.wanted() for name, holding in due.items()}
        try:
            granted = await self._call(due, wanted)
        except (RedisError, OSError, TimeoutError) as error:
            self._note_away(error)
            granted = None
        else:
            self.is_away = False
        now = self._clock()
        for number, (name, holding) in enumerate(due.items()):
            holding.is_drawing = False
            if granted is None:
                # What was spent meanwhile is in our own buckets.
                holding.owed = 0.0
            elif pause := holding.grant(float(granted[number]), wanted[name], now):
                # Paid before whoever was told to wait comes again.
                asyncio.get_running_loop().call_later(pause, self._ask_for, *name, holding)

    async def _call(self, due: dict[Name, Holding], wanted: dict[Name, float]) -> list[bytes]:
        keys = [f"{self._prefix}{name}:{key}" for name, key in due]
        figures: list[float] = []
        for name, holding in due.items():
            figures += (holding.limits.rate, holding.limits.burst, wanted[name])
        async with asyncio.timeout(2 * CALL_SECONDS):
            return await self._draw(keys=keys, args=figures)

    def _note_away(self, error: Exception) -> None:
        if not self.is_away:
            logger.warning("Redis is away, so each server process limits by itself: %s", type(error).__name__)
        self.is_away, self._away_until = True, self._clock() + AWAY_SECONDS


def credit_of(limits: Buckets) -> float:
    """How much one process may spend of a bucket before it knows what the others have left of it."""
    return min(limits.burst, max(LEAST_CREDIT, limits.burst * CREDIT))
