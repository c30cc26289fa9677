"""What goes through this process's sessions: frames, bytes, and why keys were made anew."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any, Self

from clawchat.protocol.rekey import ClientRekey
from clawchat.protocol.session import Session


@dataclass
class Passed:
    """What went through one session."""

    frames_up: int = 0
    frames_down: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    # Rekeys that were begun, by why: volume, time, asked.
    rekeys: Counter[str] = field(default_factory=Counter)
    # Under one key, in one direction; seconds from one rekey's begin to the next.
    most_bytes: int = 0
    most_frames: int = 0
    most_seconds: float = 0.0

    @property
    def bytes(self) -> int:
        """Both ways."""
        return self.bytes_up + self.bytes_down


class Watch:
    """Counts while it is entered, for every session of a client in this process."""

    def __init__(self) -> None:
        self._passed: dict[bytes, Passed] = defaultdict(Passed)
        self._replaced: list[tuple[type, str, Any]] = []

    def of(self, session: Session) -> Passed:
        """What went through this session so far."""
        return self._passed[session.session_id]

    def __enter__(self) -> Self:
        seal, opened, init = Session.seal, Session.open, ClientRekey.init

        def seal_and_count(session: Session, *arguments: Any) -> bytes:
            # The frame that changes the keys sets the counters back.
            frames, size = session.sent_frames + 1, session.sent_bytes
            sealed = seal(session, *arguments)
            passed = self.of(session)
            passed.frames_up, passed.bytes_up = passed.frames_up + 1, passed.bytes_up + len(sealed)
            self._note_most(passed, frames, size + len(sealed))
            return sealed

        def open_and_count(session: Session, data: bytes) -> Any:
            frame = opened(session, data)
            passed = self.of(session)
            passed.frames_down, passed.bytes_down = passed.frames_down + 1, passed.bytes_down + len(data)
            self._note_most(passed, session.received_frames, session.received_bytes)
            return frame

        def say_why(rekey: ClientRekey, now: float) -> bytes:
            passed = self.of(rekey._session)
            passed.rekeys[_why(rekey, now)] += 1
            passed.most_seconds = max(passed.most_seconds, now - rekey._began_at)
            return init(rekey, now)

        self._replace(Session, "seal", seal_and_count)
        self._replace(Session, "open", open_and_count)
        self._replace(ClientRekey, "init", say_why)
        return self

    def __exit__(self, *_: object) -> None:
        while self._replaced:
            setattr(*self._replaced.pop())

    @staticmethod
    def _note_most(passed: Passed, frames: int, size: int) -> None:
        passed.most_frames, passed.most_bytes = max(passed.most_frames, frames), max(passed.most_bytes, size)

    def _replace(self, owner: type, name: str, value: Any) -> None:
        self._replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)


def _why(rekey: ClientRekey, now: float) -> str:
    session = rekey._session
    if session.soft_limit_reached(-1):
        return "volume"
    return "time" if session.soft_limit_reached(now - rekey._began_at) else "asked"
