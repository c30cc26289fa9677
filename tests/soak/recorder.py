"""Writes down every seal of layer A as (key, nonce), in the process that makes it.

It stands where the session's code asks for its AEAD keys, so nothing is sealed past it. A key is known by a digest; a
nonce stands in the clear on the wire anyway.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from clawchat.protocol import client_handshake, frame, server_handshake
from clawchat.protocol.frame import FrameKeys
from clawchat.protocol.primitives import sha256

# Where a session's keys are made ready: for its handshake's two seals, and for its frames.
MAKERS = (frame, client_handshake, server_handshake)
NAME_BYTES = 12


class WatchedKey:
    """An AEAD key that tells of each seal. `name` is a digest of the key, in hex."""

    def __init__(self, raw: bytes, made: Callable[[bytes], Any], tell: Callable[[str], None]) -> None:
        self.name = sha256(b"soak", raw)[:NAME_BYTES].hex()
        self._key, self._tell = made(raw), tell
        self.decrypt = self._key.decrypt

    def encrypt(self, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        """Tell, then seal."""
        self._tell(f"seal {self.name} {nonce.hex()}")
        return self._key.encrypt(nonce, plaintext, associated_data)


class Recorder:
    """Gives each line to `tell` while it is installed, also as a context: `key NAME SESSION DIRECTION EPOCH IV` for a
    frame key that this process has, for sealing or for opening, and `seal NAME NONCE`.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._replaced: list[tuple[Any, str, Any]] = []

    def install(self) -> None:
        """Stand between the session's code and its keys, for good or until `remove`."""
        for module in MAKERS:
            self._replace(module, "aead_key", self._watched(module.aead_key))
        self._replace(FrameKeys, "__init__", self._naming(FrameKeys.__init__))

    def remove(self) -> None:
        """Put everything back."""
        while self._replaced:
            setattr(*self._replaced.pop())

    def __enter__(self) -> Self:
        self.install()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        self._replaced.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def _watched(self, made: Callable[[bytes], Any]) -> Callable[[bytes], WatchedKey]:
        return lambda raw: WatchedKey(raw, made, self._tell)

    def _naming(self, original: Callable[..., None]) -> Callable[..., None]:
        def make(keys: FrameKeys, key: bytes, iv: bytes, session_id: bytes, direction: int, epoch: int) -> None:
            original(keys, key, iv, session_id, direction, epoch)
            name = sha256(b"soak", key)[:NAME_BYTES].hex()
            self._tell(f"key {name} {session_id.hex()} {int(direction)} {epoch} {iv.hex()}")

        return make


def into_files(folder: Path) -> Callable[[str], None]:
    """A `tell` for whole processes: one file for each, written at once, so that one that is killed has told all."""
    files: dict[int, int] = {}

    def tell(line: str) -> None:
        process = os.getpid()
        if process not in files:
            folder.mkdir(exist_ok=True)
            files[process] = os.open(folder / f"{process}.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(files[process], f"{line}\n".encode())

    return tell
