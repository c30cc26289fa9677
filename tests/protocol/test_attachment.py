"""Files beside a message: what is sealed opens again whatever its size, and nothing else does."""

import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clawchat.protocol.attachment import (
    Attachment,
    chunk_count,
    encode_attachments,
    fitting_mime,
    fitting_name,
    open_attachment,
    padded_size,
    parse_attachments,
    seal_attachment,
    sealed_size,
)
from clawchat.protocol.bodies import FileChunk
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import Malformed, PeerError, TooLarge, Unauthentic, UsageError
from clawchat.protocol.keys import AttachmentKey
from clawchat.protocol.limits import ATTACHMENT_CHUNK_BYTES, FILE_CHUNK_BYTES, FILE_MAX_BYTES
from clawchat.protocol.primitives import Sha256, random_bytes, sha256

FILE, KEY = b"f" * 16, AttachmentKey(b"k" * 32)


def seal(plain: bytes, pieces=None, key=KEY, file_id=FILE) -> tuple[Attachment, list[FileChunk]]:
    """A sealed file and how a message shows it."""
    digest = Sha256()
    chunks = list(seal_attachment(pieces or [plain], file_id, key, len(plain), digest))
    return Attachment(file_id, len(plain), key, digest.digest(), "text/plain", "a.txt"), chunks


def read(attachment, chunks) -> bytes:
    return b"".join(open_attachment(attachment, chunks))


@given(
    st.integers(0, 5 * ATTACHMENT_CHUNK_BYTES) | st.sampled_from([0, 4096, 4097, 65_536, 65_537, 98_304, 98_305]),
    st.integers(1, 3 * ATTACHMENT_CHUNK_BYTES),
)
@settings(max_examples=40, deadline=None)
def test_what_is_sealed_opens_again(size, step):
    """Any size, in pieces of any length: the same chunks, and the plaintext byte for byte."""
    plain = bytes(251) * (size // 251) + random_bytes(size % 251)
    attachment, chunks = seal(plain, [plain[at : at + step] for at in range(0, size, step)] or [b""])

    assert read(attachment, chunks) == plain
    assert [len(chunk.data) for chunk in chunks[:-1]] == [FILE_CHUNK_BYTES] * (len(chunks) - 1)
    assert [chunk.is_last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    assert sum(len(chunk.data) for chunk in chunks) == sealed_size(size)
    assert (len(chunks), attachment.sha256) == (chunk_count(size), sha256(*(chunk.data for chunk in chunks)))
    assert seal(plain)[1] == chunks


@given(st.integers(0, FILE_MAX_BYTES))
def test_padding_hides_the_size_and_costs_at_most_half(size):
    """Every size in between gives the same; two steps for each power of two."""
    padded = padded_size(size)

    assert max(size, 4096) <= padded <= max(4096, size * 3 // 2 + 1)
    assert padded_size(padded) == padded
    assert (padded & (padded - 1)) == 0 or ((padded // 3) & (padded // 3 - 1)) == 0


def test_a_file_is_at_most_a_gibibyte():
    """Known before a byte of it is read."""
    for question in (padded_size, chunk_count, sealed_size):
        with pytest.raises(TooLarge):
            question(FILE_MAX_BYTES + 1)
    with pytest.raises(TooLarge):
        next(seal_attachment([], FILE, KEY, FILE_MAX_BYTES + 1, Sha256()))
    with pytest.raises(TooLarge):
        next(open_attachment(replace(seal(b"")[0], size=FILE_MAX_BYTES + 1), []))


@pytest.mark.parametrize("plain", [[], [b"12"], [b"123", b"4"], [b"1234", b""]])
def test_a_source_of_another_size_is_a_mistake(plain):
    """It changed while it was read: whoever seals it anew draws another key."""
    with pytest.raises(UsageError):
        list(seal_attachment(plain, FILE, KEY, 3, Sha256()))


def test_every_changed_byte_of_a_chunk_is_refused():
    """Wherever it stands; here each 97th."""
    attachment, [chunk] = seal(b"hello")
    for at in range(0, len(chunk.data), 97):
        changed = bytearray(chunk.data)
        changed[at] ^= 1 << at % 8
        with pytest.raises(Unauthentic):
            read(attachment, [replace(chunk, data=bytes(changed))])


def test_every_member_of_the_attachment_counts():
    """Another id, key, hash or size opens nothing."""
    attachment, chunks = seal(b"hello")
    other = AttachmentKey.generate()
    for changed in ({"id": b"o" * 16}, {"key": other}, {"sha256": bytes(32)}, {"size": 4}, {"size": 5000}):
        with pytest.raises(PeerError):
            read(replace(attachment, **changed), chunks)


def test_nothing_is_given_out_of_a_file_that_does_not_begin_well():
    """What comes before an error is the beginning of the file, never anything else; the end is missed at the end."""
    plain = random_bytes(2 * ATTACHMENT_CHUNK_BYTES + 1)
    attachment, chunks = seal(plain)
    pieces = []
    with pytest.raises(Malformed):
        for piece in open_attachment(attachment, chunks[:2]):
            pieces.append(piece)
    assert b"".join(pieces) == plain[: 2 * ATTACHMENT_CHUNK_BYTES]

    with pytest.raises(Malformed):
        next(open_attachment(attachment, chunks[1:]))


def test_what_follows_the_last_chunk_is_not_even_opened():
    """Its place says enough; whoever sent it need not have the key."""
    attachment, chunks = seal(b"hello")
    behind = FileChunk(FILE, len(chunks), False, bytes(FILE_CHUNK_BYTES))
    with pytest.raises(Malformed):
        read(attachment, [*chunks, behind])


def test_two_files_of_one_key_do_not_mix():
    """Should somebody use a key twice all the same: a chunk belongs to its file and place."""
    one, first = seal(random_bytes(70_000))
    _, second = seal(random_bytes(70_000), file_id=b"g" * 16)

    for wrong in ([first[0], replace(second[1], file_id=FILE)], [replace(second[0], file_id=FILE), first[1]]):
        attachment = replace(one, sha256=sha256(*(chunk.data for chunk in wrong)))
        with pytest.raises(Unauthentic):
            read(attachment, wrong)


def test_a_file_is_never_held_whole():
    """Eight megabytes go through less than one."""
    size, digest, opened = 8 * 2**20, Sha256(), 0
    attachment, piece = None, bytes(50_000)
    pieces = (piece[: min(50_000, size - at)] for at in range(0, size, 50_000))
    sealed = seal_attachment(pieces, FILE, KEY, size, digest)
    attachment = Attachment(FILE, size, KEY, bytes(32), "a/b", "a")

    tracemalloc.start()
    with pytest.raises(Unauthentic):
        for opened_piece in open_attachment(attachment, sealed):
            opened += len(opened_piece)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert opened == size
    assert peak < 2**20


def test_attachments_go_through_a_payload():
    """As CBOR and back; a payload without any shows none."""
    attachments = tuple(seal(b"x", file_id=bytes([at]) * 16)[0] for at in range(10))

    assert parse_attachments(parse_cbor(encode_cbor(encode_attachments(attachments)))) == attachments
    assert parse_attachments(None) == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"id": b"x"},
        {"sha256": b"x"},
        {"size": -1},
        {"size": FILE_MAX_BYTES + 1},
        {"mime": "Text/plain"},
        {"mime": "text"},
        {"name": ""},
        {"name": "."},
        {"name": ".."},
        {"name": "a/b"},
        {"name": "\ud800"},
        {"name": "ä" * 128},
    ],
)
def test_what_nobody_would_take_is_not_sent(changed):
    """A mistake of ours, found before it leaves."""
    with pytest.raises(UsageError):
        replace(seal(b"")[0], **changed).to_members()


def test_at_most_ten_are_sent_and_none_twice():
    """Ours is as strict as theirs."""
    attachments = [seal(b"", file_id=bytes([at]) * 16)[0] for at in range(11)]
    for wrong in (attachments, [attachments[0]] * 2):
        with pytest.raises(UsageError):
            encode_attachments(wrong)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(0, 2**53 - 1) | st.binary(max_size=40) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "size", "key", "sha256", "mime", "name", "x"]), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(ANYTHING)
def test_any_value_is_attachments_or_malformed(value):
    """Whatever a member of the room puts there."""
    try:
        found = parse_attachments(value)
    except Malformed:
        return
    assert encode_attachments(found) == ([] if value is None else value) or any(len(each) > 6 for each in value)


@given(st.text(alphabet=st.characters(codec=None), max_size=400), st.text(max_size=140))
def test_any_name_and_type_are_made_to_fit(name, mime):
    """Half a character, a path, a novel: what comes of it may be sent, and stays as it is the next time."""
    fitted = replace(seal(b"")[0], name=fitting_name(name), mime=fitting_mime(mime))

    assert Attachment.from_members(parse_cbor(encode_cbor(fitted.to_members()))) == fitted
    assert (fitting_name(fitted.name), fitting_mime(fitted.mime)) == (fitted.name, fitted.mime)


@pytest.mark.parametrize(
    ("name", "fitted"),
    [
        ("Xaver.txt", "Xaver.txt"),
        ("\ufeffX", "X"),
        ("", "file"),
        (".", "file"),
        ("..", "file"),
        ("a." + "b" * 300 + ".tar.gz", "a." + "b" * 250 + ".gz"),
        ("a" * 300 + "." + "e" * 16, "a" * 238 + "." + "e" * 16),
        ("a" * 300 + "." + "e" * 17, "a" * 255),
        ("." + "a" * 300, "." + "a" * 254),
    ],
)
def test_a_long_name_keeps_its_ending(name, fitted):
    """What stands behind the last dot, up to 16 bytes of it; the mark before a name goes and nothing else does."""
    assert fitting_name(name) == fitted


@pytest.mark.parametrize(
    ("mime", "fitted"),
    [
        (" \tText/Plain\t ; charset=utf-8; x=y", "text/plain"),
        ("X-CONFERENCE/X-COOLTALX", "x-conference/x-cooltalx"),
        ("\ntext/plain", "application/octet-stream"),
        ("text/plain\u00a0", "application/octet-stream"),
    ],
)
def test_a_type_loses_its_parameters_and_no_more(mime, fitted):
    """Spaces and tabs around it are none of it, a line break is."""
    assert fitting_mime(mime) == fitted


def test_a_key_does_not_show():
    """Neither by itself nor in the attachment."""
    attachment, _ = seal(b"")

    assert "AttachmentKey(...)" in repr(attachment)
    assert bytes(KEY).hex() not in repr(attachment) and str(bytes(KEY)) not in repr(attachment)
