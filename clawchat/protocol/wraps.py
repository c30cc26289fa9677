"""The discovery secret in force, wrapped for everyone who is away: one entry for each device and each open invite.

    entry = tag[8] | AES-256-GCM(wrap key, nonce 0, secret[32])    56 bytes

Spec: 3.10
"""

from collections.abc import Iterable
from itertools import pairwise

from clawchat.protocol.errors import Malformed, Unauthentic, UnknownPeer, UsageError
from clawchat.protocol.key_schedule import PREFIXES, key_id, wrap_key, wrap_tag
from clawchat.protocol.keys import DiscoverySecret, PreSharedKey
from clawchat.protocol.primitives import (
    NONCE_BYTES,
    aead_key,
    aead_open,
    aead_seal,
    constant_time_equal,
    random_bytes,
)

WRAP_BYTES = 56
# Random entries fill the set up to a multiple of this, so that its size tells little about the number of devices.
WRAPS_STEP = 16
# With as many a file of 64 KiB still has room for its endpoints.
MAX_WRAPS = 608
_TAG_BYTES = 8
# Each wrap key seals one secret, once.
_NONCE = bytes(NONCE_BYTES)


def make_wrap(psk: PreSharedKey, secret: DiscoverySecret) -> bytes:
    """The entry, 56 bytes, by which the holder of psk comes to the secret; the same for the same two.

    Spec: 3.10
    """
    kid = key_id(secret)
    sealed = aead_seal(aead_key(wrap_key(psk, kid)), _NONCE, bytes(secret), PREFIXES["discovery wrap"] + kid)
    return wrap_tag(psk, kid) + sealed


def make_padding() -> bytes:
    """An entry, 56 random bytes, that opens to nobody and that nobody can tell from the others.

    Spec: 3.10
    """
    return random_bytes(WRAP_BYTES)


def join_wraps(entries: Iterable[bytes]) -> bytes:
    """The entries in a row, sorted by tag: what a connection file carries.

    Raises: usage (what `check_wraps` would refuse).
    Spec: 3.10
    """
    wraps = b"".join(sorted(entries))
    try:
        check_wraps(wraps)
    except Malformed as error:
        raise UsageError(error.text) from None
    return wraps


def check_wraps(wraps: bytes) -> None:
    """Nothing, when these bytes have the shape of wraps; none at all is a shape, too.

    Raises: malformed (no multiple of 16 entries, more than 608 of them, tags that do not ascend).
    Spec: 3.10
    """
    if len(wraps) % (WRAPS_STEP * WRAP_BYTES):
        raise Malformed(f"wraps of {len(wraps)} bytes, expected a multiple of {WRAPS_STEP * WRAP_BYTES}")
    if len(wraps) > MAX_WRAPS * WRAP_BYTES:
        raise Malformed(f"wraps of {len(wraps)} bytes, at most {MAX_WRAPS * WRAP_BYTES}")
    tags = [entry[:_TAG_BYTES] for entry in _entries(wraps)]
    if any(later <= earlier for earlier, later in pairwise(tags)):
        raise Malformed("wraps out of order")


def open_wrap(wraps: bytes, kid: bytes, psks: Iterable[PreSharedKey]) -> DiscoverySecret:
    """The discovery secret called kid (8 bytes), from the entry of one of these PSKs.

    It proves nothing about who made the wraps: the connection file's signature does.
    Raises: malformed; unknown_peer (no entry is for us); unauthentic (one is, and does not open to that secret).
    Spec: 3.10
    """
    check_wraps(wraps)
    refused: Unauthentic | None = None
    for psk in psks:
        tag = wrap_tag(psk, kid)
        for entry in _entries(wraps):
            if not constant_time_equal(entry[:_TAG_BYTES], tag):
                continue
            try:
                return _open_entry(entry, kid, psk)
            except Unauthentic as error:
                refused = error
    raise refused or UnknownPeer("no wrap is for this device")


def _open_entry(entry: bytes, kid: bytes, psk: PreSharedKey) -> DiscoverySecret:
    key = aead_key(wrap_key(psk, kid))
    secret = DiscoverySecret(aead_open(key, _NONCE, entry[_TAG_BYTES:], PREFIXES["discovery wrap"] + kid))
    if not constant_time_equal(key_id(secret), kid):
        raise Unauthentic("wrap of another secret")
    return secret


def _entries(wraps: bytes) -> list[bytes]:
    return [wraps[at : at + WRAP_BYTES] for at in range(0, len(wraps), WRAP_BYTES)]
