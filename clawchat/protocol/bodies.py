"""What frames carry: the payload of each message type.

Spec: 3.11
"""

from dataclasses import dataclass
from typing import Any, Self

from clawchat.protocol.encoding import Reader, encode_cbor, parse_cbor, parse_text, u8, u16, u32, u64, v16
from clawchat.protocol.errors import Malformed, UsageError

_REQUEST, _RESPONSE, _FAILURE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class ChatSend:
    """An MLS message on its way to the server (0x01)."""

    room_id: bytes
    message: bytes

    def encode(self) -> bytes:
        """`room_id[16] || MLSMessage`."""
        return _id(self.room_id) + self.message

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The body in these bytes.

        Raises: malformed (also when there is no message).
        """
        reader = Reader(data)
        return cls(reader.take(16), _some(reader.rest()))


@dataclass(frozen=True, slots=True)
class ChatDelivery:
    """A row of a room's log on its way to a device (0x01)."""

    room_id: bytes
    seq: int
    server_time_ms: int
    sender: bytes
    message: bytes

    def encode(self) -> bytes:
        """`room_id[16] || u64 seq || u64 server_time_ms || sender device_id[16] || MLSMessage`."""
        return _id(self.room_id) + u64(self.seq) + u64(self.server_time_ms) + _id(self.sender) + self.message

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The body in these bytes.

        Raises: malformed (also when there is no message).
        """
        reader = Reader(data)
        return cls(reader.take(16), reader.u64(), reader.u64(), reader.take(16), _some(reader.rest()))


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What the peer could not do (0x06), and for which of our messages, when it was one."""

    number: int
    text: str
    message_id: bytes | None = None

    def encode(self) -> bytes:
        """`u16 code || v16 text || nothing or message_id[16]`."""
        return u16(self.number) + _text(self.text) + (b"" if self.message_id is None else _id(self.message_id))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The body in these bytes.

        Raises: malformed.
        """
        reader = Reader(data)
        number, text = reader.u16(), parse_text(reader.v16())
        message_id = reader.rest()
        if len(message_id) not in (0, 16):
            raise Malformed(f"message id of {len(message_id)} bytes, expected none or 16")
        return cls(number, text, message_id or None)


@dataclass(frozen=True, slots=True)
class CloseNotify:
    """The peer closes on purpose (0x11); without it an end is a truncation. Number 0: nothing is wrong."""

    number: int
    text: str = ""

    def encode(self) -> bytes:
        """`u16 code || v16 text`."""
        return u16(self.number) + _text(self.text)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The body in these bytes.

        Raises: malformed.
        """
        reader = Reader(data)
        body = cls(reader.u16(), parse_text(reader.v16()))
        reader.end()
        return body


@dataclass(frozen=True, slots=True)
class Ack:
    """The message is stored, and where (0x13)."""

    message_id: bytes
    room_id: bytes
    seq: int

    def encode(self) -> bytes:
        """`message_id[16] || room_id[16] || u64 seq`."""
        return _id(self.message_id) + _id(self.room_id) + u64(self.seq)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The body in these bytes.

        Raises: malformed.
        """
        reader = Reader(data)
        body = cls(reader.take(16), reader.take(16), reader.u64())
        reader.end()
        return body


@dataclass(frozen=True, slots=True)
class Request:
    """A question (0x12); the asking side counts the ids."""

    id: int
    body: dict[str, Any]

    def encode(self) -> bytes:
        """`u8 0 || u32 id || CBOR map`."""
        return _encode_exchange(_REQUEST, self.id, self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to the request of the same id."""

    id: int
    body: dict[str, Any]

    def encode(self) -> bytes:
        """`u8 1 || u32 id || CBOR map`."""
        return _encode_exchange(_RESPONSE, self.id, self.body)


@dataclass(frozen=True, slots=True)
class Failure:
    """The request of the same id was not done; its map has `code`, `text` and what the operation adds."""

    id: int
    body: dict[str, Any]

    def encode(self) -> bytes:
        """`u8 2 || u32 id || CBOR map`."""
        return _encode_exchange(_FAILURE, self.id, self.body)


def parse_exchange(data: bytes, max_items: int | None = None) -> Request | Response | Failure:
    """The request, response or failure in these bytes (0x12).

    Raises: malformed (also for a failure without its code and text, and for more than max_items values in the map).
    """
    reader = Reader(data)
    kind, number = reader.u8(), reader.u32()
    body = parse_cbor(reader.rest(), max_items)
    if not isinstance(body, dict):
        raise Malformed("exchange without a map")
    if kind == _REQUEST:
        return Request(number, body)
    if kind == _RESPONSE:
        return Response(number, body)
    if kind == _FAILURE and type(body.get("code")) is int and isinstance(body.get("text"), str):
        return Failure(number, body)
    raise Malformed(f"exchange of kind {kind}")


def _encode_exchange(kind: int, number: int, body: dict[str, Any]) -> bytes:
    return u8(kind) + u32(number) + encode_cbor(body)


def _id(value: bytes) -> bytes:
    if len(value) != 16:
        raise UsageError(f"id of {len(value)} bytes, expected 16")
    return value


def _text(value: str) -> bytes:
    return v16(value.encode("utf-8"))


def _some(message: bytes) -> bytes:
    if not message:
        raise Malformed("no message")
    return message
