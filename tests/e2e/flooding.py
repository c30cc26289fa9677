"""What floods a server, as a program of its own in a network of its own: strangers who knock, members who heed nothing.

python -m tests.e2e.flooding devices FOLDER CA HOST RATE SECONDS < invitations
python -m tests.e2e.flooding knocks HOST COUNT PORT...
"""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from pathlib import Path

from clawchat.client import Client
from clawchat.client.errors import ConnectionLost
from tests.e2e.members import make_room, mls_message

ENROL_AT_ONCE = 6
KNOCK_AT_ONCE = 100
KNOCK_SECONDS = 10
CONNECT_SECONDS = 120
# What strangers say: nothing, a page's request, a socket's request to no path of ours, noise.
SAID = (
    b"",
    b"GET / HTTP/1.1\r\nHost: chat\r\n\r\n",
    b"GET /AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: chat\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
    bytes(range(256)),
)


def say(**what: object) -> None:
    """One line for who started this."""
    print(json.dumps(what), flush=True)


async def devices(folder: Path, ca: Path, rate: float, seconds: float) -> None:
    """Enrol with each line's invitation, say how many are in, and at a word send `rate` messages a second each.

    They do not wait for answers and hold nothing back, which no client of ours would do.
    """
    invitations = json.loads(sys.stdin.readline())
    gate = asyncio.Semaphore(ENROL_AT_ONCE)

    async def enrol(number: int, invitation: str) -> Client:
        async with gate:
            where = folder / f"flood-{number}"
            return await Client.enrol(invitation, where, name=f"F{number}", ca_file=ca, seconds=CONNECT_SECONDS)

    clients = await asyncio.gather(*(enrol(*one) for one in enumerate(invitations)))
    room, _ = await make_room(clients[0], clients[1:])
    say(enrolled=len(clients))
    await asyncio.to_thread(sys.stdin.readline)
    until = time.monotonic() + seconds
    counted = await asyncio.gather(*(flood(client, room, rate, until) for client in clients))
    say(tried=sum(counted), connected=Counter(client.status for client in clients))
    await asyncio.gather(*(client.close() for client in clients), return_exceptions=True)


async def flood(client: Client, room: bytes, rate: float, until: float) -> int:
    """How many messages one device sent, past its client's own patience."""
    sent, next_at = 0, time.monotonic()
    while time.monotonic() < until:
        message_id, message = mls_message(room, b"x" * 100)
        try:
            async with asyncio.timeout(5):
                connection = await client._line.usable()
                await connection.send_message(message_id, room, message)
        except (ConnectionLost, TimeoutError):
            continue
        sent += 1
        next_at += 1 / rate
        await asyncio.sleep(max(0.0, next_at - time.monotonic()))
    return sent


async def knocks(host: str, count: int, ports: list[int]) -> None:
    """Connect so many times, say something, and count the bytes that come back and how each attempt ended."""
    gate, ends, heard = asyncio.Semaphore(KNOCK_AT_ONCE), Counter[str](), 0

    async def knock(number: int) -> None:
        nonlocal heard
        async with gate:
            try:
                async with asyncio.timeout(KNOCK_SECONDS):
                    reader, writer = await asyncio.open_connection(host, ports[number % len(ports)])
                    writer.write(SAID[number % len(SAID)])
                    heard += len(await reader.read(4096))
                    ends["closed"] += 1
                    writer.close()
            except OSError:
                ends["reset"] += 1
            except TimeoutError:
                ends["held"] += 1

    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*(knock(number) for number in range(count)))
    say(knocked=sum(ends.values()), heard=heard, **ends)


def main() -> None:
    """Do what the command line says."""
    what, *rest = sys.argv[1:]
    if what == "devices":
        folder, ca, rate, seconds = rest
        asyncio.run(devices(Path(folder), Path(ca), float(rate), float(seconds)))
    else:
        host, count, *ports = rest
        asyncio.run(knocks(host, int(count), [int(port) for port in ports]))


if __name__ == "__main__":
    main()
