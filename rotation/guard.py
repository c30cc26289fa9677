"""The guard at every door: how many sockets may be open, for how long a stranger may stay, and how much he may say.

It stands between TCP and TLS, because Autobahn wants Twisted's own TLS right beneath a secure WebSocket.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITransport
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import BufferingTLSTransport, TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from chat.addresses import PREFIX_BITS, is_one_caller, network_of

from .budget import CHAT_BYTES, FRONT_BYTES, READ_BYTES, Budget
from .silent import ChatPort, NoteStranger

POLICY_VIOLATION = 1008


class Limits:
    """How many sockets one kind of door holds at once; shared by all chat ports, so the counts survive a move.

    A socket is a stranger's until it is settled. `strangers` and `strangers_per_address` count those alone, so a house
    full of members behind one address is no crowd of strangers. Whoever comes from an address for which `is_known` is
    true finds room while `total` has some: a crowd that knocks locks out nobody who is at home here. IPv6 counts by
    networks of `prefix_bits`; loopback and trusted proxies are not limited by address. All may be changed at any time.
    Units: `seconds` until a stranger must have made himself known.
    """

    def __init__(self, *, total: int, strangers: int, strangers_per_address: int, seconds: float) -> None:
        self.total, self.strangers, self.strangers_per_address = total, strangers, strangers_per_address
        self.seconds = seconds
        self.prefix_bits = PREFIX_BITS
        self.is_known: Callable[[str], bool] = lambda address: False
        self.open = 0
        self._strangers: Counter[str] = Counter()
        self._stranger_count = 0

    def admit(self, address: str) -> str | None:
        """As whose it is counted, a stranger's, when one more socket from this address fits; None when it does not."""
        network = network_of(address, self.prefix_bits)
        if self.open >= self.total or self._is_crowded(network, address):
            return None
        if self._stranger_count >= self.strangers and not self.is_known(address):
            return None
        self.open += 1
        self._stranger_count += 1
        self._strangers[network] += 1
        return network

    def settle(self, network: str) -> None:
        """Count one socket as a stranger's no longer; `network` is what `admit` said."""
        self._stranger_count -= 1
        self._strangers[network] -= 1
        if not self._strangers[network]:
            del self._strangers[network]

    def leave(self) -> None:
        """One settled socket has closed."""
        self.open -= 1

    def _is_crowded(self, network: str, address: str) -> bool:
        # get(), because asking a Counter by index for an address would keep it.
        many = self._strangers.get(network, 0) >= self.strangers_per_address
        return many and is_one_caller(address)


class Guarded(ProtocolWrapper):
    """One guarded socket: admitted or reset at once, and reset when its deadline comes while it is a stranger's.

    The same when a stranger says more than `most_bytes`.
    """

    factory: "GuardFactory"
    most_bytes: int
    # What may still come; nobody counts any more once it is settled.
    _budget: Budget | None = None
    # As whose the socket is counted; None when it was not let in.
    _network: str | None = None
    _settled = False
    _deadline: IDelayedCall | None = None

    def makeConnection(self, transport: ITransport) -> None:
        """Let the connection in when it fits into the limits."""
        self.address = transport.getPeer().host
        self._network = self.factory.limits.admit(self.address) if self._is_welcome() else None
        if not self._admitted:
            transport.abortConnection()
            return
        self._start_deadline()
        self._budget = Budget(self.most_bytes, self._speaks_tls)
        transport.bufferSize = READ_BYTES
        super().makeConnection(transport)

    def dataReceived(self, data: bytes) -> None:
        """Pass on what fits."""
        if self._budget is None or self._budget.take(data):
            super().dataReceived(data)
        else:
            self._budget_spent()

    def connectionLost(self, reason: Failure) -> None:
        """Give the place back."""
        if self._admitted:
            self.settle()
            self.factory.limits.leave()
            super().connectionLost(reason)

    def settle(self) -> None:
        """No stranger any more: no deadline, no place among the strangers, and as many bytes as come."""
        self._stop_deadline()
        self._budget = None
        self.transport.bufferSize = FileDescriptor.bufferSize
        if not self._settled:
            self._settled = True
            self.factory.limits.settle(self._network)

    @property
    def _admitted(self) -> bool:
        return self._network is not None

    @property
    def innermost(self) -> Protocol:
        """The protocol that speaks on this socket, inside TLS if there is TLS."""
        inner = self.wrappedProtocol
        return inner.wrappedProtocol if self._speaks_tls else inner

    @property
    def _speaks_tls(self) -> bool:
        return isinstance(self.wrappedProtocol, TLSMemoryBIOProtocol)

    def _is_welcome(self) -> bool:
        """Whether anybody from this address is let in at all."""
        return self.factory.may_come(self.address)

    def _deadline_passed(self) -> None:
        """What becomes of a stranger whose time is up."""
        raise NotImplementedError

    def _budget_spent(self) -> None:
        """What becomes of a stranger who says too much."""
        self.transport.abortConnection()

    def _start_deadline(self) -> None:
        self._stop_deadline()
        self._deadline = self.factory.clock.callLater(self.factory.limits.seconds, self._on_deadline)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _on_deadline(self) -> None:
        self._deadline = None
        self._deadline_passed()


class ChatGuarded(Guarded):
    """On a chat port: the deadline runs from accept to Link.authenticated().

    Whoever comes to a tripwire and goes without a first message that is judged has touched it, and is counted here.
    """

    factory: "ChatGuardFactory"
    most_bytes = CHAT_BYTES
    # As it was at accept: who came while the port was live is no scanner, whatever became of the port since.
    _on_tripwire = False
    _is_counted = False

    def makeConnection(self, transport: ITransport) -> None:
        """Let the connection in when its address is not refused and it fits into the limits."""
        self._on_tripwire = self.factory.chat_port.tripwire
        super().makeConnection(transport)

    def connectionLost(self, reason: Failure) -> None:
        """Give the place back, and count who only looked whether somebody listens, or found the path and no more."""
        if self._admitted and not self._is_judged:
            if getattr(self.innermost, "refused", False):
                self._count("gate")
            elif self._on_tripwire:
                self._count("connect")
        super().connectionLost(reason)

    def _is_welcome(self) -> bool:
        return not self.factory.is_refused(self.address) and super()._is_welcome()

    @property
    def _is_judged(self) -> bool:
        """Whether a verdict on what was said has fallen, and counted it if it was a stranger's."""
        return self._is_counted or getattr(self.innermost, "judged", False)

    def _count(self, where: str) -> None:
        self._is_counted = True
        self.factory.note_stranger(self.address, where, self.factory.chat_port.number, self._on_tripwire)

    def _deadline_passed(self) -> None:
        self._count_stranger("deadline")
        inner = self.innermost
        if getattr(inner, "application_type", "") == "websocket" and inner.state == inner.STATE_OPEN:
            inner.close_with(POLICY_VIOLATION)
        else:
            self.transport.abortConnection()

    def _budget_spent(self) -> None:
        self._count_stranger("request")
        super()._budget_spent()

    def _count_stranger(self, where: str) -> None:
        # With a good first message it is a slow handshake and no scan.
        if not self._is_judged:
            self._count(where)
        elif not self._on_tripwire:
            self._count("handshake")


class FrontGuarded(Guarded):
    """At the front door: the deadline runs from the first byte of a request until something answers it.

    A connection that was answered and is silent since is left to the HTTP server, which closes idle ones by itself.
    """

    most_bytes = FRONT_BYTES
    _answered = False

    def dataReceived(self, data: bytes) -> None:
        """Bytes after an answer begin another request, with a deadline and a budget of its own."""
        if self._answered:
            self._answered = False
            self._start_deadline()
            self._budget.renew()
        super().dataReceived(data)

    def write(self, data: bytes) -> None:
        """An answer goes out; or, under TLS, what may be a part of a handshake."""
        if not self._speaks_tls:
            self.answer()
        super().write(data)

    def writeSequence(self, data: list[bytes]) -> None:
        """The same, in pieces."""
        if not self._speaks_tls:
            self.answer()
        super().writeSequence(data)

    def answer(self) -> None:
        """The application answers."""
        self._answered = True
        self._stop_deadline()

    def _deadline_passed(self) -> None:
        if self.factory.is_working_for(self):
            self._start_deadline()
        else:
            self.transport.abortConnection()


class FrontTls(BufferingTLSTransport):
    """TLS of the front door: tells its guard what is an answer, and no part of a handshake."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # Twisted sets this one on each instance.
        buffered = self.write

        def write(data: bytes) -> None:
            self.transport.answer()
            buffered(data)

        self.write = write

    def writeSequence(self, sequence: Iterable[bytes]) -> None:
        """An answer, in pieces."""
        self.transport.answer()
        super().writeSequence(sequence)


class GuardFactory(WrappingFactory):
    """Wraps a door's factory, with TLS between guard and door when there is a TLS context.

    Whoever is at an address for which `may_come` is not true is reset at once; everybody may, until it is set.
    """

    noisy = False
    protocol: type[Guarded]
    tls_protocol: type[TLSMemoryBIOProtocol] = BufferingTLSTransport

    def __init__(self, door: Factory, limits: Limits, clock: IReactorTime, tls: Any = None) -> None:
        if tls is not None:
            door = TLSMemoryBIOFactory(tls, False, door)
            door.protocol = self.tls_protocol
        super().__init__(door)
        self.limits = limits
        self.clock = clock
        self.may_come: Callable[[str], bool] = lambda address: True

    def buildProtocol(self, addr: IAddress) -> Guarded:
        """A guarded protocol for one socket."""
        return self.protocol(self, self.wrappedFactory.buildProtocol(addr))


class ChatGuardFactory(GuardFactory):
    """Guards a chat port.

    `note_stranger(address, where, port, tripwire)` hears of everybody whose time was up, and of touches of a tripwire;
    addresses for which `is_refused` is true are reset at accept.
    """

    protocol = ChatGuarded

    def __init__(
        self,
        door: Factory,
        limits: Limits,
        clock: IReactorTime,
        chat_port: ChatPort,
        note_stranger: NoteStranger,
        is_refused: Callable[[str], bool] = lambda address: False,
        tls: Any = None,
    ) -> None:
        super().__init__(door, limits, clock, tls)
        self.chat_port, self.note_stranger, self.is_refused = chat_port, note_stranger, is_refused


class FrontGuardFactory(GuardFactory):
    """Guards the front door. `connections` is Daphne's table of what its protocols are doing."""

    protocol = FrontGuarded
    tls_protocol = FrontTls

    def __init__(self, door: Factory, limits: Limits, clock: IReactorTime, connections: dict, tls: Any = None) -> None:
        super().__init__(door, limits, clock, tls)
        self._connections = connections

    def is_working_for(self, guarded: FrontGuarded) -> bool:
        """Whether an application is at work on a request of this socket."""
        return any(
            _transport_of(request) is guarded and not details["application_instance"].done()
            for request, details in self._connections.items()
            if "application_instance" in details
        )


def _transport_of(request: Any) -> ITransport | None:
    transport = getattr(getattr(request, "channel", None), "transport", None)
    return transport.transport if isinstance(transport, TLSMemoryBIOProtocol) else transport
