"""Names that belong to a key: what people compare, and a server's id.

Spec: 1
"""

import uuid
from typing import SupportsBytes

from clawchat.protocol.primitives import sha256


def fingerprint(public: SupportsBytes) -> str:
    """The first 16 bytes of the key's SHA-256 as eight groups of four hex digits, for people to compare."""
    digits = sha256(bytes(public))[:16].hex()
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def server_id(server_public: SupportsBytes) -> str:
    """`cc-` and the UUID version 8 made of the identity's SHA-256: nobody can claim it without the key.

    Sizes: 39 characters.
    """
    value = bytearray(sha256(bytes(server_public))[:16])
    value[6] = 0x80 | (value[6] & 0x0F)
    value[8] = 0x80 | (value[8] & 0x3F)
    return f"cc-{uuid.UUID(bytes=bytes(value))}"
