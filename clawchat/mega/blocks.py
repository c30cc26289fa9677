"""AES-128 the way MEGA uses it: blocks by themselves, chains without padding, a stream.

None of it protects anything of ours: what lies in a folder is sealed and signed already.
Sizes: keys and blocks 16 bytes.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

BLOCK_BYTES = 16
ZERO = bytes(BLOCK_BYTES)


def xor(left: bytes, right: bytes) -> bytes:
    """Byte by byte; both are equally long."""
    return bytes(ours ^ theirs for ours, theirs in zip(left, right, strict=True))


def seal_blocks(key: bytes, data: bytes) -> bytes:
    """Encrypt whole blocks, each for itself."""
    return Cipher(AES(key), modes.ECB()).encryptor().update(data)  # noqa: S305  (as MEGA wraps keys)


def open_blocks(key: bytes, data: bytes) -> bytes:
    """What `seal_blocks` encrypted."""
    return Cipher(AES(key), modes.ECB()).decryptor().update(data)  # noqa: S305


def seal_chain(key: bytes, data: bytes, start: bytes = ZERO) -> bytes:
    """Encrypt whole blocks in a chain."""
    return Cipher(AES(key), modes.CBC(start)).encryptor().update(data)


def open_chain(key: bytes, data: bytes) -> bytes:
    """What `seal_chain` encrypted from a start of zeros."""
    return Cipher(AES(key), modes.CBC(ZERO)).decryptor().update(data)


def stream(key: bytes, nonce: bytes, data: bytes) -> bytes:
    """Encrypt or decrypt any number of bytes; the nonce of 8 bytes is never used twice under a key."""
    return Cipher(AES(key), modes.CTR(nonce + bytes(8))).encryptor().update(data)


def fill(data: bytes) -> bytes:
    """The data with zeros behind it up to whole blocks."""
    return data + bytes(-len(data) % BLOCK_BYTES)
