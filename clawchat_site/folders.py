"""What the settings need on the disk before anything else runs: the data directory, and Django's own secret."""

import os
import secrets
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

SECRET_BYTES = 48


def make_data_dir(path: Path) -> None:
    """Make the data directory, for its owner's eyes only, when it is not there.

    Raises: ImproperlyConfigured (it cannot be made or written to).
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(_sentence(path, f"cannot be made: {error.strerror}")) from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(_sentence(path, "cannot be written to"))


def secret_of(path: Path) -> str:
    """The secret in this file, made on first use.

    It is written under another name and linked in place: nobody reads half of it, and no crash leaves an empty one.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    if not path.exists():
        _make(path)
    return path.read_text()


def _make(path: Path) -> None:
    # mkstemp gives it mode 600.
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was first; its secret counts
    finally:
        os.unlink(draft)


def _sentence(path: Path, trouble: str) -> str:
    return f"The data directory {path} {trouble}. Set CLAWCHAT_DATA_DIR to a folder that the server may write to."
