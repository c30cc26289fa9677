import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeServer } from "../fakes/server.js";
import { closeAll, enrolled, openApp, until } from "./people.js";

afterEach(closeAll);

/** A session on another port, with a handshake that tells the time anew. */
async function move(server, app) {
  const { port } = app.connection;
  await server.announceNewPort();
  await until(app, () => app.connection.port !== port, 30_000);
}

test("a clock that is wrong is told from the first session on, and no more when a later handshake finds it right", async () => {
  const server = new FakeServer();
  server.clockAheadMs = 7_200_000;
  const { app } = await enrolled(server, "alice");
  const shown = [];
  app.addEventListener("change", ({ detail }) => detail.what === "connection" && shown.push(app.connection.clockAhead));

  const before = app.connection.clockAhead;
  server.clockAheadMs = 0;
  await move(server, app);

  // The way there and back takes time, too.
  assert.ok(before < -7_190_000 && before > -7_210_000, String(before));
  assert.equal(shown.at(-1), 0);
});

test("up to 300 seconds a clock is right enough, and before anybody told it nothing is said", async () => {
  const server = new FakeServer();
  server.clockAheadMs = -290_000;
  const { app, storageName } = await enrolled(server, "alice");
  const near = app.connection.clockAhead;
  server.clockAheadMs = -310_000;
  await move(server, app);

  assert.equal(near, 0);
  assert.ok(app.connection.clockAhead > 300_000, String(app.connection.clockAhead));
  await app.close();
  server.kill();
  const unheard = await openApp(server, storageName);
  assert.deepEqual([unheard.state, unheard.connection.clockAhead], ["ready", 0]);
});
