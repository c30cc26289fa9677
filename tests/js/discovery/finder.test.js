import assert from "node:assert/strict";
import { test } from "node:test";

import { DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { endpoint, MIRROR, NOW, OTHER, ports, setUp } from "../fakes/publishing.js";
import { until } from "../fakes/until.js";

test("a file the pinned server signed is believed, kept, and restored", async () => {
  const { finder, publish, saved } = setUp();
  await finder.accept(await publish(7), null);

  const next = setUp();
  await next.finder.restore(saved[0]);

  assert.equal(finder.info.serial, 7);
  assert.deepEqual(ports(finder), [50_000]);
  assert.equal(saved.length, 1);
  assert.equal(next.finder.info, null, "another server's file is passed over");
  await finder.restore(saved[0]);
  assert.equal(finder.info.serial, 7);
});

test("no older file is believed after a reload, also when the one that was kept opens no more", async () => {
  const { finder, publish, saved } = setUp();
  const [older, newer] = [await publish(7), await publish(8)];
  await finder.accept(newer, null);

  const next = setUp();
  await next.finder.restore(saved[0]);
  await assert.rejects(next.finder.accept(await next.publish(7), null), { code: "replayed" });
  await finder.restore({ ...saved[0], file: older.slice(1) });

  assert.equal(finder.info, null);
  await assert.rejects(finder.accept(older, null), { code: "replayed" });
  await finder.accept(newer, null);
});

test("a full disk keeps nobody from the new port, and the file is kept when there is room again", async () => {
  const saved = [];
  let isFull = true;
  const save = async (kept) => {
    if (isFull) throw new DOMException("Quota exceeded.", "QuotaExceededError");
    saved.push(kept.serial);
  };
  const { finder, publish, mirrors } = setUp({ save });
  mirrors[MIRROR] = await publish(7);

  await finder.refresh();
  assert.deepEqual([ports(finder), saved], [[50_000], []]);

  isFull = false;
  await finder.refresh();
  await finder.refresh();
  assert.deepEqual(saved, [7]);
});

test("a page that was overtaken is told so, also when it comes by a new file", async () => {
  const save = () => Promise.reject(Object.assign(new Error("overtaken"), { code: "superseded" }));
  const { finder, publish } = setUp({ save });

  await assert.rejects(finder.accept(await publish(7), null), { code: "superseded" });
});

test("of two files that come at once the newer one is kept, whatever takes longer", async () => {
  const [former, psk, told] = [DiscoverySecret.generate(), PreSharedKey.generate(), []];
  const learned = () => new Promise((resolve) => told.push(resolve));
  const { finder, publish, saved } = setUp({ learned, psks: () => [psk] });
  const [older, newer] = [await publish(7, undefined, { secret: former, psks: [psk] }), await publish(8)];

  const believing = finder.accept(older, null);
  await until(() => told.length === 1);
  await finder.accept(newer, null);
  told[0]();
  await believing;

  assert.equal(finder.info.serial, 8);
  assert.deepEqual(saved.map(({ serial }) => serial), [8]);
});

test("mallory's files change nothing", async () => {
  const { finder, publish } = setUp();
  await finder.accept(await publish(7), null);

  const changed = await publish(9);
  changed[200] ^= 1;
  const forged = await publish(9, undefined, { signer: IdentityKey.generate() });
  const foreign = await publish(9, undefined, { secret: DiscoverySecret.generate() });
  await assert.rejects(finder.accept(forged, null), { code: "unauthentic" });
  await assert.rejects(finder.accept(foreign, null), { code: "unknown_peer" });
  await assert.rejects(finder.accept(changed, null));
  await assert.rejects(finder.accept(await publish(6), null), { code: "replayed" });
  await assert.rejects(finder.accept(await publish(7, [endpoint(60_000)]), null), { code: "forked" });

  assert.equal(finder.info.serial, 7);
  assert.deepEqual(ports(finder), [50_000]);
});

test("of several mirrors the freshest is taken, and the dead ones are passed over", async () => {
  const { finder, publish, mirrors } = setUp();
  mirrors[MIRROR] = await publish(7, [endpoint(50_007)], { urls: [MIRROR, OTHER, "https://dead.example/c.json"] });
  await finder.refresh();
  mirrors[OTHER] = await publish(9, [endpoint(50_009)]);

  await finder.refresh();

  assert.deepEqual(ports(finder), [50_009]);
  assert.equal(finder.mirror, OTHER);
});

test("what a file names is told as it comes, and believed when all places have had their time", async () => {
  let answer;
  const told = [];
  const fetchBytes = async (url) => (url === MIRROR ? newest : new Promise((resolve) => (answer = resolve)));
  const { finder, publish } = setUp({ fetchBytes, locators: [MIRROR, OTHER] });
  const newest = await publish(9, [endpoint(50_009)]);

  const asking = finder.refresh((endpoints) => {
    told.push(endpoints.map((each) => each.port), finder.info);
    answer(newest.slice(1));
  });
  await asking;

  assert.deepEqual(told, [[50_009], null]);
  assert.deepEqual(ports(finder), [50_009]);
});

test("of files that are not to be believed, or whose time is over, nothing is told", async () => {
  const told = [];
  const { finder, publish, mirrors } = setUp();
  await finder.accept(await publish(7), null);
  mirrors[MIRROR] = await publish(9, undefined, { signer: IdentityKey.generate() });

  await assert.rejects(finder.refresh((endpoints) => told.push(endpoints)), { code: "unauthentic" });
  mirrors[MIRROR] = await publish(6);
  await assert.rejects(finder.refresh((endpoints) => told.push(endpoints)), { code: "replayed" });
  finder.clockOffsetMs = 86_400_000;
  mirrors[MIRROR] = await publish(8);
  await finder.refresh((endpoints) => told.push(endpoints));

  assert.deepEqual(told, []);
});

test("nothing is told of a file behind whose gate this device is not yet known", async () => {
  const psk = PreSharedKey.generate();
  for (const secretsHeld of [[], [DiscoverySecret.generate()]]) {
    const told = [];
    const { finder, publish, mirrors } = setUp({ secretsHeld, psks: () => [psk] });
    mirrors[MIRROR] = await publish(9, [endpoint(50_009)], { psks: [psk] });

    await finder.refresh((endpoints) => told.push(endpoints));

    assert.deepEqual([told, ports(finder)], [[], [50_009]]);
  }
});

test("without any mirror the last file stays in use", async () => {
  const { finder, publish } = setUp();
  await finder.accept(await publish(7), null);

  await assert.rejects(finder.refresh(), { code: "unavailable" });

  assert.deepEqual(ports(finder), [50_000]);
});

test("mirrors that have only rubbish say what was wrong with it", async () => {
  const { finder, mirrors } = setUp();
  mirrors[MIRROR] = new TextEncoder().encode("{}");

  await assert.rejects(finder.refresh(), { code: "malformed" });
});

for (const code of ["too_large", "not_there", "unavailable"])
  test(`that a place gave nothing (${code}) is no reason, it is away; a stranger's file is one`, async () => {
    const nothing = () => Promise.reject(Object.assign(new Error(code), { code }));
    const { finder, mirrors } = setUp({ locators: [MIRROR, OTHER] });
    Object.defineProperty(mirrors, MIRROR, { get: nothing, enumerable: true });
    await assert.rejects(finder.refresh(), { code: "unavailable" });
    assert.deepEqual(finder.places.map((place) => place.code).sort(), [code, "unavailable"].sort());

    mirrors[OTHER] = new TextEncoder().encode("{}");
    await assert.rejects(finder.refresh(), { code: "malformed" });
  });

test("a file of our server that is not for us says more than a foreign one", async () => {
  const { finder, publish, mirrors } = setUp({ secretsHeld: [], locators: [MIRROR, OTHER] });
  const [ours, forged] = [await publish(7), await publish(9, undefined, { signer: IdentityKey.generate() })];

  for (const [first, second] of [[ours, forged], [forged, ours]]) {
    Object.assign(mirrors, { [MIRROR]: first, [OTHER]: second });
    await assert.rejects(finder.refresh(), { code: "unknown_peer" });
  }
});

test("those whose time is over come last, and one without TLS only on this machine", async () => {
  const { finder, publish } = setUp();
  const list = [
    endpoint(1001, { validUntil: NOW - 9 }),
    endpoint(1002),
    endpoint(1003, { tls: false }),
    endpoint(1004, { tls: false, host: "127.0.0.1", retiring: true }),
  ];

  await finder.accept(await publish(7, list), null);

  assert.deepEqual(ports(finder), [1002, 1004, 1001]);
});

test("our region comes first, and who was slow or lost comes after", async () => {
  const { finder, publish } = setUp({ region: "eu" });
  const list = [endpoint(1001, { host: "a", region: "us" }), endpoint(1002, { host: "b", region: "eu" })];
  await finder.accept(await publish(7, list), null);
  assert.deepEqual(ports(finder), [1002, 1001]);

  finder.lost = list[1];
  assert.deepEqual(ports(finder), [1001, 1002]);
  finder.lost = null;
  finder.proved(list[0], 20);
  finder.proved(list[1], 500);

  assert.deepEqual(ports(finder), [1001, 1002]);
});

test("it knows what the newest file says of an endpoint, and what is better", async () => {
  const { finder, publish } = setUp();
  assert.deepEqual([finder.listed(endpoint(1001)), finder.better(endpoint(1001))], [null, []]);
  await finder.accept(await publish(7, [endpoint(1001, { retiring: true }), endpoint(1002)]), null);

  assert.equal(finder.listed(endpoint(1001)).retiring, true);
  assert.deepEqual(finder.better(endpoint(1001)).map((each) => each.port), [1002]);
  assert.deepEqual(finder.better(endpoint(1002)), []);
});

test("whoever was away finds the new secret wrapped in the file, and it is in force when the file is believed", async () => {
  const [psk, renewed] = [PreSharedKey.generate(), DiscoverySecret.generate()];
  const { finder, publish, learned } = setUp({ psks: () => [PreSharedKey.generate(), psk] });
  await finder.accept(await publish(7), null);

  await finder.accept(await publish(9, undefined, { secret: renewed, psks: [psk, PreSharedKey.generate()] }), null);

  assert.equal(finder.info.serial, 9);
  assert.ok(learned.length === 1 && learned[0].equals(renewed));
});

test("a newcomer without a secret reads what was wrapped for the invitation", async () => {
  const psk = PreSharedKey.generate();
  const { finder, publish, learned, mirrors, discoverySecret } = setUp({ secretsHeld: [], psks: () => [psk] });
  mirrors[MIRROR] = await publish(7, undefined, { psks: [PreSharedKey.generate()] });
  await assert.rejects(finder.refresh(), { code: "unknown_peer" });

  mirrors[MIRROR] = await publish(8, undefined, { psks: [psk] });
  await finder.refresh();

  assert.ok(learned.length === 1 && learned[0].equals(discoverySecret));
});

test("an old file with a wrap for us brings no old secret back", async () => {
  const [psk, former] = [PreSharedKey.generate(), DiscoverySecret.generate()];
  const { finder, publish, learned } = setUp({ psks: () => [psk] });
  await finder.accept(await publish(7), null);

  const old = await publish(6, undefined, { secret: former, psks: [psk] });
  await assert.rejects(finder.accept(old, null), { code: "replayed" });

  assert.deepEqual(learned, []);
});

test("a wrap that mallory made is not looked at", async () => {
  const psk = PreSharedKey.generate();
  const { finder, publish } = setUp({ secretsHeld: [], psks: () => [psk] });

  const forged = await publish(7, undefined, { psks: [psk], signer: IdentityKey.generate() });

  await assert.rejects(finder.accept(forged, null), { code: "unauthentic" });
});

test("a place that lies keeps nobody from the file of another, and is named by its host", async () => {
  const urls = [MIRROR, OTHER, "https://three.example/c.json", "https://four.example/c.json?key=secret"];
  const { finder, publish, mirrors } = setUp();
  await finder.accept(await publish(7, undefined, { urls }), null);
  mirrors[MIRROR] = await publish(7, [endpoint(60_000)]);
  mirrors[OTHER] = await publish(9, [endpoint(50_009)]);
  mirrors[urls[2]] = await publish(10, undefined, { signer: IdentityKey.generate() });
  mirrors[urls[3]] = new TextEncoder().encode("<html>");

  await finder.refresh();

  assert.deepEqual(ports(finder), [50_009]);
  const doubts = Object.fromEntries(finder.doubts.map(({ host, code }) => [host, code]));
  assert.deepEqual(doubts, {
    "one.example": "forked", "three.example": "unauthentic", "four.example": "malformed",
  });
});

test("two new files of one number are both refused, and an older good one is used", async () => {
  const urls = [MIRROR, OTHER, "https://three.example/c.json"];
  const { finder, publish, mirrors } = setUp();
  await finder.accept(await publish(7, undefined, { urls }), null);
  [mirrors[MIRROR], mirrors[OTHER]] = [await publish(9, [endpoint(1)]), await publish(9, [endpoint(2)])];
  await assert.rejects(finder.refresh(), { code: "forked" });
  assert.equal(finder.info.serial, 7);

  mirrors[urls[2]] = await publish(8, [endpoint(3)]);
  mirrors[OTHER] = await publish(9, [endpoint(2)]);
  await finder.refresh();

  assert.deepEqual(ports(finder), [3]);
});

test("an old file that comes first hurries no place that has a newer one", async () => {
  const { finder, publish, mirrors } = setUp({ locators: [MIRROR, OTHER] });
  await finder.accept(await publish(8), null);
  mirrors[MIRROR] = await publish(7);
  const newer = await publish(9, [endpoint(50_009)]);
  Object.defineProperty(mirrors, OTHER, {
    get: () => new Promise((resolve) => setTimeout(() => resolve(newer), 1300)),
    enumerable: true,
  });

  await finder.refresh();

  assert.deepEqual(ports(finder), [50_009]);
  assert.deepEqual(
    finder.places.map(({ host, code }) => `${host} ${code}`).sort(),
    ["one.example replayed", "two.example null"],
  );
});

test("a place is behind when its file is older than the one that is used, not than one from the future", async () => {
  const { finder, publish, mirrors } = setUp({ locators: [MIRROR, OTHER] });
  mirrors[MIRROR] = await publish(8);
  mirrors[OTHER] = await publish(9, [endpoint(50_009)], { validFrom: NOW + 3000 });

  await finder.refresh();

  assert.deepEqual(ports(finder), [50_000]);
  assert.deepEqual(finder.places.map(({ code }) => code), [null, null]);
});
