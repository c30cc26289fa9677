"""How MEGA writes bytes: its base64, its AES without padding, its big numbers, its keys of files. For the tests alone.

Written apart from clawchat/mega, so that the one can be held against the other.
"""

import base64
import json
import os

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ZERO = bytes(16)


def b64e(data: bytes) -> str:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64d(text: str) -> bytes:
    """What `b64e` wrote."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def xor(left: bytes, right: bytes) -> bytes:
    """Byte by byte, as long as the shorter one."""
    return bytes(a ^ b for a, b in zip(left, right, strict=False))


def ecb(key: bytes, data: bytes) -> bytes:
    """Encrypt whole blocks, each for itself."""
    return Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(data)


def unecb(key: bytes, data: bytes) -> bytes:
    """What `ecb` encrypted."""
    return Cipher(algorithms.AES(key), modes.ECB()).decryptor().update(data)


def cbc(key: bytes, data: bytes, iv: bytes = ZERO) -> bytes:
    """Encrypt whole blocks in a chain."""
    return Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor().update(data)


def mpi(number: int) -> bytes:
    """A big number: its length in bits (2 bytes), then its bytes."""
    return number.bit_length().to_bytes(2, "big") + number.to_bytes((number.bit_length() + 7) // 8, "big")


def attributes(key: bytes, name: str) -> str:
    """A node's attributes, which hold its name."""
    text = b"MEGA" + json.dumps({"n": name}).encode()
    return b64e(cbc(key, text + bytes(-len(text) % 16)))


def encrypt_file(data: bytes) -> tuple[bytes, bytes, bytes]:
    """(node key of 32 bytes, key of the attributes, ciphertext) of a file under fresh keys."""
    key, nonce = os.urandom(16), os.urandom(8)
    ciphertext = Cipher(algorithms.AES(key), modes.CTR(nonce + bytes(8))).encryptor().update(data)
    mac, at, size = ZERO, 0, 0x20000
    while at < len(data):
        chunk = data[at : at + size]
        mac = ecb(key, xor(mac, cbc(key, chunk + bytes(-len(chunk) % 16), nonce + nonce)[-16:]))
        at, size = at + size, min(size + 0x20000, 0x100000)
    tail = nonce + xor(mac[:4], mac[4:8]) + xor(mac[8:12], mac[12:])
    return xor(key, tail) + tail, key, ciphertext
