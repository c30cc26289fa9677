import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { signSuccession } from "../../../static/js/protocol/succession.js";
import { IdentityKey } from "../../../static/js/protocol/keys.js";
import { FakeServer } from "../fakes/server.js";
import { closeAll, enrolled, openApp, texts, until } from "./people.js";

afterEach(closeAll);

const DAY = 86_400;
const connected = (app) => until(app, () => app.connection.status === "connected", 20_000);
const cameLastBy = (server, key) => server.cameBy.at(-1).equals(key.public);

/** The page of this storage, connected. */
async function comeBack(server, storageName) {
  const app = await openApp(server, storageName);
  await connected(app);
  return app;
}

test("who is told in session comes by the new identity next time, and when it is over knows no other", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  const old = app.connection.fingerprint;
  const roomId = await app.createRoom("Garden");
  server.handOver();
  await app.send(roomId, "still here");
  await until(app, () => texts(app, roomId).length === 1);
  assert.deepEqual([app.connection.fingerprint, app.connection.problem], [old, null]);
  await app.close();

  const again = await comeBack(server, storageName);
  assert.ok(cameLastBy(server, server.successor));
  assert.equal(again.connection.fingerprint, old);
  server.endHandover();
  await server.announceNewPort();
  await until(again, () => again.connection.fingerprint === server.identity.public.fingerprint);
  await again.close();
  await comeBack(server, storageName);
});

test("who comes by the old identity is told, and is at home at once", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  await app.close();
  server.handOver();
  const told = await comeBack(server, storageName);
  assert.ok(cameLastBy(server, server.identity));
  await told.close();

  await comeBack(server, storageName);
  assert.ok(cameLastBy(server, server.successor));
});

test("a statement that does not count is passed over, and the session goes on", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  const now = Math.floor(Date.now() / 1000);
  const signed = (old, begins, until) => signSuccession(old, IdentityKey.generate(), begins, until).encode();
  const forged = signed(server.identity, now, now + DAY);
  forged[150] ^= 1;
  const statements = [
    7, "x", new Uint8Array(), new Uint8Array(208), forged, signed(IdentityKey.generate(), now, now + DAY),
    signed(server.identity, now - DAY, now - 1), signed(server.identity, now + 400, now + DAY),
  ];
  for (const session of server.sessions) {
    for (const statement of statements) session.notice("successor", { statement });
  }
  await app.rename("Alice");
  await app.close();
  const before = server.cameBy.length;

  const again = await openApp(server, storageName);
  await connected(again);
  assert.deepEqual([server.cameBy.length, server.turnedAway], [before + 1, 0]);
  assert.ok(cameLastBy(server, server.identity));
});

test("a server that was restored from a backup is found by the identity before", async () => {
  for (const close of [1006, 1008]) await findRestored(close);
});

async function findRestored(close) {
  const server = new FakeServer();
  server.strangerClose = close;
  const { app, storageName } = await enrolled(server, "alice");
  server.handOver();
  await app.rename("Alice");
  await app.close();
  [server.successor, server.succession] = [null, null];
  server.serial += 1;

  const again = await comeBack(server, storageName);
  assert.ok(cameLastBy(server, server.identity));
  assert.equal(again.connection.problem, null);
}

test("who was away for all of it is told that a new invitation is needed, and why", async (t) => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  await app.close();
  server.handOver({ tell: false });
  server.endHandover();
  server.openPort();
  server.closeOldestPort();
  const soon = await openApp(server, storageName);
  await until(soon, () => soon.connection.problem !== null, 20_000);
  assert.notEqual(soon.connection.problem.code, "identity_replaced");
  await soon.close();
  const { now } = Date;
  t.mock.method(Date, "now", () => now() + 40 * DAY * 1000);
  const later = await openApp(server, storageName, server.makeInvite({ lifetimeSeconds: 50 * DAY }));

  await until(later, () => later.connection.problem?.code === "identity_replaced", 20_000);
  await until(later, () => later.offer !== null);
});
