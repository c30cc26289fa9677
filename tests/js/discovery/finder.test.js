import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { Finder } from "../../../static/js/discovery/finder.js";
import { sealConnectionFile } from "../../../static/js/protocol/connection_file.js";
import { ConnectionInfo, Endpoint } from "../../../static/js/protocol/connection_info.js";
import { keyId } from "../../../static/js/protocol/key_schedule.js";
import { DiscoverySecret, IdentityKey } from "../../../static/js/protocol/keys.js";

const NOW = Math.floor(Date.now() / 1000);
const [MIRROR, OTHER] = ["https://one.example/c.json", "https://two.example/c.json"];

function endpoint(port, changes = {}) {
  const base = { host: "chat.example", path: `/${"A".repeat(22)}`, tls: true, validFrom: NOW, validUntil: NOW + 3600 };
  return new Endpoint({ ...base, port, ...changes });
}

/** A server that publishes, and somebody's finder with the mirrors as they are told. */
function setUp({ mirrors = {}, formerSecrets = [], ...options } = {}) {
  const [identity, discoverySecret] = [IdentityKey.generate(), DiscoverySecret.generate()];
  const [saved, learned] = [[], []];
  const byKid = (secret) => [toHex(keyId(secret)), secret];
  const secretsHeld = new Map([discoverySecret, ...formerSecrets].map(byKid));
  const publish = (serial, endpoints = [endpoint(50_000)], changes = {}) => {
    const { signer = identity, secret = discoverySecret, urls = [] } = changes;
    const info = new ConnectionInfo({
      serial, serverId: "cc-test", serverName: "Test", serverPublic: signer.public, timestamp: NOW, endpoints, urls,
      validFrom: NOW - 10, validUntil: NOW + 3600, nextRotation: NOW + 3600, graceSeconds: 300,
    });
    return sealConnectionFile(info, secret, signer, NOW);
  };
  const fetchBytes = async (url) => {
    if (!(url in mirrors)) throw Object.assign(new Error("away"), { code: "unavailable" });
    return mirrors[url];
  };
  const finder = new Finder({
    secrets: () => secretsHeld,
    learned: async (secret) => learned.push(secret),
    pins: [identity.public],
    locators: [MIRROR],
    fetchBytes,
    save: async (kept) => saved.push(kept),
    ...options,
  });
  return { finder, publish, mirrors, saved, learned, discoverySecret };
}

const ports = (finder) => finder.endpoints().map((each) => each.port);

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
