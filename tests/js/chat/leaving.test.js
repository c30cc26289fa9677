import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { Unavailable } from "../../../static/js/protocol/errors.js";
import { MessageHeader } from "../../../static/js/protocol/message_header.js";
import { FakeServer } from "../fakes/server.js";
import { copyDatabase } from "./databases.js";
import { closeAll, enrolledKnownTo, openApp, pairInRoom, texts, until } from "./people.js";

afterEach(closeAll);

const roomOf = (app) => app.rooms[0];
const STATE = new Set(["epoch", "live", "past", "pending"]);

/** Alice, who made the room, bob and carol in it. */
async function threeInRoom(server) {
  const { alice, bob, roomId } = await pairInRoom(server);
  const carol = await enrolledKnownTo(alice.app, server, "carol");
  await alice.app.addPeople(roomId, [carol.userId]);
  for (const { app } of [alice, bob, carol]) await until(app, () => roomOf(app)?.members.length === 3);
  await until(carol.app, () => roomOf(carol.app).name === "Garden");
  return { alice, bob, carol, roomId };
}

const lastNotice = (app, roomId) => app.messages(roomId).findLast((each) => each.status === "notice").notice;

test("who leaves is gone for everybody, keeps what they read and no key", async () => {
  const server = new FakeServer();
  const { alice, bob, carol, roomId } = await threeInRoom(server);
  await alice.app.send(roomId, "stay");
  await until(bob.app, () => texts(bob.app, roomId).length === 1);

  await bob.app.leaveRoom(roomId);
  await until(bob.app, () => roomOf(bob.app).problem?.code === "not_member");
  for (const { app } of [alice, carol]) await until(app, () => roomOf(app).members.length === 2);
  await alice.app.send(roomId, "without bob");
  await until(carol.app, () => texts(carol.app, roomId).length === 2);

  assert.deepEqual(texts(bob.app, roomId), ["stay"]);
  assert.deepEqual(lastNotice(alice.app, roomId), { kind: "left", userIds: [bob.app.me.userId] });
  await assert.rejects(bob.app.send(roomId, "still here?"), { code: "not_member" });
  await bob.app.close();
  const kept = await copyDatabase(bob.storageName);
  assert.deepEqual(kept.filter(([store]) => STATE.has(store)), []);
  const again = await openApp(server, bob.storageName);
  assert.deepEqual([texts(again, roomId), roomOf(again).joined], [["stay"], false]);
});

test("nobody writes between somebody's leaving and the commit that takes them out", async () => {
  const server = new FakeServer();
  const { alice, bob, carol, roomId } = await threeInRoom(server);

  await Promise.all([bob.app.leaveRoom(roomId), alice.app.send(roomId, "1"), carol.app.send(roomId, "2")]);
  await alice.app.send(roomId, "3");

  for (const { app } of [alice, carol]) {
    await until(app, () => roomOf(app).members.length === 2 && texts(app, roomId).length === 3);
    assert.ok(app.messages(roomId).every((message) => message.status !== "unreadable"));
  }
});

test("what is written while somebody's leaving waits for its commit goes out behind it", async () => {
  const server = new FakeServer();
  const { alice, bob, carol, roomId } = await threeInRoom(server);
  const { length } = server.service.log(roomId);
  server.share = 0.5;

  await bob.app.leaveRoom(roomId);
  await until(alice.app, () => server.service.log(roomId).length > length);
  await new Promise((resolve) => setTimeout(resolve, 800));
  await alice.app.send(roomId, "after bob");

  await until(carol.app, () => texts(carol.app, roomId).length === 1, 15_000);
  const epochs = server.service.log(roomId).slice(length).map((row) => MessageHeader.parse(row.message).epoch);
  assert.deepEqual([epochs.length, epochs.at(-1) > epochs[0]], [3, true]);
  assert.equal(alice.app.state, "ready");
});

test("a wish to leave that a commit came before is made again", async () => {
  const server = new FakeServer();
  const { alice, bob, carol, roomId } = await threeInRoom(server);
  const dave = await enrolledKnownTo(alice.app, server, "dave");
  // Alice's commit is on its way when bob's wish is stored, so it does not take it up.
  let isHeld = false;
  server.beforeAnswer = (session, op) => {
    if (op !== "room.commit" || isHeld) return;
    isHeld = true;
    bob.app.leaveRoom(roomId);
    session.cut(1006);
    throw new Error("cut");
  };

  await alice.app.addPeople(roomId, [dave.userId]);
  await until(bob.app, () => roomOf(bob.app).problem?.code === "not_member");

  for (const { app } of [alice, carol]) await until(app, () => roomOf(app).members.length === 3);
});

test("who wants to leave without a server leaves when it is back, also by the next page", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await threeInRoom(server);
  server.kill();
  await bob.app.leaveRoom(roomId);
  assert.equal(roomOf(bob.app).waitsFor.code, "leaving");
  await bob.app.close();

  const again = await openApp(server, bob.storageName);
  assert.equal(roomOf(again).waitsFor.code, "leaving");
  server.restart();
  for (const app of [again, alice.app]) app.retryNow();

  await until(again, () => roomOf(again).problem?.code === "not_member");
  await until(alice.app, () => roomOf(alice.app).members.length === 2);
});

test("who is alone in a room just leaves", async () => {
  const server = new FakeServer();
  const { alice } = await pairInRoom(server);
  const roomId = await alice.app.createRoom("Alone");

  await alice.app.leaveRoom(roomId);

  assert.equal(alice.app.rooms.find((room) => room.id === roomId).problem.code, "not_member");
});

test("who made the room takes somebody out, who reads nothing further and may come again", async () => {
  const server = new FakeServer();
  const { alice, bob, carol, roomId } = await threeInRoom(server);
  assert.deepEqual(roomOf(bob.app).administrators, [alice.app.me.userId]);

  await alice.app.removePeople(roomId, [bob.app.me.userId]);
  await alice.app.send(roomId, "among us");
  await until(carol.app, () => texts(carol.app, roomId).length === 1);
  await until(bob.app, () => roomOf(bob.app).problem?.code === "not_member");
  assert.deepEqual(texts(bob.app, roomId), []);

  await alice.app.addPeople(roomId, [bob.app.me.userId]);
  await until(bob.app, () => roomOf(bob.app).problem === null && roomOf(bob.app).name === "Garden");
  await alice.app.send(roomId, "again");
  await until(bob.app, () => texts(bob.app, roomId).length === 1);
  assert.deepEqual(texts(bob.app, roomId), ["again"]);
});

test("who is taken out while adding somebody learns that nothing came of it", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await threeInRoom(server);
  const dave = await enrolledKnownTo(bob.app, server, "dave");
  const [bobsDevice] = server.service.members.get(bob.app.me.userId).devices.keys();
  let isTried = false;
  server.beforeAnswer = ({ device }, op) => {
    if (op !== "room.commit" || toHex(device) !== bobsDevice) return;
    isTried = true;
    throw new Unavailable("later");
  };

  const adding = assert.rejects(bob.app.addPeople(roomId, [dave.userId]), { code: "not_member" });
  await until(bob.app, () => isTried);
  await alice.app.removePeople(roomId, [bob.app.me.userId]);
  await adding;
});
