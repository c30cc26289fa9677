// Keys differ when any input differs: each byte of each input of each derivation, changed one by one.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { closeHello, gateValue } from "../../../static/js/protocol/gate.js";
import * as schedule from "../../../static/js/protocol/key_schedule.js";
import * as keys from "../../../static/js/protocol/keys.js";
import { makeWrap } from "../../../static/js/protocol/wraps.js";
import { flipped } from "./people.js";

const SESSION = ["encryptionKey", "macKey", "ivKey", "nextKeySeed"];
const HANDSHAKE = ["handshakeSecret", "serverKey", "serverIv", "clientKey", "clientIv"];
const MACS = ["serverFinished", "clientFinished", "exporter"];
const EPOCH = ["clientKey", "clientIv", "serverKey", "serverIv", ...MACS, "nextKeySeed"];

const some = (number, size = 32) => Uint8Array.from({ length: size }, (_, at) => number * 37 + at);
const none = new Uint8Array(32);
const pick = (bundle, names) => names.map((name) => bundle[name]);
const exchanges = (raw) => raw.map((each) => new keys.ExchangePublic(each));
const secretOf = (raw) => new keys.DiscoverySecret(raw);
const pskOf = (raw) => new keys.PreSharedKey(raw);
const numberOf = (raw) => raw.reduce((sum, octet) => sum * 256 + octet, 0);
const epoch = ({ encryption = none, mac = none, iv = none, seed = none, context = none }) =>
  schedule.EpochKeys.derive(new schedule.SessionKeys(encryption, mac, iv, seed), context);

const handshakeKeys = (shared, th2) => pick(schedule.HandshakeKeys.derive(shared, th2), HANDSHAKE);
const nextEpoch = (seed, shared, transcript, number, ...publics) =>
  pick(schedule.nextEpoch(seed, shared, transcript, numberOf(number), ...exchanges(publics)), EPOCH);

/** By name: a function of byte strings that gives byte strings, and how long its inputs are. */
const DERIVATIONS = {
  deriveSessionKeys: [
    (secret, ...publics) => pick(schedule.deriveSessionKeys(secret, ...exchanges(publics)), SESSION),
    [32, 32, 32],
  ],
  "handshake keys": [handshakeKeys, [64, 32]],
  "handshake keys, suite 1": [handshakeKeys, [32, 32]],
  "main secret": [
    (shared, th2, psk) => [schedule.HandshakeKeys.derive(shared, th2).mainSecret(pskOf(psk))],
    [64, 32, 32],
  ],
  binder: [(...inputs) => [schedule.pskBinder(...inputs)], [32, 32, 60]],
  "session secret": [(...inputs) => [schedule.sessionSecret(...inputs)], [32, 32]],
  "epoch 0": [
    (main, th4, ...publics) => pick(schedule.epochZero(main, th4, ...exchanges(publics)), EPOCH),
    [32, 32, 32, 32],
  ],
  "c2s key, s2c key": [(encryption) => pick(epoch({ encryption }), ["clientKey", "serverKey"]), [32]],
  "c2s iv, s2c iv": [(iv) => pick(epoch({ iv }), ["clientIv", "serverIv"]), [32]],
  "finished, exporter": [(mac, context) => pick(epoch({ mac, context }), MACS), [32, 32]],
  "next epoch": [nextEpoch, [32, 64, 32, 4, 32, 32]],
  "next epoch, suite 1": [nextEpoch, [32, 32, 32, 4, 32, 32]],
  AUTH_OK: [(mac, context) => [schedule.finishedValue(epoch({ mac, context }), context)], [32, 32]],
  DONE: [(mac, context) => [schedule.clientFinishedValue(epoch({ mac, context }), context)], [32, 32]],
  "discovery secret": [
    (raw) => [
      schedule.gateKey(secretOf(raw)).bytes,
      schedule.connectionFileKey(secretOf(raw)),
      schedule.keyId(secretOf(raw)),
    ],
    [32],
  ],
  "gate value": [
    (key, pin, body) => [gateValue(closeHello(new keys.GateKey(key), new keys.IdentityPublic(pin), body))],
    [32, 32, 95],
  ],
  wrap: [
    async (psk, secret) => {
      const entry = await makeWrap(pskOf(psk), secretOf(secret));
      return [entry.subarray(0, 8), entry.subarray(8)];
    },
    [32, 32],
  ],
  "wrap key and tag": [(psk, kid) => [schedule.wrapKey(pskOf(psk), kid), schedule.wrapTag(pskOf(psk), kid)], [32, 8]],
  "device credentials": [
    (exporter, device) => {
      const [pskId, psk] = schedule.deviceCredentials(exporter, new keys.DevicePublic(device));
      return [pskId, psk.bytes];
    },
    [32, 32],
  ],
  "root blob": [(key) => [schedule.rootBlobKey(new keys.RecoveryKey(key))], [32]],
};

for (const [name, [make, sizes]] of Object.entries(DERIVATIONS)) {
  test(`${name}: each byte of each input goes into each output, and no output comes twice`, async () => {
    const inputs = sizes.map((size, number) => some(number, size));
    const made = [await make(...inputs)];
    for (const [place, value] of inputs.entries()) {
      for (const at of value.keys()) {
        const changed = inputs.with(place, flipped(value, at, 1 << at % 8));
        made.push(await make(...changed));
      }
    }
    const every = made.flat().map(toHex);
    assert.equal(new Set(every).size, every.length);
    assert.ok(every.every((hex) => /[1-9a-f]/.test(hex)));
    assert.deepEqual((await make(...inputs)).map(toHex), made[0].map(toHex));
  });
}

test("inputs of one type do not change places", async () => {
  const [one, two] = [some(1), some(2)];
  const pairs = ["handshake keys, suite 1", "session secret", "finished, exporter", "wrap", "device credentials"];
  const before = { deriveSessionKeys: [some(9)], "epoch 0": [some(9), some(8)], "next epoch": null };
  before["next epoch"] = [some(9), some(8, 64), some(7), some(0, 4)];
  for (const [name, first] of [...Object.entries(before), ...pairs.map((each) => [each, []])]) {
    const [make] = DERIVATIONS[name];
    const [straight, turned] = [await make(...first, one, two), await make(...first, two, one)];
    assert.deepEqual(new Set([...straight, ...turned].map(toHex)).size, straight.length * 2, name);
  }
});
