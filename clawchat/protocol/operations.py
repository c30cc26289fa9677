"""The operations of 0x12 as data: which members each request and its answer have, of which type and size.

`str(kind)` is the notation of the document's table, which a test holds against this one.
Spec: 3.14
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

from clawchat.protocol.errors import Malformed, UsageError
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
    """A byte string up to a size; without one, as long as the frame lets it be."""

    limit: int | None = None

    def check(self, value: object, path: str) -> None:
        """Refuse another type or more bytes."""
        if not isinstance(value, bytes) or _is_above(len(value), self.limit):
            raise Malformed(f"{path} is not {self}")

    def __str__(self) -> str:
        return f"b{_up_to(self.limit)}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text up to a number of bytes in UTF-8; without one, as long as the frame lets it be."""

    limit: int | None = None

    def check(self, value: object, path: str) -> None:
        """Refuse another type or more bytes."""
        if not isinstance(value, str) or _is_above(len(value.encode("utf-8")), self.limit):
            raise Malformed(f"{path} is not {self}")

    def __str__(self) -> str:
        return f"t{_up_to(self.limit)}"


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
class Bool:
    """True or false."""

    def check(self, value: object, path: str) -> None:
        """Refuse another type."""
        if not isinstance(value, bool):
            raise Malformed(f"{path} is not {self}")

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True, slots=True)
class Many:
    """An array up to a number of items of one kind; without one, as many as the frame holds."""

    of: Kind
    limit: int | None = None

    def check(self, value: object, path: str) -> None:
        """Refuse another type, more items, or an item of another kind."""
        if not isinstance(value, list) or _is_above(len(value), self.limit):
            raise Malformed(f"{path} is not {self}")
        for index, item in enumerate(value):
            self.of.check(item, f"{path}[{index}]")

    def __str__(self) -> str:
        return f"[{self.of}]{_up_to(self.limit)}"


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
    """One operation: its name, what a request for it holds beside `op`, and what its answer holds."""

    name: str
    body: Members
    answer: Members

    @property
    def members(self) -> tuple[Member, ...]:
        """The members of a request, without `op`."""
        return self.body.members


_ID = Exactly(16)
_DIGEST = Exactly(32)
_PACKAGE = Bytes(4096)
_UINT = Uint()
# A leaf identity. Spec: 4.4
_IDENTITY = Exactly(146)
# A voucher's public key and its proof for this device. Spec: 4.9
_VOUCHER = Exactly(96)


def _required(**kinds: Kind) -> tuple[Member, ...]:
    return tuple(Member(name, kind) for name, kind in kinds.items())


def _optional(**kinds: Kind) -> tuple[Member, ...]:
    return tuple(Member(name, kind, required=False) for name, kind in kinds.items())


def _items(limit: int | None = None, **kinds: Kind) -> Many:
    return Many(Members(_required(**kinds)), limit)


_DEVICES_OF_A_MEMBER = _items(device_id=_ID, device_public=_DIGEST, identity=_IDENTITY)

_Rows = Mapping[str, tuple[tuple[Member, ...], tuple[Member, ...]]]


def _table(rows: _Rows) -> Mapping[str, Operation]:
    return MappingProxyType(
        {name: Operation(name, Members(asked), Members(answered)) for name, (asked, answered) in rows.items()}
    )


# Requests of clients: what is asked, what is answered.
OPERATIONS: Mapping[str, Operation] = _table(
    {
        "account.set": (
            (*_required(identity=_IDENTITY), *_optional(root_blob=Exactly(77))),
            _required(user_id=_ID),
        ),
        "name.set": (_required(name=Text(128)), ()),
        "directory": (
            _optional(after=_ID),
            _required(
                members=_items(100, user_id=_ID, root_public=_DIGEST, name=Text(), devices=_DEVICES_OF_A_MEMBER),
                more=Bool(),
            ),
        ),
        "invite.create": (
            _optional(label=Text(128), lifetime=_UINT),
            _required(invite=Text(), url=Text(), expires=_UINT),
        ),
        "device.list": (
            (),
            _required(
                devices=_items(
                    device_id=_ID, device_public=_DIGEST, kind=_UINT, created=_UINT, last_seen=_UINT, this=Bool()
                )
            ),
        ),
        "device.revoke": (_required(device_id=_ID), ()),
        "psk_renew": ((), ()),
        "file.create": (_required(file=_ID, room=_ID, size=_UINT), _required(have=_UINT)),
        "file.read": (_required(file=_ID, room=_ID, index=_UINT, count=_UINT), _required(size=_UINT)),
        "file.drop": (_required(file=_ID, room=_ID), ()),
        "packages.put": (
            (*_required(packages=Many(_PACKAGE, 50)), *_optional(last_resort=_PACKAGE)),
            _required(left=_UINT),
        ),
        "packages.take": (
            _required(devices=Many(_ID, 16)),
            _required(packages=_items(16, device=_ID, package=_PACKAGE), missing=Many(_ID, 16)),
        ),
        "room.create": (_required(room=_ID, scheme=_UINT), _required(epoch=_UINT)),
        "room.stage": (
            _required(digest=_DIGEST, size=_UINT, offset=_UINT, bytes=Bytes(STAGE_CHUNK_BYTES)),
            _required(have=_UINT),
        ),
        "room.commit": (
            (
                *_required(room=_ID, epoch=_UINT, message_id=_ID, commit=_DIGEST),
                *_required(added=Many(_ID, 256), removed=Many(_ID, 256)),
                *_optional(welcome=_DIGEST),
                *_required(group_info=_DIGEST),
            ),
            _required(seq=_UINT, epoch=_UINT),
        ),
        "room.resume": (
            _required(rooms=_items(256, room=_ID, cursor=_UINT)),
            _required(rooms=_items(256, room=_ID, head=_UINT, epoch=_UINT, cursor=_UINT), gone=Many(_ID, 256)),
        ),
        "room.read": (
            _required(room=_ID, after=_UINT, limit=_UINT),
            _required(
                rows=_items(
                    256, seq=_UINT, kind=_UINT, epoch=_UINT, sender=_ID, message_id=_ID, time=_UINT, bytes=Bytes()
                )
            ),
        ),
        "room.list": (
            _optional(after=_ID),
            _required(rooms=_items(256, room=_ID, scheme=_UINT, epoch=_UINT, here=Bool()), more=Bool()),
        ),
        "room.reject": (_required(room=_ID, seq=_UINT, reason=Text(32)), ()),
        "welcome.take": (
            _optional(done=Many(_UINT, 256)),
            _required(
                welcomes=_items(
                    256,
                    id=_UINT,
                    room=_ID,
                    seq=_UINT,
                    epoch=_UINT,
                    digest=_DIGEST,
                    size=_UINT,
                    group_info=_DIGEST,
                    group_info_size=_UINT,
                )
            ),
        ),
        "group_info": (
            (*_required(room=_ID), *_optional(n=_UINT, voucher=_VOUCHER)),
            _required(seq=_UINT, epoch=_UINT, digest=_DIGEST, size=_UINT, count=_UINT),
        ),
        "group_info.put": (_required(room=_ID, epoch=_UINT, group_info=_DIGEST), ()),
        "room.fetch": (
            (*_required(room=_ID, digest=_DIGEST, offset=_UINT), *_optional(voucher=_VOUCHER)),
            _required(size=_UINT, bytes=Bytes(STAGE_CHUNK_BYTES)),
        ),
    }
)

# Requests of the server; the client answers with an empty map.
NOTICES: Mapping[str, Operation] = _table(
    {
        "welcome": ((), ()),
        "directory": ((), ()),
        "secret": (_required(kid=Exactly(8), secret=Exactly(32)), ()),
        "psk_renew": ((), ()),
        "successor": (_required(statement=Exactly(SUCCESSION_BYTES)), ()),
    }
)


def check_request(body: Mapping[str, Any]) -> str:
    """The name of the operation a client asks for.

    Raises: malformed, naming the member that is missing or of the wrong type or size.
    """
    return _check(OPERATIONS, body)


def check_answer(name: str, body: Mapping[str, Any]) -> None:
    """Nothing, when a server may answer this operation so.

    Raises: malformed, as `check_request`; usage (nobody asks for such an operation).
    """
    if name not in OPERATIONS:
        raise UsageError(f"{name} is no operation")
    OPERATIONS[name].answer.check(body, "")


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


def _is_above(count: int, limit: int | None) -> bool:
    return limit is not None and count > limit


def _up_to(limit: int | None) -> str:
    return "" if limit is None else f"..{limit}"
