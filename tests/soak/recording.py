"""What recorders wrote down, and whether a nonce served a key twice."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

MOST_COMPLAINTS = 10
# A handshake's key seals one message.
SEALS_OF_A_HANDSHAKE_KEY = 1


@dataclass(frozen=True)
class Place:
    """Which frames a key is for. `direction` is 0 from the client, 1 from the server."""

    session_id: str
    direction: int
    epoch: int


@dataclass
class Recording:
    """What one process wrote down: its frame keys with their IVs, and the nonces of each key in their order."""

    places: list[tuple[str, Place]] = field(default_factory=list)
    ivs: dict[str, int] = field(default_factory=dict)
    nonces: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        """The recording in a recorder's lines."""
        recording = cls()
        for line in lines:
            kind, name, *rest = line.split()
            if kind == "seal":
                recording.nonces[name].append(int(rest[0], 16))
            else:
                session_id, direction, epoch, iv = rest
                recording.places.append((name, Place(session_id, int(direction), int(epoch))))
                recording.ivs[name] = int(iv, 16)
        return recording

    @property
    def seals(self) -> int:
        """How many there were."""
        return sum(map(len, self.nonces.values()))

    def epoch(self, session_id: str) -> int:
        """The epoch that both directions of a session have reached in this process; -1 when it has none of it."""
        reached = [-1, -1]
        for _, place in self.places:
            if place.session_id == session_id:
                reached[place.direction] = max(reached[place.direction], place.epoch)
        return min(reached)

    def keys_of(self, session_id: str) -> dict[Place, str]:
        """The names of a session's frame keys."""
        return {place: name for name, place in self.places if place.session_id == session_id}


@dataclass
class Judgement:
    """What came of all recordings together."""

    keys: int = 0
    pairs: int = 0
    # Pairs that came again, in one process or in two; seals whose counter was not the next one.
    repeated: int = 0
    out_of_turn: int = 0
    # Keys that more than one process sealed with, and frame keys that stand for more than one place.
    shared: int = 0
    misplaced: int = 0
    complaints: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """No nonce served a key twice, each key's counters are 0, 1, 2 and so on, and each key is one sender's."""
        return self.pairs > 0 and not (self.repeated or self.out_of_turn or self.shared or self.misplaced)

    def complain(self, text: str) -> None:
        """Say what was wrong, the first few times."""
        if len(self.complaints) < MOST_COMPLAINTS:
            self.complaints.append(text)


def judge(recordings: Mapping[str, Recording]) -> Judgement:
    """Look at every pair of every process, each process by its name."""
    judgement = Judgement()
    seen: set[tuple[str, int]] = set()
    sealed_by: dict[str, str] = {}
    for process, recording in recordings.items():
        for key, nonces in recording.nonces.items():
            if sealed_by.setdefault(key, process) != process:
                judgement.shared += 1
                judgement.complain(f"key {key} seals in {sealed_by[key]} and in {process}")
            for nonce in nonces:
                if (key, nonce) in seen:
                    judgement.repeated += 1
                    judgement.complain(f"key {key} had nonce {nonce:024x} before, now in {process}")
                seen.add((key, nonce))
            _judge_order(judgement, key, nonces, recording.ivs.get(key))
    judgement.keys, judgement.pairs = len(sealed_by), len(seen)
    _judge_places(judgement, recordings)
    return judgement


def _judge_order(judgement: Judgement, key: str, nonces: list[int], iv: int | None) -> None:
    """A frame key's nonces are its IV with 0, 1, 2 and so on; a handshake's key has one."""
    if iv is None:
        wrong = len(nonces) - SEALS_OF_A_HANDSHAKE_KEY
    else:
        wrong = sum(nonce ^ iv != counter for counter, nonce in enumerate(nonces))
    if wrong:
        judgement.out_of_turn += wrong
        judgement.complain(f"key {key}: {wrong} of {len(nonces)} seals out of turn")


def _judge_places(judgement: Judgement, recordings: Mapping[str, Recording]) -> None:
    """A key is for one direction of one epoch of one session, whichever end has it, and no other key is for it."""
    places: dict[str, Place] = {}
    names: dict[Place, str] = {}
    for recording in recordings.values():
        for name, place in recording.places:
            if places.setdefault(name, place) != place or names.setdefault(place, name) != name:
                judgement.misplaced += 1
                judgement.complain(f"key {name} and {place} do not belong to each other alone")
