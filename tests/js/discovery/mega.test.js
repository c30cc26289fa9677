import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import fc from "fast-check";

import { readMegaFile } from "../../../static/js/discovery/mega/folder.js";
import { FakeMegaFolder } from "../fakes/mega_folder.js";

const { subtle } = globalThis.crypto;
const NAME = "connection.json";
const LIMITS = { maxBytes: 65_536, timeoutMs: 1000 };

const read = (mega, name = NAME, limits = LIMITS) => readMegaFile(mega.folder, name, mega.fetchBytes, limits);
const bytes = (data) => new Uint8Array(data);
const stranger = () => `Other_nd:${randomBytes(32).toString("base64url")}`;

/** The folder of a listing, and a file in it, without key and name. */
const TOP = { h: "T", p: "Elsewhere", t: 1 };
const BARE = { h: "Node_001", p: "T", t: 0, s: 1, ts: 1 };

test("the newest file of a name is read, whatever else lies there", async () => {
  const mega = new FakeMegaFolder();
  mega.put(NAME, randomBytes(4096), { at: 10 });
  const newest = randomBytes(4097);
  mega.put(NAME, newest, { at: 30 });
  mega.put(NAME, randomBytes(4096), { at: 20 });
  mega.put("revocations.json", randomBytes(100), { at: 99 });

  assert.deepEqual(await read(mega), bytes(newest));
});

test("two questions and one download, without any account", async () => {
  const mega = new FakeMegaFolder();
  const handle = mega.put(NAME, randomBytes(50));

  await read(mega);

  assert.deepEqual(mega.asked, [{ a: "f", c: 1, ca: 1, r: 1 }, { a: "g", g: 1, ssl: 2, n: handle }]);
  assert.equal(mega.urls.length, 3);
  assert.deepEqual([...mega.redirects], ["error"]);
  assert.match(mega.urls[0], /^https:\/\/g\.api\.mega\.co\.nz\/cs\?id=[0-9]+&n=Folder_1$/);
  assert.ok(mega.urls.every((url) => !url.includes("sid") && !url.includes(mega.key.toString("base64url"))));
});

test("any content comes back as it was put there", async () => {
  const content = fc.uint8Array({ minLength: 1, maxLength: 300 });
  await fc.assert(
    fc.asyncProperty(content, async (data) => {
      const mega = new FakeMegaFolder();
      mega.put(NAME, data);
      assert.deepEqual(await read(mega), data);
    }),
    { numRuns: 50 },
  );
});

test("a node with several keys is opened by the one that fits", async () => {
  for (const order of [(own, other) => `${own}/${other}`, (own, other) => `${other}/${own}`]) {
    const mega = new FakeMegaFolder();
    const data = randomBytes(20);
    mega.put(NAME, data, { keys: (own) => order(`Top_node:${own}`, stranger()) });

    assert.deepEqual(await read(mega), bytes(data));
  }
});

/** Which of crypto's functions are called, how often, and on how many bytes. */
function countCrypto(mock) {
  const opened = [];
  const decrypt = subtle.decrypt.bind(subtle);
  mock.method(subtle, "decrypt", (how, key, data) => (opened.push(data.length), decrypt(how, key, data)));
  return opened;
}

for (const [others, isFound] of [[15, true], [16, false]]) {
  test(`sixteen keys of a node are tried: behind ${others} others ours is ${isFound ? "" : "not "}found`, async () => {
    const mega = new FakeMegaFolder();
    const strangers = Array.from({ length: others }, stranger);
    mega.put(NAME, randomBytes(20), { keys: (own) => [...strangers, `Top_node:${own}`].join("/") });

    if (isFound) await read(mega);
    else await assert.rejects(read(mega), { code: "not_there" });
  });
}

test("a node with hundreds of keys and a long name costs a few blocks", async ({ mock }) => {
  const mega = new FakeMegaFolder();
  const [keys, a] = [Array.from({ length: 600 }, stranger).join("/"), randomBytes(1024).toString("base64url")];
  mega.instead.f = [[{ f: [TOP, { ...BARE, k: keys, a }, { ...BARE, k: keys.slice(0, 5000), a: a.repeat(8) }] }]];
  const opened = countCrypto(mock);

  await assert.rejects(read(mega), { code: "not_there" });

  // Of each key its own two blocks, and one of the name; each with the block that says that the chain is over.
  assert.deepEqual([opened.length, Math.max(...opened)], [32, 48]);
});

test("what names a file may be a KiB long, and no more", async () => {
  for (const [length, isFound] of [[1012, true], [1013, false]]) {
    const mega = new FakeMegaFolder();
    mega.put("x".repeat(length), randomBytes(20));
    if (isFound) await read(mega, "x".repeat(length));
    else await assert.rejects(read(mega, "x".repeat(length)), { code: "not_there" });
  }
});

test("old versions and files of folders within are not the file", async () => {
  const mega = new FakeMegaFolder();
  const data = randomBytes(20);
  const handle = mega.put(NAME, data, { at: 1 });
  mega.put(NAME, randomBytes(20), { at: 5, parent: handle });
  mega.put(NAME, randomBytes(20), { at: 9, parent: "Inner_nd" });

  assert.deepEqual(await read(mega), bytes(data));
});

test("a changed, a shortened or another's content is never given out", async () => {
  const mega = new FakeMegaFolder();
  const data = randomBytes(5000);
  mega.put(NAME, data);
  const changed = Buffer.alloc(5000);

  mega.instead.download = [changed];
  // Of who signed it nothing is known, so it is no stranger's file.
  await assert.rejects(read(mega), { code: "malformed" });
  mega.instead.download = [changed.subarray(1)];
  await assert.rejects(read(mega), { code: "unavailable" });
  mega.instead.download = [];
  assert.deepEqual(await read(mega), bytes(data));
});

test("a link with another key finds nothing", async () => {
  const mega = new FakeMegaFolder();
  mega.put(NAME, randomBytes(20));
  mega.folder = { ...mega.folder, key: new Uint8Array(16) };

  await assert.rejects(read(mega), { code: "not_there" });
});

test("a folder without the file, and an empty file, are no file", async () => {
  const mega = new FakeMegaFolder();
  await assert.rejects(read(mega), { code: "not_there" });
  mega.put(NAME, Buffer.alloc(0));
  await assert.rejects(read(mega), { code: "malformed" });
});

test("sizes are limited, said and sent ones alike", async () => {
  const mega = new FakeMegaFolder();
  mega.put(NAME, randomBytes(65_537));
  await assert.rejects(read(mega), { code: "too_large" });

  const liar = new FakeMegaFolder();
  liar.put(NAME, randomBytes(65_537), { size: 10 });
  await assert.rejects(read(liar), { code: "too_large" });

  const crowded = new FakeMegaFolder();
  for (let count = 0; count < 500; count += 1) crowded.put("x", randomBytes(1));
  await assert.rejects(read(crowded), { code: "too_large" });
});

test("asked to ask again it does, under the same number, and not for ever", async () => {
  const mega = new FakeMegaFolder();
  const data = randomBytes(20);
  mega.put(NAME, data);
  mega.instead.f = [-3, [-3]];
  assert.deepEqual(await read(mega), bytes(data));
  assert.equal(new Set(mega.urls.slice(0, 3)).size, 1);
  assert.notEqual(mega.urls[3], mega.urls[2]);

  mega.instead.f = Array.from({ length: 100 }, () => -3);
  const began = performance.now();
  await assert.rejects(read(mega, NAME, { ...LIMITS, timeoutMs: 400 }), { code: "unavailable" });
  assert.ok(performance.now() - began < 900);
});

for (const [what, answer, code] of [
  ["-9", [-9], "not_there"],
  ["-16 for the whole", -16, "not_there"],
  ["a page of a network that wants a login", "<html>Welcome</html>", "malformed"],
  ["nothing", [], "malformed"],
  ["null", [null], "malformed"],
  ["a text", ["x"], "malformed"],
  ["no list of nodes", [{}], "malformed"],
  ["more nodes than there may be", [{ f: Array.from({ length: 1001 }, () => 1) }], "malformed"],
  ["nodes that are none", [{ f: [null, 7] }], "not_there"],
  ["nodes without members", [{ f: [{ h: "a" }, { h: "b", t: 0 }] }], "not_there"],
  ["nodes with nonsense", [{ f: [TOP, { ...BARE, k: "T:!!/x", a: "%" }] }], "not_there"],
]) {
  test(`a listing that is ${what} is refused as ${code}`, async () => {
    const mega = new FakeMegaFolder();
    mega.put(NAME, randomBytes(20));
    mega.instead.f = [answer];

    await assert.rejects(read(mega), { code });
  });
}

test("whatever nonsense a node holds, it is passed over", async () => {
  const [p, t] = [fc.constant("T"), fc.constant(0)];
  const [s, ts] = [fc.constant(1), fc.constant(1)];
  const [h, any] = [fc.string({ minLength: 8, maxLength: 8 }), fc.anything()];
  const nonsense = fc.record({ h, p, t, s, ts, k: any, a: any });
  await fc.assert(
    fc.asyncProperty(fc.array(nonsense, { maxLength: 5 }), async (nodes) => {
      const mega = new FakeMegaFolder();
      mega.instead.f = [JSON.stringify([{ f: [TOP, ...nodes] }])];
      await assert.rejects(read(mega), { code: "not_there" });
    }),
    { numRuns: 100 },
  );
});

for (const url of [
  "https://evil.example/dl/Node_001",
  "http://gfs1.userstorage.mega.co.nz/dl/Node_001",
  "https://userstorage.mega.co.nz.evil.example/x",
  "http://127.0.0.1:631/",
  "/dl",
  null,
  7,
]) {
  test(`it lets nobody send it to ${url}`, async () => {
    const mega = new FakeMegaFolder();
    mega.put(NAME, randomBytes(20));
    mega.instead.g = [[{ s: 20, at: "", g: url }]];

    await assert.rejects(read(mega), { code: "unavailable" });
    assert.equal(mega.urls.length, 2);
  });
}

test("on this machine the file comes from where the folder is asked for", async () => {
  const mega = new FakeMegaFolder();
  mega.folder = { ...mega.folder, gateway: "http://127.0.0.1:4000/cs" };
  mega.put(NAME, randomBytes(20));
  mega.instead.g = [[{ s: 20, at: "", g: "https://gfs1.userstorage.mega.co.nz/dl/Node_001" }]];

  await assert.rejects(read(mega), { code: "unavailable" });
});
