"""Secrets at rest: sealed under keys derived from a master key that is outside the database."""

import os
from pathlib import Path

from django.conf import settings

from clawchat.protocol.errors import Unauthentic
from clawchat.protocol.key_schedule import expand_label
from clawchat.protocol.primitives import NONCE_BYTES, aead_key, aead_open, aead_seal, random_bytes

MASTER_KEY_BYTES = 32
# Keyed by path, so that a test with its own file gets its own key.
_master_keys: dict[Path, bytes] = {}


class MasterKeyError(Exception):
    """The master key file cannot be used; the text names the remedy."""


def seal_secret(purpose: str, plaintext: bytes, context: bytes) -> bytes:
    """The secret as it may lie in the database.

    context names the row it belongs to: a sealed secret that is moved to another row does not open there.
    Sizes: 28 bytes more than the plaintext.
    """
    nonce = random_bytes(NONCE_BYTES)
    return nonce + aead_seal(_key(purpose), nonce, plaintext, _associated_data(purpose, context))


def open_secret(purpose: str, sealed: bytes, context: bytes) -> bytes:
    """The secret that was sealed for this purpose and row.

    Raises: unauthentic (another master key, another row, changed bytes).
    """
    if len(sealed) <= NONCE_BYTES:
        raise Unauthentic("a sealed secret that is too short")
    return aead_open(_key(purpose), sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _associated_data(purpose, context))


def master_key() -> bytes:
    """The master key, made on first use.

    Raises: MasterKeyError.
    """
    path = settings.CLAWCHAT_MASTER_KEY_FILE
    if path not in _master_keys:
        _master_keys[path] = _read_or_make(path)
    return _master_keys[path]


def has_master_key() -> bool:
    """Whether there is a master key already."""
    path = settings.CLAWCHAT_MASTER_KEY_FILE
    return path in _master_keys or path.exists()


def _key(purpose: str):
    return aead_key(expand_label(master_key(), "at rest", purpose.encode()))


def _associated_data(purpose: str, context: bytes) -> bytes:
    return purpose.encode() + b"\0" + context


def _read_or_make(path: Path) -> bytes:
    try:
        if not path.exists():
            _make(path)
        key = path.read_bytes()
    except OSError as error:
        raise MasterKeyError(f"The master key file {path} cannot be read or made: {error.strerror}.") from error
    if len(key) != MASTER_KEY_BYTES:
        raise MasterKeyError(
            f"The master key file {path} has {len(key)} bytes, not {MASTER_KEY_BYTES}: restore it from the backup."
        )
    return key


def _make(path: Path) -> None:
    """Write a fresh key under another name and link it in place, so that nobody ever reads half a key."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{random_bytes(8).hex()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(random_bytes(MASTER_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first; its key counts
    finally:
        draft.unlink()
