// Keys are overwritten when their successor exists: every array that held a secret is looked at after each step.

import assert from "node:assert/strict";
import { test } from "node:test";

import { toHex } from "../../../static/js/bytes.js";
import { MessageType } from "../../../static/js/protocol/frame.js";
import { ClientHandshake, findGate, Gate, ServerHandshake } from "../../../static/js/protocol/handshake.js";
import { EpochKeys, gateKey, HandshakeKeys, SessionKeys } from "../../../static/js/protocol/key_schedule.js";
import {
  DecapsulationKey, DeviceKey, DiscoverySecret, ExchangeSecret, IdentityKey, PreSharedKey,
} from "../../../static/js/protocol/keys.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";
import { ClientRekey, ServerRekey } from "../../../static/js/protocol/rekey.js";
import { SUITE_X25519, SUITE_X25519_MLKEM768 } from "../../../static/js/protocol/suites.js";
import { _Epochs } from "../../../static/js/protocol/_epochs.js";
import { refuses } from "./people.js";

const SUITES = { "suite 1": SUITE_X25519, "suite 2": SUITE_X25519_MLKEM768 };
const NAMES = {
  handshake: ["handshakeSecret", "serverKey", "serverIv", "clientKey", "clientIv"],
  session: ["encryptionKey", "macKey", "ivKey", "nextKeySeed"],
  epoch: [
    "clientKey", "clientIv", "serverKey", "serverIv", "serverFinished", "clientFinished", "exporter", "nextKeySeed",
  ],
};
const isZero = (secret) => secret.every((octet) => octet === 0);

/** Every bundle of keys that is made while the test runs: its arrays, and what stood in them. */
function watch(t) {
  const made = { handshake: [], session: [], epoch: [], ephemeral: [] };
  const note = (kind, names) => (keys) => {
    made[kind].push(names.map((name) => ({ array: keys[name], was: keys[name].slice() })));
    return keys;
  };
  const spy = (where, kind) => {
    const original = where.derive;
    t.mock.method(where, "derive", (...given) => note(kind, NAMES[kind])(original.apply(where, given)));
  };
  spy(HandshakeKeys, "handshake");
  const derive = EpochKeys.derive;
  t.mock.method(EpochKeys, "derive", (keys, context) => {
    assert.ok(keys instanceof SessionKeys);
    note("session", NAMES.session)(keys);
    return note("epoch", NAMES.epoch)(derive.call(EpochKeys, keys, context));
  });
  for (const kind of [ExchangeSecret, DecapsulationKey]) {
    const generate = kind.generate;
    t.mock.method(kind, "generate", () => {
      const key = generate.call(kind);
      made.ephemeral.push(key);
      return key;
    });
  }
  return made;
}

const arrays = (bundles) => bundles.flat().map(({ array }) => array);
const allErased = (bundles) => arrays(bundles).every(isZero) && bundles.length > 0;

async function meet(suite) {
  const [identity, device, psk] = [IdentityKey.generate(), DeviceKey.generate(), PreSharedKey.generate()];
  const gate = new Gate(gateKey(DiscoverySecret.generate()), identity);
  const sign = async (message) => device.sign(message);
  const known = [identity.public, gate.gateKey, randomBytes(16), psk, device.public, sign, "", [suite]];
  const client = new ClientHandshake(...known);
  const hello = client.hello();
  const server = new ServerHandshake(findGate(hello, [gate]), "cc-test", undefined, false);
  return { identity, device, psk, client, server, answer: await server.receiveHello(hello, 0) };
}

async function finish({ client, server, psk, device, answer }) {
  await server.receiveClientAuth(await client.receiveServerHello(answer, 0));
  server.verify(psk, device.public);
  const [frame, ours] = await server.finish(new Map(), randomBytes(16), 0);
  return [await client.receiveFinished(frame), ours];
}

for (const [name, suite] of Object.entries(SUITES)) {
  test(`${name}: after the handshake nothing is left of what led to the session`, async (t) => {
    const made = watch(t);
    const ends = await meet(suite);
    assert.equal(allErased(made.handshake), false);
    const [clientSession, serverSession] = await finish(ends);

    assert.equal(made.ephemeral.length, suite === SUITE_X25519 ? 2 : 3);
    for (const key of made.ephemeral) await refuses("usage", async () => key.bytes);
    assert.deepEqual([made.handshake.length, made.session.length, made.epoch.length], [2, 2, 2]);
    for (const kind of ["handshake", "session", "epoch"]) assert.ok(allErased(made[kind]), kind);
    // And both ends go on: what they need is their own.
    assert.equal(toHex(clientSession.exporter), toHex(made.epoch[0][6].was));
    const frame = await clientSession.seal(MessageType.PING, Uint8Array.of(7), randomBytes(16), 0);
    assert.deepEqual((await serverSession.open(frame)).payload, Uint8Array.of(7));
    assert.equal(isZero(ends.psk.bytes), false);
  });

  test(`${name}: a rekey overwrites the former epoch, and its own ephemeral secrets`, async (t) => {
    const made = watch(t);
    const ends = await meet(suite);
    const [client, server] = await finish(ends);
    const machines = [
      new ClientRekey(client, ends.identity.public, (message) => ends.device.sign(message), 0),
      new ServerRekey(server, ends.device.public, (message) => ends.identity.sign(message), 0),
    ];
    for (let turn = 1; turn <= 3; turn += 1) {
      await carry(machines, client, server, turn * 60);
      assert.deepEqual([client.epoch, server.epoch, toHex(client.exporter)], [turn, turn, toHex(server.exporter)]);
      for (const key of made.ephemeral) await refuses("usage", async () => key.bytes);
      for (const kind of ["session", "epoch"]) assert.ok(allErased(made[kind]), kind);
      assert.equal(toHex(client.exporter), toHex(made.epoch.at(-1)[6].was));
    }
  });
}

test("a session that ended has no key: nothing is sealed, opened or derived any more, and a begun frame still comes", async (t) => {
  const made = watch(t);
  const ends = await meet(SUITE_X25519_MLKEM768);
  const [client, server] = await finish(ends);
  const last = client.seal(MessageType.PING, Uint8Array.of(9), randomBytes(16), 0);
  client.end();
  client.end();

  assert.deepEqual((await server.open(await last)).payload, Uint8Array.of(9));
  await refuses("usage", () => client.seal(MessageType.PING, new Uint8Array(), randomBytes(16), 0));
  await refuses("usage", async () => client.open(await server.seal(MessageType.PING, new Uint8Array(), randomBytes(16), 0)));
  await refuses("usage", async () => client.exporter);
  await refuses("usage", async () => ends.client.exporter);
  assert.ok(allErased(made.epoch));
});

test("a session that ends in the middle of a rekey overwrites the next epoch, too", async (t) => {
  const made = watch(t);
  const ends = await meet(SUITE_X25519);
  const [client, server] = await finish(ends);
  const begin = new ClientRekey(client, ends.identity.public, (message) => ends.device.sign(message), 0);
  const answer = new ServerRekey(server, ends.device.public, (message) => ends.identity.sign(message), 0);
  answer.receive(await begin.init(60), 60);
  const next = made.epoch.at(-1);
  assert.equal(next.some(({ array }) => isZero(array)), false);
  server.end();

  assert.ok(next.every(({ array }) => isZero(array)));
});

test("a rekey whose frame was being opened when the session ended makes no keys", async (t) => {
  const made = watch(t);
  const ends = await meet(SUITE_X25519_MLKEM768);
  const [client, server] = await finish(ends);
  const begin = new ClientRekey(client, ends.identity.public, (message) => ends.device.sign(message), 0);
  const answer = new ServerRekey(server, ends.device.public, (message) => ends.identity.sign(message), 0);
  const response = await answer.receive(await begin.init(60), 60);
  const frame = await server.seal(MessageType.KEY_ROTATION, response, randomBytes(16), 0);
  client.handRekeyTo((payload) => void begin.receive(payload, 61));
  server.end();
  const opening = client.open(frame);
  // It has begun, and Web Crypto answers later than this.
  await null;
  await null;
  client.end();

  await refuses("usage", () => opening);
  await refuses("usage", async () => client.switchReceiving());
  assert.ok(allErased(made.epoch));
});

test("an erased key is none", async () => {
  const key = ExchangeSecret.generate();
  const copy = new ExchangeSecret(key.bytes);
  assert.ok(key.equals(copy));
  key.erase();
  key.erase();

  for (const use of [() => key.bytes, () => key.public, () => key.exchange(copy.public), () => key.equals(copy)]) {
    await refuses("usage", async () => use());
  }
  assert.equal(isZero(copy.bytes), false);
});

async function carry([begin, answer], client, server, now) {
  const sendTo = async (from, to, payload) => {
    let heard = null;
    to.handRekeyTo((taken) => (heard = taken));
    await to.open(await from.seal(MessageType.KEY_ROTATION, payload, randomBytes(16), 0));
    return heard;
  };
  const resp = answer.receive(await sendTo(client, server, await begin.init(now)), now);
  const done = begin.receive(await sendTo(server, client, resp), now);
  answer.receive(await sendTo(client, server, done), now);
}

test("a session's own copies of the former seed and exporter are overwritten, too", () => {
  const copies = [];
  /** Random bytes that tell of the copy which is made of them. */
  const watched = () => {
    const secret = randomBytes(32);
    secret.slice = () => {
      copies.push(new Uint8Array(secret));
      return copies.at(-1);
    };
    return secret;
  };
  const frames = [randomBytes(32), randomBytes(12), randomBytes(32), randomBytes(12), randomBytes(32), randomBytes(32)];
  const epochs = new _Epochs(true, randomBytes(16), new EpochKeys(...frames, watched(), watched()));
  const ours = [ExchangeSecret.generate().public, ExchangeSecret.generate().public];
  epochs.prepare(randomBytes(32), randomBytes(32), ...ours);
  assert.deepEqual(copies.map(isZero), [false, true]);
  epochs.switchReceiving();
  epochs.switchSending();

  assert.deepEqual(copies.map(isZero), [true, true]);
});
