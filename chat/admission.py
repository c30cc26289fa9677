"""Admission: which callers with a good gate value may go on to a handshake. Pure: the caller brings the clock.

Spec: 3.3
"""

from collections import OrderedDict

from chat.buckets import Bucket
from chat.models import ConnectionPolicy
from chat.rates import Rates

SEEN_GATES = 100_000
IN_FLIGHT = 64
KNOWN_SECONDS = 86_400
KNOWN_ADDRESSES = 20_000


class SeenGates:
    """The gate values that came before: at least the last 100,000, each 16 bytes."""

    def __init__(self, least: int = SEEN_GATES) -> None:
        self._least = least
        self._new: set[bytes] = set()
        self._old: set[bytes] = set()

    def is_new(self, gate_value: bytes) -> bool:
        """Whether this value comes for the first time; from now on it does not."""
        if gate_value in self._new or gate_value in self._old:
            return False
        if len(self._new) >= self._least:
            self._old, self._new = self._new, set()
        self._new.add(gate_value)
        return True


class Admission:
    """The limits on handshakes of one server process.

    Half of the process's rate and places is kept for addresses that completed a handshake in the last 24 h, so that a
    crowd with a stolen invitation does not lock out those who are at home here.
    """

    def __init__(self, policy: ConnectionPolicy, rates: Rates, now: float) -> None:
        self._rates = rates
        self._seen = SeenGates()
        self._known: OrderedDict[str, float] = OrderedDict()
        self._in_flight = {True: 0, False: 0}
        self._open_rate, self._reserved_rate = (Bucket(*_half(policy), now) for _ in range(2))

    def limit(self, policy: ConnectionPolicy, now: float) -> None:
        """Take over changed limits."""
        for rate in (self._open_rate, self._reserved_rate):
            rate.limit(*_half(policy), now)

    def enter(self, address: str, gate_value: bytes, now: float) -> "Ticket | None":
        """A ticket to go on with, to be given back when the handshake is over either way; None: close, no reply."""
        if not self._seen.is_new(gate_value):
            return None
        if not self._rates.take_handshake(address, now):
            return None
        known = self.is_known(address, now)
        if not (known and self._reserved_rate.take(now)) and not self._open_rate.take(now):
            return None
        if sum(self._in_flight.values()) >= IN_FLIGHT or (not known and self._in_flight[False] >= IN_FLIGHT // 2):
            return None
        self._in_flight[known] += 1
        return Ticket(self, address, known)

    def leave(self, ticket: "Ticket", passed: bool, now: float) -> None:
        """Free a ticket's place; who passed is known for a day."""
        self._in_flight[ticket.known] -= 1
        if passed:
            self._known.pop(ticket.address, None)
            self._known[ticket.address] = now
            if len(self._known) > KNOWN_ADDRESSES:
                self._known.popitem(last=False)

    def is_known(self, address: str, now: float) -> bool:
        """Whether a handshake from this address was completed here within the last day."""
        return now - self._known.get(address, -KNOWN_SECONDS) < KNOWN_SECONDS


def _half(policy: ConnectionPolicy) -> tuple[float, float]:
    """Rate and burst of either half of the process's handshakes."""
    half = policy.handshakes_per_second / 2
    # A bucket that holds less than one would never let anybody in.
    return half, max(1.0, half)


class Ticket:
    """A place between H1 and AUTH_OK. Giving it back twice is harmless."""

    def __init__(self, admission: Admission, address: str, known: bool) -> None:
        self.address, self.known = address, known
        self._admission: Admission | None = admission

    def give_back(self, passed: bool, now: float) -> None:
        """Free the place."""
        admission, self._admission = self._admission, None
        if admission is not None:
            admission.leave(self, passed, now)
