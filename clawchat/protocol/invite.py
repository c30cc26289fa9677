"""An invitation: everything a newcomer needs to find the server, know it, and enrol once.

Spec: 3.2
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from clawchat.protocol.encoding import (
    Reader,
    encode_base64url,
    parse_base64url,
    parse_text,
    u8,
    u16,
    u32,
    v16,
)
from clawchat.protocol.errors import Malformed, TooLarge, UnsupportedVersion, UsageError
from clawchat.protocol.keys import DiscoverySecret, IdentityPublic, PreSharedKey
from clawchat.protocol.limits import INVITE_TEXT_MAX_BYTES
from clawchat.protocol.primitives import sha256

SCHEME = "clawchat:"
# The first version carried the discovery secret itself, the second leaves it to the wraps.
_WITH_SECRET, _WITHOUT_SECRET = 1, 2
_CHECKSUM_BYTES = 4


@dataclass(frozen=True, slots=True)
class Invite:
    """One invitation. Whoever holds its text can enrol once before it expires, so it is a secret.

    Units: expires in seconds since 1970. Extensions are (type, data), types not descending; a type may repeat.
    """

    # None in version 2, which servers issue: the newcomer takes it from the wraps of the connection file, so that a
    # link that was used or has expired opens nothing. Spec: 3.10
    discovery_secret: DiscoverySecret | None
    server_public: IdentityPublic
    invite_id: bytes
    invite_psk: PreSharedKey
    expires: int
    locators: tuple[str, ...]
    extensions: tuple[tuple[int, bytes], ...] = ()

    def encode(self) -> str:
        """`clawchat:` and the base64url of these bytes.

        offset  bytes  meaning
        0       1      version, 1 with a discovery secret and 2 without
        1       32     discovery secret, in version 1 only; in version 2 all that follows stands 32 bytes earlier
        33      32     server's public key
        65      16     invite id
        81      32     invite PSK
        113     4      expiry, seconds since 1970
        117     2+     v16: locator URLs, a newline between them
        ..      2+     v16: extensions, each u16 type and v16 data
        ..      4      first bytes of the SHA-256 of all before, against slips of copying
        """
        if len(self.invite_id) != 16 or not _are_locators(self.locators) or not _are_ordered(self.extensions):
            raise UsageError("invite id of 16 bytes, web addresses as locators, extensions in order")
        secret = self.discovery_secret
        body = (
            (u8(_WITHOUT_SECRET) if secret is None else u8(_WITH_SECRET) + bytes(secret))
            + bytes(self.server_public)
            + self.invite_id
            + bytes(self.invite_psk)
            + u32(self.expires)
            + v16("\n".join(self.locators).encode("utf-8"))
            + v16(b"".join(u16(kind) + v16(data) for kind, data in self.extensions))
        )
        return SCHEME + encode_base64url(body + sha256(body)[:_CHECKSUM_BYTES])

    @classmethod
    def parse(cls, text: str) -> Self:
        """The invitation in this text, or in the fragment of this URL. Whether it has expired is for the caller.

        Raises: malformed; unsupported_version; too_large.
        """
        if len(text) > INVITE_TEXT_MAX_BYTES:
            raise TooLarge(f"invite of {len(text)} characters, at most {INVITE_TEXT_MAX_BYTES}")
        _, mark, fragment = text.partition("#")
        code = fragment if mark else text
        if not code.startswith(SCHEME):
            raise Malformed("not an invite")
        data = parse_base64url(code.removeprefix(SCHEME))
        if data[:1] not in (u8(_WITH_SECRET), u8(_WITHOUT_SECRET)):
            raise UnsupportedVersion("invite of another version")
        body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
        if sha256(body)[:_CHECKSUM_BYTES] != checksum:
            raise Malformed("invite with a slip in it")
        return cls._parse_body(Reader(body))

    @classmethod
    def _parse_body(cls, reader: Reader) -> Self:
        invite = cls(
            DiscoverySecret(reader.take(32)) if reader.u8() == _WITH_SECRET else None,
            IdentityPublic(reader.take(32)),
            reader.take(16),
            PreSharedKey(reader.take(32)),
            reader.u32(),
            _parse_locators(reader.v16()),
            _parse_extensions(reader.v16()),
        )
        reader.end()
        return invite


def _parse_locators(data: bytes) -> tuple[str, ...]:
    locators = tuple(parse_text(data).split("\n")) if data else ()
    if not _are_locators(locators):
        raise Malformed("locator that is no web address")
    return locators


def _parse_extensions(data: bytes) -> tuple[tuple[int, bytes], ...]:
    reader = Reader(data)
    extensions: list[tuple[int, bytes]] = []
    while reader.offset < len(data):
        extensions.append((reader.u16(), reader.v16()))
    if not _are_ordered(extensions):
        raise Malformed("invite extensions out of order")
    return tuple(extensions)


def _are_locators(locators: tuple[str, ...]) -> bool:
    return all(locator.startswith(("https://", "http://")) and "\n" not in locator for locator in locators)


def _are_ordered(extensions: Sequence[tuple[int, bytes]]) -> bool:
    kinds = [kind for kind, _ in extensions]
    return kinds == sorted(kinds)
