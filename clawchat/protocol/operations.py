"""The operations of 0x12 as data: which members each request has, of which type and size.

`str(kind)` is the notation of the document's table, which a test holds against this one.
Spec: 3.14
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from clawchat.protocol.errors import Malformed
from clawchat.protocol.limits import STAGE_CHUNK_BYTES, SUCCESSION_BYTES


class Kind(Protocol):
    """A type of member."""

    def check(self, value: object, path: str) -> None:
        """Nothing, when the value is of this kind; otherwise malformed, naming the path."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """A byte string of one size."""

    size: int

    def check(self, value: object, path: str) -> None:
        """Refuse another type or size."""
        if not isinstance(value, bytes) or len(value) != self.size:
            raise Malformed(f"{path} is not {self}")

    def __str__(self) -> str:
        return f"b{self.size}"


@dataclass(frozen=True, slots=True)
class Bytes:
    """A byte string up to a size."""

    limit: int

    def check(self, value: object, path: str) -> None:
        """Refuse another type or more bytes."""
        if not isinstance(value, bytes) or len(value) > self.limit:
            raise Malformed(f"{path} is not {self}")

    def __str__(self) -> str:
        return f"b..{self.limit}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text up to a number of bytes in UTF-8."""

    limit: int

    def check(self, value: object, path: str) -> None:
        """Refuse another type or more bytes."""
        if not isinstance(value, str) or len(value.encode("utf-8")) > self.limit:
            raise Malformed(f"{path} is not {self}")

    def __str__(self) -> str:
        return f"t..{self.limit}"


@dataclass(frozen=True, slots=True)
class Uint:
    """An integer in 0..2**53-1."""

    def check(self, value: object, path: str) -> None:
        """Refuse another type; the encoding has checked the range."""
        if type(value) is not int:
            raise Malformed(f"{path} is not {self}")

    def __str__(self) -> str:
        return "uint"


@dataclass(frozen=True, slots=True)
class Many:
    """An array up to a number of items of one kind."""

    of: Kind
    limit: int

    def check(self, value: object, path: str) -> None:
        """Refuse another type, more items, or an item of another kind."""
        if not isinstance(value, list) or len(value) > self.limit:
            raise Malformed(f"{path} is not {self}")
        for index, item in enumerate(value):
            self.of.check(item, f"{path}[{index}]")

    def __str__(self) -> str:
        return f"[{self.of}]..{self.limit}"


@dataclass(frozen=True, slots=True)
class Member:
    """A named value of a map."""

    name: str
    kind: Kind
    required: bool = True

    def __str__(self) -> str:
        return f"`{self.name}` {self.kind}{'' if self.required else ' ?'}"


@dataclass(frozen=True, slots=True)
class Members:
    """A map with these members; unknown ones are ignored."""

    members: tuple[Member, ...]

    def check(self, value: object, path: str) -> None:
        """Refuse another type, a member that is missing, or one of another kind."""
        if not isinstance(value, dict):
            raise Malformed(f"{path} is not a map")
        for member in self.members:
            where = f"{path}.{member.name}" if path else member.name
            if member.name in value:
                member.kind.check(value[member.name], where)
            elif member.required:
                raise Malformed(f"{where} is missing")

    def __str__(self) -> str:
        return "{" + ", ".join(str(member) for member in self.members) + "}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: its name and what a request for it holds beside `op`."""

    name: str
    body: Members

    @property
    def members(self) -> tuple[Member, ...]:
        """The members of a request, without `op`."""
        return self.body.members


_ID = Exactly(16)
_DIGEST = Exactly(32)
_PACKAGE = Bytes(4096)
# A voucher's public key and its proof for this device. Spec: 4.9
_VOUCHER = Exactly(96)


def _operation(name: str, *members: Member) -> tuple[str, Operation]:
    return name, Operation(name, Members(members))


# Requests of clients.
OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    dict(
        [
            _operation("account.set", Member("identity", Exactly(146)), Member("root_blob", Exactly(77), False)),
            _operation("name.set", Member("name", Text(128))),
            _operation("directory", Member("after", _ID, False)),
            _operation("invite.create", Member("label", Text(128), False), Member("lifetime", Uint(), False)),
            _operation("device.list"),
            _operation("device.revoke", Member("device_id", _ID)),
            _operation("psk_renew"),
            _operation("file.create", Member("file", _ID), Member("room", _ID), Member("size", Uint())),
            _operation(
                "file.read", Member("file", _ID), Member("room", _ID), Member("index", Uint()), Member("count", Uint())
            ),
            _operation("file.drop", Member("file", _ID), Member("room", _ID)),
            _operation("packages.put", Member("packages", Many(_PACKAGE, 50)), Member("last_resort", _PACKAGE, False)),
            _operation("packages.take", Member("devices", Many(_ID, 16))),
            _operation("room.create", Member("room", _ID), Member("scheme", Uint())),
            _operation(
                "room.stage",
                Member("digest", _DIGEST),
                Member("size", Uint()),
                Member("offset", Uint()),
                Member("bytes", Bytes(STAGE_CHUNK_BYTES)),
            ),
            _operation(
                "room.commit",
                Member("room", _ID),
                Member("epoch", Uint()),
                Member("message_id", _ID),
                Member("commit", _DIGEST),
                Member("added", Many(_ID, 256)),
                Member("removed", Many(_ID, 256)),
                Member("welcome", _DIGEST, False),
                Member("group_info", _DIGEST),
            ),
            _operation(
                "room.resume",
                Member("rooms", Many(Members((Member("room", _ID), Member("cursor", Uint()))), 256)),
            ),
            _operation("room.read", Member("room", _ID), Member("after", Uint()), Member("limit", Uint())),
            _operation("room.list", Member("after", _ID, False)),
            _operation("room.reject", Member("room", _ID), Member("seq", Uint()), Member("reason", Text(32))),
            _operation("welcome.take", Member("done", Many(Uint(), 256), False)),
            _operation(
                "group_info", Member("room", _ID), Member("n", Uint(), False), Member("voucher", _VOUCHER, False)
            ),
            _operation("group_info.put", Member("room", _ID), Member("epoch", Uint()), Member("group_info", _DIGEST)),
            _operation(
                "room.fetch",
                Member("room", _ID),
                Member("digest", _DIGEST),
                Member("offset", Uint()),
                Member("voucher", _VOUCHER, False),
            ),
        ]
    )
)

# Requests of the server; the client answers with an empty map.
NOTICES: Mapping[str, Operation] = MappingProxyType(
    dict(
        [
            _operation("welcome"),
            _operation("directory"),
            _operation("secret", Member("kid", Exactly(8)), Member("secret", Exactly(32))),
            _operation("psk_renew"),
            _operation("successor", Member("statement", Exactly(SUCCESSION_BYTES))),
        ]
    )
)


def check_request(body: Mapping[str, Any]) -> str:
    """The name of the operation a client asks for.

    Raises: malformed, naming the member that is missing or of the wrong type or size.
    """
    return _check(OPERATIONS, body)


def check_notice(body: Mapping[str, Any]) -> str:
    """The name of the notice a server gives.

    Raises: malformed, as `check_request`.
    """
    return _check(NOTICES, body)


def _check(table: Mapping[str, Operation], body: Mapping[str, Any]) -> str:
    name = body.get("op")
    if not isinstance(name, str) or name not in table:
        raise Malformed("op is no operation")
    table[name].body.check(body, "")
    return name
