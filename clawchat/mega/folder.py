"""Reading a public folder at MEGA without an account: what to ask, and what the answers say. Sends nothing by itself.

What MEGA says of names and times is taken as said: who signed a file, and which number it carries, decides later.
Spec: 3.16
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from clawchat.protocol.encoding import parse_base64url
from clawchat.protocol.errors import Malformed, PeerError, TooLarge, Unauthentic, Unavailable
from clawchat.protocol.limits import CONNECTION_FILE_MAX_BYTES
from clawchat.protocol.places import MEGA_GATEWAY, MegaFolder
from clawchat.protocol.primitives import random_below

from .blocks import BLOCK_BYTES, open_blocks
from .file_key import FILE_KEY_BYTES, FileKey, name_in

# As for all that readers take, in every language: some hundred nodes.
REPLY_MAX_BYTES = CONNECTION_FILE_MAX_BYTES
MAX_NODES = 1000
# Of one node: a file of ours has a name and no more, and few shares have a key of it.
ATTRIBUTES_MAX_BYTES = 1024
MAX_KEYS = 16
_STORAGE_HOSTS = (".mega.co.nz", ".mega.nz")
_FILE, _FOLDER = 0, 1
_HANDLE = re.compile(r"[A-Za-z0-9_-]{8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Node:
    """A file in the folder. Units: size in bytes, time in seconds since 1970 by MEGA's clock."""

    handle: str
    size: int
    time: int
    key: FileKey = field(repr=False)


def listing_request(folder: MegaFolder) -> tuple[str, bytes]:
    """(URL, body) of the POST that lists the folder."""
    return _request(folder, {"a": "f", "c": 1, "ca": 1, "r": 1})


def files_named(folder: MegaFolder, reply: bytes, name: str) -> list[Node]:
    """The files of this name that lie directly in the folder, newest first; several are left by an interrupted writer.

    Raises: unavailable (MEGA says no; the details have its `number`); malformed; too_large.
    """
    nodes = _nodes(reply)
    tops = {node["h"] for node in _tops(nodes)}
    files = (_file(folder, node, name) for node in nodes if node.get("t") == _FILE and node["p"] in tops)
    return sorted((file for file in files if file is not None), key=lambda file: file.time, reverse=True)


def folder_itself(folder: MegaFolder, reply: bytes) -> tuple[str, str]:
    """(handle, name) of the folder that the link shares; who may write puts nodes below this handle.

    Raises: unauthentic (the link's key is not the folder's); unavailable, malformed, too_large (as `files_named`).
    """
    for node in _tops(_nodes(reply)):
        attributes = _attributes(node)
        for key in _keys(folder, node, BLOCK_BYTES):
            name = name_in(key, attributes)
            if name is not None and _HANDLE.fullmatch(node["h"]):
                return node["h"], name
    raise Unauthentic("the link's key does not open the folder's name")


def download_request(folder: MegaFolder, node: Node) -> tuple[str, bytes]:
    """(URL, body) of the POST that asks where the node's bytes are."""
    return _request(folder, {"a": "g", "g": 1, "ssl": 2, "n": node.handle})


def download_url(folder: MegaFolder, reply: bytes) -> tuple[str, int]:
    """(URL, size in bytes) of the GET that brings the node's bytes: a host of MEGA's over HTTPS, nobody else's.

    Raises: unavailable (MEGA says no, with a number); malformed.
    """
    answer = _answer(reply)
    url, size = answer.get("g"), answer.get("s")
    if not isinstance(url, str) or type(size) is not int or size < 0 or not is_storage(folder, url):
        raise Malformed("no address to download from")
    return url, size


def decrypt(node: Node, data: bytes) -> bytes:
    """What the node's bytes say.

    Raises: malformed (other bytes than MEGA said, or too many for one of our files); unauthentic.
    """
    if len(data) != node.size:
        raise Malformed(f"{len(data)} bytes, not {node.size}")
    return node.key.decrypt(data)


def is_storage(folder: MegaFolder, url: str) -> bool:
    """Whether this is where the folder's bytes may lie: a host of MEGA's over HTTPS, nobody else's."""
    try:
        address, gateway = urlsplit(url), urlsplit(folder.gateway)
        if folder.gateway != MEGA_GATEWAY:
            return (address.scheme, address.netloc) == (gateway.scheme, gateway.netloc)
        is_plain = address.username is None and address.port is None
        return address.scheme == "https" and is_plain and (address.hostname or "").endswith(_STORAGE_HOSTS)
    except ValueError:
        return False


def _request(folder: MegaFolder, command: dict[str, object]) -> tuple[str, bytes]:
    # The number is only there to tell a repetition from another request.
    return f"{folder.gateway}?id={random_below(1 << 32)}&n={folder.handle}", json.dumps([command]).encode()


def _answer(reply: bytes) -> dict[str, Any]:
    """What one command was answered with."""
    if len(reply) > REPLY_MAX_BYTES:
        raise TooLarge(f"{len(reply)} bytes of an answer, at most {REPLY_MAX_BYTES}")
    try:
        value = json.loads(reply)
    except (ValueError, RecursionError):
        raise Malformed("the answer is no JSON") from None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if type(value) is int and value < 0:
        raise Unavailable(f"MEGA answers with error {value}", {"number": value})
    if not isinstance(value, dict):
        raise Malformed("an answer of another kind")
    return value


def _nodes(reply: bytes) -> list[dict[str, Any]]:
    """Everything that a listing lists and that has a handle and a parent."""
    listed = _answer(reply).get("f")
    if not isinstance(listed, list) or len(listed) > MAX_NODES:
        raise Malformed("a listing without its nodes, or with too many")
    nodes = [node for node in listed if isinstance(node, dict)]
    return [node for node in nodes if isinstance(node.get("h"), str) and isinstance(node.get("p"), str)]


def _tops(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The folders whose parent is not listed: the one that was shared."""
    known = {node["h"] for node in nodes}
    return [node for node in nodes if node.get("t") == _FOLDER and node["p"] not in known]


def _file(folder: MegaFolder, node: dict[str, Any], name: str) -> Node | None:
    """The node when it has this name."""
    handle, size, time = node["h"], node.get("s"), node.get("ts")
    if not _HANDLE.fullmatch(handle) or type(size) is not int or type(time) is not int:
        return None
    attributes = _attributes(node)
    for folded in _keys(folder, node, FILE_KEY_BYTES):
        key = FileKey.unfold(folded)
        if key.name_in(attributes) == name:
            return Node(handle, size, time, key)
    return None


def _keys(folder: MegaFolder, node: dict[str, Any], size: int) -> Iterator[bytes]:
    """What the folder's key opens of the node's keys; each stands behind the handle of a share, and 16 are tried."""
    keys = node.get("k")
    for sealed in keys.split("/", MAX_KEYS)[:MAX_KEYS] if isinstance(keys, str) else ():
        key = _decoded(sealed.rpartition(":")[2])
        if len(key) == size:
            yield open_blocks(folder.key, key)


def _attributes(node: dict[str, Any]) -> bytes:
    """What names the node, still sealed; nothing when it is longer than any of ours."""
    sealed = _decoded(node.get("a"))
    return sealed if len(sealed) <= ATTRIBUTES_MAX_BYTES else b""


def _decoded(text: object) -> bytes:
    try:
        return parse_base64url(text) if isinstance(text, str) else b""
    except PeerError:
        return b""
