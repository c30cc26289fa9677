import "fake-indexeddb/auto";

import assert from "node:assert/strict";
import { test } from "node:test";

import { openDB } from "../../../static/vendor/idb.js";
import { ed25519Verify } from "../../../static/js/sodium.js";
import { Store, Superseded } from "../../../static/js/store/store.js";

const raw = async (name, store, key) => {
  const database = await openDB(name);
  const row = await database.get(store, key);
  database.close();
  return row;
};

test("what was written comes back after the page was closed", async () => {
  const store = await Store.open("round-trip");
  const value = { name: "alice", number: 7, none: null, bytes: Uint8Array.of(1, 2) };
  await store.write([["account", "me", value]]);
  store.close();

  const again = await Store.open("round-trip");

  assert.deepEqual(await again.read("account", "me"), value);
  assert.equal(await again.read("account", "nobody"), undefined);
});

test("the disk holds no plaintext, and a row is bound to its place", async () => {
  const store = await Store.open("sealed");
  await store.write([["archive", "room/1", { text: "a secret of alice" }]]);

  const row = await raw("sealed", "archive", "room/1");
  const database = await openDB("sealed");
  await database.put("archive", row, "room/2");
  await database.put("outbox", row, "room/1");

  assert.ok(!Buffer.from(row).includes("secret"));
  await assert.rejects(store.read("archive", "room/2"), { code: "unauthentic" });
  await assert.rejects(store.read("outbox", "room/1"), { code: "unauthentic" });
  database.close();
});

test("rows of one transaction are written together, and null erases", async () => {
  const store = await Store.open("together");
  await store.write([["outbox", "a/2", { n: 2 }], ["outbox", "a/1", { n: 1 }], ["outbox", "b/1", { n: 3 }]]);
  await store.write([["outbox", "a/1", null]]);

  assert.deepEqual(await store.readAll("outbox"), [["a/2", { n: 2 }], ["b/1", { n: 3 }]]);
  assert.deepEqual(await store.readAll("outbox", "b/"), [["b/1", { n: 3 }]]);
});

test("a page that was overtaken writes nothing any more", async () => {
  const first = await Store.open("overtaken");
  await first.write([["rooms", "r", { cursor: 1 }]]);
  const second = await Store.open("overtaken");

  await assert.rejects(first.write([["rooms", "r", { cursor: 9 }]]), Superseded);
  await second.write([["rooms", "s", { cursor: 2 }]]);

  assert.deepEqual(await second.read("rooms", "r"), { cursor: 1 });
});

test("the device key signs after a reload and cannot be taken out", async () => {
  const store = await Store.open("device");
  const { publicKey } = store.deviceKey;
  store.close();

  const again = await Store.open("device");
  const signature = await again.deviceKey.sign(Uint8Array.of(1));
  const kept = await raw("device", "keys", "device");

  assert.deepEqual(again.deviceKey.publicKey, publicKey);
  assert.ok(ed25519Verify(publicKey, Uint8Array.of(1), signature));
  assert.equal(kept.privateKey.extractable, false);
  assert.equal(kept.wrap.extractable, false);
});

test("a store begun anew is empty and has another device key", async () => {
  const store = await Store.open("anew");
  await store.write([["rooms", "r", { cursor: 1 }]]);

  const fresh = await store.restart();

  assert.equal(await fresh.read("rooms", "r"), undefined);
  assert.notDeepEqual(fresh.deviceKey.publicKey, store.deviceKey.publicKey);
});
