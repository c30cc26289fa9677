"""The key of one file at MEGA: what opens its name and its content, and what its content is checked by."""

import json
from dataclasses import dataclass, field

from clawchat.protocol.errors import Malformed, Unauthentic, UsageError
from clawchat.protocol.primitives import constant_time_equal, random_bytes

from .blocks import BLOCK_BYTES, fill, open_chain, seal_blocks, seal_chain, stream, xor

FILE_KEY_BYTES = 32
# The check of a longer file is made in parts; none of ours is so long.
FILE_MAX_BYTES = 131_072
_BEGINNING = b'MEGA{"'


@dataclass(frozen=True, slots=True)
class FileKey:
    """Sizes: content 16 bytes, nonce 8, check 8 (a MAC of the content, condensed)."""

    content: bytes = field(repr=False)
    nonce: bytes = field(repr=False)
    check: bytes = field(repr=False)

    @classmethod
    def for_file(cls, data: bytes) -> "FileKey":
        """A fresh key for a file of 1..131,072 bytes.

        Raises: usage.
        """
        if not 1 <= len(data) <= FILE_MAX_BYTES:
            raise UsageError(f"file of {len(data)} bytes, 1 to {FILE_MAX_BYTES}")
        content, nonce = random_bytes(16), random_bytes(8)
        return cls(content, nonce, _check(content, nonce, data))

    @classmethod
    def unfold(cls, folded: bytes) -> "FileKey":
        """The file's key from its 32 bytes: the content's key hidden by the rest, nonce, check."""
        return cls(xor(folded[:16], folded[16:]), folded[16:24], folded[24:])

    def seal(self, key: bytes) -> bytes:
        """The 32 bytes that keep this key under the folder's or the owner's key."""
        rest = self.nonce + self.check
        return seal_blocks(key, xor(self.content, rest) + rest)

    def encrypt(self, data: bytes) -> bytes:
        """The content as MEGA stores it; for the data that this key was made for alone."""
        return stream(self.content, self.nonce, data)

    def decrypt(self, stored: bytes) -> bytes:
        """The content of 1..131,072 bytes.

        Raises: malformed (its size); unauthentic (not what was stored).
        """
        if not 1 <= len(stored) <= FILE_MAX_BYTES:
            raise Malformed(f"file of {len(stored)} bytes, 1 to {FILE_MAX_BYTES}")
        data = stream(self.content, self.nonce, stored)
        if not constant_time_equal(_check(self.content, self.nonce, data), self.check):
            raise Unauthentic("the file's check does not hold")
        return data

    def seal_name(self, name: str) -> bytes:
        """The file's attributes as MEGA stores them."""
        return seal_name(self.content, name)

    def name_in(self, attributes: bytes) -> str | None:
        """The name in a file's attributes; None when this is not their key."""
        return name_in(self.content, attributes)


def seal_name(key: bytes, name: str) -> bytes:
    """The attributes of a file or folder with this key of 16 bytes."""
    return seal_chain(key, fill(b"MEGA" + json.dumps({"n": name}).encode()))


def name_in(key: bytes, attributes: bytes) -> str | None:
    """The name in the attributes of a file or folder with this key of 16 bytes; None when it is not their key."""
    if not attributes or len(attributes) % BLOCK_BYTES:
        return None
    # The first block says it, and mostly it is another's key.
    if not open_chain(key, attributes[:BLOCK_BYTES]).startswith(_BEGINNING):
        return None
    try:
        name = json.loads(open_chain(key, attributes)[4:].rstrip(b"\0")).get("n")
    except (ValueError, RecursionError):
        return None
    return name if isinstance(name, str) else None


def _check(content: bytes, nonce: bytes, data: bytes) -> bytes:
    last = seal_chain(content, fill(data), nonce + nonce)[-BLOCK_BYTES:]
    mac = seal_blocks(content, last)
    return xor(mac[:4], mac[4:8]) + xor(mac[8:12], mac[12:])
