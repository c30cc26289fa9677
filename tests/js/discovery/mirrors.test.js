import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";

import { doubtsOf, hostOf } from "../../../static/js/discovery/doubts.js";
import { askBeside, askMirrors } from "../../../static/js/discovery/mirrors.js";
import { fetchBytes, mayLead } from "../../../static/js/net/http.js";
import { FakeMegaFolder } from "../fakes/mega_folder.js";

const [ONE, TWO, THREE] = ["one", "two", "three"].map((name) => `https://${name}.example/folder/c.json?a=1`);
const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const text = (answers) => answers.map(({ url, file }) => [hostOf(url), Buffer.from(file).toString()]);

/** A network whose places do as they are told: a text is what one says; a function does as it likes. */
function network(does) {
  const asked = [];
  const sources = {
    fetchBytes: async (url, limits) => {
      asked.push(url);
      const act = does[url] ?? (() => Promise.reject(Object.assign(new Error("away"), { code: "unavailable" })));
      return Buffer.from(typeof act === "string" ? act : await act(limits));
    },
  };
  return { sources, asked };
}

test("all are asked, and who failed is named with why", async () => {
  const { sources } = network({ [ONE]: "1", [THREE]: () => Promise.reject(new TypeError("bug")) });

  const { found, failed } = await askMirrors([ONE, TWO, THREE], sources);

  assert.deepEqual(text(found), [["one.example", "1"]]);
  assert.deepEqual(failed.map(({ url, code }) => [url, code]), [[TWO, "unavailable"], [THREE, "internal"]]);
});

test("with nobody to ask, or nobody there, nothing is found and nothing is thrown", async () => {
  assert.deepEqual(await askMirrors([], network({}).sources), { found: [], failed: [] });
  const { found, failed } = await askMirrors([ONE, TWO], network({}).sources);
  assert.deepEqual([found.length, failed.length], [0, 2]);
});

test("what is no place is not asked, and never more than sixteen are", async () => {
  const { sources, asked } = network({});
  const many = Array.from({ length: 20 }, (_, index) => `https://m${index}.example/c.json`);

  await askMirrors(["http://plain.example/c.json", "ftp://x/y", "/etc/passwd", ...many], sources);

  assert.deepEqual(asked, many.slice(0, 16));
});

test("once a file was believed the others have a second, and no more", async () => {
  const { sources } = network({
    [ONE]: "fast",
    [TWO]: () => later(300).then(() => "slow"),
    [THREE]: () => later(4000).then(() => "much slower"),
  });
  const began = performance.now();

  const { found, failed } = await askMirrors([ONE, TWO, THREE], sources);

  assert.deepEqual(text(found).map(([, said]) => said), ["fast", "slow"]);
  assert.deepEqual(failed, []);
  assert.ok(performance.now() - began < 2500);
});

test("noise that comes first hurries nobody", async () => {
  const { sources } = network({ [ONE]: "noise", [TWO]: () => later(1300).then(() => "truth") });
  const judge = async ({ file }) => {
    if (Buffer.from(file).toString() === "noise") throw Object.assign(new Error("no"), { code: "malformed" });
  };

  const { found, failed } = await askMirrors([ONE, TWO], sources, judge);

  assert.deepEqual(text(found), [["two.example", "truth"]]);
  assert.deepEqual(failed.map(({ url, code }) => [url, code]), [[ONE, "malformed"]]);
});

test("a place that never answers is given up after five seconds", { timeout: 20_000 }, async () => {
  const { sources } = network({ [ONE]: () => new Promise(() => {}) });
  const began = performance.now();

  const { failed } = await askMirrors([ONE], sources);

  assert.equal(failed[0].code, "unavailable");
  assert.ok(performance.now() - began < 9000);
});

test("the list lies beside the file, in a MEGA folder as well", async () => {
  const mega = new FakeMegaFolder();
  mega.put("connection.json", Buffer.from("the file"));
  mega.put("revocations.json", Buffer.from("the list"));
  const link = `https://mega.nz/folder/${mega.folder.handle}#${mega.key.toString("base64url")}`;
  const plain = network({ "https://one.example/folder/revocations.json?a=1": "a list" });
  const sources = {
    fetchBytes: (url, limits) => (url.includes("one.example") ? plain.sources : mega).fetchBytes(url, limits),
  };

  const files = await askMirrors([link], sources);
  const lists = await askBeside([ONE, link], "revocations.json", sources);

  assert.deepEqual(text(files.found), [["mega.nz", "the file"]]);
  assert.deepEqual(text(lists.found).sort(), [["mega.nz", "the list"], ["one.example", "a list"]]);
});

test("a place that lies is named by its host, one that is away or a little late is not", () => {
  const places = [
    { host: "good.example", code: null },
    { host: "away.example", code: "unavailable" },
    { host: "huge.example", code: "too_large" },
    { host: "empty.example", code: "not_there" },
    { host: "late.example", code: "replayed" },
    { host: "noise.example", code: "malformed" },
    { host: "noise.example", code: "malformed" },
    { host: "noise.example", code: "forked" },
  ];

  assert.deepEqual(doubtsOf(places, 20).map(({ host, code }) => `${host} ${code}`), [
    "noise.example malformed", "noise.example forked",
  ]);
  assert.deepEqual(doubtsOf(places, 2000)[0], { host: "late.example", code: "replayed" });
  assert.equal(hostOf("https://mega.nz/folder/abcdefgh#secretsecretsecretsec"), "mega.nz");
  assert.equal(hostOf("nonsense"), "");
});

for (const [from, to, isAllowed] of [
  ["https://a.example/c.json", "https://b.example/d.json", true],
  ["https://a.example/c.json", "http://127.0.0.1:631/c.json", false],
  ["https://a.example/c.json", "https://localhost/c.json", false],
  ["https://a.example/c.json", "https://[::1]:8443/c.json", false],
  ["https://a.example/c.json", "https://mega.nz/c.json", false],
  ["https://localhost/c.json", "http://localhost/c.json", false],
  ["https://localhost/c.json", "https://a.example/c.json", true],
  ["http://127.0.0.1:1/c.json", "http://localhost:2/c.json", true],
])
  test(`${from} ${isAllowed ? "may" : "may not"} send on to ${to}`, () => {
    assert.equal(mayLead(from, to), isAllowed);
  });

test("what came from where nobody may be sent is not used", async ({ mock }) => {
  const answer = new Response("good");
  Object.defineProperties(answer, { redirected: { value: true }, url: { value: "https://localhost/c.json" } });
  mock.method(globalThis, "fetch", async () => answer);

  await assert.rejects(fetchBytes(ONE, { maxBytes: 10, timeoutMs: 400 }), { code: "unavailable" });
});

test("real servers that trickle, flood, are silent or send elsewhere cost no more than the limits", async (t) => {
  const timers = new Set();
  const server = createServer((request, response) => {
    if (request.method === "POST") return request.pipe(response);
    if (request.url === "/away") return response.writeHead(302, { location: "ftp://127.0.0.1/" }).end();
    if (request.url === "/near") return response.writeHead(302, { location: "/good" }).end();
    if (request.url === "/good") return response.end("good");
    if (request.url === "/gone") return response.writeHead(404).end("no such file");
    if (request.url === "/drip") return timers.add(setInterval(() => response.write("x"), 50));
    if (request.url !== "/flood") return undefined;
    const flood = () => {
      while (response.write(randomBytes(65_536)));
    };
    response.on("drain", flood);
    return flood();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    timers.forEach(clearInterval);
    server.closeAllConnections();
    server.close();
  });
  const at = (path) => `http://127.0.0.1:${server.address().port}${path}`;
  const limits = { maxBytes: 100_000, timeoutMs: 400 };

  for (const path of ["/drip", "/silent", "/away"]) {
    await assert.rejects(fetchBytes(at(path), limits), { code: "unavailable" });
  }
  await assert.rejects(fetchBytes(at("/flood"), limits), { code: "too_large" });
  await assert.rejects(fetchBytes(at("/gone"), limits), { code: "not_there" });
  assert.equal(Buffer.from(await fetchBytes(at("/near"), limits)).toString(), "good");
  assert.equal(Buffer.from(await fetchBytes(at("/"), { ...limits, body: "[1]" })).toString(), "[1]");
  await assert.rejects(fetchBytes(at("/near"), { ...limits, redirect: "error" }), { code: "unavailable" });
});
