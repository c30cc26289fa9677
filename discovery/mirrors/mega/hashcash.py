"""The proof of work that MEGA may ask for at a login, so that passwords cannot be tried by the million."""

import hashlib
import time

from clawchat.protocol.encoding import encode_base64url, parse_base64url
from clawchat.protocol.errors import Malformed
from discovery.mirrors.base import MirrorError

HEADER = "X-Hashcash"
TOKEN_BYTES = 48
# The token is hashed so many times in a row: 12.6 MB for each try, some ten milliseconds.
COPIES = 1 << 18


def solve(challenge: str, until: float) -> str:
    """The header that answers `1:<easiness>:<time>:<token>`, found before this instant of `time.monotonic`.

    Sizes: 12.6 MB of memory while it works; easiness 192 takes some 256 tries, each 64 less 128 times as many.
    Raises: MirrorError (another kind of challenge, or too hard for the time there is).
    """
    version, easiness, token = _parse(challenge)
    limit = (((easiness & 63) << 1) + 1) << ((easiness >> 6) * 7 + 3)
    text = bytearray(4) + parse_base64url(token) * COPIES
    tries = 0
    while time.monotonic() < until:
        text[:4] = tries.to_bytes(4, "little")
        if int.from_bytes(hashlib.sha256(text).digest()[:4], "big") <= limit:
            return f"{version}:{token}:{encode_base64url(bytes(text[:4]))}"
        tries += 1
    raise MirrorError("MEGA asks for more work at a login than there is time for; it is tried again.")


def _parse(challenge: str) -> tuple[str, int, str]:
    try:
        version, easiness, _, token = challenge.split(":")
        if version == "1" and 0 <= int(easiness) <= 255 and len(parse_base64url(token)) == TOKEN_BYTES:
            return version, int(easiness), token
    except (ValueError, Malformed):
        pass
    raise MirrorError("MEGA asks for a kind of work that this version does not know; look for a newer one.")
