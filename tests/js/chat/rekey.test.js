import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeServer } from "../fakes/server.js";
import { closeAll, ids, pairInRoom, texts, until } from "./people.js";

afterEach(closeAll);

const ROUNDS = 5;
const EACH = 12;

/** Sessions look at a steady clock; what this returns makes it go forward. */
function steadyClock(t) {
  const real = performance.now.bind(performance);
  let ahead = 0;
  t.mock.method(performance, "now", () => real() + ahead);
  return (seconds) => (ahead += seconds * 1000);
}

test("a server that asks for new keys in the middle of a talk gets them on the same session", async (t) => {
  const pass = steadyClock(t);
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  const apps = [alice.app, bob.app];
  const before = apps.map(({ connection }) => connection);
  const sessions = new Set(server.sessions);

  for (let round = 1; round <= ROUNDS; round += 1) {
    pass(20);
    for (let number = 0; number < EACH; number += 1) {
      const sending = apps.map((app, index) => app.send(roomId, `${index} ${round} ${number}`));
      if (number === EACH / 2) server.requestRekey();
      await Promise.all(sending);
    }
    for (const app of apps) await until(app, () => app.connection.epoch === round);
  }
  for (const app of apps) await until(app, () => texts(app, roomId).length === ROUNDS * EACH * 2);

  assert.deepEqual(new Set(server.sessions), sessions);
  assert.deepEqual(apps.map(({ connection }) => connection.since), before.map(({ since }) => since));
  assert.deepEqual(...apps.map((app) => ids(app, roomId)));
  assert.equal(new Set(ids(alice.app, roomId)).size, ROUNDS * EACH * 2);
  for (const index of [0, 1]) {
    const said = texts(bob.app, roomId).filter((text) => text.startsWith(`${index} `));
    const numbers = Array.from({ length: ROUNDS * EACH }, (_, number) => number);
    assert.deepEqual(said, numbers.map((number) => `${index} ${1 + Math.floor(number / EACH)} ${number % EACH}`));
  }
});
