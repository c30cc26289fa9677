"""What is renewed in a session: the server's discovery secret, its identity, and the device's own pair.

Spec: 3.2, 3.10, 3.11, 3.14
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from clawchat.protocol.errors import PeerError, TooFast, Unavailable
from clawchat.protocol.primitives import random_below

from .connection import Connection
from .device import KID_BYTES, Device
from .errors import ConnectionLost
from .refusals import pause_after

logger = logging.getLogger(__name__)

# AUTH_OK's TLVs: 8 bytes of kid and 32 of secret; a successor statement.
SECRET_TLV, SUCCESSION_TLV = 16, 17
DAY_SECONDS = 86_400
PAIR_LASTS_SECONDS = 30 * DAY_SECONDS
LOOK_SECONDS = 3600


class Renewals:
    """Keeps what the server renews, and has the device's own pair renewed when it is old or the operator wants it.

    now gives seconds since 1970, by the server's clock.
    """

    def __init__(self, device: Device, now: Callable[[], int]) -> None:
        self._device = device
        self._now = now
        self._wanted = asyncio.Event()

    def learn_at_once(self, tlvs: Mapping[int, bytes]) -> None:
        """Keep what AUTH_OK brought.

        Raises: malformed (a discovery secret that is none).
        """
        renewed, statement = tlvs.get(SECRET_TLV), tlvs.get(SUCCESSION_TLV)
        if renewed is not None:
            self._device.learn_renewed(renewed[:KID_BYTES], renewed[KID_BYTES:], self._now())
        if statement is not None:
            self._learn_succession(statement)

    def learn(self, op: str, body: Mapping[str, Any]) -> bool:
        """Keep what a notice renews; whether it is one that renews anything.

        Raises: malformed (a discovery secret that is none).
        """
        if op == "secret":
            self._device.learn_renewed(body["kid"], body["secret"], self._now())
        elif op == "successor":
            self._learn_succession(body["statement"])
        elif op == "psk_renew":
            self._wanted.set()
        return op in ("secret", "successor", "psk_renew")

    async def run(self, usable: Callable[[], Awaitable[Connection]]) -> None:
        """Renew the pair whenever that is due, until cancelled; `usable` gives the connection to ask on."""
        while True:
            connection = await usable()
            if self._wanted.is_set() or self._is_due():
                self._wanted.clear()
                await self._renew(connection)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wanted.wait()

    async def _renew(self, connection: Connection) -> None:
        try:
            await connection.renew_pair(lambda exporter: self._device.renewed(exporter, self._now()))
        except ConnectionLost:
            # Stored there or not: another connection brings another.
            self._wanted.set()
        except (TooFast, Unavailable) as error:
            await asyncio.sleep(pause_after(error))
            self._wanted.set()
        except PeerError as error:
            logger.info("the server renews no pair: %s", error)

    def _is_due(self) -> bool:
        now, made = self._now(), self._device.pair_made
        if not made:
            # From before it was written down: not everybody at once.
            self._device.date_pair(now - PAIR_LASTS_SECONDS + random_below(DAY_SECONDS))
        return bool(made) and now - made >= PAIR_LASTS_SECONDS

    def _learn_succession(self, statement: bytes) -> None:
        """Pin who follows, or let it pass: a server that sends a statement which does not count is still our server."""
        try:
            self._device.learn_succession(statement, self._now())
        except PeerError as error:
            logger.warning("the server says that another follows it, and is not believed: %s", error)
