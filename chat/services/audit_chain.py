"""Walking the audit chain: whether every event stands where it stood, and says what it said."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from chat.models import AuditCheckpoint, AuditEvent, AuditHead
from chat.services.audit_checkpoints import newest_checkpoint
from chat.services.audit_rows import BrokenLink, Row, can_be_linked, problem_of, readable, sound

# Events that are read at once: nobody holds a transaction open for a whole chain.
PORTION = 2000
_NOTHING = bytes(32)


@dataclass(frozen=True)
class Head:
    """An event that somebody else knows by its number and hash, and where they know it from."""

    number: int
    hash: bytes
    source: str


@dataclass
class Chain:
    """What hangs together: events `first` to `last`, `last` with this hash."""

    first: int
    last: int
    hash: bytes
    # The events that are asked for, and the hashes of those that came by.
    wanted: set[int] = field(default_factory=set)
    known: dict[int, bytes] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many events there are."""
        return self.last - self.first + 1

    def take(self, row: Row) -> None:
        """The next event.

        Raises: BrokenLink.
        """
        number = self.last + 1
        if row.number != number:
            raise BrokenLink(number, self._missing(number, row))
        if problem := problem_of(row, self.hash):
            raise BrokenLink(number, f"Event {number} (row {row.id}): {problem}")
        self.last, self.hash = number, bytes(row.hash)
        if number in self.wanted:
            self.known[number] = self.hash

    def _missing(self, number: int, row: Row) -> str:
        stray = AuditEvent.objects.filter(previous_hash=self.hash).exclude(number=number).first()
        if stray is not None and stray.number is not None:
            return f"Event {number} is missing: its row {stray.id} has the number {stray.number}."
        if row.number == number + 1:
            return f"Event {number} is missing."
        return f"Events {number} to {row.number - 1} are missing."


def walk(heads: Collection[Head] = (), progress: Callable[[int], None] = lambda count: None) -> Chain:
    """The whole chain, from its first event or its newest signed checkpoint to its end.

    `heads` are compared with it. `progress` hears how many events were walked, after each portion.
    Raises: BrokenLink naming the first event that was changed, is missing or does not fit.
    """
    while True:
        checkpoint = newest_checkpoint()
        try:
            return _walk(checkpoint, heads, progress)
        except BrokenLink:
            # Unless events left the log while it was walked, it is so.
            if newest_checkpoint() == checkpoint:
                raise


def waiting_count() -> int:
    """How many events are not linked yet."""
    return AuditEvent.objects.filter(number=None).count()


def _walk(checkpoint: AuditCheckpoint | None, heads: Collection[Head], progress: Callable[[int], None]) -> Chain:
    number, digest = (checkpoint.number, bytes(checkpoint.hash)) if checkpoint else (0, _NOTHING)
    chain = Chain(number + 1, number, digest, {head.number for head in heads}, {number: digest})
    _check_beginning(chain)
    _take_all(chain, progress)
    _check_end(chain, progress)
    _check_waiting(chain)
    for head in sorted(heads, key=lambda head: head.number):
        _compare(chain, head)
    return chain


def _take_all(chain: Chain, progress: Callable[[int], None]) -> None:
    while portion := _portion(chain.last):
        for row in portion:
            chain.take(row)
        progress(chain.count)


def _portion(after: int) -> list[Row]:
    events = AuditEvent.objects.filter(number__gt=after).order_by("number")[:PORTION]
    found = readable(events)
    if not found and (first := events.values_list("id", "number").first()) is not None:
        raise BrokenLink(first[1], f"Event {first[1]} (row {first[0]}): a column holds what was never written there.")
    return found


def _check_beginning(chain: Chain) -> None:
    """Nothing stands before the first event, or before what the checkpoint vouches for."""
    odd = AuditEvent.objects.filter(number__lt=chain.first).order_by("number").first()
    if odd is not None:
        raise BrokenLink(odd.number, f"Row {odd.id} has the number {odd.number}, and the log begins at {chain.first}.")


def _check_end(chain: Chain, progress: Callable[[int], None]) -> None:
    """The end that is noted is the last event. Events may have come since the others were read, never the reverse."""
    noted = AuditHead.objects.filter(pk=1).first()
    if noted is None:
        raise BrokenLink(chain.last, f"The end of the log is not noted any more; event {chain.last} is the last one.")
    if noted.number < chain.last:
        raise BrokenLink(noted.number, f"The end noted is event {noted.number}, and there are events to {chain.last}.")
    chain.wanted.add(noted.number)
    if noted.number == chain.last:
        chain.known[chain.last] = chain.hash
    _take_all(chain, progress)
    _compare(chain, Head(noted.number, bytes(noted.hash), "the note of the log's end"))


def _check_waiting(chain: Chain) -> None:
    """What waits to be linked can be: whatever cannot was put there by somebody else, and would wait for ever."""
    waiting = AuditEvent.objects.filter(number=None).order_by("id")
    sound_ones = {row.id for row in readable(waiting) if can_be_linked(row)}
    for key in sorted(set(waiting.values_list("pk", flat=True)) - sound_ones):
        one = waiting.filter(pk=key)
        # Written, or linked, since the others were read is as good.
        if not sound(one, 1) and one.exists():
            raise BrokenLink(chain.last + 1, f"Row {key} waits to be linked and holds what was never written there.")


def _compare(chain: Chain, head: Head) -> None:
    if head.number > chain.last:
        missing = _events(chain.last + 1, head.number)
        raise BrokenLink(chain.last + 1, f"{missing} missing: by {head.source} the log went on to {head.number}.")
    found = chain.known.get(head.number)
    if found is not None and found != head.hash:
        why = f"it is another one by {head.source}, so it or something before it was rewritten."
        raise BrokenLink(head.number, f"Event {head.number}: {why}")


def _events(first: int, last: int) -> str:
    return f"Event {first} is" if first == last else f"Events {first} to {last} are"
