import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Store } from "../../../static/js/store/store.js";
import { FakeServer } from "../fakes/server.js";
import { copyDatabase, restoreOlderDatabase } from "./databases.js";
import { closeAll, openApp, pairInRoom, texts, until } from "./people.js";

afterEach(closeAll);

const FIRST_STORES = [
  "keys", "meta", "account", "rooms", "epoch", "live", "past", "pending", "outbox", "archive", "packages",
];

/** Alice's page as the first version left it: a room of scheme 1, with something read in it. */
async function firstVersion(server) {
  const { alice, bob, roomId } = await pairInRoom(server);
  await bob.app.send(roomId, "from before");
  await until(alice.app, () => texts(alice.app, roomId).length === 1);
  await alice.app.close();
  const store = await Store.open(alice.storageName);
  const { name, cursor, read } = await store.read("rooms", roomId);
  await store.write([["rooms", roomId, { name, cursor, read, created: true, gone: false, epochSince: 0 }]]);
  store.close();
  await restoreOlderDatabase(alice.storageName, await copyDatabase(alice.storageName), 1, FIRST_STORES);
  return { alice, bob, roomId };
}

test("a room of the first version is there to read, and nothing more", async () => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await firstVersion(server);

  const app = await openApp(server, alice.storageName);
  await until(app, () => app.connection.status === "connected");

  const [room] = app.rooms;
  assert.deepEqual([room.name, room.joined, room.problem], ["Garden", false, { code: "room_over" }]);
  assert.deepEqual(texts(app, roomId), ["from before"]);
  assert.deepEqual(room.members.sort(), [app.me.userId, bob.app.me.userId].sort());
  await assert.rejects(app.send(roomId, "anybody?"), { code: "not_member" });
  await assert.rejects(app.addPeople(roomId, [bob.app.me.userId]), { code: "not_member" });
});

test("the account and the device stay, old key packages are replaced, and new rooms work at once", async () => {
  const server = new FakeServer();
  const { alice, bob } = await firstVersion(server);
  const before = [...server.service.packages.values()].map(({ lastResort }) => lastResort);

  const app = await openApp(server, alice.storageName);
  await until(app, () => app.connection.status === "connected");
  await until(app, () => [...server.service.packages.values()].some(({ lastResort }) => !before.includes(lastResort)));
  const roomId = await app.createRoom("Terrace");
  await app.addPeople(roomId, [bob.app.me.userId]);
  await app.send(roomId, "here we go on");

  await until(bob.app, () => texts(bob.app, roomId).length === 1);
  assert.deepEqual(texts(bob.app, roomId), ["here we go on"]);
});
