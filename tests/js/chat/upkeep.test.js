import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Store } from "../../../static/js/store/store.js";
import { FakeServer } from "../fakes/server.js";
import { copyDatabase } from "./databases.js";
import { closeAll, openApp, pairInRoom, texts, until } from "./people.js";

afterEach(closeAll);

const DAY_MS = 86_400_000;
const epochOf = (server, roomId) => server.service.rooms.get(roomId).epoch;
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Alice's page again, after what it knows of the room was changed; `rooms` are looked after every few milliseconds. */
async function comeBack(server, { alice, roomId }, changes) {
  await alice.app.close();
  const store = await Store.open(alice.storageName);
  const record = await store.read("rooms", roomId);
  await store.write([["rooms", roomId, { ...record, ...changes(record) }]]);
  store.close();
  return openApp(server, alice.storageName, "", { lookEveryMs: 20 });
}

for (const [why, changes] of [
  ["seven days with the same keys", () => ({ renewedAt: Date.now() - 7 * DAY_MS })],
  ["a thousand own messages", () => ({ sent: 1000 })],
  ["a day away", () => ({ onlineAt: Date.now() - DAY_MS })],
])
  test(`after ${why} the device brings fresh keys into the room, once`, async () => {
    const server = new FakeServer();
    const people = await pairInRoom(server);
    const { bob, roomId } = people;

    const back = await comeBack(server, people, changes);
    await until(back, () => epochOf(server, roomId) === 2);
    await pause(200);
    await back.send(roomId, "under new keys");
    await until(bob.app, () => texts(bob.app, roomId).length === 1);

    assert.equal(epochOf(server, roomId), 2);
    assert.deepEqual(bob.app.messages(roomId).filter((each) => each.notice?.kind === "left"), []);
  });

test("before that it does not", async () => {
  const server = new FakeServer();
  const people = await pairInRoom(server);
  const almost = { renewedAt: Date.now() - 7 * DAY_MS + 60_000, sent: 998, onlineAt: Date.now() - DAY_MS + 60_000 };

  const back = await comeBack(server, people, () => almost);
  await back.send(people.roomId, "still the old ones");
  await until(people.bob.app, () => texts(people.bob.app, people.roomId).length === 1);
  await pause(200);

  assert.equal(epochOf(server, people.roomId), 1);
});

test("the keys of an epoch that is over go a minute after it", async () => {
  const server = new FakeServer();
  const people = await pairInRoom(server);
  const hasPast = async () => (await copyDatabase(people.alice.storageName)).some(([store]) => store === "past");
  assert.ok(await hasPast());

  const soon = await comeBack(server, people, () => ({ epochSince: Date.now() - 50_000 }));
  await until(soon, () => soon.connection.status === "connected");
  await pause(200);
  assert.ok(await hasPast());
  const later = await comeBack(server, { ...people, alice: { ...people.alice, app: soon } }, ({ epochSince }) => ({
    epochSince: epochSince - 20_000,
  }));
  await until(later, () => later.connection.status === "connected");
  for (let tries = 0; tries < 200 && (await hasPast()); tries += 1) await pause(50);

  assert.ok(!(await hasPast()));
});
