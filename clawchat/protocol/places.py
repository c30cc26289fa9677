"""Where a server's published objects can lie: plain web addresses, and public MEGA folders.

One strict grammar for both languages, because their URL libraries read odd addresses differently.
Spec: 3.16
"""

import re
from dataclasses import dataclass, field

from clawchat.protocol.encoding import parse_base64url
from clawchat.protocol.errors import Malformed

FILE_NAME = "connection.json"
LIST_NAME = "revocations.json"
# How many a reader asks side by side.
MAX_PLACES = 16
PLACE_MAX_CHARACTERS = 2048
MEGA_GATEWAY = "https://g.api.mega.co.nz/cs"
MEGA_HOST = "mega.nz"
# This very machine, by its three names: as a host, and as they stand in a URL.
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
# Scheme, host, port, and the rest up to a fragment. No user, no spaces, nothing outside ASCII.
_URL = re.compile(
    r"(https?)://([A-Za-z0-9][A-Za-z0-9.-]{0,252}|\[[0-9A-Fa-f:]{2,39}\])(?::([0-9]{1,5}))?"
    r"((?:/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)?(?:\?[A-Za-z0-9._~%!$&'()*+,;=:@/?-]*)?)(?:#(.*))?",
    re.ASCII,
)
_FOLDER = re.compile(r"/folder/([A-Za-z0-9_-]{8})", re.ASCII)
_KEY_CHARACTERS = 22
_GROUP = re.compile("[0-9a-f]{1,4}", re.ASCII)
_GROUPS = 8


@dataclass(frozen=True, slots=True)
class WebPlace:
    """A connection file at a plain URL. Show people its `host`: the rest may be meant for few."""

    url: str = field(repr=False)

    @property
    def host(self) -> str:
        """The URL's host, with its port when it names one."""
        return self.url.split("/", 3)[2].partition("?")[0].lower()

    def beside(self, name: str) -> str:
        """The URL of the object of this name that lies beside the file."""
        address, mark, query = self.url.partition("?")
        end = address.rfind("/", len("https://"))
        return f"{address if end < 0 else address[:end]}/{name}{mark}{query}"


@dataclass(frozen=True, slots=True)
class MegaFolder:
    """A public folder at MEGA with the file in it. Sizes: handle 8 characters, key 16 bytes.

    The gateway is the URL of the interface to ask: MEGA's, or a server's on this very machine.
    """

    handle: str
    key: bytes = field(repr=False)
    gateway: str = MEGA_GATEWAY

    @property
    def host(self) -> str:
        """What people are shown."""
        return MEGA_HOST if self.gateway == MEGA_GATEWAY else self.gateway.split("/", 3)[2]


def parse_place(url: str) -> WebPlace | MegaFolder | None:
    """The place this URL names, or None: what is neither kind is passed over.

    Spec: 3.16
    """
    found = _URL.fullmatch(url) if len(url) <= PLACE_MAX_CHARACTERS else None
    if found is None:
        return None
    scheme, host, port, rest, fragment = found.groups()
    host = host.lower()
    if (scheme == "http" and host not in LOOPBACK_HOSTS) or (port is not None and not 1 <= int(port) <= 65_535):
        return None
    if host.startswith("[") and not _is_ipv6(host[1:-1]):
        return None
    is_mega = host == MEGA_HOST and port is None
    folder = _FOLDER.fullmatch(rest)
    if folder and fragment is not None and (is_mega or host in LOOPBACK_HOSTS):
        gateway = MEGA_GATEWAY if is_mega else f"{scheme}://{host}{'' if port is None else ':' + port}/cs"
        key = _folder_key(fragment)
        return None if key is None else MegaFolder(folder[1], key, gateway)
    return None if host == MEGA_HOST or fragment is not None else WebPlace(url)


def _is_ipv6(text: str) -> bool:
    """Whether URL libraries take it as an address: eight groups, or fewer around one gap."""
    parts = text.split("::")
    groups = [group for part in parts if part for group in part.split(":")]
    is_long_enough = len(groups) == _GROUPS if len(parts) == 1 else len(parts) == 2 and len(groups) < _GROUPS
    return is_long_enough and all(_GROUP.fullmatch(group) for group in groups)


def _folder_key(fragment: str) -> bytes | None:
    if len(fragment) != _KEY_CHARACTERS:
        return None
    try:
        return parse_base64url(fragment)
    except Malformed:
        return None
