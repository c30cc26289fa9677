"""The way from here to the server, gone step by step as a client goes it; says what it met."""

import asyncio
import ssl
import time
from collections.abc import Sequence

import aiohttp

from clawchat.diagnosis import Observation, length_of
from clawchat.protocol.connection_file import ConnectionInfo, Endpoint
from clawchat.protocol.errors import PeerError, Rediscover, UnsupportedVersion, close_code
from clawchat.protocol.handshake import ClientHandshake
from clawchat.protocol.key_schedule import gate_key
from clawchat.protocol.keys import DeviceKey, IdentityPublic, PreSharedKey
from clawchat.protocol.limits import CLOCK_SKEW_SECONDS, FRAME_CEILING_BYTES, HANDSHAKE_SECONDS
from clawchat.protocol.primitives import random_bytes

from .judgement import Believing, Judgement
from .place_reading import NotRead, connect_failure, read_place
from .places import Place, parse_places

PSK_ID_BYTES = 16
TRIPWIRE = close_code(Rediscover.number or 0)
# What a server says that goes by another identity than it was greeted under, or nobody's.
STRANGERS = ("gate_closed", "gate_foreign")


class Walk:
    """One walk. `met` has what was met, in the order of the way; `info` is the file that was believed, or None."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        believing: Believing,
        tls: ssl.SSLContext | bool = True,
        now: float | None = None,
    ) -> None:
        self._http = http
        self._believing = believing
        self._tls = tls
        self._now = int(time.time() if now is None else now)
        self.met: list[Observation] = []
        self.info: ConnectionInfo | None = None

    async def look(self, urls: Sequence[str]) -> None:
        """Ask all places side by side, and judge what they give. Spec: 3.8, 3.16"""
        places = parse_places(urls)
        if not places:
            self._meet("place_none")
        answers = await asyncio.gather(*(self._read(place) for place in places))
        files: list[tuple[str, bytes]] = []
        for place, answer in zip(places, answers, strict=True):
            if isinstance(answer, Observation):
                self.met.append(answer)
            else:
                files.append((place.host, answer))
        judgement = Judgement(self._believing, self._now)
        judgement.judge(files)
        self.met += judgement.met
        self.info = judgement.info

    async def knock(self, endpoints: Sequence[Endpoint]) -> None:
        """Dial these ports side by side, up to where the server has proved itself; nobody learns who knocks."""
        if not endpoints:
            self._meet("port_none")
        for found in await asyncio.gather(*(self._knock(endpoint) for endpoint in endpoints)):
            self.met += found

    # Internal

    def _meet(self, code: str, about: str = "") -> None:
        self.met.append(Observation(code, about))

    async def _read(self, place: Place) -> bytes | Observation:
        try:
            return await read_place(self._http, place, tls=self._tls)
        except NotRead as error:
            return error.met

    async def _knock(self, endpoint: Endpoint) -> list[Observation]:
        port = str(endpoint.port)
        if not endpoint.is_dialable:
            return [Observation("port_unsafe", port)]
        first, *others = self._believing.pins
        found = await self._knock_under(first, endpoint)
        # While one identity hands over to another, a server may have gone over already.
        for pin in others:
            if not any(each.code in STRANGERS for each in found):
                break
            under_other = await self._knock_under(pin, endpoint)
            found = under_other if any(each.code == "gate_well" for each in under_other) else found
        return found

    async def _knock_under(self, pin: IdentityPublic, endpoint: Endpoint) -> list[Observation]:
        port, place = str(endpoint.port), f"{endpoint.host}:{endpoint.port}"
        try:
            socket = await self._dial(endpoint)
        except TimeoutError:
            return [Observation("port_silent", port)]
        except (aiohttp.ClientError, OSError) as error:
            return _not_dialled(connect_failure(error), endpoint, place)
        line = Observation("tls_well" if endpoint.tls else "tls_local")
        try:
            met = await self._greet(pin, socket)
        finally:
            await socket.close()
        return [Observation("port_left", port), line] if met is None else [Observation("port_well", port), line, *met]

    async def _dial(self, endpoint: Endpoint) -> aiohttp.ClientWebSocketResponse:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            return await self._http.ws_connect(
                endpoint.url, max_msg_size=FRAME_CEILING_BYTES, compress=0, ssl=self._tls
            )

    async def _greet(self, pin: IdentityPublic, socket: aiohttp.ClientWebSocketResponse) -> list[Observation] | None:
        """What came of the first word, as somebody who says no more; None when the port was left."""
        key, psk = DeviceKey.generate(), PreSharedKey.generate()
        gate = gate_key(next(iter(self._believing.secrets.values())))
        handshake = ClientHandshake(pin, gate, random_bytes(PSK_ID_BYTES), psk, key.public, key.sign)
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS):
                await socket.send_bytes(handshake.hello())
                message = await socket.receive()
        except TimeoutError:
            return [Observation("gate_silent")]
        except (aiohttp.ClientError, OSError):
            return [Observation("gate_closed")]
        if message.type == aiohttp.WSMsgType.BINARY:
            return self._judge_answer(handshake, message.data)
        return None if socket.close_code == TRIPWIRE else [Observation("gate_closed")]

    def _judge_answer(self, handshake: ClientHandshake, answer: bytes) -> list[Observation]:
        try:
            handshake.receive_server_hello(answer, time.time_ns() // 1_000_000)
        except UnsupportedVersion:
            return [Observation("gate_version")]
        except PeerError:
            return [Observation("gate_foreign")]
        ahead = abs(handshake.clock_offset_ms) / 1000
        clock = [Observation("clock_off", length_of(ahead))] if ahead > CLOCK_SKEW_SECONDS else []
        return [*clock, Observation("gate_well")]


def _not_dialled(kind: str, endpoint: Endpoint, place: str) -> list[Observation]:
    port = Observation("port_well", str(endpoint.port))
    if kind in ("untrusted", "ended"):
        return [port, Observation(f"tls_{kind}", place)]
    if kind == "unresolved":
        return [Observation("port_unresolved", endpoint.host)]
    return [Observation(f"port_{kind}", str(endpoint.port))]
