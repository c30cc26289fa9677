"""Files between people at browsers and a program: byte for byte, over moves of the port, unread by the server."""

import struct
import zlib
from pathlib import Path

import pytest

from clawchat.client import Member, Room
from clawchat.protocol.attachment import Attachment
from clawchat.protocol.primitives import random_bytes
from tests.e2e.browser import Browsers, Person
from tests.e2e.pairs import until
from tests.e2e.server import ServerProcess

pytestmark = pytest.mark.e2e

# 48 chunks, with a piece at a place that no padding has.
FILM = b"the film begins" + random_bytes(3 * 2**20 - 30) + b"the film's end."
SOUND = b"OggS" + random_bytes(200_000)
WIDTH, HEIGHT = 64, 48
SOON_MS = 45_000
SOON = SOON_MS / 1000

# The transfer stops before one of its chunks until the port has moved: so it always goes on over a move.
WAIT_FOR_MOVE = """async ([method, nth]) => {
  const scripts = performance.getEntriesByType("resource").map(one => one.name)
  const { FileLane } = await import(scripts.find(name => name.includes("/file_lane")))
  const { app } = document.querySelector("cc-app")
  const go = FileLane.prototype[method]
  let calls = 0
  FileLane.prototype[method] = async function (...given) {
    calls += 1
    if (calls === nth) {
      const { port } = app.connection
      while (app.connection.port === port || !app.connection.port) await new Promise(done => setTimeout(done, 50))
      window.movesDuringTransfer = (window.movesDuringTransfer ?? 0) + 1
    }
    return go.apply(this, given)
  }
}"""


def png() -> bytes:
    """A small picture in one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\x00" + b"\xff\x7f\x6a" * WIDTH for _ in range(HEIGHT))
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


async def test_files_go_from_browser_to_browser_and_program_and_back_over_moves_of_the_port(tmp_path, chromium_path):
    """A picture and 3 MB in one message, each going up and coming down over a move, and a file the other way."""
    server = ServerProcess(
        tmp_path / "data",
        interval=6,
        lead=2,
        grace=3,
        environment={"DJANGO_SETTINGS_MODULE": "tests.e2e.quick_settings"},
    )
    with server:
        async with Browsers(chromium_path, tmp_path) as browsers:
            alice = await browsers.open("alice", server.create_invite("--owner")["url"])
            bob = await browsers.open("bob", server.create_invite()["url"])
            program = await Member.enrol(
                server.create_invite()["invite"], tmp_path / "parrot", name="Parrot", packages=4
            )
            try:
                room = await in_one_room(alice, bob, program)
                await alice.page.evaluate(WAIT_FOR_MOVE, ["window", 20])
                await bob.page.evaluate(WAIT_FOR_MOVE, ["read", 3])
                await post(alice, "the lake", ("lake.png", "image/png", png()), ("film.bin", "video/x-film", FILM))
                sizes = await shown_size(bob, "lake.png"), await shown_size(alice, "lake.png")
                fetched = await download(bob, "film.bin", tmp_path)
                seen = [await program.read_file(room, each) for each in await attachments(room, 2)]
                await program.send_file(room, SOUND, name="second voice.ogg", text="from here")
                back = await download(alice, "second voice.ogg", tmp_path)
                moves = [await person.page.evaluate("() => window.movesDuringTransfer") for person in (alice, bob)]
                complaints = [*alice.complaints_about_code(), *bob.complaints_about_code()]
            finally:
                await program.close()
    kept = (server.data_dir / "clawchat.sqlite3").read_bytes()

    assert fetched == FILM
    assert seen == [png(), FILM]
    assert back == SOUND
    assert sizes == ([WIDTH, HEIGHT], [WIDTH, HEIGHT])
    assert moves == [1, 1]
    assert complaints == []
    assert FILM[:15] not in kept and b"lake.png" not in kept and b"video/x-film" not in kept


async def in_one_room(alice: Person, bob: Person, program: Member) -> Room:
    """Both have enrolled, and all are in one room; the program's room."""
    await alice.enrol()
    await bob.enrol()
    await alice.create_room("Garden")
    for name in ("bob", "Parrot"):
        await alice.add(name)
    await bob.open_room("Garden")
    return await program.room("Garden")


async def post(person: Person, text: str, *files: tuple[str, str, bytes]) -> None:
    """Pick files as a person does, write something beside them, and send."""
    async with person.page.expect_file_chooser() as choosing:
        await person.page.get_by_role("button", name="Attach a file").click()
    chooser = await choosing.value
    await chooser.set_files([{"name": name, "mimeType": mime, "buffer": data} for name, mime, data in files])
    await person.page.get_by_role("list", name="Files to send").get_by_text(files[-1][0]).wait_for(timeout=SOON_MS)
    await person.say(text)


async def shown_size(person: Person, name: str) -> list[int]:
    """Width and height of a picture, once it stands in the log."""
    picture = person.log.get_by_role("img", name=f"Picture: {name}")
    await picture.wait_for(timeout=SOON_MS)
    return await picture.evaluate("async image => (await image.decode(), [image.naturalWidth, image.naturalHeight])")


async def download(person: Person, name: str, folder: Path) -> bytes:
    """What the browser's downloads have of a file, by its own name."""
    async with person.page.expect_download(timeout=SOON_MS) as downloading:
        await person.log.get_by_role("button", name=f"Download {name}").click(timeout=SOON_MS)
    saved = await downloading.value
    path = folder / f"saved {person.name}"
    await saved.save_as(path)
    assert saved.suggested_filename == name
    return path.read_bytes()


async def attachments(room: Room, count: int) -> list[Attachment]:
    """So many files that messages of a room show."""

    def shown() -> list[Attachment]:
        return [each for entry in room.entries for each in entry.attachments]

    await until(lambda: len(shown()) == count, SOON)
    return shown()
