"""What frames carry: the payload of each message type.

Spec: 3.11
"""

from dataclasses import dataclass
from typing import Any, Self

from clawchat.protocol.encoding import Reader, encode_cbor, parse_cbor, parse_text, u8, u16, u32, u64, v16
from clawchat.protocol.errors import ClawChatError, Malformed, TooLarge, UsageError
from clawchat.protocol.limits import FILE_CHUNK_BYTES, PING_MAX_BYTES, SIGNAL_MAX_BYTES

_REQUEST, _RESPONSE, _FAILURE = 0, 1, 2
# Device, epoch, nonce, one byte of padding and the tag.
_SIGNAL_MIN_BYTES = 53


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
class FileChunk:
    """A chunk of a sealed file, on its way to the server or from it (0x02): at most 65,552 bytes of it."""

    file_id: bytes
    index: int
    is_last: bool
    data: bytes

    def encode(self) -> bytes:
        """`file[16] || u32 index || u8 last || bytes`.

        Spec: 3.18
        """
        return _id(self.file_id) + u32(self.index) + u8(self.is_last) + _chunk(self.data, UsageError)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The body in these bytes; whether length and place fit the file is for who knows its size.

        Raises: malformed (also for no byte of the file, for more than a chunk has, and a `last` that is neither 0 nor
        1).
        """
        reader = Reader(data)
        file_id, index, last = reader.take(16), reader.u32(), reader.u8()
        if last > 1:
            raise Malformed(f"last is {last}, expected 0 or 1")
        return cls(file_id, index, last == 1, _chunk(reader.rest(), Malformed))


@dataclass(frozen=True, slots=True)
class SealedSignal:
    """What a presence frame carries: the device that sealed it, its epoch, and the sealed bytes with their tag."""

    sender: bytes
    epoch: int
    nonce: bytes
    sealed: bytes

    def encode(self) -> bytes:
        """`sender device_id[16] || u64 epoch || nonce[12] || ciphertext || tag[16]`, at most 372 bytes.

        Spec: 4.12
        """
        if len(self.nonce) != 12:
            raise UsageError(f"nonce of {len(self.nonce)} bytes, expected 12")
        return _signal(_id(self.sender) + u64(self.epoch) + self.nonce + self.sealed, UsageError)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The signal in these bytes, still sealed.

        Raises: malformed (also for fewer than 53 and more than 372 bytes).
        """
        reader = Reader(_signal(data, Malformed))
        return cls(reader.take(16), reader.u64(), reader.take(12), reader.rest())


@dataclass(frozen=True, slots=True)
class PresenceBody:
    """A signal for a room, the same in both directions (0x03); the server forgets it."""

    room_id: bytes
    signal: SealedSignal

    def encode(self) -> bytes:
        """`room_id[16] || sealed signal`."""
        return _id(self.room_id) + self.signal.encode()

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The body in these bytes.

        Raises: malformed.
        """
        reader = Reader(data)
        return cls(reader.take(16), SealedSignal.parse(reader.rest()))


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


def parse_ping(data: bytes) -> bytes:
    """What a ping or a pong carries (0x07, 0x08): up to 64 bytes, to be echoed.

    Raises: too_large.
    """
    if len(data) > PING_MAX_BYTES:
        raise TooLarge(f"ping of {len(data)} bytes, at most {PING_MAX_BYTES}")
    return data


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


def _chunk(data: bytes, error: type[ClawChatError]) -> bytes:
    if not 1 <= len(data) <= FILE_CHUNK_BYTES:
        raise error(f"chunk of {len(data)} bytes, expected 1 to {FILE_CHUNK_BYTES}")
    return data


def _signal(data: bytes, error: type[ClawChatError]) -> bytes:
    if not _SIGNAL_MIN_BYTES <= len(data) <= SIGNAL_MAX_BYTES:
        raise error(f"signal of {len(data)} bytes, expected {_SIGNAL_MIN_BYTES} to {SIGNAL_MAX_BYTES}")
    return data
