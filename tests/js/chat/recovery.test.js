import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { FakeServer } from "../fakes/server.js";
import { copyDatabase, loseRow, restoreDatabase } from "./databases.js";
import { closeAll, enrolledKnownTo, openApp, pairInRoom, texts, until } from "./people.js";

afterEach(closeAll);

const roomOf = (app) => app.rooms[0];
const notices = (app, roomId) =>
  app.messages(roomId).filter((each) => each.status === "notice").map((each) => each.notice.kind);
const arrived = (app, roomId) => app.messages(roomId).every((message) => message.seq !== null);

/** Alice's page after her state was set back to before "two", which she sent since. */
async function setBack(server, { alice, roomId }) {
  await alice.app.send(roomId, "one");
  await until(alice.app, () => arrived(alice.app, roomId));
  await alice.app.close();
  const backup = await copyDatabase(alice.storageName);
  const ahead = await openApp(server, alice.storageName);
  await ahead.send(roomId, "two");
  await until(ahead, () => arrived(ahead, roomId));
  await ahead.close();
  await restoreDatabase(alice.storageName, backup);
  return openApp(server, alice.storageName);
}

test("a state that was set back is noticed before anything is sent, and the device finds back", async () => {
  const server = new FakeServer();
  const people = await pairInRoom(server);
  const { bob, roomId } = people;

  const back = await setBack(server, people);
  await back.send(roomId, "three");
  await until(bob.app, () => texts(bob.app, roomId).length === 3);
  await bob.app.send(roomId, "four");
  await until(back, () => texts(back, roomId).includes("four"));

  assert.deepEqual(texts(bob.app, roomId), ["one", "two", "three", "four"]);
  assert.deepEqual(texts(back, roomId), ["one", "three", "four"]);
  assert.ok(notices(back, roomId).includes("rejoined"));
  assert.deepEqual([roomOf(back).problem, roomOf(back).waitsFor], [null, null]);
  assert.equal(roomOf(bob.app).members.length, 2);
});

test("who found back sends nothing until somebody they knew has spoken in the new group", async () => {
  const server = new FakeServer();
  const people = await pairInRoom(server);
  const { bob, roomId } = people;
  await until(bob.app, () => arrived(bob.app, roomId));
  await bob.app.close();

  const back = await setBack(server, people);
  await until(back, () => roomOf(back).waitsFor?.code === "unconfirmed");
  await back.send(roomId, "three");
  const stored = server.service.log(roomId).length;
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(server.service.log(roomId).length, stored);
  assert.equal(back.messages(roomId).at(-1).status, "waiting");
  await back.close();
  const again = await openApp(server, people.alice.storageName);
  assert.equal(roomOf(again).waitsFor.code, "unconfirmed");

  const bobAgain = await openApp(server, bob.storageName);
  await until(again, () => roomOf(again).waitsFor === null);
  await until(bobAgain, () => texts(bobAgain, roomId).at(-1) === "three");
});

test("who found back may go on at their own word, and what came before it is marked", async () => {
  const server = new FakeServer();
  const people = await pairInRoom(server);
  await people.bob.app.close();

  const back = await setBack(server, people);
  await until(back, () => roomOf(back).waitsFor?.code === "unconfirmed");
  await back.send(people.roomId, "three");
  await back.trustRoom(people.roomId);
  await until(back, () => back.messages(people.roomId).at(-1).status === "sent");

  assert.equal(roomOf(back).waitsFor, null);
});

test("nobody is added or removed while the group is not confirmed", async () => {
  const server = new FakeServer();
  const people = await pairInRoom(server);
  const { userId } = await enrolledKnownTo(people.alice.app, server, "carol");
  await people.bob.app.close();

  const back = await setBack(server, people);
  await until(back, () => roomOf(back).waitsFor?.code === "unconfirmed");

  await assert.rejects(back.addPeople(people.roomId, [userId]), { code: "unconfirmed" });
  await assert.rejects(back.removePeople(people.roomId, [people.bob.app.me.userId]), { code: "unconfirmed" });
});

for (const store of ["live", "epoch"])
  test(`a group whose state is lost (${store}) is found again, and the archive stays`, async () => {
    const server = new FakeServer();
    const { alice, bob, roomId } = await pairInRoom(server);
    await alice.app.send(roomId, "before");
    await until(bob.app, () => texts(bob.app, roomId).length === 1);
    await bob.app.close();
    await loseRow(bob.storageName, store);

    const back = await openApp(server, bob.storageName);
    await until(back, () => roomOf(back).problem === null && roomOf(back).waitsFor === null);
    await back.send(roomId, "after");
    await until(alice.app, () => texts(alice.app, roomId).length === 2);

    assert.deepEqual(texts(back, roomId), ["before", "after"]);
    assert.equal(roomOf(back).name, "Garden");
  });

test("a commit that cannot be followed is reported, and the device finds back at a later epoch", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const carol = await enrolledKnownTo(alice.app, server, "carol");
  await until(bob.app, () => arrived(bob.app, roomId));
  await bob.app.close();
  await alice.app.addPeople(roomId, [carol.userId]);
  const commit = server.service.log(roomId).find((row) => row.epochAfter === 2);
  // What bob's device gets to read is not what alice's made of it.
  commit.message = Uint8Array.of(...commit.message.slice(0, -1), commit.message.at(-1) ^ 1);

  const back = await openApp(server, bob.storageName);
  await until(back, () => roomOf(back).problem === null && roomOf(back).members.length === 3);
  await alice.app.send(roomId, "there you are");
  await until(back, () => texts(back, roomId).at(-1) === "there you are");

  assert.deepEqual(server.service.rejected.map(({ seq, reason }) => [seq, reason]), [[commit.seq, "unreadable"]]);
  await until(carol.app, () => texts(carol.app, roomId).at(-1) === "there you are");
});

test("a GroupInfo of an epoch before the last one known leads nowhere", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const carol = await enrolledKnownTo(alice.app, server, "carol");
  const before = server.service.rooms.get(roomId).groupInfos;
  await alice.app.addPeople(roomId, [carol.userId]);
  await until(bob.app, () => roomOf(bob.app).members.length === 3);
  await bob.app.close();
  await loseRow(bob.storageName, "live");
  // A server that lies has gone back to epoch 1 with all it says.
  const room = server.service.rooms.get(roomId);
  Object.assign(room, { groupInfos: before, epoch: 1 });

  const back = await openApp(server, bob.storageName);
  await until(back, () => back.connection.status === "connected");
  await new Promise((resolve) => setTimeout(resolve, 300));

  assert.equal(roomOf(back).problem.code, "state_lost");
  assert.equal(room.epoch, 1);
});

test("a page closed between making its way back and the server's word goes on with the same bytes", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  await bob.app.close();
  await loseRow(bob.storageName, "live");
  let opened = null;
  let closed = false;
  server.beforeAnswer = (session, op) => {
    if (op !== "room.commit" || closed) return;
    closed = true;
    opened?.close();
    session.cut(1006);
    throw new Error("cut");
  };
  opened = await openApp(server, bob.storageName);
  await until(alice.app, () => closed);
  const digests = [...server.service.blobs.keys()];

  const back = await openApp(server, bob.storageName);
  await until(back, () => roomOf(back).problem === null && roomOf(back).waitsFor === null);

  // The new page staged nothing that was not staged before.
  assert.deepEqual([...server.service.blobs.keys()], digests);
  await alice.app.send(roomId, "hello");
  await until(back, () => texts(back, roomId).at(-1) === "hello");
});

test("a room that was found again is not sought again within the hour", async () => {
  const server = new FakeServer();
  const { bob, roomId } = await pairInRoom(server);
  await bob.app.close();
  await loseRow(bob.storageName, "live");
  const back = await openApp(server, bob.storageName);
  await until(back, () => roomOf(back).problem === null && roomOf(back).waitsFor === null);
  await back.close();
  await loseRow(bob.storageName, "live");
  const { length } = server.service.log(roomId);

  const again = await openApp(server, bob.storageName);
  await until(again, () => again.connection.status === "connected");
  await new Promise((resolve) => setTimeout(resolve, 300));

  assert.equal(roomOf(again).problem.code, "state_lost");
  assert.equal(server.service.log(roomId).length, length);
});

test("what the server had taken before the way back is shown once, in its place", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  await until(bob.app, () => arrived(bob.app, roomId));
  server.afterStore = (session) => {
    server.afterStore = () => {};
    session.cut(1006);
    bob.app.close();
  };
  const id = await bob.app.send(roomId, "in between");
  await until(alice.app, () => texts(alice.app, roomId).length === 1);
  await bob.app.close();
  await loseRow(bob.storageName, "live");

  const back = await openApp(server, bob.storageName);
  await until(back, () => roomOf(back).waitsFor === null && roomOf(back).problem === null && arrived(back, roomId));

  assert.deepEqual(texts(back, roomId), ["in between"]);
  assert.deepEqual(server.service.log(roomId).filter((row) => toHex(row.messageId) === id).length, 1);
});
