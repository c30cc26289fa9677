import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { test } from "node:test";

import { FakeServer } from "../fakes/server.js";
import { pairInRoom, texts, until } from "./people.js";

test("two people meet in a room and read each other", async (t) => {
  const server = new FakeServer();
  const { alice, bob, roomId } = await pairInRoom(server);
  t.after(() => [alice, bob].map(({ app }) => app.close()));

  await alice.app.send(roomId, "hello bob");
  await until(bob.app, () => texts(bob.app, roomId).length === 1);
  await bob.app.send(roomId, "hello alice");
  await until(alice.app, () => texts(alice.app, roomId).length === 2);

  assert.deepEqual(texts(alice.app, roomId), ["hello bob", "hello alice"]);
  assert.deepEqual(texts(bob.app, roomId), ["hello bob", "hello alice"]);
});
