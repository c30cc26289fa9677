"""The master key's file, outside the database: one key of 32 bytes, or while it is being changed the new and the old.

The file is replaced whole, never written in place, so that nobody ever reads half a key; whoever reads it notices by
its stamp that it is another.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from clawchat.protocol.key_schedule import expand_label
from clawchat.protocol.primitives import random_bytes

MASTER_KEY_BYTES = 32
MASTER_KEY_ID_BYTES = 8
# No purpose that a secret is sealed for has this name.
_ID_PURPOSE = b"master key id"
_MODE = 0o600
_NEW = "new"


class MasterKeyError(Exception):
    """The master key file cannot be used; the text names the remedy."""


@dataclass(frozen=True, repr=False)
class MasterKey:
    """A key of the file, and the 8 bytes by which what it has sealed names it."""

    raw: bytes
    id: bytes

    @classmethod
    def of(cls, raw: bytes) -> "MasterKey":
        """The key with its id, which tells nothing of it."""
        return cls(raw, expand_label(raw, "at rest", _ID_PURPOSE, MASTER_KEY_ID_BYTES))


@dataclass(frozen=True, repr=False)
class _Known:
    """What a file held when it had this stamp."""

    stamp: tuple[int, ...]
    keys: tuple[MasterKey, ...]


# By path, so that a test with its own file gets its own keys.
_known: dict[Path, _Known] = {}


def master_keys(*, anew: bool = False) -> tuple[MasterKey, ...]:
    """The key in use, and while it is being changed the one before it; made on first use.

    With `anew` the file is read, otherwise looked at: nothing must be sealed under a key that another process has
    replaced. A server that runs goes on with the keys it has when the file cannot be read.
    Raises: MasterKeyError.
    """
    path = settings.CLAWCHAT_MASTER_KEY_FILE
    known = _known.get(path)
    try:
        if known is None and not path.exists():
            _make(path)
        if known is None or anew or _stamp(path.stat()) != known.stamp:
            known = _known[path] = _read(path)
    except OSError as error:
        if known is None:
            raise MasterKeyError(f"The master key file {path} cannot be read or made: {error.strerror}.") from error
    except MasterKeyError:
        if known is None:
            raise
    return known.keys


def has_master_key() -> bool:
    """Whether there is a master key already."""
    path = settings.CLAWCHAT_MASTER_KEY_FILE
    return path in _known or path.exists()


def add_master_key() -> bool:
    """Put a new key in front of the one in use; False when that was done before and its end is still to come.

    From here on every process seals under the new key, and opens what names either.
    Raises: MasterKeyError (the file cannot be replaced).
    """
    with _alone():
        keys = master_keys(anew=True)
        if len(keys) > 1:
            return False
        _replace(random_bytes(MASTER_KEY_BYTES) + keys[0].raw)
    return True


def drop_former_master_key(key_id: bytes) -> None:
    """Take the old key out of the file, once everything is sealed under the one with this id; what is still sealed
    under the old one opens never again.

    Raises: MasterKeyError (the file cannot be replaced; a later change has put another key in front, and what was
    sealed under this one is not sealed anew yet).
    """
    with _alone():
        in_use = master_keys(anew=True)[0]
        if in_use.id != key_id:
            raise MasterKeyError("Another change of the master key has begun meanwhile; it goes on from here.")
        _replace(in_use.raw)


def _read(path: Path) -> _Known:
    with path.open("rb") as file:
        stamp, data = _stamp(os.fstat(file.fileno())), file.read(3 * MASTER_KEY_BYTES)
    if len(data) not in (MASTER_KEY_BYTES, 2 * MASTER_KEY_BYTES):
        raise MasterKeyError(
            f"The master key file {path} has {len(data)} bytes, not {MASTER_KEY_BYTES}: restore it from the backup."
        )
    parts = [data[at : at + MASTER_KEY_BYTES] for at in range(0, len(data), MASTER_KEY_BYTES)]
    return _Known(stamp, tuple(MasterKey.of(part) for part in parts))


def _stamp(facts: os.stat_result) -> tuple[int, ...]:
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _make(path: Path) -> None:
    """Write a fresh key under another name and link it in place."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = _draft(path, random_bytes(MASTER_KEY_BYTES), random_bytes(8).hex())
    try:
        os.link(draft, path)
        # Before the first secret is stored: after a power cut nothing would open without it.
        _sync_folder(path.parent)
    except FileExistsError:
        pass  # another process was first; its key counts
    finally:
        draft.unlink()


def _replace(data: bytes) -> None:
    """Put other keys in the place of those that are there, for good."""
    # What a link leads to is replaced, not the link.
    path = settings.CLAWCHAT_MASTER_KEY_FILE.resolve()
    draft = None
    try:
        before = path.stat()
        # One name, since nobody else is here: what a crash left there holds a key that is to be gone.
        path.with_name(f"{path.name}.{_NEW}").unlink(missing_ok=True)
        draft = _draft(path, data, _NEW)
        draft.chmod(stat.S_IMODE(before.st_mode))
        if os.geteuid() == 0:
            # Root may run the command; the file is the server's own user's all the same.
            os.chown(draft, before.st_uid, before.st_gid)
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        if draft is not None:
            draft.unlink(missing_ok=True)
        raise MasterKeyError(
            f"The master key file {path} cannot be replaced: {error.strerror}. Its folder must be writable for who "
            "runs this, and the file must be no mount of its own."
        ) from error


def _draft(path: Path, data: bytes, ending: str) -> Path:
    draft = path.with_name(f"{path.name}.{ending}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _MODE), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return draft


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Two who change the key at once do it one after the other."""
    folder = settings.CLAWCHAT_MASTER_KEY_FILE.resolve().parent
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise MasterKeyError(f"The folder {folder} of the master key cannot be read: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
