"""Files of rooms: sealed once, brought and fetched over whatever breaks, shown by a message, opened when whole."""

import asyncio
import io
from dataclasses import replace

import pytest

from clawchat.client.rooms import downloads, uploads
from clawchat.client.rooms.archive import Entry
from clawchat.client.rooms.uploads import source_of
from clawchat.protocol.attachment import sealed_size
from clawchat.protocol.encoding import encode_cbor, parse_cbor
from clawchat.protocol.errors import (
    Internal,
    Limit,
    Malformed,
    NotMember,
    TooFast,
    TooLarge,
    Unauthentic,
    Unavailable,
    UsageError,
)
from tests.client.hub import pair, until

# Eight chunks, the last two of padding.
PLAIN = bytes(range(256)) * 1600


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    """Nobody waits here."""
    for module in (uploads, downloads):
        monkeypatch.setattr(module, "pause_after", lambda error: 0.01)


async def send(seat, room, plain=PLAIN, text="", progress=None):
    """Begin to send a file."""
    plain = [plain] if isinstance(plain, bytes) else plain
    return await seat.rooms.uploads.add(room.room_id, plain, len(PLAIN), "a.bin", "text/plain", text, progress)


async def shown(seat, room):
    """The attachment that a text in this room shows."""
    there = await seat.room(room.room_id)
    await until(lambda: any(entry.attachments for entry in there.entries))
    [attachment] = next(entry.attachments for entry in there.entries if entry.attachments)
    return attachment


async def test_a_file_goes_from_one_to_the_other(hub):
    """Sealed, brought, shown by a message with its text, and fetched: byte for byte; both archives show it."""
    alice, bob, room, _ = await pair(hub)
    steps = []

    upload = await send(alice, room, text="look", progress=lambda have, size: steps.append((have, size)))
    await room.stored(await upload.queued)
    attachment = await shown(bob, room)

    assert await bob.rooms.downloads.read(room.room_id, attachment, None) == PLAIN
    assert (attachment.name, attachment.mime, attachment.size) == ("a.bin", "text/plain", len(PLAIN))
    assert await shown(alice, room) == attachment
    assert bob.texts(room.room_id) == alice.texts(room.room_id) == ["look"]
    assert steps[0] == (0, len(PLAIN)) and steps[-1] == (len(PLAIN), len(PLAIN)) and steps == sorted(steps)
    assert (alice.store.keys("uploads"), alice.store.keys("upload chunks")) == ([], [])
    assert (bob.store.keys("downloads"), bob.store.keys("download chunks")) == ([], [])


async def test_the_server_sees_only_ciphertext_of_a_padded_size(hub):
    """No chunk has a piece of the file; the sizes are those of the next step."""
    alice, _bob, room, _ = await pair(hub)
    upload = await send(alice, room)
    await upload.queued
    [file] = hub.files.values()

    assert file.size == sum(len(chunk.data) for chunk in file.chunks) == sealed_size(len(PLAIN))
    assert not any(PLAIN[:16] in chunk.data for chunk in file.chunks)


@pytest.mark.parametrize("after", [1, 3, 8])
async def test_an_upload_goes_on_on_the_next_connection(hub, after):
    """The line is cut while chunks are under way: what the server has is not sent as another ciphertext."""
    alice, bob, room, _ = await pair(hub)
    hub.cut_after = after
    upload = await send(alice, room)
    await until(lambda: alice.wire is None)
    before = {file_id: list(file.chunks) for file_id, file in hub.files.items()}
    await alice.connect()
    await room.stored(await upload.queued)

    [(file_id, file)] = hub.files.items()
    assert file.chunks[: len(before[file_id])] == before[file_id]
    assert await bob.rooms.downloads.read(room.room_id, await shown(bob, room), None) == PLAIN


async def test_an_upload_survives_a_restart(hub):
    """The program is killed midway; started again it brings the rest of the same ciphertext, and shows it."""
    alice, bob, room, _ = await pair(hub)
    hub.cut_after = 4
    await send(alice, room, text="look")
    await until(lambda: alice.wire is None)
    await alice.restart()

    attachment = await shown(bob, room)
    assert await bob.rooms.downloads.read(room.room_id, attachment, None) == PLAIN
    assert len(hub.files) == 1
    assert alice.store.keys("upload chunks") == []


async def test_what_was_half_sealed_is_forgotten_at_the_next_start(hub):
    """A program that is killed while it seals begins anew, under another key."""
    alice, _bob, _room, _ = await pair(hub)
    alice.store.put("upload chunks", bytes(20), b"sealed by a key that nobody has")

    await alice.restart()

    assert alice.store.keys("upload chunks") == []


async def test_a_source_that_changes_while_it_is_read_is_not_sent(hub):
    """Fewer or more bytes than it had: nothing stays on the disk, nothing is told to the server."""
    alice, _bob, room, _ = await pair(hub)

    for pieces in ([PLAIN[:-1]], [PLAIN, b"x"]):
        with pytest.raises(UsageError):
            await send(alice, room, iter(pieces))

    assert alice.store.keys("upload chunks") == []
    assert hub.files == {}


async def test_what_no_message_could_show_is_not_begun(hub):
    """A text that is too long, a room that this device is not in: known before anything is sealed."""
    alice, _bob, room, _ = await pair(hub)

    with pytest.raises(TooLarge):
        await send(alice, room, text="x" * 16_385)
    with pytest.raises(NotMember):
        await alice.rooms.uploads.add(bytes(16), [PLAIN], len(PLAIN), "a", "text/plain", "", None)

    assert alice.store.keys("upload chunks") == []


@pytest.mark.parametrize("error", [TooFast, Unavailable, Internal])
async def test_a_refusal_that_passes_is_waited_out(hub, error):
    """A full disk at the server, or too much at once: the same chunks come again."""
    alice, bob, room, _ = await pair(hub)
    hub.chunk_errors = [None, error.number, None, error.number, error.number]

    await room.stored(await (await send(alice, room)).queued)

    assert await bob.rooms.downloads.read(room.room_id, await shown(bob, room), None) == PLAIN


async def test_a_refusal_for_good_is_told_and_forgotten(hub):
    """Whoever waits hears of it; what comes after it is brought all the same."""
    alice, bob, room, _ = await pair(hub)
    hub.chunk_errors = [Limit.number]
    refused, taken = await send(alice, room), await send(alice, room)

    with pytest.raises(Limit):
        await refused.queued
    await room.stored(await taken.queued)

    assert await bob.rooms.downloads.read(room.room_id, await shown(bob, room), None) == PLAIN
    assert alice.store.keys("upload chunks") == []


async def test_files_come_in_the_order_they_were_given(hub):
    """One after the other, over a restart too."""
    alice, bob, room, _ = await pair(hub)
    alice.cut()
    for text in ("one", "two", "three"):
        await send(alice, room, text=text)
    await alice.restart()

    await until(lambda: len(bob.texts(room.room_id)) == 3)
    assert bob.texts(room.room_id) == ["one", "two", "three"]


@pytest.mark.parametrize("after", [1, 3, 8])
async def test_a_download_goes_on_on_the_next_connection(hub, after):
    """What came before the cut is not lost, and what comes twice counts once."""
    alice, bob, room, _ = await pair(hub)
    await (await send(alice, room)).queued
    attachment = await shown(bob, room)
    hub.cut_after = after
    steps = []
    reading = asyncio.create_task(
        bob.rooms.downloads.read(room.room_id, attachment, lambda have, size: steps.append(have))
    )
    await until(lambda: bob.wire is None)
    await bob.connect()

    assert await reading == PLAIN
    assert steps == sorted(steps) and steps[-1] == len(PLAIN)


async def test_a_download_goes_on_after_a_restart(hub, tmp_path, monkeypatch):
    """The chunks that were fetched lie on the disk; only the others are asked for."""
    alice, bob, room, _ = await pair(hub)
    await (await send(alice, room)).queued
    attachment = await shown(bob, room)
    monkeypatch.setattr(downloads, "FILE_READ_CHUNKS", 3)
    hub.cut_after = 5
    reading = asyncio.create_task(bob.rooms.downloads.fetch(room.room_id, attachment, tmp_path, None))
    await until(lambda: bob.wire is None)
    reading.cancel()
    await bob.restart()
    hub.asked.clear()

    path = await bob.rooms.downloads.fetch(room.room_id, attachment, tmp_path, None)

    assert path == tmp_path / "a.bin"
    assert path.read_bytes() == PLAIN
    assert hub.asked.count("file.read") == 2


async def test_what_is_not_what_was_shown_is_never_there(hub, tmp_path):
    """A changed byte, another file's chunks, a hash that is none of it: no file, not even under a hidden name; and the
    next try fetches it anew.
    """
    alice, bob, room, _ = await pair(hub)
    await (await send(alice, room)).queued
    attachment = await shown(bob, room)
    [file] = hub.files.values()
    honest = list(file.chunks)
    changed = bytes([honest[7].data[0] ^ 1]) + honest[7].data[1:]
    file.chunks[7] = replace(honest[7], data=changed)

    with pytest.raises(Unauthentic):
        await bob.rooms.downloads.fetch(room.room_id, attachment, tmp_path, None)
    file.chunks = honest
    with pytest.raises(Unauthentic):
        await bob.rooms.downloads.fetch(room.room_id, replace(attachment, sha256=bytes(32)), tmp_path, None)
    assert list(tmp_path.iterdir()) == []

    assert (await bob.rooms.downloads.fetch(room.room_id, attachment, tmp_path / "b", None)).read_bytes() == PLAIN


async def test_a_file_of_another_size_is_malformed(hub):
    """A server that hands out less, or says another size."""
    alice, bob, room, _ = await pair(hub)
    await (await send(alice, room)).queued
    attachment = await shown(bob, room)
    [file] = hub.files.values()
    short, file.chunks = file.chunks, file.chunks[:5]

    with pytest.raises(Malformed):
        await bob.rooms.downloads.read(room.room_id, attachment, None)
    file.chunks, file.size = short, file.size + 1
    with pytest.raises(Malformed):
        await bob.rooms.downloads.read(room.room_id, attachment, None)


async def test_a_file_that_is_gone_is_not_member(hub):
    """After the retention."""
    alice, bob, room, _ = await pair(hub)
    await (await send(alice, room)).queued
    attachment = await shown(bob, room)
    hub.files.clear()

    with pytest.raises(NotMember):
        await bob.rooms.downloads.read(room.room_id, attachment, None)


async def test_nothing_is_overwritten(hub, tmp_path):
    """Whatever name the sender has thought of."""
    alice, bob, room, _ = await pair(hub)
    await (await send(alice, room)).queued
    attachment = await shown(bob, room)
    (tmp_path / "a.bin").write_text("mine")

    for to in (tmp_path, tmp_path / "a.bin"):
        with pytest.raises(UsageError):
            await bob.rooms.downloads.fetch(room.room_id, attachment, to, None)

    assert (tmp_path / "a.bin").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "saved"),
    [
        (".bash_profile", "_bash_profile"),
        ("...", "_"),
        ("C:start.bat", "C_start.bat"),
        ("plan.pdf:hidden", "plan.pdf_hidden"),
        ("plan.exe. ", "plan.exe_"),
        ("nul.txt", "_nul.txt"),
        ("Com1", "_Com1"),
        ("plan 2.ß.tar.gz", "plan 2.ß.tar.gz"),
    ],
)
async def test_a_name_does_no_more_than_name_a_file(hub, tmp_path, name, saved):
    """Not one that a shell reads at its start, nor a drive, a stream or a device; others stay as they are."""
    alice, bob, room, _ = await pair(hub)
    await (await send(alice, room)).queued
    attachment = replace(await shown(bob, room), name=name)

    path = await bob.rooms.downloads.fetch(room.room_id, attachment, tmp_path, None)

    assert [path] == list(tmp_path.iterdir()) == [tmp_path / saved]


async def test_a_file_that_borrows_anothers_id_leaves_nothing_behind(hub):
    """What came of the other one goes, and neither stands in the way of the other."""
    alice, bob, room, _ = await pair(hub)
    await (await send(alice, room)).queued
    attachment = await shown(bob, room)
    hub.cut_after = 5
    reading = asyncio.create_task(bob.rooms.downloads.read(room.room_id, attachment, None))
    await until(lambda: bob.wire is None)
    reading.cancel()
    await bob.connect()

    with pytest.raises(Malformed):
        await bob.rooms.downloads.read(room.room_id, replace(attachment, size=5), None)

    assert (bob.store.keys("downloads"), bob.store.keys("download chunks")) == ([], [])
    assert await bob.rooms.downloads.read(room.room_id, attachment, None) == PLAIN


async def test_chunks_that_nobody_asked_for_are_passed_over(hub):
    """A server that pushes fills nobody's memory."""
    alice, bob, room, _ = await pair(hub)
    await (await send(alice, room)).queued
    [file] = hub.files.values()

    for _ in range(3):
        bob.rooms.hear(bob.wire, file.chunks[0])

    assert bob.rooms.downloads._came == []
    assert await bob.rooms.downloads.read(room.room_id, await shown(bob, room), None) == PLAIN


async def test_what_was_fetched_in_part_goes_after_a_week(hub):
    """Nobody asked for it again."""
    _alice, bob, _room, _ = await pair(hub)
    for file_id, time in ((b"o" * 16, 0), (b"n" * 16, 2**40)):
        bob.store.put("downloads", file_id, encode_cbor({"have": 1, "count": 2, "time": time}))
        bob.store.put("download chunks", file_id + bytes(4), b"chunk")

    await bob.restart()

    assert bob.store.keys("downloads") == [b"n" * 16]
    assert bob.store.keys("download chunks") == [b"n" * 16 + bytes(4)]


def test_archives_of_former_versions_are_read():
    """Their entries show no files."""
    entry = Entry("text", bytes(16), 1, 2, text="hello")
    row = parse_cbor(entry.encode())
    del row["attachments"]

    assert Entry.parse(encode_cbor(row)) == entry


def test_a_source_is_a_path_bytes_or_a_stream(tmp_path):
    """Each gives its pieces and its size."""
    path = tmp_path / "a"
    path.write_bytes(PLAIN)

    for source in (path, PLAIN, io.BytesIO(PLAIN)):
        with source_of(source) as (pieces, size):
            assert (b"".join(pieces), size) == (PLAIN, len(PLAIN))
    with pytest.raises(FileNotFoundError), source_of(tmp_path / "b"):
        pass
