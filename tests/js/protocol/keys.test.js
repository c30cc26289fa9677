import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { toHex } from "../../../static/js/bytes.js";
import { fingerprint, serverId } from "../../../static/js/protocol/fingerprint.js";
import * as keys from "../../../static/js/protocol/keys.js";
import { expandLabel, gateKey, keyId, LABELS } from "../../../static/js/protocol/key_schedule.js";
import { refuses } from "./people.js";

const SECRETS = [
  "DiscoverySecret",
  "PreSharedKey",
  "RecoveryKey",
  "IdentityKey",
  "DeviceKey",
  "RootKey",
  "ExchangeSecret",
  "DecapsulationKey",
];

test("a key takes bytes of its size only, and keeps its own copy", async () => {
  const raw = new Uint8Array(32).fill(5);
  const key = new keys.PreSharedKey(raw);
  raw.fill(0);
  key.bytes.fill(0);

  assert.deepEqual(key.bytes, new Uint8Array(32).fill(5));
  const buffer = Buffer.alloc(32, 5);
  const ofBuffer = new keys.PreSharedKey(buffer);
  buffer.fill(0);
  assert.deepEqual(ofBuffer.bytes, key.bytes);
  await refuses("usage", () => new keys.PreSharedKey(new Uint8Array(31)));
  await refuses("usage", () => new keys.PreSharedKey("a".repeat(32)));
  await refuses("malformed", () => keys.IdentityPublic.fromBytes(new Uint8Array(33)));
  assert.throws(() => {
    key.extra = 1;
  }, TypeError);
});

test("keys are equal when type and bytes are", () => {
  const raw = new Uint8Array(32).fill(1);

  assert.ok(new keys.DevicePublic(raw).equals(new keys.DevicePublic(raw)));
  assert.ok(!new keys.DevicePublic(raw).equals(new keys.RootPublic(raw)));
  assert.ok(!new keys.DevicePublic(raw).equals(new keys.DevicePublic(new Uint8Array(32))));
  assert.ok(!new keys.DevicePublic(raw).equals(null));
});

for (const name of SECRETS) {
  test(`${name} shows nothing of itself`, () => {
    const key = keys[name].generate();
    const shown = [
      String(key),
      `${key}`,
      JSON.stringify({ key }),
      inspect(key, { depth: 9, showHidden: true }),
      key.toString(),
    ].join("\n");

    for (const piece of [toHex(key.bytes).slice(0, 8), btoa(String.fromCharCode(...key.bytes)).slice(0, 8)]) {
      assert.ok(!shown.includes(piece), shown);
    }
    assert.ok(!keys[name].generate().equals(key));
  });
}

test("a signing key's public half verifies what it signed, and a public key shows a fingerprint", () => {
  for (const type of [keys.IdentityKey, keys.DeviceKey, keys.RootKey]) {
    const key = type.generate();
    const message = Uint8Array.of(1, 2, 3);

    key.public.verify(key.sign(message), message);
    assert.equal(key.public.fingerprint, fingerprint(key.public));
    assert.match(String(key.public), /^[A-Z][A-Za-z]+Public\([0-9a-f]{4} [0-9a-f]{4}\.\.\.\)$/);
  }
});

test("names of a key are made of its hash", () => {
  const key = new keys.IdentityPublic(new Uint8Array(32));

  assert.equal(fingerprint(key), "6668 7aad f862 bd77 6c8f c18b 8e9f 8e20");
  assert.equal(serverId(key), "cc-66687aad-f862-8d77-ac8f-c18b8e9f8e20");
});

test("key material is made for the purposes of the table only", async () => {
  const key = new Uint8Array(32);

  assert.equal(expandLabel(key, "gate", Uint8Array.of(1), 12).length, 12);
  for (const label of ["gate salt", "session keys", "toString", "nothing", ""])
    await refuses("usage", () => expandLabel(key, label));
  await refuses("usage", () => expandLabel(key, "gate", new Uint8Array(256)));
  assert.equal(new Set(Object.values(LABELS)).size, Object.keys(LABELS).length);
});

test("two discovery secrets have different gates and ids", () => {
  const [ours, theirs] = [keys.DiscoverySecret.generate(), keys.DiscoverySecret.generate()];

  assert.ok(!gateKey(ours).equals(gateKey(theirs)));
  assert.notDeepEqual(keyId(ours), keyId(theirs));
  assert.equal(keyId(ours).length, 8);
});
