"""Files beside a message: sealed in chunks under a key of their own, and how a message shows them.

Spec: 3.18, 4.4
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

from clawchat.protocol.bodies import FileChunk
from clawchat.protocol.encoding import u8, u32
from clawchat.protocol.errors import ClawChatError, Malformed, TooLarge, Unauthentic, UsageError
from clawchat.protocol.key_schedule import PREFIXES
from clawchat.protocol.keys import AttachmentKey
from clawchat.protocol.limits import (
    ATTACHMENT_CHUNK_BYTES,
    ATTACHMENT_MIME_MAX_BYTES,
    ATTACHMENT_MIN_BYTES,
    ATTACHMENT_NAME_MAX_BYTES,
    FILE_MAX_BYTES,
    MAX_ATTACHMENTS,
)
from clawchat.protocol.primitives import (
    NONCE_BYTES,
    TAG_BYTES,
    Sha256,
    aead_key,
    aead_open,
    aead_seal,
    constant_time_equal,
)

# What a name may not have: control characters, path separators, what turns or breaks a line, half a character.
_NOT_IN_NAMES = re.compile("[\\x00-\\x1f\\x7f-\\x9f/\\\\\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_NO_NAMES = ("", ".", "..")
_MIME = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]*/[a-z0-9][a-z0-9!#$&^_.+-]*", re.ASCII)
_ANY_NAME, _ANY_MIME = "file", "application/octet-stream"
# An ending that is longer is none.
_ENDING_MAX_BYTES = 16


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as a message shows it. Units: size in bytes, before padding."""

    id: bytes
    size: int
    key: AttachmentKey
    # Of the whole ciphertext.
    sha256: bytes
    mime: str
    name: str

    def to_members(self) -> dict[str, Any]:
        """The map in a payload.

        Raises: usage (a name, type or size that nobody would take).
        """
        _check(self, UsageError)
        key = bytes(self.key)
        return {
            "id": self.id,
            "size": self.size,
            "key": key,
            "sha256": self.sha256,
            "mime": self.mime,
            "name": self.name,
        }

    @classmethod
    def from_members(cls, members: object) -> Self:
        """The attachment that a map in a payload describes.

        Raises: malformed (also for a name that no file may have).
        """
        if not isinstance(members, dict) or type(members.get("size")) is not int:
            raise Malformed("attachment without a size")
        for name, kind in (("id", bytes), ("key", bytes), ("sha256", bytes), ("mime", str), ("name", str)):
            if not isinstance(members.get(name), kind):
                raise Malformed(f"attachment without {name}")
        key = AttachmentKey.from_bytes(members["key"])
        found = cls(members["id"], members["size"], key, members["sha256"], members["mime"], members["name"])
        _check(found, Malformed)
        return found


def encode_attachments(attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
    """The member `attachments` of a payload.

    Raises: usage (more than ten, one twice, or what `Attachment.to_members` refuses).
    """
    _check_all(attachments, UsageError)
    return [each.to_members() for each in attachments]


def parse_attachments(value: object) -> tuple[Attachment, ...]:
    """What the member `attachments` of a payload shows; a payload without it (None) shows nothing.

    Raises: malformed.
    """
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MAX_ATTACHMENTS:
        raise Malformed(f"attachments are no list of at most {MAX_ATTACHMENTS}")
    found = tuple(Attachment.from_members(members) for members in value)
    _check_all(found, Malformed)
    return found


def padded_size(size: int) -> int:
    """How long a file of so many bytes becomes: the next 2^k or 1.5 x 2^k, at least 4,096.

    Raises: too_large (more than 2^30).
    """
    if size > FILE_MAX_BYTES:
        raise TooLarge(f"a file of {size} bytes, at most {FILE_MAX_BYTES}")
    power = ATTACHMENT_MIN_BYTES
    while power < size:
        half_more = power + power // 2
        if size <= half_more:
            return half_more
        power *= 2
    return power


def chunk_count(size: int) -> int:
    """In how many chunks a file of so many bytes is sealed.

    Raises: too_large.
    """
    return -(-padded_size(size) // ATTACHMENT_CHUNK_BYTES)


def sealed_size(size: int) -> int:
    """The bytes of all chunks of a file of so many bytes, tags included: what the server counts. Spec: 3.18

    Raises: too_large.
    """
    return padded_size(size) + TAG_BYTES * chunk_count(size)


def seal_attachment(
    plaintext: Iterable[bytes], file_id: bytes, key: AttachmentKey, size: int, digest: Sha256
) -> Iterator[FileChunk]:
    """The sealed chunks of a file, in order; `digest` takes in their bytes, for `Attachment.sha256`.

    The plaintext may come in pieces of any length, `size` bytes together. The key was drawn for this one run: whoever
    reads the source again draws another, because it may have changed. What was sealed may be sent again at will.
    Sizes: file_id 16 bytes; never more than a chunk and a piece are held.
    Nonce: the chunk's index; the key never seals another file.
    Raises: too_large; usage (more or fewer bytes than `size`).
    """
    ready, last = aead_key(bytes(key)), chunk_count(size) - 1
    for index, padded in enumerate(_padded_chunks(plaintext, size)):
        data = aead_seal(ready, _nonce(index), padded, _associated_data(file_id, index, index == last))
        digest.update(data)
        yield FileChunk(file_id, index, index == last, data)


def open_attachment(attachment: Attachment, chunks: Iterable[FileChunk]) -> Iterator[bytes]:
    """The plaintext in pieces, from the chunks in order. It is the file's only when the last piece was followed by the
    end: whoever shows or stores under a name what came before an error has been deceived.

    Raises: malformed (a chunk of another file, out of its place or of another size; too few or too many; padding that
    is no zeros); unauthentic (a chunk that does not open, or another hash); too_large.
    """
    ready, digest = aead_key(bytes(attachment.key)), Sha256()
    count, opened, left = chunk_count(attachment.size), 0, attachment.size
    for index, chunk in enumerate(chunks):
        _check_place(chunk, attachment, index, count)
        digest.update(chunk.data)
        piece = aead_open(ready, _nonce(index), chunk.data, _associated_data(chunk.file_id, index, chunk.is_last))
        shown, padding = piece[:left], piece[left:]
        if padding.count(0) != len(padding):
            raise Malformed("padding that is no zeros")
        opened, left = opened + 1, left - len(shown)
        if shown:
            yield shown
    if opened != count:
        raise Malformed(f"{opened} chunks, expected {count}")
    if not constant_time_equal(digest.digest(), attachment.sha256):
        raise Unauthentic("a file with another hash")


def fitting_name(name: str) -> str:
    """The name as an attachment may have it: what no name may have is replaced by `_`, and what is too long cut before
    its ending.

    Sizes: at most 255 bytes of UTF-8.
    """
    clean = _NOT_IN_NAMES.sub("_", name.lstrip("\ufeff"))
    if clean in _NO_NAMES:
        return _ANY_NAME
    stem, dot, ending = clean.rpartition(".")
    tail = dot + ending if stem and len(ending.encode()) <= _ENDING_MAX_BYTES else ""
    stem = clean[: len(clean) - len(tail)]
    return _cut(stem, ATTACHMENT_NAME_MAX_BYTES - len(tail.encode())) + tail


def fitting_mime(mime: str) -> str:
    """The media type as an attachment may have it, in small letters and without parameters; one that does not fit says
    nothing but that there are bytes.
    """
    plain = mime.partition(";")[0].strip(" \t").lower()
    return plain if _is_mime(plain) else _ANY_MIME


def _check(attachment: Attachment, refused: type[ClawChatError]) -> None:
    if len(attachment.id) != 16 or len(attachment.sha256) != 32:
        raise refused("attachment without its id or hash")
    if not 0 <= attachment.size <= FILE_MAX_BYTES:
        raise refused(f"attachment of {attachment.size} bytes, at most {FILE_MAX_BYTES}")
    if not _is_mime(attachment.mime):
        raise refused("attachment with a media type that is none")
    name = attachment.name
    if name in _NO_NAMES or _NOT_IN_NAMES.search(name) or len(name.encode()) > ATTACHMENT_NAME_MAX_BYTES:
        raise refused("attachment with a name that no file may have")


def _check_all(attachments: Sequence[Attachment], refused: type[ClawChatError]) -> None:
    if len(attachments) > MAX_ATTACHMENTS:
        raise refused(f"{len(attachments)} attachments, at most {MAX_ATTACHMENTS}")
    if len({each.id for each in attachments}) != len(attachments):
        raise refused("one attachment twice")


def _is_mime(text: str) -> bool:
    return len(text) <= ATTACHMENT_MIME_MAX_BYTES and _MIME.fullmatch(text) is not None


def _check_place(chunk: FileChunk, attachment: Attachment, index: int, count: int) -> None:
    if index >= count:
        raise Malformed(f"data behind the last of {count} chunks")
    is_last = index == count - 1
    size = sealed_size(attachment.size) - (count - 1) * (ATTACHMENT_CHUNK_BYTES + TAG_BYTES) if is_last else None
    if (chunk.file_id, chunk.index, chunk.is_last) != (attachment.id, index, is_last):
        raise Malformed(f"another chunk than {index} of {count}")
    if len(chunk.data) != (size or ATTACHMENT_CHUNK_BYTES + TAG_BYTES):
        raise Malformed(f"chunk {index} of {len(chunk.data)} bytes")


def _padded_chunks(plaintext: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Pieces of 65,536 bytes, the last one shorter where the padded file is no multiple of it."""
    left, held = size, bytearray()
    for piece in plaintext:
        left -= len(piece)
        if left < 0:
            raise UsageError(f"more than the {size} bytes of the file")
        held += piece
        while len(held) >= ATTACHMENT_CHUNK_BYTES:
            yield bytes(held[:ATTACHMENT_CHUNK_BYTES])
            del held[:ATTACHMENT_CHUNK_BYTES]
    if left:
        raise UsageError(f"{left} bytes fewer than the {size} of the file")
    end = padded_size(size) - (size - len(held))
    for offset in range(0, end, ATTACHMENT_CHUNK_BYTES):
        length = min(ATTACHMENT_CHUNK_BYTES, end - offset)
        yield bytes(held[offset : offset + length]).ljust(length, b"\0")


def _nonce(index: int) -> bytes:
    return index.to_bytes(NONCE_BYTES, "big")


def _associated_data(file_id: bytes, index: int, is_last: bool) -> bytes:
    return PREFIXES["blob"] + file_id + u32(index) + u8(is_last)


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode("utf-8", "ignore")
