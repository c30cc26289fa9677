// Mallory on the wire of a handshake and a session: every byte flipped, sessions spliced, frames in the wrong place;
// and a Web Crypto that answers late and in no order.

import assert from "node:assert/strict";
import { test } from "node:test";

import { concat, toHex, utf8 } from "../../../static/js/bytes.js";
import { Direction, Frame, FrameHeader, FrameKeys, MessageType, sealFrame } from "../../../static/js/protocol/frame.js";
import { closeHello } from "../../../static/js/protocol/gate.js";
import { ClientHandshake, findGate, ServerHandshake } from "../../../static/js/protocol/handshake.js";
import { ClientHello } from "../../../static/js/protocol/handshake_messages.js";
import { deriveSessionKeys, EpochKeys } from "../../../static/js/protocol/key_schedule.js";
import { DecapsulationKey, ExchangePublic, ExchangeSecret } from "../../../static/js/protocol/keys.js";
import { randomBytes } from "../../../static/js/protocol/primitives.js";
import { Role, Session } from "../../../static/js/protocol/session.js";
import { SUITE_X25519, SUITE_X25519_MLKEM768 } from "../../../static/js/protocol/suites.js";
import { deliverAll, rekeyingPair } from "../fakes/rekeying.js";
import { flipped, household, NOW_MS, refuses } from "./people.js";

const SUITES = { hybrid: SUITE_X25519_MLKEM768, x25519: SUITE_X25519 };
const ID = new Uint8Array(16).fill(7);
const CIPHERTEXT = 90;

/**
 * A handshake that can be begun again and again to the byte, so that each change of a message meets a machine in the
 * same state; and its four messages.
 */
async function rehearsed(suite, home = household()) {
  const isHybrid = suite === SUITE_X25519_MLKEM768;
  const { gate, identity, bob } = home;
  const sign = async (message) => bob.device.sign(message);
  const [random, serverRandom, sessionId] = [randomBytes(32), randomBytes(32), randomBytes(16)];
  const [ours, theirs] = [ExchangeSecret.generate(), ExchangeSecret.generate()];
  const kem = isHybrid ? DecapsulationKey.generate() : null;
  // A machine overwrites the secrets that it was given, so each gets its own.
  const again = (key) => key && new key.constructor(key.bytes);
  const encapsulated = isHybrid ? kem.public.encapsulate() : null;
  const known = [bob.pskId, bob.psk, bob.device.public, sign, "bob's browser", [suite]];
  const records = {};
  /** A client that awaits H2, or AUTH_OK. */
  const client = async (awaits) => {
    const machine = new ClientHandshake(identity.public, gate.gateKey, ...known);
    records.H1 = machine._hello(random, again(ours), again(kem));
    if (awaits === "AUTH_OK") records.H3 = await machine.receiveServerHello(records.H2, NOW_MS);
    return machine;
  };
  /** A server that awaits H1, or H3. */
  const server = async (awaits, first = records.H1) => {
    const machine = new ServerHandshake(gate, "cc-alice", undefined, isHybrid);
    const encapsulate = () => encapsulated?.map((each) => each.slice());
    const answer = () => machine._receiveHello(first, NOW_MS, serverRandom, sessionId, again(theirs), encapsulate);
    if (awaits === "H3") records.H2 = await answer();
    return { machine, answer };
  };
  await client("H2");
  const { machine } = await server("H3");
  const last = await client("AUTH_OK");
  await machine.receiveClientAuth(records.H3);
  machine.verify(bob.psk, bob.device.public);
  const [frame, serverSession] = await machine.finish(new Map([[16, new Uint8Array(40)]]), ID, NOW_MS);
  records.AUTH_OK = frame;
  return { home, records, client, server, last, serverSession };
}

/** The places to change: all of them, of an ML-KEM value every fortieth. */
function places(record, mlkemAt = Infinity, mlkemBytes = 0) {
  const isWithin = (at) => at > mlkemAt + 2 && at < mlkemAt + mlkemBytes - 2;
  return [...record.keys()].filter((at) => !isWithin(at) || (at - mlkemAt) % 40 === 0);
}

for (const [name, suite] of Object.entries(SUITES)) {
  const mlkemBytes = (size) => (suite === SUITE_X25519_MLKEM768 ? size : 0);

  test(`${name}: every flipped byte of H1 stops at the gate, before it is read`, async () => {
    const { home, records } = await rehearsed(suite);
    const parse = ClientHello.parse;
    ClientHello.parse = () => assert.fail("it was read");
    try {
      for (const at of records.H1.keys()) {
        assert.equal(findGate(flipped(records.H1, at, 1 << at % 8), [home.gate]), null);
      }
    } finally {
      ClientHello.parse = parse;
    }
    assert.equal(findGate(records.H1, [home.gate]), home.gate);
  });

  test(`${name}: a byte of H1 flipped by who can pass the gate ends at the client`, async () => {
    const { home, records, client, server } = await rehearsed(suite);
    const body = records.H1.subarray(4, -16);
    for (const at of places(body, 75, mlkemBytes(1184))) {
      const forged = closeHello(home.gate.gateKey, home.gate.serverPublic, flipped(body, at, 1 << at % 8));
      const answered = await (await server("H1", forged)).answer().catch(({ code }) => code);
      if (typeof answered === "string") assert.ok(["malformed", "unsupported_version"].includes(answered), answered);
      else await refuses("unauthentic", async () => (await client("H2")).receiveServerHello(answered, NOW_MS));
    }
  });

  test(`${name}: every flipped byte of H2 is refused by its field, and the machine takes nothing more`, async () => {
    const { records, client } = await rehearsed(suite);
    const { H2 } = records;
    const sealedLength = CIPHERTEXT + mlkemBytes(1088);
    const lengths = new Set([0, 1, 2, 3, 88, 89, sealedLength, sealedLength + 1]);
    for (const at of places(H2, CIPHERTEXT, mlkemBytes(1088))) {
      const machine = await client("H2");
      const code = lengths.has(at) ? "malformed" : at < 8 ? "unsupported_version" : "unauthentic";
      await refuses(code, () => machine.receiveServerHello(flipped(H2, at, 1 << at % 8), NOW_MS));
      await refuses("usage", () => machine.receiveServerHello(H2, NOW_MS));
      await refuses("usage", () => machine.exporter);
    }
    assert.equal(toHex(await (await client("H2")).receiveServerHello(H2, NOW_MS)), toHex(records.H3));
  });

  test(`${name}: every flipped byte of H3 is refused, and the machine takes nothing more`, async () => {
    const { records, server } = await rehearsed(suite);
    for (const at of records.H3.keys()) {
      const { machine } = await server("H3");
      const wrong = flipped(records.H3, at, 1 << at % 8);
      await refuses(at < 4 ? "malformed" : "unauthentic", () => machine.receiveClientAuth(wrong));
      await refuses("usage", () => machine.receiveClientAuth(records.H3));
      await refuses("usage", () => machine.exporter);
    }
  });

  test(`${name}: every flipped byte of AUTH_OK is refused, and there is no session`, async () => {
    const { records, client, last } = await rehearsed(suite);
    const { AUTH_OK } = records;
    for (const at of AUTH_OK.keys()) {
      const machine = await client("AUTH_OK");
      const code = at === 0 ? "unsupported_version" : at >= 26 && at < 38 ? "out_of_order" : "unauthentic";
      await refuses(code, () => machine.receiveFinished(flipped(AUTH_OK, at, 1 << at % 8)));
      await refuses("usage", () => machine.receiveFinished(AUTH_OK));
      await refuses("usage", () => machine.exporter);
    }
    assert.ok(await last.receiveFinished(AUTH_OK));
  });
}

test("reflected records are refused", async () => {
  const { records, client, server } = await rehearsed(SUITE_X25519_MLKEM768);

  await refuses("malformed", async () => (await client("H2")).receiveServerHello(records.H1, NOW_MS));
  await refuses("too_large", async () => (await server("H3")).machine.receiveClientAuth(records.H2));
  await refuses("unsupported_version", async () => (await client("AUTH_OK")).receiveFinished(records.H3));
});

test("a splice of two handshakes of the same people is refused", async () => {
  const one = await rehearsed(SUITE_X25519_MLKEM768);
  const two = await rehearsed(SUITE_X25519_MLKEM768, one.home);
  const [first, second] = [one.records.H2, two.records.H2];
  const [sealedAt, whole] = [CIPHERTEXT + 1088 + 2, first.length];
  const pieces = [[0, whole], [8, 40], [40, 56], [56, 88], [CIPHERTEXT, sealedAt - 2], [sealedAt, whole]];
  for (const [start, end] of pieces) {
    const spliced = concat(first.subarray(0, start), second.subarray(start, end), first.subarray(end));
    await refuses("unauthentic", async () => (await one.client("H2")).receiveServerHello(spliced, NOW_MS));
  }
  await refuses("unauthentic", async () => (await one.server("H3")).machine.receiveClientAuth(two.records.H3));
  await refuses("out_of_order", async () => (await one.client("AUTH_OK")).receiveFinished(two.records.AUTH_OK));

  const [mine, other] = [await one.last.receiveFinished(one.records.AUTH_OK), two.serverSession];
  const frame = await mine.seal(MessageType.CHAT, utf8("x"), ID, 0);
  await refuses("out_of_order", () => other.open(frame));
});

function epochKeys() {
  const [ours, theirs] = [1, 2].map((octet) => new ExchangePublic(new Uint8Array(32).fill(octet)));
  return EpochKeys.derive(deriveSessionKeys(new Uint8Array(32).fill(3), ours, theirs), new Uint8Array(32).fill(4));
}

/** A server that expects the first frame, and its session's place. */
const SESSION = new Uint8Array(16).fill(9);
const fresh = () => new Session(Role.SERVER, SESSION, epochKeys());

test("a frame sealed for another place with the same key and nonce is unauthentic", async () => {
  const right = { session: SESSION, direction: Direction.CLIENT_TO_SERVER, epoch: 0 };
  const wrong = [{ direction: Direction.SERVER_TO_CLIENT }, { session: ID }, { epoch: 1 }, { epoch: 2 ** 32 - 1 }];
  const { clientKey, clientIv } = epochKeys();
  for (const place of [...wrong, {}]) {
    const { session, direction, epoch } = { ...right, ...place };
    const keys = new FrameKeys(clientKey, clientIv, session, direction, epoch);
    const frame = await sealFrame(keys, 0, new Frame(MessageType.CHAT, ID, 0, utf8("x")), 1000);
    if (wrong.includes(place)) await refuses("unauthentic", () => fresh().open(frame));
    else assert.deepEqual((await fresh().open(frame)).payload, utf8("x"));
  }
});

test("frames that are reordered, dropped, replayed, cut or longer are refused, and count for nothing", async () => {
  const client = new Session(Role.CLIENT, SESSION, epochKeys());
  const frames = [];
  for (const text of ["a", "b", "c"]) frames.push(await client.seal(MessageType.CHAT, utf8(text), ID, 0));
  const [a, b, c] = frames;
  const attempts = { out_of_order: [[b], [c], [a, a], [a, c], [a, b, a]], malformed: [[a.subarray(0, 54)]] };
  attempts.unauthentic = [[a.subarray(0, -1)], [concat(a, Uint8Array.of(0))], [concat(a, b)], [a, b.subarray(0, 60)]];
  for (const [code, wires] of Object.entries(attempts)) {
    for (const wire of wires) {
      const server = fresh();
      for (const frame of wire.slice(0, -1)) await server.open(frame);
      const before = [server.receivedFrames, server.receivedBytes, toHex(server.exporter)];
      await refuses(code, () => server.open(wire.at(-1)));
      assert.deepEqual([server.receivedFrames, server.receivedBytes, toHex(server.exporter)], before);
    }
  }
});

/** While `work` runs, Web Crypto seals late and in no order; `seals` has key and nonce of each, as they were given. */
async function shuffled(work, refuse = () => false) {
  const { subtle } = globalThis.crypto;
  const encrypt = subtle.encrypt.bind(subtle);
  const seals = [];
  const numbers = new Map();
  let turn = 1;
  subtle.encrypt = async (algorithm, key, data) => {
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    seals.push(`${numbers.get(key)} ${toHex(new Uint8Array(algorithm.iv))}`);
    const place = seals.length;
    turn = (turn * 48_271) % 2_147_483_647;
    for (let left = turn % 23; left > 0; left -= 1) await new Promise((resolve) => setImmediate(resolve));
    if (refuse(place)) throw new Error("the machine has no memory left");
    return encrypt(algorithm, key, data);
  };
  try {
    await work();
  } finally {
    delete subtle.encrypt;
  }
  return seals;
}

test("five hundred seals that nobody awaits repeat no nonce and stand on the wire in the counter's order", async () => {
  const [client, server] = [new Session(Role.CLIENT, SESSION, epochKeys()), fresh()];
  const wire = [];

  const seals = await shuffled(async () => {
    const sealing = Array.from({ length: 500 }, (_, at) => client.seal(MessageType.CHAT, utf8(`${at}`), ID, at));
    sealing.forEach((each) => each.then((frame) => wire.push(frame)));
    await Promise.all(sealing);
  });

  assert.equal(seals.length, 500);
  assert.equal(new Set(seals).size, 500);
  assert.equal(new Set(wire.map((frame) => toHex(FrameHeader.parse(frame).iv))).size, 500);
  for (const [at, frame] of wire.entries()) assert.deepEqual((await server.open(frame)).payload, utf8(`${at}`));
});

test("seals that nobody awaits in the middle of three rekeys repeat no nonce under any key", async () => {
  const pair = await rekeyingPair();
  const { client, server, clock } = pair;

  const seals = await shuffled(async () => {
    for (let epoch = 1; epoch <= 3; epoch += 1) {
      clock.now += 20;
      for (const end of [client, server]) end.beside = () => [1, 2, 3].forEach((at) => end.say(`${epoch} ${at}`));
      client.begin();
      for (let at = 0; at < 40; at += 1) [client, server].forEach((end) => end.say(`${epoch} before ${at}`));
      await deliverAll(pair);
    }
  });

  assert.deepEqual([client.failure, server.failure], [null, null]);
  assert.deepEqual([client.session.epoch, server.session.epoch], [3, 3]);
  assert.deepEqual([server.heard, client.heard], [client.said, server.said]);
  assert.equal(new Set(seals).size, seals.length);
});

test("a seal that fails lets none after it on the wire, and none of them unhandled", async () => {
  const client = new Session(Role.CLIENT, SESSION, epochKeys());
  const unhandled = [];
  const note = (cause) => unhandled.push(cause);
  process.on("unhandledRejection", note);
  let outcomes;

  await shuffled(
    async () => {
      const sealing = Array.from({ length: 20 }, (_, at) => client.seal(MessageType.CHAT, utf8(`${at}`), ID, at));
      outcomes = await Promise.allSettled(sealing);
    },
    (place) => [8, 15].includes(place),
  );
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off("unhandledRejection", note);

  assert.deepEqual(
    outcomes.map(({ status }) => status === "fulfilled"),
    Array.from({ length: 20 }, (_, at) => at < 7),
  );
  assert.deepEqual(unhandled, []);
});

test("what is sealed after a refusal is harmless: the peer's session is whole, and no nonce comes again", async () => {
  const [client, server] = [new Session(Role.CLIENT, SESSION, epochKeys()), fresh()];
  const before = await client.seal(MessageType.CHAT, utf8("before"), ID, 0);
  await refuses("malformed", () => client.open(new Uint8Array(3)));
  await refuses("malformed", () => client.open(before));

  const after = await client.seal(MessageType.CHAT, utf8("after"), ID, 0);

  for (const [frame, text] of [[before, "before"], [after, "after"]]) {
    assert.deepEqual((await server.open(frame)).payload, utf8(text));
  }
});
