"""What a server renews in a session: its discovery secret, and its own identity.

Spec: 3.2, 3.10, 3.11
"""

import logging
from collections.abc import Mapping
from typing import Any

from clawchat.protocol.errors import PeerError

from .device import KID_BYTES, Device

logger = logging.getLogger(__name__)

# AUTH_OK's TLVs: 8 bytes of kid and 32 of secret; a successor statement.
SECRET_TLV, SUCCESSION_TLV = 16, 17


def learn_at_once(device: Device, tlvs: Mapping[int, bytes], now: int) -> None:
    """Keep what AUTH_OK brought.

    Units: now in seconds since 1970, by the server's clock.
    Raises: malformed (a discovery secret that is none).
    """
    renewed, statement = tlvs.get(SECRET_TLV), tlvs.get(SUCCESSION_TLV)
    if renewed is not None:
        device.learn_renewed(renewed[:KID_BYTES], renewed[KID_BYTES:], now)
    if statement is not None:
        _learn_succession(device, statement, now)


def learn(device: Device, op: str, body: Mapping[str, Any], now: int) -> bool:
    """Keep what a notice renews; whether it is one that renews anything.

    Units: now in seconds since 1970, by the server's clock.
    Raises: malformed (a discovery secret that is none).
    """
    if op == "secret":
        device.learn_renewed(body["kid"], body["secret"], now)
    elif op == "successor":
        _learn_succession(device, body["statement"], now)
    return op in ("secret", "successor")


def _learn_succession(device: Device, statement: bytes, now: int) -> None:
    """Pin who follows, or let it pass: a server that sends a statement which does not count is still our server."""
    try:
        device.learn_succession(statement, now)
    except PeerError as error:
        logger.warning("the server says that another follows it, and is not believed: %s", error)
