"""NAT-PMP (RFC 6886), which most routers with PCP speak too. The messages are py-natpmp's, the waiting is ours."""

import asyncio
import struct
import time
from collections.abc import Callable
from typing import Any

import natpmp as messages

from .addresses import address_of_router
from .gateway import default_gateway
from .router import NoAnswer, Refused, Taken

# A request is sent again after each of these pauses.
PAUSES = (0.25, 0.5, 1.0, 2.0)
ANSWER = 128
MAP_TCP, SUCCESS = messages.NATPMP_PROTOCOL_TCP, messages.NATPMP_RESULT_SUCCESS
# Version, opcode and result: there may be no more in a refusal.
SHORTEST_REFUSAL = 4
# RFC 6886, 3.6: a router's clock may be slow by an eighth, and off by two seconds.
SLOWEST_CLOCK, CLOCK_SLACK = 7 / 8, 2


class NatPmp:
    """The router at `gateway`."""

    name = "NAT-PMP"

    def __init__(self, gateway: str, port: int = messages.NATPMP_PORT, clock: Callable[[], float] = time.monotonic):
        self._gateway, self._port, self._clock = gateway, port, clock
        # When it last answered and for how long it ran then; how often it was restarted, and how often when it was
        # last asked to let a port in.
        self._heard: tuple[float, int] | None = None
        self._restarts = 0
        self._asked_in: dict[int, int] = {}

    @classmethod
    async def find(cls, _name: str) -> "NatPmp":
        """The next router, if it speaks this.

        Raises: NoAnswer, Refused.
        """
        router = cls(default_gateway())
        await router.external_address()
        return router

    async def external_address(self) -> str:
        """Its address on the other side."""
        answer = await self._ask(messages.PublicAddressRequest(), messages.PublicAddressResponse)
        return address_of_router(answer.ip)

    async def map(self, port: int, seconds: int) -> int:
        """Let the port in. A router that would rather let in another one is thanked, and that one is ended."""
        answer = await self._ask(messages.PortMapRequest(MAP_TCP, port, port, seconds), messages.PortMapResponse)
        self._asked_in[port] = self._restarts
        if answer.public_port != port:
            await self.unmap(port)
            raise Taken(f"The router lets somebody else in by port {port}.")
        return answer.lifetime

    async def unmap(self, port: int) -> None:
        """Let it in no more."""
        self._asked_in.pop(port, None)
        await self._ask(messages.PortMapRequest(MAP_TCP, port, 0, 0), messages.PortMapResponse)

    async def has_forgotten(self, port: int) -> bool:
        """Whether it was restarted since it was last asked for the port: it tells for how long it has been running."""
        await self._ask(messages.PublicAddressRequest(), messages.PublicAddressResponse)
        return self._asked_in.get(port) != self._restarts

    async def leftovers(self) -> set[int]:
        """None: this protocol has no question for it. What was left behind ends by itself."""
        return set()

    async def _ask(self, request: Any, answer_of: Callable[[bytes], Any]) -> Any:
        """The router's answer to that request.

        Raises: Refused, NoAnswer.
        """
        wire = request.toBytes()
        answer = _read(answer_of, await self._exchange(wire), request)
        now, before = self._clock(), self._heard
        self._heard = now, answer.sec_since_epoch
        if before is not None and restarted(before[1], now - before[0], answer.sec_since_epoch):
            self._restarts += 1
        return answer

    async def _exchange(self, wire: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        post = _Post(wire[1] | ANSWER)
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: post, remote_addr=(self._gateway, self._port))
        except OSError as error:
            raise NoAnswer(f"The router cannot be asked by NAT-PMP: {error.strerror}.") from None
        try:
            for pause in PAUSES:
                transport.sendto(wire)
                done, _ = await asyncio.wait([post.answer], timeout=pause)
                if done:
                    return post.answer.result()
        except OSError:
            raise NoAnswer("The router does not speak NAT-PMP.") from None
        finally:
            transport.close()
            post.answer.cancel()
        raise NoAnswer("The router does not answer to NAT-PMP.")


class _Post(asyncio.DatagramProtocol):
    """Waits for the first answer of one kind."""

    def __init__(self, opcode: int) -> None:
        self._opcode = opcode
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, _address: Any) -> None:
        """Take it; whatever else comes is not for us."""
        if len(data) >= 2 and data[1] == self._opcode and not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, error: Exception) -> None:
        """Nobody listens there."""
        if not self.answer.done():
            self.answer.set_exception(error)


def _read(answer_of: Callable[[bytes], Any], data: bytes, request: Any) -> Any:
    """The answer in these bytes.

    Raises: NoAnswer (it makes no sense), Refused.
    """
    if len(data) >= SHORTEST_REFUSAL and (result := struct.unpack("!H", data[2:4])[0]) != SUCCESS:
        if result == messages.NATPMP_RESULT_UNSUPPORTED_VERSION:
            # RFC 6887, appendix A: so says one that knows the successor alone.
            raise NoAnswer("The router speaks PCP, but not NAT-PMP.")
        raise Refused(f"The router refuses: {messages.error_str(result).rstrip('.')}.")
    try:
        answer = answer_of(data)
    except struct.error:
        raise NoAnswer("The router's answer to NAT-PMP makes no sense.") from None
    if getattr(answer, "private_port", None) != getattr(request, "private_port", None):
        raise NoAnswer("The router answered to NAT-PMP about another port.")
    return answer


def restarted(before: int, elapsed: float, now: int) -> bool:
    """Whether a router that said it had run for `before` seconds, and `elapsed` seconds later for `now`, was restarted.

    RFC 6886, 3.6.
    """
    return now < before + elapsed * SLOWEST_CLOCK - CLOCK_SLACK
