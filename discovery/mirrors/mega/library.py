"""mega.py, made importable: this is the one place that imports it.

Its release 1.0.8 brings a tenacity that wants `asyncio.coroutine`, which Python 3.11 no longer has; the name is lent to
it while it is imported. The library draws file keys from a predictable source, waits for ever and reads no error number
from after 2020, so nothing of it sends anything by itself here: see account.py.
"""

import asyncio
import importlib
import threading
import types
from typing import Any

# Mirrors are visited side by side.
_lending = threading.Lock()


class LibraryMissing(Exception):
    """mega.py is not installed, or this Python cannot import it; the text says what to do."""


def import_mega(module: str = "mega") -> Any:
    """The package `mega` or a module of it.

    Raises: LibraryMissing.
    """
    with _lending:
        is_lent = not hasattr(asyncio, "coroutine")
        if is_lent:
            asyncio.coroutine = types.coroutine  # type: ignore[attr-defined]
        try:
            return importlib.import_module(module)
        except ImportError as error:
            text = "The package mega.py cannot be imported: install it, or disable this mirror."
            raise LibraryMissing(text) from error
        finally:
            if is_lent:
                del asyncio.coroutine  # type: ignore[attr-defined]
