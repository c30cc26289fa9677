"""Secrets at rest: sealed under keys derived from a master key that is outside the database.

What is sealed names its master key, so that the key can be changed while everything runs: u8 1 || master key's id[8] ||
nonce[12] || AES-256-GCM. Version 0.1 sealed without the first nine bytes; that opens until it is sealed anew.
"""

from chat.services.master_key import (
    MASTER_KEY_BYTES,
    MASTER_KEY_ID_BYTES,
    MasterKey,
    MasterKeyError,
    has_master_key,
    master_keys,
)
from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.key_schedule import expand_label
from clawchat.protocol.primitives import NONCE_BYTES, aead_key, aead_open, aead_seal, random_bytes

__all__ = [
    "MASTER_KEY_BYTES",
    "MasterKeyError",
    "has_master_key",
    "is_sealed_under_key_in_use",
    "master_key",
    "open_secret",
    "seal_secret",
]

_NAMED = b"\x01"
_HEAD_BYTES = 1 + MASTER_KEY_ID_BYTES


def seal_secret(purpose: str, plaintext: bytes, context: bytes) -> bytes:
    """The secret as it may lie in the database.

    context names the row it belongs to: a sealed secret that is moved to another row does not open there.
    Sizes: 37 bytes more than the plaintext.
    """
    key, nonce = master_keys(anew=True)[0], random_bytes(NONCE_BYTES)
    head = _NAMED + key.id
    return head + nonce + aead_seal(_key(key, purpose), nonce, plaintext, head + _associated_data(purpose, context))


def open_secret(purpose: str, sealed: bytes, context: bytes) -> bytes:
    """The secret that was sealed for this purpose and row.

    Raises: unauthentic (another master key, another row, changed bytes).
    """
    associated = _associated_data(purpose, context)
    head, rest = sealed[:_HEAD_BYTES], sealed[_HEAD_BYTES:]
    named = _key_named(head)
    if named is not None:
        return _open(named, purpose, rest, head + associated)
    keys = master_keys()
    for key in keys[:-1]:
        try:
            return _open(key, purpose, sealed, associated)
        except Unauthentic:
            continue
    return _open(keys[-1], purpose, sealed, associated)


def is_sealed_under_key_in_use(sealed: bytes) -> bool:
    """Whether it names the key that secrets are sealed under now."""
    return sealed[:_HEAD_BYTES] == _NAMED + master_keys()[0].id


def master_key() -> bytes:
    """The master key in use, made on first use.

    Raises: MasterKeyError.
    """
    return master_keys()[0].raw


def _key_named(head: bytes) -> MasterKey | None:
    """The key that a value begins with the name of."""
    # A folder that machines share may tell of another file some seconds late: one we do not know is looked for in it.
    for anew in (False, True) if head[:1] == _NAMED else ():
        for key in master_keys(anew=anew):
            if head == _NAMED + key.id:
                return key
    return None


def _open(key: MasterKey, purpose: str, data: bytes, associated: bytes) -> bytes:
    if len(data) <= NONCE_BYTES:
        raise Unauthentic("a sealed secret that is too short")
    return aead_open(_key(key, purpose), data[:NONCE_BYTES], data[NONCE_BYTES:], associated)


def _key(key: MasterKey, purpose: str):
    return aead_key(expand_label(key.raw, "at rest", purpose.encode()))


def _associated_data(purpose: str, context: bytes) -> bytes:
    return purpose.encode() + b"\0" + context
