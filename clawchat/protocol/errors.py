"""Every error this library raises; its codes are the vectors' `expect`, the WebSocket close codes and the audit codes.

ClawChatError
|-- UsageError             usage                     we called it wrongly; nothing was sent
`-- PeerError              what came from outside is refused
    |-- Malformed          malformed            1
    |-- UnsupportedVersion unsupported_version  2
    |-- Unauthentic        unauthentic          3
    |-- OutOfOrder         out_of_order         4
    |-- UnknownType        unknown_type         5
    |-- TooLarge           too_large            6
    |-- TooFast            too_fast             7
    |-- RekeyOverdue       rekey_overdue        8
    |-- Rediscover         rediscover           9
    |-- Revoked            revoked             10
    |-- Limit              limit               11
    |-- NotMember          not_member          12
    |-- StaleEpoch         stale_epoch         13
    |-- Unavailable        unavailable         14
    |-- Expired            expired             15
    |-- Internal           internal            16
    |-- NotYetValid        not_yet_valid        -        these four only judge files; they have no number on the wire
    |-- Replayed           replayed             -
    |-- Forked             forked               -
    `-- UnknownPeer        unknown_peer         -

Texts name sizes and versions, never content or keys. Spec: 3.11
"""

from collections.abc import Mapping
from types import MappingProxyType

CLOSE_CODE_BASE = 4400


class ClawChatError(Exception):
    """The root of all errors of this library."""

    code = "usage"
    number: int | None = None

    def __init__(self, text: str = "", details: Mapping[str, object] | None = None) -> None:
        super().__init__(text or self.code)
        self.text = text
        self.details: dict[str, object] = dict(details or {})


class UsageError(ClawChatError):
    """Our own code called this library wrongly."""


class PeerError(ClawChatError):
    """What came from outside is refused: `code` says why, `details` what the operation adds to a failure."""

    code = "internal"


class Malformed(PeerError):
    """The bytes do not have the shape the protocol gives them."""

    code, number = "malformed", 1


class UnsupportedVersion(PeerError):
    """A version or suite that this side does not speak, or not any more."""

    code, number = "unsupported_version", 2


class Unauthentic(PeerError):
    """A seal, signature, binder or finished value does not verify, whatever the cause."""

    code, number = "unauthentic", 3


class OutOfOrder(PeerError):
    """A replay, a gap or a reordering."""

    code, number = "out_of_order", 4


class UnknownType(PeerError):
    """A message type that does not exist."""

    code, number = "unknown_type", 5


class TooLarge(PeerError):
    """More bytes than the limit."""

    code, number = "too_large", 6


class TooFast(PeerError):
    """More messages than the rate allows."""

    code, number = "too_fast", 7


class RekeyOverdue(PeerError):
    """The keys of this epoch have reached a hard limit."""

    code, number = "rekey_overdue", 8


class Rediscover(PeerError):
    """This port is being given up; the connection file has the current one."""

    code, number = "rediscover", 9


class Revoked(PeerError):
    """This device was revoked."""

    code, number = "revoked", 10


class Limit(PeerError):
    """A count is at its limit; try later."""

    code, number = "limit", 11


class NotMember(PeerError):
    """Not for this device: it is not in the room, or has no account yet."""

    code, number = "not_member", 12


class StaleEpoch(PeerError):
    """The room has moved to another epoch."""

    code, number = "stale_epoch", 13


class Unavailable(PeerError):
    """A part of the server is away for now; repeat later."""

    code, number = "unavailable", 14


class Expired(PeerError):
    """Its time is over."""

    code, number = "expired", 15


class Internal(PeerError):
    """A fault on the other side."""

    code, number = "internal", 16


class NotYetValid(PeerError):
    """Its time has not come, or our clock is wrong."""

    code = "not_yet_valid"


class Replayed(PeerError):
    """Older than what was already seen."""

    code = "replayed"


class Forked(PeerError):
    """The same serial with other content: somebody shows different people different files."""

    code = "forked"


class UnknownPeer(PeerError):
    """Made for or by somebody we hold no key for."""

    code = "unknown_peer"


CODES: Mapping[int, type[PeerError]] = MappingProxyType(
    {kind.number: kind for kind in PeerError.__subclasses__() if kind.number is not None}
)


def error_for(number: int, text: str, details: Mapping[str, object] | None = None) -> PeerError:
    """The error a peer named by its number; a number from a later version gives `Internal`.

    Spec: 3.11
    """
    return CODES.get(number, Internal)(text, details)


def close_code(number: int) -> int:
    """The WebSocket close code of an error number.

    Spec: 3.11
    """
    return CLOSE_CODE_BASE + number
