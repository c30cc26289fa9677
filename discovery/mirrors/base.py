"""What every kind of mirror can do."""

import secrets
from abc import ABC, abstractmethod
from enum import IntEnum
from urllib.parse import urlsplit

from clawchat.protocol.places import FILE_NAME, LIST_NAME, LOOPBACK_NAMES, parse_place
from discovery.models import Mirror

__all__ = ["FILE_NAME", "LIST_NAME", "PROBE_NAME", "MirrorDriver", "MirrorError", "Reach"]

PROBE_NAME = "probe.json"


class MirrorError(Exception):
    """A mirror did not do what was asked; the text is one sentence that an operator reads.

    `needs_operator` says that trying again does not help: a password, an address, a full account.
    """

    def __init__(self, text: str, *, needs_operator: bool = False) -> None:
        super().__init__(text)
        self.needs_operator = needs_operator


class Reach(IntEnum):
    """Who can read what lies on a mirror; more of them is more."""

    # It has to be carried by hand.
    NOBODY = 0
    # Programs on this machine.
    MACHINE = 1
    ANYBODY = 2


class MirrorDriver(ABC):
    """Puts the published objects on one mirror, each under its name, and reads them back.

    Each call ends within `seconds` of its own; nobody else watches over it. None of them runs inside a transaction,
    and no sentence that one of them gives holds a secret, or more of an address than its host.
    """

    # True when a visit costs no network: it is then done at once instead of by a task.
    is_local = False
    # The longest that one `put` or one `get` may take; four of them make a visit.
    seconds = 10.0

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror

    @abstractmethod
    def put(self, name: str, data: bytes) -> None:
        """Make `data` what readers get from here under this name, in place of what was there.

        Raises: MirrorError.
        """

    @abstractmethod
    def get(self, name: str) -> bytes:
        """What a reader gets from here now under this name, 64 KiB at most.

        Raises: MirrorError, also when there is nothing or more than a published object may have.
        """

    @abstractmethod
    def public_locations(self) -> tuple[str, ...]:
        """The places (3.16) that readers fetch from; they stand in the file itself and in invitations.

        Spec: 3.16
        """

    @abstractmethod
    def check(self) -> str:
        """One sentence on what in the configuration stops this mirror; empty when nothing does. Asks no network."""

    def reach(self) -> Reach:
        """Who finds what is put here, by its public locations alone; asks no network."""
        places = [place for url in self.public_locations() if (place := parse_place(url)) is not None]
        if not places:
            return Reach.NOBODY
        is_far = any(urlsplit(f"//{place.host}").hostname not in LOOPBACK_NAMES for place in places)
        return Reach.ANYBODY if is_far else Reach.MACHINE

    def remove(self, name: str) -> None:  # noqa: B027  (a mirror may keep what it cannot delete)
        """Take away what was put under this name, where that is possible. Raises: MirrorError."""

    def live_report(self) -> list[str]:
        """What only the real service can tell, asked of it now, a line for each; most kinds have no such question."""
        return []

    def probe(self) -> None:
        """Prove that what is put here can be read and is replaced, under a name that no reader asks for.

        Raises: MirrorError.
        """
        for _ in range(2):
            data = b'{"probe":"%s"}' % secrets.token_hex(16).encode()
            self.put(PROBE_NAME, data)
            if self.get(PROBE_NAME) != data:
                raise MirrorError("It gave back other bytes than were put there.")
        self.remove(PROBE_NAME)
