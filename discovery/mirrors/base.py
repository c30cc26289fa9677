"""What every kind of mirror can do."""

from abc import ABC, abstractmethod

from discovery.models import Mirror


class MirrorError(Exception):
    """A mirror did not do what was asked; the text is one sentence that an operator reads."""


class MirrorDriver(ABC):
    """Puts the connection file on one mirror and reads it back.

    Each call ends within `seconds` of its own; nobody else watches over it. None of them runs inside a transaction.
    """

    # True when a visit costs no network: it is then done at once instead of by a task.
    is_local = False
    # The longest that one `put` or one `get` may take.
    seconds = 10.0

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror

    @abstractmethod
    def put(self, data: bytes) -> None:
        """Make `data` what readers get from here.

        Raises: MirrorError.
        """

    @abstractmethod
    def get(self) -> bytes:
        """What a reader gets from here now.

        Raises: MirrorError, also when there is nothing or more than a connection file may have.
        """

    @abstractmethod
    def public_locations(self) -> tuple[str, ...]:
        """The URLs that readers fetch the file from; they stand in the file itself and in invitations."""

    @abstractmethod
    def check(self) -> str:
        """One sentence on what in the configuration stops this mirror; empty when nothing does."""
