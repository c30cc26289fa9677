"""Blobs that are too large for one frame: put to the server and fetched from it in chunks, named by their digest.

Spec: 3.14
"""

from collections.abc import Awaitable, Callable
from typing import Any

from clawchat.client.questions import Answer
from clawchat.protocol.errors import Malformed, OutOfOrder, TooLarge, Unauthentic
from clawchat.protocol.limits import STAGE_CHUNK_BYTES, STAGE_MAX_BYTES
from clawchat.protocol.primitives import sha256

# As `Client.request`.
Ask = Callable[..., Awaitable[Answer]]
# A server that has less than before is followed, but not for ever.
MAX_GAPS = 3


async def stage(ask: Ask, blob: bytes) -> bytes:
    """The digest under which the server has this blob now.

    Raises: out_of_order (it comes no further); malformed (no answer); what the server answers.
    """
    digest, have, gaps = sha256(blob), 0, 0
    while have < len(blob):
        chunk = blob[have : have + STAGE_CHUNK_BYTES]
        now = await _put(ask, {"digest": digest, "size": len(blob), "offset": have, "bytes": chunk})
        gaps += now <= have
        if gaps > MAX_GAPS:
            raise OutOfOrder("a server that keeps nothing")
        have = now
    return digest


async def _put(ask: Ask, chunk: dict[str, Any]) -> int:
    """A server that lost or already has a part says from where to go on."""
    try:
        have: object = (await ask("room.stage", **chunk)).get("have")
    except OutOfOrder as error:
        have = error.details.get("have")
    if not isinstance(have, int) or have < 0:
        raise Malformed("answer to room.stage")
    return have


async def fetch_blob(ask: Ask, room_id: bytes, digest: bytes, size: int) -> bytes:
    """The blob of this digest.

    Raises: unauthentic (other bytes); too_large; what the server answers.
    """
    if size > STAGE_MAX_BYTES:
        raise TooLarge(f"a blob of {size} bytes, at most {STAGE_MAX_BYTES}")
    blob = b""
    while len(blob) < size:
        part = (await ask("room.fetch", room=room_id, digest=digest, offset=len(blob))).get("bytes")
        if not isinstance(part, bytes) or not part or len(blob) + len(part) > size:
            raise Unauthentic("a blob of another size")
        blob += part
    if sha256(blob) != digest:
        raise Unauthentic("a blob with another digest")
    return blob
