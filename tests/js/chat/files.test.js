import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { PostFile } from "../../../static/js/chat/files/post.js";
import { FileChunk } from "../../../static/js/protocol/bodies.js";
import { NotMember, OutOfOrder, TooFast } from "../../../static/js/protocol/errors.js";
import { jpegWithNotes, TINY_JPEG } from "../../preview/noted_pictures.js";
import { FakeServer } from "../fakes/server.js";
import { copyDatabase } from "./databases.js";
import { closeAll, openApp, pairInRoom, until } from "./people.js";

afterEach(closeAll);

const MEGABYTE = 2 ** 20;
const someBytes = (size) => new Uint8Array(size).map((_, index) => (index * 7 + (index >> 13)) % 256);
const file = (name, size, type = "application/pdf") => new File([someBytes(size)], name, { type });
const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());
const last = (app, roomId) => app.messages(roomId).at(-1);
const isOut = (app, roomId) => until(app, () => last(app, roomId).seq !== null, 20_000);

/** Two people in a room, and a server that counts. */
async function meet() {
  const server = new FakeServer();
  return { server, ...(await pairInRoom(server)) };
}

/** What arrives of the last message's only file. */
async function fetched({ app }, roomId) {
  await until(app, () => last(app, roomId).files?.length === 1, 20_000);
  const [{ id }] = last(app, roomId).files;
  const blob = await app.files.fetch(roomId, id);
  return { id, blob, transfer: app.files.of(id) };
}

test("a file arrives as it was, with its name, under the text it was sent with", async () => {
  const { server, alice, bob, roomId } = await meet();
  const asked = [];
  server.beforeAnswer = (_session, op) => asked.push(op);

  await alice.app.send(roomId, "the plan", [file("plan/β.pdf", 200_000)]);
  const { blob } = await fetched(bob, roomId);

  const { text, files } = last(bob.app, roomId);
  assert.deepEqual([text, files[0].name, files[0].size, files[0].mime], ["the plan", "plan_β.pdf", 200_000, "application/pdf"]);
  assert.deepEqual(await bytesOf(blob), someBytes(200_000));
  assert.equal(blob.type, "application/octet-stream");
  assert.deepEqual(asked.filter((op) => op.startsWith("file.")), ["file.create", "file.read"]);
});

test("a message without a word shows its files, an empty one too", async () => {
  const { alice, bob, roomId } = await meet();

  await alice.app.send(roomId, "", [file("nothing.txt", 0, ""), file("two.png", 5000, "image/png")]);
  await until(bob.app, () => last(bob.app, roomId).files?.length === 2);

  const shown = last(bob.app, roomId);
  assert.deepEqual([shown.text, shown.files.map((each) => each.mime)], ["", ["application/octet-stream", "image/png"]]);
  assert.equal((await bob.app.files.fetch(roomId, shown.files[0].id)).size, 0);
});

test("nobody sees a message before its files are whole, and what is written meanwhile goes ahead", async () => {
  const { server, alice, bob, roomId } = await meet();
  let letOn;
  server.beforeChunk = () => {
    if (!letOn) throw new TooFast("1");
  };

  const id = await alice.app.send(roomId, "look", [file("a.bin", 100_000)]);
  const before = last(alice.app, roomId);
  await alice.app.send(roomId, "meanwhile");
  await until(bob.app, () => last(bob.app, roomId).text === "meanwhile");
  letOn = true;
  await until(bob.app, () => last(bob.app, roomId).text === "look");

  assert.deepEqual([before.id, before.status, before.post, before.seq], [id, "waiting", { code: null, isBroken: false }, null]);
  assert.equal(last(bob.app, roomId).id, id);
});

test("chunks come in order, eight under way at most", async () => {
  const { server, alice, roomId } = await meet();
  server.chunkMs = 20;

  await alice.app.send(roomId, "", [file("a.bin", 2 * MEGABYTE)]);
  await isOut(alice.app, roomId);

  assert.deepEqual(server.chunksCame, Array.from({ length: 32 }, (_, index) => index));
  assert.equal(server.mostUnderWay, 8);
});

test("a server killed in the middle gets the rest afterwards, and nothing twice that it had stored", async () => {
  const { server, alice, bob, roomId } = await meet();
  server.beforeChunk = (_session, { index }) => {
    if (index !== 20) return;
    server.beforeChunk = () => {};
    server.kill();
  };

  await alice.app.send(roomId, "", [file("a.bin", 2 * MEGABYTE)]);
  await until(alice.app, () => alice.app.connection.status !== "connected");
  const stored = [...server.service.files.files.values()][0].chunks.length;
  server.restart();
  for (const { app } of [alice, bob]) app.retryNow();
  const { blob } = await fetched(bob, roomId);

  assert.equal(stored, 21);
  assert.equal(server.chunksCame.filter((index) => index <= 20).length, 21);
  assert.deepEqual(await bytesOf(blob), someBytes(2 * MEGABYTE));
});

/** Everybody's port moves. */
async function move(server, { app }) {
  const { port } = app.connection;
  await server.announceNewPort();
  await until(app, () => app.connection.port !== port, 30_000);
  server.closeOldestPort();
}

test("a file goes up over a move of the port, no chunk twice that was stored", async () => {
  const { server, alice, bob, roomId } = await meet();
  let moved = null;
  server.beforeChunk = (_session, { index }) => {
    if (index === 10) moved ??= move(server, alice);
  };

  await alice.app.send(roomId, "", [file("a.bin", 2 * MEGABYTE)]);
  const { blob } = await fetched(bob, roomId);
  await moved;

  assert.deepEqual(await bytesOf(blob), someBytes(2 * MEGABYTE));
  assert.deepEqual(server.chunksCame.toSorted((one, other) => one - other), server.chunksCame);
});

test("a file comes down over a move of the port", async () => {
  const { server, alice, bob, roomId } = await meet();
  await alice.app.send(roomId, "", [file("a.bin", 3 * MEGABYTE)]);
  await isOut(alice.app, roomId);
  let moved = null;
  server.beforeAnswer = (session, op) => {
    if (op !== "file.read") return;
    server.beforeAnswer = () => {};
    moved = move(server, bob);
    session.cut(1006);
  };

  const { blob } = await fetched(bob, roomId);
  await moved;

  assert.deepEqual(await bytesOf(blob), someBytes(3 * MEGABYTE));
});

test("a sealed file survives the page: the next one sends the rest, under the same key", async () => {
  const { server, alice, bob, roomId } = await meet();
  server.beforeChunk = (session, { index }) => {
    if (index !== 5) return;
    server.beforeChunk = () => {};
    alice.app.close();
    session.cut(1006);
  };

  await alice.app.send(roomId, "kept", [file("a.bin", MEGABYTE)]);
  await until(alice.app, () => alice.app.connection.status === "offline");
  const again = await openApp(server, alice.storageName);
  assert.deepEqual([last(again, roomId).text, last(again, roomId).status], ["kept", "waiting"]);
  const { blob } = await fetched(bob, roomId);
  await isOut(again, roomId);

  assert.equal(server.service.files.files.size, 1);
  assert.deepEqual(await bytesOf(blob), someBytes(MEGABYTE));
});

test("a file that was not sealed when the page went says so, and can only be put away", async () => {
  const { server, alice, roomId } = await meet();
  const source = file("a.bin", 3 * MEGABYTE);
  source.slice = (...range) => {
    // Its first bytes, which say what it is, were looked at before.
    if (range.length === 2 && range[1] >= MEGABYTE) alice.app.close();
    return Blob.prototype.slice.call(source, ...range);
  };

  await alice.app.send(roomId, "my words", [source]).catch(() => {});
  const again = await openApp(server, alice.storageName);
  const { id, text, post, files } = last(again, roomId);
  again.files.retry(id);

  assert.deepEqual([text, post], ["my words", { code: "files_lost", isBroken: true }]);
  assert.equal(again.files.of(files[0].id).code, "files_lost");
  assert.equal(await again.files.cancel(id), "my words");
  assert.notEqual(last(again, roomId).id, id);
  assert.equal(server.service.files.files.size, 0);
});

test("a message is given up with its files, here and at the server", async () => {
  const { server, alice, roomId } = await meet();
  server.beforeChunk = (_session, { index }) => {
    if (index > 3) throw new TooFast("5");
  };

  const id = await alice.app.send(roomId, "never mind", [file("a.bin", MEGABYTE)]);
  const [{ id: fileId }] = last(alice.app, roomId).files;
  await until(alice.app, () => alice.app.files.of(fileId)?.code === "too_fast");
  const text = await alice.app.files.cancel(id);
  await until(alice.app, () => server.service.files.files.size === 0);
  await alice.app.close();
  const again = await openApp(server, alice.storageName);

  assert.equal(text, "never mind");
  assert.equal(again.messages(roomId).find((message) => message.id === id), undefined);
});

test("a message that is given up while its files are sealed leaves nothing behind", async () => {
  const { server, alice, roomId } = await meet();
  const source = file("a.bin", 3 * MEGABYTE);
  const sending = alice.app.send(roomId, "never mind", [source]);
  await until(alice.app, () => last(alice.app, roomId).post);
  const [{ id: fileId }] = last(alice.app, roomId).files;
  await until(alice.app, () => alice.app.files.of(fileId)?.done > 0);

  alice.app.files.cancel(last(alice.app, roomId).id);
  await assert.rejects(sending, { code: "given_up" });
  await alice.app.close();

  const left = (await copyDatabase(alice.storageName)).map(([store]) => store);
  assert.deepEqual(left.filter((store) => store === "posts" || store === "parts"), []);
  assert.equal(server.service.files.files.size, 0);
});

test("what stops a message is said, and it can be tried again", async () => {
  const { server, alice, bob, roomId } = await meet();
  server.service.files.mostBytes = 10_000;

  const id = await alice.app.send(roomId, "", [file("a.bin", 100_000)]);
  await until(alice.app, () => last(alice.app, roomId).post?.code === "file_too_large");
  server.service.files.mostBytes = MEGABYTE;
  alice.app.files.retry(id);
  await until(bob.app, () => last(bob.app, roomId).id === id);

  assert.equal(last(bob.app, roomId).files.length, 1);
});

test("a server that lost its place in a file is asked where it is, but not for ever", async () => {
  const { server, alice, roomId } = await meet();
  server.beforeChunk = () => {
    throw new OutOfOrder("chunk");
  };

  await alice.app.send(roomId, "", [file("a.bin", 1000)]);
  await until(alice.app, () => last(alice.app, roomId).post?.code === "out_of_order");

  assert.equal(server.chunksCame.length, 4);
});

test("a file that the server dropped in the middle is begun anew", async () => {
  const { server, alice, bob, roomId } = await meet();
  server.beforeChunk = (_session, { index }) => {
    if (index !== 10) return;
    server.beforeChunk = () => {};
    server.service.files.files.clear();
  };

  await alice.app.send(roomId, "", [file("a.bin", MEGABYTE)]);
  const { blob } = await fetched(bob, roomId);

  assert.deepEqual(await bytesOf(blob), someBytes(MEGABYTE));
});

test("who is not in the room any more sends no file there", async () => {
  const { server, alice, roomId } = await meet();
  server.beforeAnswer = (_session, op) => {
    if (op === "file.create") throw new NotMember("");
  };

  await alice.app.send(roomId, "", [file("a.bin", 1000)]);
  await until(alice.app, () => last(alice.app, roomId).post?.code === "not_member");
});

test("a picture goes out without the notes of its camera, and only what goes out counts as its size", async () => {
  const { server, alice, bob, roomId } = await meet();
  const noted = [jpegWithNotes(TINY_JPEG, 1), new Uint8Array(26 * MEGABYTE)];
  const picked = new File(noted, "lake.jpg", { type: "image/jpeg" });
  const [prepared] = await alice.app.files.prepare([picked]);

  assert.equal(prepared.size, TINY_JPEG.length);
  assert.deepEqual(await alice.app.files.prepare([prepared]), [prepared]);
  await alice.app.send(roomId, "", [picked]);
  const { blob } = await fetched(bob, roomId);

  const [{ name, size, mime }] = last(bob.app, roomId).files;
  assert.deepEqual([name, size, mime], ["lake.jpg", TINY_JPEG.length, "image/jpeg"]);
  assert.deepEqual(await bytesOf(blob), TINY_JPEG);
  assert.equal(server.chunksCame.length, 1);
});

test("files that are too large or too many are refused before anything is done", async () => {
  const { server, alice, roomId } = await meet();
  const sized = (value) => Object.defineProperty(file("film.mkv", 1), "size", { value });
  server.service.files.mostBytes = 40 * MEGABYTE;

  const refused = alice.app.send(roomId, "", [sized(40 * MEGABYTE + 1)]);
  await assert.rejects(refused, { code: "file_too_large", details: { most: 40 * MEGABYTE } });
  await assert.rejects(alice.app.send(roomId, "", Array(11).fill(file("a", 1))), { code: "too_many_files" });

  await alice.app.files.check(roomId, Array(10).fill(sized(40 * MEGABYTE)));
  assert.equal(server.service.files.files.size, 0);
  assert.equal(last(alice.app, roomId).status, "notice");
});

test("a server that takes files of any size keeps nothing of the question how large they may be", async () => {
  const { server, alice, roomId } = await meet();
  server.service.files.mostBytes = Infinity;

  await alice.app.files.check(roomId, [{ size: 2 ** 30 }]);

  await assert.rejects(alice.app.files.check(roomId, [{ size: 2 ** 30 + 1 }]), { details: { most: 2 ** 30 } });
  await until(alice.app, () => server.service.files.files.size === 0);
});

test("without a server the usual limit counts", async () => {
  const { server, alice, roomId } = await meet();
  server.kill();
  await until(alice.app, () => alice.app.connection.status !== "connected");

  await alice.app.files.check(roomId, [{ size: 25 * MEGABYTE }]);

  const refused = alice.app.files.check(roomId, [{ size: 25 * MEGABYTE + 1 }]);
  await assert.rejects(refused, { code: "file_too_large", details: { most: 25 * MEGABYTE } });
});

test("a file that cannot be read any more is no message", async () => {
  const { alice, roomId } = await meet();
  const gone = file("gone.txt", 1000);
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException("gone", "NotReadableError")) });

  await assert.rejects(alice.app.send(roomId, "", [gone]), { code: "file_unreadable" });

  assert.equal(last(alice.app, roomId).status, "notice");
});

const FALSE_CHUNKS = {
  "with a chunk changed": (chunks) =>
    chunks.map((each) => new FileChunk(each.fileId, each.index, each.isLast, each.data.with(9, each.data[9] ^ 1))),
  "that ends too soon": (chunks) => chunks.filter((each) => !each.isLast),
  "in another order": (chunks) => chunks.toReversed(),
  "with a chunk twice": (chunks) => chunks.flatMap((each) => [each, each]),
};
for (const [what, falsify] of Object.entries(FALSE_CHUNKS))
  test(`a file ${what} is not shown, and can be fetched again`, async () => {
    const { server, alice, bob, roomId } = await meet();
    await alice.app.send(roomId, "", [file("a.bin", 200_000)]);
    server.givingChunks = falsify;

    const wrong = await fetched(bob, roomId);
    server.givingChunks = (chunks) => chunks;
    const right = await fetched(bob, roomId);

    assert.deepEqual([wrong.blob, wrong.transfer.state, wrong.transfer.code], [null, "failed", "file_spoilt"]);
    assert.deepEqual([right.blob.size, right.transfer], [200_000, null]);
  });

test("a server that gives more than was sent, or never ends, is not listened to for long", async () => {
  const { server, alice, bob, roomId } = await meet();
  await alice.app.send(roomId, "", [file("a.bin", 200_000)]);
  await until(bob.app, () => last(bob.app, roomId).files?.length === 1);
  const read = server.service.files.read.bind(server.service.files);
  server.service.files.read = (body) => ({ ...read(body), size: 2 ** 40 });

  const { blob, transfer } = await fetched(bob, roomId);

  assert.deepEqual([blob, transfer.code], [null, "file_spoilt"]);
});

test("a file that the server has no more says so", async () => {
  const { server, alice, bob, roomId } = await meet();
  await alice.app.send(roomId, "", [file("a.bin", 1000)]);
  await until(bob.app, () => last(bob.app, roomId).files?.length === 1);
  server.service.files.files.clear();

  const { blob, transfer } = await fetched(bob, roomId);

  assert.deepEqual([blob, transfer.code], [null, "file_gone"]);
});

test("a download is given up in the middle, and another one begins anew", async () => {
  const { server, alice, bob, roomId } = await meet();
  await alice.app.send(roomId, "", [file("a.bin", 3 * MEGABYTE)]);
  await until(bob.app, () => last(bob.app, roomId).files?.length === 1, 20_000);
  const [{ id }] = last(bob.app, roomId).files;
  bob.app.files.addEventListener("change", () => bob.app.files.of(id)?.done > MEGABYTE && bob.app.files.stop(id));

  const given = await bob.app.files.fetch(roomId, id);
  const left = bob.app.files.of(id);
  bob.app.files.stop = () => {};
  const again = await bob.app.files.fetch(roomId, id);

  assert.deepEqual([given, left, again.size], [null, null, 3 * MEGABYTE]);
});

test("what was picked or fetched here is shown again without asking", async () => {
  const { server, alice, bob, roomId } = await meet();
  await alice.app.send(roomId, "", [file("a.html", 1000, "text/html")]);
  const { id } = await fetched(bob, roomId);
  server.beforeAnswer = (_session, op) => {
    if (op === "file.read") throw new NotMember("not asked again");
  };

  for (const { app } of [alice, bob]) {
    const blob = await app.files.fetch(roomId, id);
    assert.deepEqual([blob.size, blob.type], [1000, "application/octet-stream"]);
  }
});

test("files are there after a reload, with what is needed to fetch them", async () => {
  const { server, alice, bob, roomId } = await meet();
  await alice.app.send(roomId, "", [file("a.bin", 1000)]);
  await isOut(alice.app, roomId);
  await until(bob.app, () => last(bob.app, roomId).files?.length === 1);
  for (const person of [alice, bob]) {
    await person.app.close();
    const again = await openApp(server, person.storageName);
    await until(again, () => again.connection.status === "connected");

    const { blob } = await fetched({ app: again }, roomId);

    assert.equal(blob.size, 1000);
    assert.equal("key" in last(again, roomId).files[0], false);
  }
});

test("nothing of a file is left on the device once it is out", async () => {
  const { alice, roomId } = await meet();

  await alice.app.send(roomId, "", [file("a.bin", MEGABYTE)]);
  await isOut(alice.app, roomId);
  await until(alice.app, () => alice.app.client.files.posts.of(roomId).length === 0);
  await alice.app.close();
  const left = (await copyDatabase(alice.storageName)).map(([store]) => store);

  assert.deepEqual(left.filter((store) => store === "posts" || store === "parts"), []);
  assert.ok(left.includes("archive"));
});

test("a file that borrows another's id is shown for itself alone, whichever was opened first", async () => {
  const { server, alice, bob, roomId } = await meet();
  const { of } = PostFile;
  const id = new Uint8Array(16).fill(7);
  PostFile.of = (source) => Object.assign(of(source), { id, hex: toHex(id) });
  const sent = [someBytes(9000), someBytes(9000).fill(1)];
  const laidDown = [];

  // Two files of one id are there one after the other: the first went with the retention, or the server lends a hand.
  for (const bytes of sent) {
    await alice.app.send(roomId, "", [new File([bytes], "plan.png", { type: "image/png" })]);
    await isOut(alice.app, roomId);
    laidDown.push(new Map(server.service.files.files));
    server.service.files.files.clear();
  }
  PostFile.of = of;
  await until(bob.app, () => bob.app.messages(roomId).filter(({ files }) => files?.length).length === 2);
  const cards = bob.app.messages(roomId).flatMap(({ files }) => files ?? []);
  for (const turn of [0, 1]) {
    server.service.files.files = laidDown[turn];
    assert.deepEqual(await bytesOf(await bob.app.files.fetch(roomId, cards[turn].id)), sent[turn]);
  }

  assert.deepEqual(await bytesOf(bob.app.files.here(cards[0].id)), sent[0]);
  assert.deepEqual(await bytesOf(alice.app.files.here(last(alice.app, roomId).files[0].id)), sent[1]);
});
