"""What a connection file says once it is open: where the server is, for how long, and who it is.

Spec: 3.8
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from clawchat.protocol.encoding import encode_base64, encode_json, parse_base64, parse_base64url, parse_json
from clawchat.protocol.errors import Malformed, UnsupportedVersion, UsageError
from clawchat.protocol.keys import IdentityPublic
from clawchat.protocol.limits import CLOCK_SKEW_SECONDS, CONNECTION_FILE_MAX_BYTES, MAX_ENDPOINTS
from clawchat.protocol.places import LOOPBACK_NAMES
from clawchat.protocol.primitives import constant_time_equal, sha256

_T = TypeVar("_T")

INNER_VERSION = "1.0"
PROTOCOL_NAME = "clawchat-secure-v1"
DEFAULT_CIPHERS = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
_HASH_BYTES = 32
# Names and addresses only: a host ends up in a URL, where a slash or an @ would lead elsewhere.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}|(?=[^:]*:[^:]*:)[0-9A-Fa-f:.]{2,45}", re.ASCII)
_PATH = re.compile(r"/[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One chat port. Units: seconds since 1970; load 0.0 (idle) and up."""

    host: str
    port: int
    # With its slash: `/` and 22 characters.
    path: str
    tls: bool
    valid_from: int
    valid_until: int
    load: float = 0.0
    region: str = ""
    # A listed successor takes its place.
    retiring: bool = False
    # It never moves: for networks that let no other port through.
    fixed: bool = False

    @property
    def url(self) -> str:
        """What a WebSocket client dials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'wss' if self.tls else 'ws'}://{host}:{self.port}{self.path}"

    @property
    def is_dialable(self) -> bool:
        """Whether a client may dial it: without TLS only on this very machine.

        Spec: 3.13
        """
        return self.tls or self.host in LOOPBACK_NAMES

    def to_members(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {
            "host": self.host,
            "port": self.port,
            "path": self.path,
            "tls": self.tls,
            "from": self.valid_from,
            "until": self.valid_until,
            "load": self.load,
            "region": self.region,
            "retiring": self.retiring,
            "fixed": self.fixed,
        }

    @classmethod
    def from_members(cls, members: Mapping[str, Any]) -> Self:
        """The endpoint these members of a file describe.

        Raises: malformed.
        """
        host, port = _text(members, "host"), _integer(members, "port")
        path, tls = _text(members, "path"), _flag(members, "tls", True)
        if not _HOST.fullmatch(host) or not 1 <= port <= 65_535:
            raise Malformed("endpoint with a host or port that is none")
        if not _PATH.fullmatch(path):
            raise Malformed("endpoint with a path that is none")
        parse_base64url(path[1:])
        valid_from, valid_until = _integer(members, "from"), _integer(members, "until")
        load, region = _number(members, "load"), _text(members, "region", "")
        retiring, fixed = _flag(members, "retiring", False), _flag(members, "fixed", False)
        return cls(host, port, path, tls, valid_from, valid_until, load, region, retiring, fixed)


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where the server's audit log stands: whoever keeps it can tell later whether the log was shortened or rewritten.

    Sizes: hash 32 bytes.
    """

    number: int
    hash: bytes

    def to_members(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {"number": self.number, "hash": encode_base64(self.hash)}

    @classmethod
    def from_members(cls, members: Mapping[str, Any]) -> Self:
        """The head these members of a file describe.

        Raises: malformed.
        """
        return cls(_integer(members, "number"), _hash(members, "hash"))


@dataclass(frozen=True, slots=True)
class RevocationsHead:
    """Which revocation list belongs to the file.

    Sizes: sha256 32 bytes, over the list as it is published.
    """

    serial: int
    sha256: bytes

    def matches(self, data: bytes) -> bool:
        """Whether these published bytes are the list."""
        return constant_time_equal(self.sha256, sha256(data))

    def to_members(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {"serial": self.serial, "sha256": encode_base64(self.sha256)}

    @classmethod
    def from_members(cls, members: Mapping[str, Any]) -> Self:
        """The head these members of a file describe.

        Raises: malformed.
        """
        head = cls(_integer(members, "serial"), _hash(members, "sha256"))
        if head.serial == 0:
            raise Malformed("revocation list without serial")
        return head


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """An open connection file. Units: seconds since 1970; serial grows with every publication."""

    serial: int
    server_id: str
    server_name: str
    server_public: IdentityPublic
    timestamp: int
    valid_from: int
    valid_until: int
    next_rotation: int
    grace_seconds: int
    endpoints: tuple[Endpoint, ...]
    # Where the published file can be fetched.
    urls: tuple[str, ...] = ()
    suites: tuple[int, ...] = (2,)
    supported_ciphers: tuple[str, ...] = DEFAULT_CIPHERS
    # The oldest client version the server works with; empty when it takes all.
    minimum_client: str = ""
    location: str = ""
    # Absent from files of servers that keep none.
    audit_head: AuditHead | None = None
    revocations: RevocationsHead | None = None
    # SHA-256 of the inner JSON as it was read; two files of one serial must not differ in it.
    digest: bytes = field(default=b"", compare=False)

    def is_current(self, now: int) -> bool:
        """Whether now lies within its validity, give or take a clock's error."""
        return self.valid_from - CLOCK_SKEW_SECONDS <= now <= self.valid_until + CLOCK_SKEW_SECONDS

    def encode(self) -> bytes:
        """The inner JSON, with the specification's names; the first endpoint is repeated at the top."""
        if not self.endpoints:
            raise UsageError("a connection file without endpoints")
        first = self.endpoints[0]
        heads = {"audit_head": self.audit_head, "revocations": self.revocations}
        return encode_json(
            {
                "version": INNER_VERSION,
                "protocol": PROTOCOL_NAME,
                "serial": self.serial,
                "server_id": self.server_id,
                "server_name": self.server_name,
                "ip_address": first.host,
                "port": first.port,
                "path": first.path,
                "tls": first.tls,
                "public_key": encode_base64(bytes(self.server_public)),
                "timestamp": self.timestamp,
                "valid_from": self.valid_from,
                "valid_until": self.valid_until,
                "next_rotation": self.next_rotation,
                "grace_period": self.grace_seconds,
                "supported_ciphers": list(self.supported_ciphers),
                "suites": list(self.suites),
                "urls": list(self.urls),
                "min_client": self.minimum_client,
                **{name: head.to_members() for name, head in heads.items() if head is not None},
                "endpoints": [endpoint.to_members() for endpoint in self.endpoints],
                "metadata": {"location": self.location, "region": first.region, "load": first.load},
            }
        )

    @classmethod
    def parse(cls, data: bytes, verified_by: IdentityPublic) -> Self:
        """The information in an inner JSON that verified_by has signed; the plan's names are read too.

        Raises: malformed; too_large; unsupported_version.
        """
        members = parse_json(data, CONNECTION_FILE_MAX_BYTES)
        if not isinstance(members, dict):
            raise Malformed("connection file without members")
        if _text(members, "version") != INNER_VERSION or _text(members, "protocol", PROTOCOL_NAME) != PROTOCOL_NAME:
            raise UnsupportedVersion("connection file of another version")
        metadata = _map(members, "metadata") if "metadata" in members else {}
        info = cls(
            serial=_integer(members, "serial"),
            server_id=_text(members, "server_id"),
            server_name=_text(members, "server_name", ""),
            server_public=_public_key(members, verified_by),
            timestamp=_integer(members, "timestamp"),
            valid_from=_integer(members, "valid_from", members.get("timestamp")),
            valid_until=_integer(members, "valid_until"),
            next_rotation=_integer(members, "next_rotation"),
            grace_seconds=_integer(members, "grace_period", 0),
            endpoints=_endpoints(members, metadata),
            urls=_texts(members, "urls", ()),
            suites=_integers(members, "suites", (2,)),
            supported_ciphers=_texts(members, "supported_ciphers", ()),
            minimum_client=_text(members, "min_client", ""),
            location=_text(metadata, "location", ""),
            audit_head=_optional(members, "audit_head", AuditHead.from_members),
            revocations=_optional(members, "revocations", RevocationsHead.from_members),
            digest=sha256(data),
        )
        if info.serial == 0 or info.valid_from > info.valid_until:
            raise Malformed("connection file without serial or validity")
        return info


def _public_key(members: Mapping[str, Any], verified_by: IdentityPublic) -> IdentityPublic:
    if "public_key" not in members:
        return verified_by
    return IdentityPublic.from_bytes(parse_base64(_text(members, "public_key")))


def _endpoints(members: Mapping[str, Any], metadata: Mapping[str, Any]) -> tuple[Endpoint, ...]:
    listed = members.get("endpoints")
    if listed is None:
        # A file with the specification's members alone names one endpoint at the top.
        top = {**metadata, **members, "host": members.get("ip_address", members.get("ip"))}
        top["from"], top["until"] = members.get("valid_from", members.get("timestamp")), members.get("valid_until")
        listed = [top]
    if not isinstance(listed, list) or not 1 <= len(listed) <= MAX_ENDPOINTS:
        raise Malformed(f"endpoints are not a list of 1 to {MAX_ENDPOINTS}")
    if not all(isinstance(item, dict) for item in listed):
        raise Malformed("endpoint is not a map")
    return tuple(Endpoint.from_members(item) for item in listed)


def _map(members: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = members[name]
    if not isinstance(value, dict):
        raise Malformed(f"{name} is not a map")
    return value


def _optional(members: Mapping[str, Any], name: str, read: Callable[[Mapping[str, Any]], _T]) -> _T | None:
    return read(_map(members, name)) if name in members else None


def _hash(members: Mapping[str, Any], name: str) -> bytes:
    value = parse_base64(_text(members, name))
    if len(value) != _HASH_BYTES:
        raise Malformed(f"{name} of {len(value)} bytes, expected {_HASH_BYTES}")
    return value


def _text(members: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = members.get(name, default)
    if not isinstance(value, str):
        raise Malformed(f"{name} is not text")
    return value


def _integer(members: Mapping[str, Any], name: str, default: object = None) -> int:
    value = members.get(name, default)
    if type(value) is not int:
        raise Malformed(f"{name} is not an integer")
    return value


def _flag(members: Mapping[str, Any], name: str, default: bool) -> bool:
    value = members.get(name, default)
    if not isinstance(value, bool):
        raise Malformed(f"{name} is not true or false")
    return value


def _number(members: Mapping[str, Any], name: str) -> float:
    value = members.get(name, 0)
    if type(value) not in (int, float) or value < 0:
        raise Malformed(f"{name} is not a number from 0 up")
    return float(value)


def _texts(members: Mapping[str, Any], name: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = members.get(name, list(default))
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Malformed(f"{name} is not a list of texts")
    return tuple(value)


def _integers(members: Mapping[str, Any], name: str, default: tuple[int, ...]) -> tuple[int, ...]:
    value = members.get(name, list(default))
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        raise Malformed(f"{name} is not a list of integers")
    return tuple(value)
