"""What members tell each other inside an application message: a CBOR map with a type.

Spec: 3.13, 4.4, 4.11
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clawchat.protocol.attachment import Attachment, encode_attachments, parse_attachments
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import Malformed, TooLarge

# A text that fills a few screens; what is longer is a file.
TEXT_MAX_BYTES = 16_384
ROOM_NAME_MAX_BYTES = 128


@dataclass(frozen=True, slots=True)
class Text:
    """Somebody says something, and shows files."""

    text: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Profile:
    """The room's name, which the server never sees; whoever adds somebody repeats it."""

    name: str


def encode_text(text: str, now_ms: int, attachments: Sequence[Attachment] = ()) -> bytes:
    """A text, and files beside it, as a payload. Units: now in milliseconds since 1970.

    Raises: too_large (more than 16,384 bytes of UTF-8); usage (files that nobody would take).
    """
    shown = {"attachments": encode_attachments(attachments)} if attachments else {}
    return encode_cbor({"type": "text", "body": _fitting(text, TEXT_MAX_BYTES), "client_time": now_ms, **shown})


def encode_profile(name: str, now_ms: int) -> bytes:
    """A room's name as a payload. Units: now in milliseconds since 1970.

    Raises: too_large (more than 128 bytes of UTF-8).
    """
    body = {"name": _fitting(name, ROOM_NAME_MAX_BYTES)}
    return encode_cbor({"type": "profile", "body": body, "client_time": now_ms})


def parse_payload(data: bytes) -> Text | Profile | None:
    """What a payload says; None for what later versions send.

    Raises: malformed.
    """
    payload: Any = parse_cbor(data)
    if not isinstance(payload, dict) or not isinstance(payload.get("type"), str):
        raise Malformed("a payload without a type")
    body = payload.get("body")
    if payload["type"] == "text":
        return Text(_text(body, TEXT_MAX_BYTES), parse_attachments(payload.get("attachments")))
    if payload["type"] == "profile":
        return Profile(_text(body.get("name") if isinstance(body, dict) else None, ROOM_NAME_MAX_BYTES))
    return None


def _fitting(text: str, max_bytes: int) -> str:
    size = len(text.encode())
    if size > max_bytes:
        raise TooLarge(f"a text of {size} bytes, at most {max_bytes}")
    return text


def _text(value: object, max_bytes: int) -> str:
    if not isinstance(value, str) or len(value.encode()) > max_bytes:
        raise Malformed("a text")
    return value
