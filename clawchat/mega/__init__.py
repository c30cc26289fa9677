"""Public folders at MEGA, for the server and the Python client: asks nobody, opens what is handed to it. Spec: 3.16"""

from .blocks import seal_blocks
from .file_key import FILE_KEY_BYTES, FILE_MAX_BYTES, FileKey, seal_name
from .folder import (
    Node,
    decrypt,
    download_request,
    download_url,
    files_named,
    folder_itself,
    is_storage,
    listing_request,
)

__all__ = [
    "FILE_KEY_BYTES",
    "FILE_MAX_BYTES",
    "FileKey",
    "Node",
    "decrypt",
    "download_request",
    "download_url",
    "files_named",
    "folder_itself",
    "is_storage",
    "listing_request",
    "seal_blocks",
    "seal_name",
]
