import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FakeServer } from "../fakes/server.js";
import { DevicePublic } from "../../../static/js/protocol/keys.js";
import { closeAll, enrolled, openApp, texts, until } from "./people.js";

afterEach(closeAll);

const connected = (app) => until(app, () => app.connection.status === "connected", 20_000);

/** The device whose session came last. */
const lastDevice = (server) => new DevicePublic([...server.sessions].at(-1).devicePublic.bytes);

test("a secret that comes in session opens what is published from then on", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  const port = app.connection.port;

  await server.renewSecret();
  await server.announceNewPort();
  await until(app, () => app.connection.port !== port, 30_000);
  server.closeOldestPort();
  await app.close();
  const again = await openApp(server, storageName);

  await connected(again);
});

test("a secret that is not the one it is said to be is malformed, and what is held stays in force", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");

  for (const session of server.sessions) {
    session.notice("secret", { kid: new Uint8Array(8), secret: new Uint8Array(32) });
    session.notice("secret", { kid: 7, secret: "x" });
  }
  await until(app, () => server.failures.length === 2);
  assert.deepEqual(server.failures.map(({ body }) => body.code), [1, 1]);
  await app.rename("Alice");
  await app.close();
  const again = await openApp(server, storageName);

  await connected(again);
});

test("a secret in AUTH_OK that is not the one it is said to be ends the session, and another one comes", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "alice");
  await app.close();
  server.toldAtOnce = [[16, new Uint8Array(40)]];
  const before = server.cameBy.length;
  const again = await openApp(server, storageName);

  await until(again, () => server.cameBy.length > before + 1);
  assert.notEqual(again.connection.status, "connected");
  server.toldAtOnce = [];
  await connected(again);
});

test("who was away while three were shut out comes back; who was shut out does not", async () => {
  const server = new FakeServer();
  const alice = await enrolled(server, "alice");
  const roomId = await alice.app.createRoom("Garden");
  const bob = await enrolled(server, "bob");
  await bob.app.close();
  const shutOut = [];
  for (const name of ["mallory", "trudy", "eve"]) {
    shutOut.push({ ...(await enrolled(server, name)), device: lastDevice(server) });
  }
  const invitation = server.makeInvite();

  for (const { device } of shutOut) {
    await server.renewSecret({ without: device, tell: false });
    // The ports of before go with the secret.
    server.openPort();
    server.closeOldestPort();
  }

  const isOut = (app) => app.state === "revoked" || app.connection.problem?.code === "unknown_peer";
  for (const { app } of shutOut) await until(app, () => isOut(app));
  await connected(alice.app);
  await alice.app.send(roomId, "all there?");
  await until(alice.app, () => texts(alice.app, roomId).length === 1);
  await connected(await openApp(server, bob.storageName));
  const newcomer = await openApp(server, "newcomer", invitation);
  await newcomer.enrol("newcomer");
  await connected(newcomer);
});

test("a device that was shut out while it was away is told that the address opens no more", async () => {
  const server = new FakeServer();
  const { app, storageName } = await enrolled(server, "mallory");
  const device = lastDevice(server);
  await app.close();
  await server.renewSecret({ without: device });
  server.openPort();
  server.closeOldestPort();

  const again = await openApp(server, storageName);

  await until(again, () => again.connection.problem?.code === "unknown_peer");
});
