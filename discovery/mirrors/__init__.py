"""The kinds of mirror, by name. A new kind is one module here and one line below."""

from .base import FILE_NAME, LIST_NAME, MirrorDriver, MirrorError
from .https_endpoint import HttpsEndpoint
from .local_file import LocalFile
from .mega import MegaMirror
from .storage import Storage
from .webdav import WebDav

__all__ = ["DRIVERS", "FILE_NAME", "LIST_NAME", "MirrorDriver", "MirrorError"]

DRIVERS: dict[str, type[MirrorDriver]] = {
    "local_file": LocalFile,
    "https_endpoint": HttpsEndpoint,
    "storage": Storage,
    "webdav": WebDav,
    "mega": MegaMirror,
}
