import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FetchFailed } from "../../../static/js/net/http.js";
import { FakeServer, MIRROR } from "../fakes/server.js";
import { closeAll, enrolled, openApp, pairInRoom, texts, until } from "./people.js";

afterEach(closeAll);

test("two people meet in a room and read each other", async () => {
  const { alice, bob, roomId } = await pairInRoom(new FakeServer());

  await alice.app.send(roomId, "hello bob");
  await until(bob.app, () => texts(bob.app, roomId).length === 1);
  await bob.app.send(roomId, "hello alice");
  await until(alice.app, () => texts(alice.app, roomId).length === 2);

  assert.deepEqual(texts(alice.app, roomId), ["hello bob", "hello alice"]);
  assert.deepEqual(texts(bob.app, roomId), ["hello bob", "hello alice"]);
});

test("a message knows its sender, place and state", async () => {
  const { alice, bob, roomId } = await pairInRoom(new FakeServer());

  const id = await alice.app.send(roomId, "hello");
  await until(alice.app, () => alice.app.messages(roomId).at(-1).seq !== null);
  await until(bob.app, () => texts(bob.app, roomId).length === 1);

  const [hers, his] = [alice, bob].map(({ app }) => app.messages(roomId).at(-1));
  assert.deepEqual([hers.id, hers.name, hers.own, hers.status], [id, "alice", true, "sent"]);
  assert.deepEqual([his.id, his.name, his.own, his.status], [id, "alice", false, "received"]);
  assert.equal(hers.seq, his.seq);
});

test("who came is told, and a newcomer learns the room's name", async () => {
  const { alice, bob, roomId } = await pairInRoom(new FakeServer());

  const notices = (app) => app.messages(roomId).filter((each) => each.status === "notice").map((each) => each.notice);
  assert.deepEqual(notices(alice.app).map((notice) => notice.kind), ["created", "joined"]);
  assert.deepEqual(notices(bob.app), [{ kind: "joined", userIds: [bob.app.me.userId] }]);
  assert.equal(bob.app.rooms[0].name, "Garden");
  assert.deepEqual(bob.app.rooms[0].members.sort(), [alice.app.me.userId, bob.app.me.userId].sort());
});

test("unread messages are counted until they are read, and the mark lasts", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  await alice.app.send(roomId, "one");
  await alice.app.send(roomId, "two");
  await until(bob.app, () => bob.app.rooms[0].unread === 2);

  await bob.app.markRead(roomId);
  await bob.app.close();
  const again = await openApp(server, bob.storageName);

  assert.equal(again.rooms[0].unread, 0);
  assert.equal(alice.app.rooms[0].unread, 0);
});

test("everything is there after a reload, and goes on", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  await alice.app.send(roomId, "before");
  await until(bob.app, () => texts(bob.app, roomId).length === 1);
  await bob.app.close();
  await alice.app.send(roomId, "while away");

  const again = await openApp(server, bob.storageName);
  assert.deepEqual(texts(again, roomId), ["before"]);
  await until(again, () => texts(again, roomId).length === 2);
  await again.send(roomId, "back");
  await until(alice.app, () => texts(alice.app, roomId).length === 3);

  assert.deepEqual(texts(alice.app, roomId), ["before", "while away", "back"]);
});

/** What a page of hers finds that was closed before the port moved, with no mirror to ask; `kept` in the worker. */
async function openAfterMove(kept) {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  await app.close();
  const old = { file: await server.file(), mirror: MIRROR };
  server.openPort();
  server.closeOldestPort();
  const newer = { file: await server.file(), mirror: MIRROR };
  const fetchBytes = async () => {
    throw new FetchFailed("unavailable");
  };
  const keptFile = async () => kept({ old, newer });
  return openApp(server, storageName, "", { fetchBytes, keptFile });
}

test("a file that the worker kept leads to the server when no mirror is there", async () => {
  const app = await openAfterMove(({ newer }) => newer);

  await until(app, () => app.connection.status === "connected");

  assert.equal(app.connection.mirror, MIRROR);
});

for (const [what, kept] of [
  ["nothing", () => null],
  ["an old file", ({ old }) => old],
  ["noise", () => ({ file: new Uint8Array(4096).fill(32), mirror: MIRROR })],
])
  test(`${what} in the worker changes nothing`, async () => {
    const app = await openAfterMove(kept);

    await until(app, () => app.connection.problem?.code === "unavailable");

    assert.equal(app.state, "ready");
  });

test("a room made without a server is made there when it is back", async () => {
  const server = new FakeServer();
  const { app } = await enrolled(server, "alice");
  server.kill();
  await until(app, () => app.connection.status !== "connected");

  const roomId = await app.createRoom("Alone");
  await app.send(roomId, "anybody?");
  server.restart();
  app.retryNow();
  await until(app, () => app.messages(roomId).at(-1).status === "sent");

  assert.equal(server.service.log(roomId).length, 1);
});

test("a text that is too long is refused at once", async () => {
  const { alice, roomId } = await pairInRoom(new FakeServer());

  await assert.rejects(alice.app.send(roomId, "x".repeat(20_000)), { code: "too_large" });

  assert.deepEqual(texts(alice.app, roomId), []);
});

test("a new name reaches the others", async () => {
  const { alice, bob } = await pairInRoom(new FakeServer());

  await alice.app.rename("Alice B.");
  await until(bob.app, () => bob.app.people.some((person) => person.name === "Alice B."));

  assert.equal(alice.app.me.name, "Alice B.");
});
