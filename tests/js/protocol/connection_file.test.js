import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex, utf8 } from "../../../static/js/bytes.js";
import {
  _sealConnectionFile,
  AuditHead,
  checkFreshness,
  chooseFreshest,
  ConnectionInfo,
  decryptConnectionFile,
  encryptConnectionFile,
  Endpoint,
  RevocationsHead,
  sealConnectionFile,
  SealedConnectionFile,
} from "../../../static/js/protocol/connection_file.js";
import { encodeBase64, encodeJson, parseJson } from "../../../static/js/protocol/encoding.js";
import { keyId } from "../../../static/js/protocol/key_schedule.js";
import { DiscoverySecret, IdentityKey, PreSharedKey } from "../../../static/js/protocol/keys.js";
import { sha256 } from "../../../static/js/protocol/primitives.js";
import { joinWraps, makePadding, makeWrap } from "../../../static/js/protocol/wraps.js";
import { refuses } from "./people.js";

const NOW = 1_700_000_000;
const [SECRET, ALICE, MALLORY] = [DiscoverySecret.generate(), IdentityKey.generate(), IdentityKey.generate()];
const ENDPOINT = new Endpoint({
  host: "chat.example.org",
  port: 50_000,
  path: `/${"A".repeat(22)}`,
  tls: true,
  validFrom: NOW,
  validUntil: NOW + 3900,
  load: 0.5,
});

const info = (changes = {}) =>
  new ConnectionInfo({
    serial: NOW,
    serverId: "cc-alice",
    serverName: "Alice's",
    serverPublic: ALICE.public,
    timestamp: NOW,
    validFrom: NOW,
    validUntil: NOW + 3900,
    nextRotation: NOW + 3600,
    graceSeconds: 300,
    endpoints: [ENDPOINT],
    ...changes,
  });

const publish = (what = info(), identity = ALICE) => sealConnectionFile(what, SECRET, identity, NOW);
const open = (data, secrets = SECRET) => SealedConnectionFile.parse(data).open(secrets, [ALICE.public]);

/** The published object with its members changed by `change`. */
async function altered(change) {
  const members = parseJson(await publish(), 65_536);
  return encodeJson({ ...members, ...change(members) });
}

/** The inner JSON with other members, signed by the real server. */
function inner(changes) {
  const members = { ...parseJson(info().encode(), 65_536), ...changes };
  const kept = Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
  return _sealConnectionFile(encodeJson(kept), SECRET, ALICE, NOW, new Uint8Array(12));
}

test("what alice publishes is what bob reads", async () => {
  const data = await publish();
  const read = await open(data);

  assert.equal(data.length, 4096);
  assert.deepEqual({ ...read, digest: null }, { ...info(), digest: null });
  assert.equal(read.endpoints[0].url, `wss://chat.example.org:50000/${"A".repeat(22)}`);
  assert.deepEqual(await open(data, new Map([[toHex(keyId(SECRET)), SECRET]])), read);
});

test("a holder of the discovery secret cannot forge it", async () => {
  await refuses("unauthentic", async () => open(await publish(info({ serverPublic: MALLORY.public }), MALLORY)));
  const named = await _sealConnectionFile(info().encode(), SECRET, MALLORY, NOW, new Uint8Array(12));
  await refuses("unauthentic", () => open(named));
  await refuses("unauthentic", async () =>
    open(await inner({ public_key: btoa(String.fromCharCode(...MALLORY.public.bytes)) })),
  );
});

test("nothing is sealed that readers would not take", async () => {
  const wrong = [
    { serverPublic: MALLORY.public },
    { endpoints: [] },
    { serial: 0 },
    { validUntil: NOW - 1 },
    { endpoints: [new Endpoint({ ...ENDPOINT, port: 0 })] },
  ];

  for (const changes of wrong) await refuses("usage", () => publish(info(changes)));
});

test("charlie, with another secret, learns nothing", async () => {
  const data = await publish();

  await refuses("unknown_peer", () => open(data, DiscoverySecret.generate()));
  for (const word of ["chat.example.org", "50000", "Alice"]) assert.ok(!new TextDecoder().decode(data).includes(word));
});

test("every member that counts is covered by the signature", async () => {
  const change = (text) => (text.startsWith("A") ? "B" : "A") + text.slice(1);
  for (const name of ["iv", "ciphertext", "tag", "sig"]) {
    const data = await altered((members) => ({ [name]: change(members[name]) }));
    await refuses("unauthentic", () => open(data));
  }
  const wraps = joinWraps(Array.from({ length: 16 }, makePadding));
  const wrapped = await altered(() => ({ wraps: encodeBase64(wraps) }));
  await refuses("unauthentic", () => open(wrapped));
});

test("who was away comes to the secret by the wraps, once the signature is good", async () => {
  const [psk, stranger] = [PreSharedKey.generate(), PreSharedKey.generate()];
  const padding = () => Array.from({ length: 15 }, makePadding);
  const wraps = joinWraps([await makeWrap(psk, SECRET), ...padding()]);
  const sealed = SealedConnectionFile.parse(await sealConnectionFile(info(), SECRET, ALICE, NOW, { wraps }));

  assert.ok((await sealed.unwrap([stranger, psk], [ALICE.public])).equals(SECRET));
  await refuses("unknown_peer", () => sealed.unwrap([stranger], [ALICE.public]));
  await refuses("unauthentic", () => sealed.unwrap([psk], [MALLORY.public]));
  const forged = await altered(() => ({ wraps: encodeBase64(wraps) }));
  await refuses("unauthentic", () => SealedConnectionFile.parse(forged).unwrap([psk], [ALICE.public]));
  for (const wrong of [new Uint8Array(56), new Uint8Array(16 * 56)]) {
    await refuses("usage", () => sealConnectionFile(info(), SECRET, ALICE, NOW, { wraps: wrong }));
    await refuses("malformed", () => altered(() => ({ wraps: encodeBase64(wrong) })).then(open));
  }
});

test("a file tells where the audit log stands and which list belongs to it", async () => {
  const auditHead = new AuditHead(12, new Uint8Array(32).fill(7));
  const revocations = new RevocationsHead(5, sha256(utf8("a list")));
  const opened = await open(await publish(info({ auditHead, revocations })));

  assert.deepEqual({ ...opened.auditHead }, { ...auditHead });
  assert.ok(opened.revocations.matches(utf8("a list")) && !opened.revocations.matches(utf8("another")));
  assert.deepEqual([(await open(await publish())).auditHead, (await open(await publish())).revocations], [null, null]);
  const [short, unnumbered] = [new AuditHead(1, new Uint8Array(31)), new RevocationsHead(0, sha256())];
  for (const wrong of [{ auditHead: short }, { revocations: unnumbered }]) {
    await refuses("usage", () => publish(info(wrong)));
  }
});

test("both sign while one hands over to the other", async () => {
  const successor = IdentityKey.generate();
  const sealed = SealedConnectionFile.parse(await sealConnectionFile(info(), SECRET, ALICE, NOW, { successor }));

  assert.equal((await sealed.open(SECRET, [successor.public, ALICE.public])).serial, NOW);
  assert.ok(sealed.verify([successor.public]).equals(successor.public));
  await refuses("unauthentic", () => sealed.open(SECRET, [successor.public]));
  await refuses("usage", () => sealConnectionFile(info(), SECRET, ALICE, NOW, { successor: ALICE }));
});

test("the successor's signature counts when the successor is pinned", async () => {
  const data = await altered(({ sig }) => ({ sig: `${"A".repeat(86)}==`, sig_next: sig }));

  assert.equal((await open(data)).serial, NOW);
});

test("an object of another shape is refused", async () => {
  const cases = {
    unsupported_version: [{ v: 1 }, { v: "2" }],
    malformed: [
      { kid: "X".repeat(16) },
      { kid: 1 },
      { sig: undefined },
      { sig: "AAAA" },
      { iv: "AAAA" },
      { algorithm: "none" },
      { tag: "AA==" },
    ],
  };
  for (const [code, changes] of Object.entries(cases)) {
    for (const change of changes) {
      const members = { ...parseJson(await publish(), 65_536), ...change };
      await refuses(code, () => SealedConnectionFile.parse(utf8(JSON.stringify(members))));
    }
  }
  await refuses("too_large", () => SealedConnectionFile.parse(new Uint8Array(65_537)));
  await refuses("usage", async () => SealedConnectionFile.parse(await publish()).open(SECRET, []));
});

test("an endpoint cannot lead elsewhere", async () => {
  const members = ENDPOINT.toMembers();
  const wrong = [
    { host: "evil.example/" },
    { host: "a@evil.example" },
    { host: "" },
    { host: "a b" },
    { port: 0 },
    { port: 65_536 },
    { port: "1" },
    { path: "/short" },
    { path: `/${"A".repeat(21)}B` },
    { path: `/${"A".repeat(22)}?x` },
    { tls: 1 },
    { retiring: "false" },
    { fixed: 0 },
    { load: -1 },
    { from: 1.5 },
  ];
  for (const change of wrong) {
    await refuses("malformed", async () => open(await inner({ endpoints: [{ ...members, ...change }] })));
  }
  for (const endpoints of [[], {}, ["x"], Array.from({ length: 65 }, () => members)]) {
    await refuses("malformed", async () => open(await inner({ endpoints })));
  }
});

test("only this very machine is dialled without TLS", () => {
  const dialable = (host, tls) => new Endpoint({ ...ENDPOINT, host, tls }).isDialable;

  assert.deepEqual([dialable("example.org", true), dialable("example.org", false)], [true, false]);
  assert.deepEqual(
    ["localhost", "127.0.0.1", "::1"].map((host) => dialable(host, false)),
    [true, true, true],
  );
  assert.equal(new Endpoint({ ...ENDPOINT, host: "::1", tls: false }).url, `ws://[::1]:50000/${"A".repeat(22)}`);
});

test("the specification's own members are enough", async () => {
  const none = ["endpoints", "suites", "urls", "min_client", "supported_ciphers", "valid_from", "tls", "public_key"];
  const read = await open(await inner(Object.fromEntries(none.map((name) => [name, undefined]))));

  assert.deepEqual(
    [read.endpoints[0].host, read.endpoints[0].port, read.endpoints[0].tls],
    ["chat.example.org", 50_000, true],
  );
  assert.deepEqual([read.endpoints[0].validFrom, read.endpoints[0].load], [NOW, 0.5]);
  assert.ok(read.serverPublic.equals(ALICE.public));
});

test("an older file, another of the same serial, and one out of time are told apart", async () => {
  const [first, second] = [await open(await publish()), await open(await publish(info({ serverName: "Other" })))];
  const fresh = { lastSerial: 0, lastDigest: new Uint8Array(), now: NOW };

  checkFreshness(first, fresh);
  checkFreshness(first, { ...fresh, lastSerial: NOW, lastDigest: first.digest });
  await refuses("replayed", () => checkFreshness(first, { ...fresh, lastSerial: NOW + 1 }));
  await refuses("forked", () => checkFreshness(first, { ...fresh, lastSerial: NOW, lastDigest: second.digest }));
  checkFreshness(first, { ...fresh, now: NOW - 300 });
  await refuses("not_yet_valid", () => checkFreshness(first, { ...fresh, now: NOW - 301 }));
  await refuses("expired", () => checkFreshness(first, { ...fresh, now: NOW + 3900 + 301 }));
});

test("of several files the newest that is in time is taken", async () => {
  const at = async (serial, changes = {}) => open(await publish(info({ serial, ...changes })));
  const [old, newer] = [await at(NOW), await at(NOW + 1)];
  const future = await at(NOW + 2, { validFrom: NOW + 9000, validUntil: NOW + 9999 });
  const seen = { lastSerial: 0, lastDigest: new Uint8Array(), now: NOW };

  assert.equal(chooseFreshest([old, newer, future], seen), newer);
  assert.equal(chooseFreshest([old, newer, future], { ...seen, now: NOW + 20_000 }), future);
  assert.equal(chooseFreshest([old, newer], { ...seen, lastSerial: NOW + 1 }), newer);
  await refuses("replayed", () => chooseFreshest([old], { ...seen, lastSerial: NOW + 1 }));
  await refuses("forked", async () => chooseFreshest([old, await at(NOW, { serverName: "x" })], seen));
  await refuses("usage", () => chooseFreshest([], seen));
});

test("format 1 opens with the shared secret, and a changed one does not", async () => {
  const data = await encryptConnectionFile({ port: 54_321 }, SECRET, NOW);

  assert.deepEqual(await decryptConnectionFile(data, SECRET), utf8('{"port": 54321}'));
  assert.match(
    new TextDecoder().decode(data),
    /^\{"iv": "[^"]{16}", "ciphertext": "[^"]+", "tag": "[^"]{24}", "algorithm": "aes-256-gcm", "timestamp": \d{10}\}$/,
  );
  await refuses("unauthentic", () => decryptConnectionFile(data, DiscoverySecret.generate()));
  await refuses("unsupported_version", () => SealedConnectionFile.parse(data));
});

test("the specification's text is Python's json.dumps, byte for byte", async () => {
  const value = { name: 'B\u00fcro \u2028 \u{1f600} \x7f\t"\\', list: [1, 0.15, true, null, [], {}], n: -5 };
  // What Python 3 writes for the same value.
  const name = String.raw`"B\u00fcro \u2028 \ud83d\ude00 \u007f\t\"\\"`;
  const text = `{"name": ${name}, "list": [1, 0.15, true, null, [], {}], "n": -5}`;

  const opened = await decryptConnectionFile(await encryptConnectionFile(value, SECRET, NOW), SECRET);

  assert.equal(new TextDecoder().decode(opened), text);
});
