"""Files in the data directory: for programs on the same machine, and to be copied anywhere by other means."""

import os
import tempfile
from pathlib import Path

from django.conf import settings

from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES

from .base import MirrorDriver, MirrorError

# Ciphertext, meant to be handed on; the data directory itself stays closed to others.
FILE_MODE = 0o644


class LocalFile(MirrorDriver):
    """Keeps `connection.json` and `revocations.json` in `CLAWCHAT_DATA_DIR`."""

    is_local = True

    def put(self, name: str, data: bytes) -> None:
        """Replace the file in one step: a reader sees the old one or the new one, also after a power cut."""
        path = self._path(name)
        try:
            _replace(path, data)
        except OSError as error:
            raise MirrorError(f"{path} cannot be written: {error.strerror}.") from error

    def get(self, name: str) -> bytes:
        """The file's bytes."""
        path = self._path(name)
        try:
            with path.open("rb") as file:
                data = file.read(CONNECTION_FILE_MAX_BYTES + 1)
        except OSError as error:
            raise MirrorError(f"{path} cannot be read: {error.strerror}.") from error
        if len(data) > CONNECTION_FILE_MAX_BYTES:
            raise MirrorError(f"{path} is larger than a published file may be.")
        return data

    def remove(self, name: str) -> None:
        """Delete the file."""
        try:
            self._path(name).unlink(missing_ok=True)
        except OSError as error:
            raise MirrorError(f"{self._path(name)} cannot be deleted: {error.strerror}.") from error

    def public_locations(self) -> tuple[str, ...]:
        """None: a path on this machine helps nobody elsewhere."""
        return ()

    def check(self) -> str:
        """Says so when the data directory cannot be written to."""
        if os.access(settings.CLAWCHAT_DATA_DIR, os.W_OK):
            return ""
        return f"{settings.CLAWCHAT_DATA_DIR} cannot be written to; give it to the user that runs the server."

    @staticmethod
    def _path(name: str) -> Path:
        return settings.CLAWCHAT_DATA_DIR / name


def _replace(path: Path, data: bytes) -> None:
    descriptor, new_name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), FILE_MODE)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new_name, path)
    except BaseException:
        Path(new_name).unlink(missing_ok=True)
        raise
    # The new name itself is on the disk only after this.
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
