"""The sockets of a node's leases: which lease listens where, and what it means when one cannot."""

import errno
import logging
from collections.abc import Collection, Iterable
from typing import Protocol

from daphne.server import Server  # noqa: F401  (installs the asyncio reactor, so before any other part of Twisted)
from twisted.internet.error import CannotListenError

from clawchat.protocol.schedule import LeaseState

from .models import LeaseKind, PortLease

logger = logging.getLogger(__name__)

# The machine is short of something, and another port would fare no better.
SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
FORBIDDEN = {errno.EACCES, errno.EPERM}
# Which of two leases of one port number gets it: after a restart, the one that clients are on.
FIRST_SERVED = (LeaseState.OPEN, LeaseState.DRAINING, LeaseState.ANNOUNCED, LeaseState.BOUND, LeaseState.PLANNED)


class Ports(Protocol):
    """What opens and closes sockets."""

    connections: int

    def open_chat(self, host: str, number: int, path: str, tripwire: bool = False) -> None:
        """Listen. Raises: CannotListenError."""

    def arm_chat(self, number: int) -> None:
        """Make a tripwire of an open port; its socket stays."""

    def is_listening(self, number: int) -> bool:
        """Whether its socket is there."""

    async def close_chat(self, number: int) -> None:
        """Stop listening."""


class NotOpened(Exception):
    """A port does not listen; the text says why, in a sentence. While it `passes`, the same port may be tried again."""

    def __init__(self, why: str, passes: bool = False) -> None:
        super().__init__(why)
        self.passes = passes


class Listeners:
    """The leases that listen. A port that was armed as a tripwire stays one for as long as it listens."""

    def __init__(self, interface: str, ports: Ports) -> None:
        self._interface, self._ports = interface, ports
        self._held: dict[int, PortLease] = {}
        self._armed: set[int] = set()

    def __contains__(self, lease: PortLease) -> bool:
        return lease.pk in self._held

    def surplus(self, leases: Iterable[PortLease]) -> list[PortLease]:
        """The leases that listen and are not among these any more."""
        wanted = {lease.pk for lease in leases}
        return [lease for pk, lease in self._held.items() if pk not in wanted]

    def open(self, lease: PortLease, now: float) -> None:
        """Listen for this lease. Units: `now` in seconds since 1970.

        Raises: NotOpened.
        """
        if any(held.port == lease.port for held in self._held.values()):
            raise NotOpened(f"Port {lease.port} cannot be opened: another lease of this node has it.")
        armed = is_tripwire(lease, now)
        try:
            self._ports.open_chat(self._interface, lease.port, lease.path, armed)
        except CannotListenError as error:
            raise _explain(lease, error) from error
        except Exception as error:
            # A bug of ours: a lease that serves must not be left without a socket for it.
            logger.exception("port %d could not be opened", lease.port)
            raise NotOpened(f"Port {lease.port} cannot be opened: {error!r}.") from error
        self._held[lease.pk] = lease
        if armed:
            self._armed.add(lease.pk)

    def arm(self, lease: PortLease, now: float) -> bool:
        """Make a tripwire of a listening lease that is due to be one; True when it was not one until now."""
        if lease.pk not in self._held or lease.pk in self._armed or not is_tripwire(lease, now):
            return False
        self._ports.arm_chat(lease.port)
        self._armed.add(lease.pk)
        return True

    async def close(self, lease: PortLease) -> None:
        """Stop listening for this lease."""
        self._armed.discard(lease.pk)
        del self._held[lease.pk]
        await self._ports.close_chat(lease.port)

    def lost(self) -> list[PortLease]:
        """The leases whose sockets are gone though nobody closed them."""
        return [lease for lease in self._held.values() if not self._ports.is_listening(lease.port)]


def is_tripwire(lease: PortLease, now: float) -> bool:
    """Whether nobody is served on this lease's port; the end of a grace needs no row to say so."""
    over = lease.state == LeaseState.DRAINING and lease.closes_at.timestamp() <= now
    return over or lease.state == LeaseState.TRIPWIRE or lease.kind == LeaseKind.DECOY


def by_urgency(leases: Collection[PortLease]) -> list[PortLease]:
    """In the order in which they should get their sockets."""
    ranks = {state: rank for rank, state in enumerate(FIRST_SERVED)}
    return sorted(leases, key=lambda lease: (ranks.get(LeaseState(lease.state), len(ranks)), lease.pk))


def _explain(lease: PortLease, error: CannotListenError) -> NotOpened:
    number = getattr(error.socketError, "errno", None)
    if number in FORBIDDEN:
        return NotOpened(
            f"Port {lease.port} may not be opened by this user. Give the server CAP_NET_BIND_SERVICE "
            "(systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE), or choose a port from 1024 on."
        )
    if number in SHORT:
        why = f"Port {lease.port} cannot be opened now: {error.socketError}. "
        why += "Raise the limit on open files (systemd: LimitNOFILE=)."
        # What clients were told of must not be without a socket; what nobody knows of may wait for better times.
        return NotOpened(why, passes=lease.state == LeaseState.PLANNED)
    return NotOpened(f"Port {lease.port} cannot be opened: {error.socketError}.")
