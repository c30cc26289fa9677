"""Pictures as they go out, in Chromium: without notes, and with every pixel where it was."""

import threading
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import async_playwright, expect

from tests.e2e.browser import FLAGS
from tests.preview.serve import start

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio]

# Draws something that looks different however it is turned, and gives what becomes of it in each kind of file.
CLEAN = """async () => {
  const { withoutNotes } = await import("/static/js/chat/files/picture_notes.js");
  const made = await import("/tests/preview/noted_pictures.js");
  const size = { width: 24, height: 16 };
  const canvas = Object.assign(document.createElement("canvas"), size);
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#c0392b";
  pen.fillRect(0, 0, 24, 16);
  pen.fillStyle = "#2471a3";
  pen.fillRect(0, 0, 8, 8);

  const plain = async (type) => {
    const blob = await new Promise((resolve) => canvas.toBlob(resolve, type, 0.9));
    return new Uint8Array(await blob.arrayBuffer());
  };
  const seen = async (bytes, type) => {
    const blob = new Blob([bytes], { type });
    const picture = await createImageBitmap(blob, { imageOrientation: "from-image" }).catch(() => null);
    if (!picture) throw new Error(`${type} of ${bytes.length} bytes is no picture`);
    const { width, height } = picture;
    const board = new OffscreenCanvas(width, height).getContext("2d");
    board.drawImage(picture, 0, 0);
    return `${width}x${height} ${[...board.getImageData(0, 0, width, height).data]}`;
  };
  const says = (bytes) => new TextDecoder("latin1").decode(bytes).includes(made.SECRET);
  const makers = {
    "image/jpeg": (bytes, way) => made.jpegWithNotes(bytes, way),
    "image/png": (bytes, way) => made.pngWithNotes(bytes, way),
    "image/webp": (bytes, way) => made.webpWithNotes(bytes, size, way),
  };
  const found = [];
  for (const [type, withNotes] of Object.entries(makers)) {
    for (const way of [1, 3, 6]) {
      const noted = withNotes(await plain(type), way);
      const file = await withoutNotes(new File([noted], "lake", { type }));
      const clean = new Uint8Array(await file.arrayBuffer());
      const [before, after] = [await seen(noted, type), await seen(clean, type)];
      const isSame = before === after;
      found.push({ type, way, hadNotes: says(noted), hasNotes: says(clean), isSame, size: after.split(" ")[0] });
    }
  }
  const tiny = { "image/jpeg": made.TINY_JPEG, "image/png": made.TINY_PNG, "image/webp": made.TINY_WEBP };
  for (const [type, bytes] of Object.entries(tiny)) await seen(bytes, type);
  return found;
}"""


@asynccontextmanager
async def opened(chromium_path):
    """A page with the sample rooms."""
    with start() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=chromium_path, args=FLAGS)
            page = await browser.new_page()
            await page.goto(f"http://localhost:{server.server_port}/")
            yield page
            await browser.close()
        server.shutdown()


async def test_pictures_lose_their_notes_and_no_pixel(chromium_path):
    """Each kind, held upright, upside down and on its side: what is seen before is seen after."""
    async with opened(chromium_path) as page:
        found = await page.evaluate(CLEAN)

    assert len(found) == 9
    for each in found:
        assert (each["hadNotes"], each["hasNotes"], each["isSame"]) == (True, False, True), each
    assert [each["size"] for each in found if each["type"] == "image/jpeg"] == ["24x16", "24x16", "16x24"]


async def test_the_size_beside_a_chosen_picture_is_that_of_what_goes_out(chromium_path):
    """Also where the picture was too large with all that stood behind it."""
    async with opened(chromium_path) as page:
        plain = bytes(
            await page.evaluate("import('/tests/preview/noted_pictures.js').then(({ TINY_JPEG }) => [...TINY_JPEG])")
        )
        async with page.expect_file_chooser() as choosing:
            await page.get_by_role("button", name="Attach a file").click()
        picture = {"name": "lake.jpg", "mimeType": "image/jpeg", "buffer": plain + bytes(26_300_000)}
        await (await choosing.value).set_files([picture])

        await expect(page.get_by_role("list", name="Files to send")).to_contain_text(f"{len(plain)} bytes")
        await expect(page.get_by_role("alert")).to_have_count(0)
