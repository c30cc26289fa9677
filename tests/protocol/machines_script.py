"""Scripts: bytes that say what happens to machines, step by step, and mallory who does it."""

from collections.abc import Callable, Iterable
from enum import Enum
from functools import cache
from typing import Any

from clawchat.protocol import keys
from clawchat.protocol.errors import PeerError, UsageError

# Of one script; a longer one would try the patience and nothing new.
MAX_STEPS = 120
MAX_HAND_BYTES = 8_192
# What a machine holds, in characters and bytes: about 4,000 with a whole handshake in it, and longer records may be.
MAX_STATE = 20_000
# What stands for itself in a state; a key does, too.
PLAIN = (int, float, str, bytes, Enum, type(None), keys._Key)


class Script:
    """Bytes that are read as numbers; behind their end all are zeros."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def goes_on(self) -> bool:
        """Whether there is more."""
        return self._at < len(self._data)

    def take(self, size: int) -> bytes:
        """So many bytes, or fewer at the end."""
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def byte(self) -> int:
        """0 to 255."""
        return int.from_bytes(self.take(1))

    def place(self) -> int:
        """0 to 65,535, two bytes."""
        return int.from_bytes(self.take(2).ljust(2, b"\0"))

    def one(self, choices: Any) -> Any:
        """One of these, by a byte."""
        return choices[self.byte() % len(choices)]


class World:
    """Mallory, who keeps what he saw and has one thing in his hand; whoever inherits this adds the machines.

    A step is a byte, the place of a method's name in STEPS, and what this method reads.
    """

    STEPS: tuple[str, ...] = ("take", "flip", "cut", "insert", "splice")

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen: list[bytes] = []
        self.hand = b""
        self.told: list[str] = []

    def play(self) -> str:
        """What came of the script, step by step."""
        for _ in range(MAX_STEPS):
            if not self.script.goes_on:
                break
            getattr(self, self.script.one(self.STEPS))()
            self.hand = self.hand[:MAX_HAND_BYTES]
            self.look()
        self.end()
        return " ".join(self.told)

    def look(self) -> None:
        """After each step: what must hold."""

    def end(self) -> None:
        """After the last one."""

    # What mallory does with what he saw

    def take(self) -> None:
        """Something he saw, as it was."""
        self.hand = self.script.one(self.seen) if self.seen else b""

    def flip(self) -> None:
        """Other bits of one byte."""
        at, bits = self.script.place(), self.script.byte()
        if self.hand:
            at %= len(self.hand)
            self.hand = self.hand[:at] + bytes([self.hand[at] ^ (bits or 1)]) + self.hand[at + 1 :]

    def cut(self) -> None:
        """A piece gone."""
        at, size = self.script.place(), self.script.byte()
        at %= len(self.hand) + 1
        self.hand = self.hand[:at] + self.hand[at + size :]

    def insert(self) -> None:
        """A piece of his own."""
        at, piece = self.script.place(), self.script.take(self.script.byte() % 64)
        at %= len(self.hand) + 1
        self.hand = self.hand[:at] + piece + self.hand[at:]

    def splice(self) -> None:
        """A piece of something else, from the same place."""
        other = self.script.one(self.seen) if self.seen else b""
        at, size = self.script.place(), self.script.place()
        at %= len(self.hand) + 1
        self.hand = self.hand[:at] + other[at : at + size] + self.hand[at + size :]

    # What holds of every call

    def tell(self, what: str) -> None:
        """What a step came to."""
        self.told.append(what)

    def see(self, sent: bytes) -> bytes:
        """It went over the wire."""
        self.seen.append(sent)
        return sent

    def ask(self, name: str, state: object, is_in_turn: bool, call: Callable[[], Any]) -> Any:
        """What the call returns; None when it was refused, which changed nothing."""
        before = state_of(state)
        try:
            value = call()
        except PeerError as error:
            assert is_in_turn, f"{name} out of turn: {error.code}"
            self.tell(f"{name}:{error.code}")
        except UsageError:
            assert not is_in_turn, f"{name} was in turn"
            self.tell(f"{name}:usage")
        else:
            assert is_in_turn, f"{name} was out of turn"
            self.tell(name)
            return value
        assert state_of(state) == before, f"{name} was refused and left its mark"
        return None


def state_of(thing: object) -> object:
    """All that a machine holds, to compare: as `frozen` of test_adversary.py, at a tenth of its price."""
    if isinstance(thing, PLAIN):
        return thing
    if isinstance(thing, (list, tuple)):
        return tuple(map(state_of, thing))
    if isinstance(thing, dict):
        return {name: state_of(each) for name, each in thing.items()}
    parts = [(name, state_of(getattr(thing, name, None))) for name in _slots(type(thing))]
    parts += [(name, state_of(each)) for name, each in getattr(thing, "__dict__", {}).items()]
    # A cipher of OpenSSL, a function: the same one, or another.
    return (type(thing), *parts) if parts else (type(thing), id(thing))


@cache
def _slots(kind: type) -> tuple[str, ...]:
    return tuple(
        name for each in kind.__mro__ for name in getattr(each, "__slots__", ()) if name not in ("__dict__", "_ready")
    )


def check_size(machines: Iterable[object]) -> None:
    """What a machine holds has its bound; of its keys their lengths count."""
    for each in machines:
        size = _size(state_of(each))
        assert size <= MAX_STATE, f"{type(each).__name__} holds {size}"


def _size(state: object) -> int:
    if isinstance(state, (tuple, dict)):
        return 1 + sum(map(_size, state.values() if isinstance(state, dict) else state))
    return len(bytes(state)) if isinstance(state, (bytes, keys._Key)) else len(str(state))
