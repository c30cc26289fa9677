"""From an endpoint to an authenticated connection: a WebSocket, its certificate, the handshake as a device."""

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable

import aiohttp

from clawchat.protocol.connection_file import Endpoint
from clawchat.protocol.errors import Unauthentic, UsageError
from clawchat.protocol.handshake import ClientHandshake
from clawchat.protocol.limits import FRAME_CEILING_BYTES, HANDSHAKE_SECONDS
from clawchat.protocol.suites import SUITE_X25519_MLKEM768

from .connection import Connection
from .device import Credentials
from .endings import refused_with
from .errors import Unreachable
from .wire import NORMAL_CLOSURE, close, read_binary

# Of a handshake that did not come to its end: the client's twin of the server's 1008. Spec: 3.3
HANDSHAKE_FAILED = 4008

Proven = Callable[[], Awaitable[None]]


async def dial(
    http: aiohttp.ClientSession,
    endpoint: Endpoint,
    credentials: Credentials,
    *,
    client_name: str = "",
    suites: tuple[int, ...] = (SUITE_X25519_MLKEM768,),
    tls: ssl.SSLContext | None = None,
    refuses_certificate: Callable[[bytes], bool] | None = None,
    proven: Proven | None = None,
) -> Connection:
    """A connection on which AUTH_OK has been verified.

    `suites` are those to offer, the preferred one first.
    `refuses_certificate` says of the other side's certificate (DER) whether it was revoked.
    `proven` is awaited when the other side has proven to be our server and we not yet who we are; what it raises ends
    the dial.
    Raises: unreachable (nobody there, or too slow); rediscover; unauthentic (refused, or another server, or its
    certificate was revoked); other peer errors for an answer that is none of ours; usage (an endpoint without TLS that
    is not this machine).
    Spec: 3.3, 3.13
    """
    if not endpoint.is_dialable:
        raise UsageError(f"{endpoint.host} offers no TLS, and it is not this machine")
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            socket = await http.ws_connect(
                endpoint.url, max_msg_size=FRAME_CEILING_BYTES, compress=0, ssl=tls or True, autoping=True
            )
            await _check_certificate(socket, endpoint, refuses_certificate)
            return await _shake_hands(socket, endpoint, credentials, client_name, suites, proven)
    except TimeoutError:
        raise Unreachable(f"no answer from port {endpoint.port} in {HANDSHAKE_SECONDS} s") from None
    except (aiohttp.ClientError, OSError) as error:
        raise Unreachable(f"port {endpoint.port} does not answer: {error}") from None


async def _check_certificate(
    socket: aiohttp.ClientWebSocketResponse, endpoint: Endpoint, refuses: Callable[[bytes], bool] | None
) -> None:
    tls = socket.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    if refuses is not None and certificate is not None and refuses(certificate):
        await close(socket, NORMAL_CLOSURE)
        raise Unauthentic(f"the certificate of {endpoint.host} was revoked")


async def _shake_hands(
    socket: aiohttp.ClientWebSocketResponse,
    endpoint: Endpoint,
    credentials: Credentials,
    client_name: str,
    suites: tuple[int, ...],
    proven: Proven | None,
) -> Connection:
    theirs, ours = credentials.server_public, credentials.device_key
    handshake = ClientHandshake(
        theirs,
        credentials.gate_key,
        credentials.psk_id,
        credentials.psk,
        ours.public,
        ours.sign,
        client_name,
        suites,
    )
    try:
        await socket.send_bytes(handshake.hello())
        answer = handshake.receive_server_hello(await _receive(socket), time.time_ns() // 1_000_000)
        if proven is not None:
            await proven()
        await socket.send_bytes(answer)
        session = handshake.receive_finished(await _receive(socket))
        return Connection(endpoint, socket, handshake, session, theirs, ours.sign)
    except BaseException:
        await close(socket, HANDSHAKE_FAILED)
        raise


async def _receive(socket: aiohttp.ClientWebSocketResponse) -> bytes:
    data = await read_binary(socket)
    if data is None:
        raise refused_with(socket.close_code)
    return data
