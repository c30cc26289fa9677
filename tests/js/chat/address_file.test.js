import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { FetchFailed } from "../../../static/js/net/http.js";
import { FakeServer } from "../fakes/server.js";
import { closeAll, enrolled, openApp, until } from "./people.js";

afterEach(closeAll);

const away = async () => {
  throw new FetchFailed("unavailable");
};

test("a file that was picked by hand shows the way when no place does", async () => {
  const server = new FakeServer();
  const { app: alice } = await enrolled(server, "alice");
  server.fetch = away;
  const { port } = server.openPort();
  server.closeOldestPort();
  await until(alice, () => alice.connection.status === "offline");

  await alice.useFile(await server.file());

  await until(alice, () => alice.connection.status === "connected");
  assert.equal(alice.connection.port, port);
  assert.equal(alice.connection.mirror, "file:");
});

test("a file that is older, another server's, or none at all changes nothing and is named", async () => {
  const server = new FakeServer();
  const old = await server.file();
  server.openPort();
  const { app: alice } = await enrolled(server, "alice");
  const { mirror } = alice.connection;

  await assert.rejects(alice.useFile(old), { name: "Problem", code: "replayed" });
  await assert.rejects(alice.useFile(await new FakeServer().file()), { name: "Problem", code: "unauthentic" });
  await assert.rejects(alice.useFile(new TextEncoder().encode("hello")), { name: "Problem", code: "malformed" });
  await assert.rejects(alice.useFile(new Uint8Array()), { name: "Problem", code: "malformed" });
  await assert.rejects(alice.useFile(new Uint8Array(70_000)), { name: "Problem" });

  assert.equal(alice.connection.status, "connected");
  assert.equal(alice.connection.mirror, mirror);
});

test("a newcomer whose places are all away comes in with a file", async () => {
  const server = new FakeServer();
  const bob = await openApp(server, "bob", server.makeInvite(), { fetchBytes: away });
  await assert.rejects(bob.enrol("bob"), { code: "unavailable" });

  await bob.useFile(await server.file());
  await bob.enrol("bob");

  await until(bob, () => bob.connection.status === "connected");
  assert.deepEqual(bob.connection.doubts, []);
});

test("a place that has something else is named on the screen, by its host alone", async () => {
  const server = new FakeServer();
  const { app: alice } = await enrolled(server, "alice");
  server.fetch = async () => new TextEncoder().encode("{}");
  server.closeOldestPort();
  await until(alice, () => alice.connection.doubts.length > 0);

  assert.deepEqual(alice.connection.doubts, [{ host: "mirror.example", code: "malformed" }]);
});
