import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { Limit, TooFast } from "../../../static/js/protocol/errors.js";
import { FakeServer } from "../fakes/server.js";
import { closeAll, enrolled, enrolledKnownTo, ids, openApp, pairInRoom, texts, until } from "./people.js";

afterEach(closeAll);

const settled = (app, roomId) => app.messages(roomId).every((message) => message.seq !== null);
const numbers = (from, count) => Array.from({ length: count }, (_, index) => String(from + index));

/** What stands in the server's log, commits and profiles left out, as ids. */
const logged = (server, roomId, app) => {
  const shown = new Set(ids(app, roomId));
  return server.service.log(roomId).map((row) => toHex(row.messageId)).filter((id) => shown.has(id));
};

async function sendAll(app, roomId, list) {
  for (const text of list) await app.send(roomId, text);
}

async function assertSame(server, roomId, people, count) {
  for (const { app } of people) await until(app, () => texts(app, roomId).length === count && settled(app, roomId));
  const [first, ...others] = people.map(({ app }) => ids(app, roomId));
  for (const other of others) assert.deepEqual(other, first);
  assert.deepEqual(logged(server, roomId, people[0].app), first);
  assert.equal(new Set(first).size, count);
}

test("a server killed between a commit and its acknowledgement neither loses nor doubles a message", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  server.afterStore = () => {
    server.afterStore = () => {};
    server.kill();
  };

  const sending = sendAll(alice.app, roomId, numbers(0, 10));
  await until(alice.app, () => alice.app.connection.status !== "connected");
  server.restart();
  await sending;

  await assertSame(server, roomId, [alice, bob], 10);
  assert.deepEqual(texts(bob.app, roomId), numbers(0, 10));
});

test("what was written without a server goes out in order, also by the next page", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  server.kill();
  await sendAll(alice.app, roomId, numbers(0, 5));
  assert.ok(alice.app.messages(roomId).slice(-5).every((message) => message.status === "waiting"));
  await alice.app.close();

  const again = await openApp(server, alice.storageName);
  assert.deepEqual(texts(again, roomId), numbers(0, 5));
  await again.send(roomId, "5");
  server.restart();
  again.retryNow();

  await assertSame(server, roomId, [{ app: again }, bob], 6);
  assert.deepEqual(texts(bob.app, roomId), numbers(0, 6));
});

test("a page closed in the middle of sending leaves nothing behind and sends nothing twice", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  server.afterStore = (session) => {
    server.afterStore = () => {};
    session.cut(1006);
    alice.app.close();
  };
  await sendAll(alice.app, roomId, numbers(0, 4)).catch(() => {});

  const again = await openApp(server, alice.storageName);
  await until(again, () => again.connection.status === "connected");
  const kept = texts(again, roomId).length;
  await again.send(roomId, "last");

  await assertSame(server, roomId, [{ app: again }, bob], kept + 1);
});

test("both go on sending while the port moves, and nothing is lost or doubled", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const port = alice.app.connection.port;

  const sending = Promise.all([sendAll(alice.app, roomId, numbers(0, 40)), sendAll(bob.app, roomId, numbers(100, 40))]);
  await server.announceNewPort();
  await until(alice.app, () => alice.app.connection.port !== port, 30_000);
  server.closeOldestPort();
  await sending;

  await assertSame(server, roomId, [alice, bob], 80);
  assert.deepEqual(texts(bob.app, roomId).filter((text) => Number(text) < 100), numbers(0, 40));
});

test("messages refused because the epoch is over are encrypted anew, in order, under their ids", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const carol = await enrolledKnownTo(alice.app, server, "carol");
  server.service.graceMs = 0;

  const sending = sendAll(bob.app, roomId, numbers(0, 30));
  const adding = alice.app.addPeople(roomId, [carol.userId]);
  await Promise.all([sending, adding]);
  await sendAll(bob.app, roomId, numbers(30, 5));

  await assertSame(server, roomId, [alice, bob], 35);
  assert.deepEqual(texts(alice.app, roomId), numbers(0, 35));
  assert.ok(alice.app.messages(roomId).every((message) => message.status !== "unreadable"));
});

test("a message that was under way when its epoch ended waits for nobody to overtake it", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const carol = await enrolledKnownTo(alice.app, server, "carol");
  server.service.graceMs = 0;
  server.kill();
  await sendAll(bob.app, roomId, numbers(0, 3));
  server.restart();
  await until(alice.app, () => alice.app.connection.status === "connected");
  await alice.app.addPeople(roomId, [carol.userId]);

  bob.app.retryNow();
  await bob.app.send(roomId, "3");

  await assertSame(server, roomId, [alice, bob], 4);
  assert.deepEqual(texts(alice.app, roomId), numbers(0, 4));
});

test("a server that asks for a pause gets everything in order after it", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  let refusals = 3;
  server.beforeStore = () => {
    if (refusals > 0 && refusals--) throw new TooFast("1");
  };

  await sendAll(alice.app, roomId, numbers(0, 6));

  await assertSame(server, roomId, [alice, bob], 6);
});

test("a pause is as long as the server says, and a long one is shown until it is over", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const tries = [];
  server.beforeStore = () => {
    tries.push(Date.now());
    if (tries.length === 1) throw new Limit("5 seconds until a next try makes sense");
  };
  const room = () => alice.app.rooms.find((each) => each.id === roomId);

  await alice.app.send(roomId, "0");
  await until(alice.app, () => room().waitsFor?.code === "limit");
  await sendAll(alice.app, roomId, ["1"]);

  assert.equal(room().problem, null);
  await assertSame(server, roomId, [alice, bob], 2);
  assert.ok(tries[1] - tries[0] >= 4900);
  assert.equal(room().waitsFor, null);
});

test("a commit that was interrupted is repeated by the next page and adopted", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const carol = await enrolledKnownTo(alice.app, server, "carol");
  server.beforeAnswer = (session, op) => {
    if (op !== "room.commit") return;
    server.beforeAnswer = () => {};
    alice.app.close();
    session.cut(1006);
    throw new Error("cut");
  };
  alice.app.addPeople(roomId, [carol.userId]).catch(() => {});
  await until(bob.app, () => alice.app.connection.status === "offline");

  const again = await openApp(server, alice.storageName);
  await until(again, () => again.rooms[0].members.length === 3);
  await again.send(roomId, "all here");

  await until(carol.app, () => carol.app.rooms[0]?.name === "Garden" && texts(carol.app, roomId).length === 1);
  await until(bob.app, () => texts(bob.app, roomId).length === 1);
});

test("of two commits for one epoch one wins, and both get done", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const [carol, dave] = [await enrolled(server, "carol"), await enrolled(server, "dave")];
  for (const { app } of [alice, bob]) await until(app, () => app.people.length === 4);

  await Promise.all([
    alice.app.addPeople(roomId, [carol.app.me.userId]),
    bob.app.addPeople(roomId, [dave.app.me.userId]),
  ]);
  await alice.app.send(roomId, "everybody");

  for (const { app } of [bob, carol, dave]) await until(app, () => texts(app, roomId).at(-1) === "everybody");
  assert.equal(alice.app.rooms[0].members.length, 4);
});
